//! The instructions that depend on the network's asset, in a network that pays in a mint.

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    close_token_network_ix, create_token_network_ix, credit_ix, fund_tokens_ix, payout_tokens_ix, recover_lamports_ix,
    set_aside_tokens_ix, set_destination_ix, settle_tokens_ix, withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::state::{DestinationSource, NodeWallet};
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{AccountKind, BYSTANDER, InstructionCase, Row};
use crate::common::fixture::{SOL, header};
use crate::common::{Payee, TOKEN, TokenFixture, TokenProgram};

/// A network that pays in tokens, with two nodes that have 2 tokens due each.
struct Setup {
    fixture: TokenFixture,
    due: Payee,
    bystander: Payee,
}

impl Setup {
    fn new() -> Self {
        let mut fixture = TokenFixture::new(TokenProgram::PToken);
        let [due, bystander] = ["due", BYSTANDER].map(|name| fixture.register_payee(name));
        fixture.credit(&[(due.node.wallet, 2 * TOKEN), (bystander.node.wallet, 2 * TOKEN)]);
        Self { fixture, due, bystander }
    }

    fn admin(&self) -> Keypair {
        self.fixture.admin.insecure_clone()
    }

    fn settler(&self) -> Keypair {
        self.fixture.settler.insecure_clone()
    }
}

#[rustfmt::skip]
const INSTRUCTIONS: [Row<Setup>; 11] = {
    use AccountKind::*;
    [
        ("create_network",
            &[Payer, NewAccount, NewAccount, SystemProgram, Mint, TokenProgram, NewVault, AssociatedTokenProgram], |s| {
            let (admin, args) = (s.admin(), s.fixture.network_args("new"));
            (create_token_network_ix(admin.pubkey(), args, &s.fixture.asset), vec![admin])
        }),
        ("fund", &[
            Payer, NetworkAdmin, Network, Treasury, SystemProgram, FunderTokenAccount, Vault, Mint, TokenProgram,
        ], |s| {
            let (funder, asset) = (Keypair::new(), s.fixture.asset);
            let from = s.fixture.create_associated_account(&funder.pubkey(), &asset);
            s.fixture.mint_to(&asset, &from, 10 * TOKEN);
            let (network, admin) = (s.fixture.network, s.fixture.admin.pubkey());
            (fund_tokens_ix(funder.pubkey(), from, network, admin, &asset, TOKEN), vec![funder])
        }),
        ("withdraw_surplus", &[Authority, Network, Treasury, ChosenTokenAccount, Vault, Mint, TokenProgram], |s| {
            let (admin, asset) = (s.admin(), s.fixture.asset);
            let to = s.fixture.create_associated_account(&Pubkey::new_unique(), &asset);
            (withdraw_surplus_tokens_ix(admin.pubkey(), s.fixture.network, &asset, to, TOKEN), vec![admin])
        }),
        ("credit", &[Authority, Network, Treasury, EntryWallet], |s| {
            let (settler, entries) = (s.settler(), [(s.due.node.wallet, 3 * TOKEN)]);
            (credit_ix(settler.pubkey(), s.fixture.network, header(3), &entries), vec![settler])
        }),
        ("settle", &[Authority, Network, Treasury, Vault, Mint, TokenProgram, EntryWallet, EntryTokenAccount], |s| {
            let (settler, entries) = (s.settler(), [s.due.entry(2 * TOKEN)]);
            let ix = settle_tokens_ix(settler.pubkey(), s.fixture.network, &s.fixture.asset, header(3), &entries);
            (ix, vec![settler])
        }),
        ("payout", &[Network, Treasury, Vault, Mint, TokenProgram, EntryWallet, EntryTokenAccount],
            |s| (payout_tokens_ix(s.fixture.network, &s.fixture.asset, &[s.due.payout_entry()]), vec![])),
        ("withdraw", &[SigningOwner, Network, Treasury, Wallet, NamedTokenAccount, Vault, Mint, TokenProgram], |s| {
            let (owner, asset) = (s.due.node.owner.insecure_clone(), s.fixture.asset);
            let (id, to) = (s.due.node.id, s.due.account);
            (withdraw_tokens_ix(owner.pubkey(), s.fixture.network, &asset, id, to, None), vec![owner])
        }),
        ("set_destination", &[SigningOwner, Network, Treasury, Wallet, NewDestination], |s| {
            let (owner, asset) = (s.due.node.owner.insecure_clone(), s.fixture.asset);
            let to = s.fixture.create_associated_account(&Pubkey::new_unique(), &asset);
            (set_destination_ix(owner.pubkey(), s.fixture.network, s.due.node.id, to), vec![owner])
        }),
        ("set_aside", &[
            Authority, Network, Treasury, NodeOwner, Wallet, NamedDestination, OmittedClaim, ClaimTokenAccount, Vault, Mint,
            TokenProgram,
        ], |s| {
            let (admin, asset, network) = (s.admin(), s.fixture.asset, s.fixture.network);
            let (wallet, id, owner) = (s.due.node.wallet, s.due.node.id, s.due.node.owner.pubkey());
            let (gone, to) = (Pubkey::new_unique(), s.fixture.create_associated_account(&wallet, &asset));
            s.fixture.edit_account(&wallet, |wallet: &mut NodeWallet| {
                wallet.destination = gone;
                wallet.destination_source = DestinationSource::Owner.into();
            });
            (set_aside_tokens_ix(admin.pubkey(), network, &asset, id, owner, gone, to), vec![admin])
        }),
        ("recover_lamports", &[Authority, Network, Treasury, ChosenDestination], |s| {
            let (admin, treasury) = (s.admin(), s.fixture.treasury);
            s.fixture.airdrop(&treasury, SOL);
            (recover_lamports_ix(admin.pubkey(), s.fixture.network, Pubkey::new_unique()), vec![admin])
        }),
        ("close_network", &[
            Authority, Network, Treasury, ChosenDestination, Vault, Mint, TokenProgram, UnusedTokenAccountMut,
        ], |s| {
            let (admin, asset, network) = (s.admin(), s.fixture.asset, s.fixture.network);
            s.fixture.settle(&[s.due.entry(0), s.bystander.entry(0)]);
            let to = s.fixture.create_associated_account(&admin.pubkey(), &asset);
            let rest = s.fixture.vault_balance();
            let empty = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, to, rest);
            s.fixture.send(&[empty], &[&admin]).expect("the surplus is withdrawn");
            (close_token_network_ix(admin.pubkey(), network, &asset, None, Pubkey::new_unique()), vec![admin])
        }),
    ]
};

/// The instructions that depend on the network's asset, each in a network of its own that pays in a
/// mint.
pub(crate) fn all_token_instructions() -> Vec<InstructionCase> {
    let case = |(name, kinds, build): &Row<Setup>| {
        let mut setup = Setup::new();
        let (ix, signers) = build(&mut setup);
        let kinds = InstructionCase::with_event_accounts(name, kinds);
        assert_eq!(ix.accounts.len(), kinds.len(), "{name}");
        let Setup { fixture, due, bystander } = setup;
        let asset = Some(fixture.asset);
        let (node, bystander) = (due.node, bystander.node);
        InstructionCase { name, fixture: fixture.into_fixture(), ix, kinds, signers, asset, node, bystander }
    };
    INSTRUCTIONS.iter().map(case).collect()
}
