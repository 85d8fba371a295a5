//! The state from which every run starts: the program, its network and a funded treasury.

use litesvm::LiteSVM;
use settlement::client::{
    CreateNetworkArgs, NetworkId, create_network_ix, create_token_network_ix, fund_ix, fund_tokens_ix,
};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::engine::NetworkRef;

use super::Asset;
use crate::program::program_file;
use crate::token_programs::{self, TRANSFER_FEE};

/// The name of the network.
const NETWORK_NAME: &str = "simulation";

/// What the treasury is funded with, in lamports or base units.
const FUNDS: u64 = 10_000_000_000;

/// The base units that the admin has from the start.
const MINTED: u64 = 1_000_000_000_000_000;

/// The decimals of the mint.
const DECIMALS: u8 = 6;

/// The keys of all runs.
pub(crate) struct Keys {
    pub(crate) admin: Keypair,
    pub(crate) settler: Keypair,
    /// Pays the fees of everybody but the settler.
    pub(crate) sponsor: Keypair,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let key = |number| Keypair::new_from_array([number; 32]);
        Self { admin: key(1), settler: key(2), sponsor: key(3) }
    }

    /// The network that the admin creates.
    pub(crate) fn network(&self) -> NetworkRef {
        NetworkRef::new(NetworkId::from_name(NETWORK_NAME).expect("a valid name"), self.admin.pubkey(), None)
    }
}

/// Creates the state. Signatures are verified by the simulated cluster, once per transaction, and so are blockhashes.
pub(crate) fn template(asset: Asset, now_ms: i64) -> LiteSVM {
    let keys = Keys::new();
    let runtime = match asset {
        Asset::Sol => LiteSVM::new(),
        Asset::Tokens { program, .. } => program.runtime_with(LiteSVM::mainnet_feature_set()),
    };
    let mut svm = runtime.with_sigverify(false).with_blockhash_check(false).with_transaction_history(0);
    svm.add_program_from_file(settlement::ID, program_file()).expect("the program loads");
    super::set_time(&mut svm, 1, now_ms / 1_000);
    for (key, lamports) in
        [(&keys.admin, 1_000_000_000_000_u64), (&keys.settler, 1_000_000_000), (&keys.sponsor, 1_000_000_000_000)]
    {
        svm.airdrop(&key.pubkey(), lamports).expect("airdrop");
    }
    let (admin, network) = (keys.admin.pubkey(), keys.network());
    let args = CreateNetworkArgs {
        id: network.id.0,
        settler: keys.settler.pubkey(),
        guardian: admin,
        default_threshold: 1_000,
        per_node_cap: u64::MAX,
        per_batch_cap: u64::MAX,
        window_limit: u64::MAX,
        window_seconds: 60,
        max_pending_age: 3_600,
        max_pause_seconds: 60,
    };
    let network = network.address();
    match (asset, asset.mint()) {
        (Asset::Tokens { has_fee, .. }, Some(mint)) => {
            let extensions = if has_fee { &[TRANSFER_FEE][..] } else { &[] };
            let rent = |len| svm.minimum_balance_for_rent_exemption(len);
            let create = token_programs::create_mint(&mint, &admin, DECIMALS, extensions, rent);
            execute(&mut svm, admin, &create);
            execute(&mut svm, admin, &[create_token_network_ix(admin, args, &mint)]);
            let from = asset.default_destination(&admin);
            let open = token_programs::create_associated_account(&admin, &admin, &mint);
            execute(&mut svm, admin, &[open, token_programs::mint_to(&admin, &mint, &from, MINTED)]);
            execute(&mut svm, admin, &[fund_tokens_ix(admin, from, network, admin, &mint, FUNDS)]);
        }
        _ => {
            execute(&mut svm, admin, &[create_network_ix(admin, args)]);
            execute(&mut svm, admin, &[fund_ix(admin, network, admin, FUNDS)]);
        }
    }
    svm
}

/// Executes instructions outside of any block. Signatures are taken for granted.
pub(crate) fn execute(svm: &mut LiteSVM, payer: Pubkey, instructions: &[Instruction]) {
    let message = Message::new_with_blockhash(instructions, Some(&payer), &svm.latest_blockhash());
    let signatures = vec![Default::default(); usize::from(message.header.num_required_signatures)];
    let transaction = VersionedTransaction { signatures, message: VersionedMessage::Legacy(message) };
    svm.send_transaction(transaction).expect("the instructions succeed");
}
