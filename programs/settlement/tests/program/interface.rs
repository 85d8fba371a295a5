//! The program's public interface, which must not change by accident: discriminators, error codes and
//! the layout of arguments.

use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;
use settlement::client::{BatchHeader, SettleEntry, credit_ix, settle_ix};
use settlement::error::SettlementError;
use settlement::state::{Network, NodeWallet, Treasury};
use settlement::{events, instruction, state};

use crate::common::{AccountKind, all_instructions, all_token_instructions, assert_refused, program_accounts};

#[test]
fn discriminators_match_the_published_ones() {
    // The first 8 bytes of the SHA-256 of "global:", "account:" or "event:" followed by the name.
    let published = [
        (instruction::CreateNetwork::DISCRIMINATOR, "9647b0c9f4902ead"),
        (instruction::UpdateNetwork::DISCRIMINATOR, "2773bc4da2e8d8a1"),
        (instruction::ProposeAdmin::DISCRIMINATOR, "79d6c7d4572775ea"),
        (instruction::AcceptAdmin::DISCRIMINATOR, "702a2d5a74b50daa"),
        (instruction::SetSettler::DISCRIMINATOR, "128a1754e2cc5e56"),
        (instruction::SetGuardian::DISCRIMINATOR, "93f332799aa4321e"),
        (instruction::Pause::DISCRIMINATOR, "d316ddfb4a79c12f"),
        (instruction::Unpause::DISCRIMINATOR, "a99004260a8dbcff"),
        (instruction::Fund::DISCRIMINATOR, "dabc6fdd9871ae07"),
        (instruction::WithdrawSurplus::DISCRIMINATOR, "96b7f31fd5154f1a"),
        (instruction::RegisterNode::DISCRIMINATOR, "66557572c2bcd3a8"),
        (instruction::CloseNode::DISCRIMINATOR, "133de845f787ff6b"),
        (instruction::ReopenNode::DISCRIMINATOR, "57443b2f1f6b9445"),
        (instruction::SetDestination::DISCRIMINATOR, "9976115fac3ece5d"),
        (instruction::SetThreshold::DISCRIMINATOR, "9b35f56874a9efa7"),
        (instruction::Credit::DISCRIMINATOR, "8e4db912f120fffc"),
        (instruction::Settle::DISCRIMINATOR, "af2ab957908366d4"),
        (instruction::Payout::DISCRIMINATOR, "958cc2ecaebd06ef"),
        (instruction::Withdraw::DISCRIMINATOR, "b712469c946da122"),
        (instruction::SweepRent::DISCRIMINATOR, "11ea3af1fb9487b9"),
        (instruction::TopUpRent::DISCRIMINATOR, "e46bcbbc89a9987a"),
        (instruction::RecoverLamports::DISCRIMINATOR, "380fbe34cbcbddc8"),
        (instruction::RecoverTreasuryTokens::DISCRIMINATOR, "21277ac0f0fa5be8"),
        (instruction::RecoverNodeTokens::DISCRIMINATOR, "78fd83674f9cad50"),
        (instruction::CloseNetwork::DISCRIMINATOR, "9c52d9730977f37c"),
        (instruction::SweepClosedNetwork::DISCRIMINATOR, "5973ffae939ea9a2"),
        (instruction::SetAside::DISCRIMINATOR, "b7ffe5be2e067691"),
        (instruction::ClaimSetAside::DISCRIMINATOR, "8e3f3c8f40631b51"),
        (instruction::MigrateTreasury::DISCRIMINATOR, "0d052866e67c6976"),
        (state::Network::DISCRIMINATOR, "3305d1b73c639cfb"),
        (state::Treasury::DISCRIMINATOR, "eeef7bee5901a8fd"),
        (state::NodeWallet::DISCRIMINATOR, "3075d6737d175ef6"),
        (state::ClosedNode::DISCRIMINATOR, "16c78a2af7dbe65e"),
        (state::ClosedNetwork::DISCRIMINATOR, "1328681738c0e370"),
        (events::NetworkCreated::DISCRIMINATOR, "a4d4811b1c3abe76"),
        (events::NetworkMint::DISCRIMINATOR, "8d071e98b8687855"),
        (events::NetworkUpdated::DISCRIMINATOR, "559e1672c2dbecdb"),
        (events::AdminProposed::DISCRIMINATOR, "81f9e2e3c7526ef3"),
        (events::AdminChanged::DISCRIMINATOR, "e8221fe23e121372"),
        (events::SettlerChanged::DISCRIMINATOR, "21360115d89daa3d"),
        (events::GuardianChanged::DISCRIMINATOR, "98efd918a2bdec8f"),
        (events::Paused::DISCRIMINATOR, "acf805fd31ffffe8"),
        (events::Unpaused::DISCRIMINATOR, "9c962fae78d85d75"),
        (events::Funded::DISCRIMINATOR, "43543858c00cc9b1"),
        (events::SurplusWithdrawn::DISCRIMINATOR, "1d063d5e4f3cacf5"),
        (events::NodeRegistered::DISCRIMINATOR, "0f39b73b5d379dc3"),
        (events::NodeClosed::DISCRIMINATOR, "bf558ebc0fbd4c6d"),
        (events::NodeReopened::DISCRIMINATOR, "d6e5749c6f7e81fe"),
        (events::DestinationChanged::DISCRIMINATOR, "152e3a3cd83f5eb2"),
        (events::ThresholdChanged::DISCRIMINATOR, "d4d006495c4161e5"),
        (events::BatchSettled::DISCRIMINATOR, "ee0ebbc07f5f6809"),
        (events::PaidOut::DISCRIMINATOR, "0689d1e1fc35f9fc"),
        (events::Withdrawn::DISCRIMINATOR, "1459dfc6c27cdb0d"),
        (events::RentSwept::DISCRIMINATOR, "cb5605b151a70c19"),
        (events::RentToppedUp::DISCRIMINATOR, "8b556825409e37ac"),
        (events::LamportsRecovered::DISCRIMINATOR, "ba0c6f24743686e1"),
        (events::TokensRecovered::DISCRIMINATOR, "d200ca398a9d0555"),
        (events::NetworkClosed::DISCRIMINATOR, "63687f430a0f2c5b"),
        (events::ClosedNetworkSwept::DISCRIMINATOR, "84f61d94cf3234b4"),
        (events::PendingSetAside::DISCRIMINATOR, "98ccfae95edc348f"),
        (events::ClaimPaid::DISCRIMINATOR, "d49b58768063842a"),
        (events::Migrated::DISCRIMINATOR, "0242a4359e7a80ec"),
    ];
    for (found, expected) in published {
        assert_eq!(hex::encode(found), expected);
    }
}

#[test]
fn batch_data_is_the_header_and_eight_bytes_per_target() {
    let header = BatchHeader { batch_id: 0x0102_0304_0506_0708, records_root: [9; 32] };
    let (settler, network, account) = (Pubkey::new_unique(), Pubkey::new_unique(), Pubkey::new_unique());
    let entry = SettleEntry { wallet: account, destination: account, target: 5 };
    for ix in
        [credit_ix(settler, network, header, &[(account, 5); 3]), settle_ix(settler, network, header, &[entry; 3])]
    {
        let expected = [
            &[8, 7, 6, 5, 4, 3, 2, 1][..],
            &[9; 32],
            &[3, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(ix.data[8..], expected);
    }
}

#[test]
fn errors_keep_their_numbers() {
    let numbers = [
        (SettlementError::InvalidNetworkId, 6_000),
        (SettlementError::Unauthorized, 6_008),
        (SettlementError::Paused, 6_009),
        (SettlementError::EmptyBatch, 6_016),
        (SettlementError::InconsistentTotals, 6_024),
        (SettlementError::NothingToUpdate, 6_025),
        (SettlementError::AssetAccountsMismatch, 6_029),
        (SettlementError::MintUnknownExtension, 6_041),
        (SettlementError::ClosedNodeMismatch, 6_050),
        (SettlementError::DestinationNotOwner, 6_051),
        (SettlementError::ThresholdNotDefault, 6_052),
        (SettlementError::NotRecoverable, 6_058),
        (SettlementError::InvalidClaim, 6_061),
    ];
    for (error, number) in numbers {
        assert_eq!(u32::from(error), number, "{error:?}");
    }
}

#[test]
fn the_table_of_all_instructions_is_complete() {
    let program = include_str!("../../src/lib.rs");
    let (_, instructions) = program.split_once("#[program]").expect("the program module");
    let mut all: Vec<_> =
        instructions.split("pub fn ").skip(1).map(|rest| rest.split(['<', '(']).next().expect("a name")).collect();
    let mut tried: Vec<_> = all_instructions().iter().chain(&all_token_instructions()).map(|case| case.name).collect();
    all.sort_unstable();
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried, all);
}

/// The instructions that use no more of a network than its address and that of its treasury.
const USE_ONLY_THE_NETWORKS_ADDRESS: [&str; 8] = [
    "credit",
    "settle",
    "payout",
    "migrate_treasury",
    "set_threshold",
    "withdraw",
    "recover_node_tokens",
    "claim_set_aside",
];

#[test]
fn accounts_with_an_unknown_version_are_refused_by_every_instruction() {
    let mut tried = 0;
    for mut case in all_instructions().into_iter().chain(all_token_instructions()) {
        for (at, kind) in case.kinds.clone().into_iter().enumerate() {
            let known = match kind {
                AccountKind::Network if USE_ONLY_THE_NETWORKS_ADDRESS.contains(&case.name) => continue,
                AccountKind::Network => Network::VERSION,
                AccountKind::Treasury => Treasury::VERSION,
                // Nothing of a closed network is kept.
                AccountKind::ListedWallet if case.name == "sweep_closed_network" => continue,
                AccountKind::Wallet | AccountKind::EntryWallet | AccountKind::ListedWallet => NodeWallet::VERSION,
                _ => continue,
            };
            let (address, ix) = (case.ix.accounts[at].pubkey, case.ix.clone());
            let genuine = case.fixture.svm.get_account(&address).expect("the account exists");
            for version in [0, known + 1, u8::MAX] {
                let mut unknown = genuine.clone();
                unknown.data[8] = version;
                case.fixture.set_account(&address, unknown);
                let before = program_accounts(&case.fixture);
                let outcome = case.send(ix.clone());
                if kind == AccountKind::EntryWallet {
                    outcome.expect("the batch is applied");
                    assert_eq!(program_accounts(&case.fixture)[&address], before[&address], "{}", case.name);
                } else {
                    // A list's account is ignored, and here there is no other.
                    let is_listed = kind == AccountKind::ListedWallet;
                    let refused =
                        if is_listed { SettlementError::NothingToRecover } else { SettlementError::UnknownVersion };
                    assert_refused(outcome, refused);
                    assert!(program_accounts(&case.fixture) == before, "{}", case.name);
                }
                tried += 1;
            }
            case.fixture.set_account(&address, genuine);
        }
    }
    assert!(tried > 120, "only {tried} attempts");
}

#[test]
fn a_network_with_an_unknown_asset_moves_no_funds() {
    let moves = [
        "fund",
        "withdraw_surplus",
        "credit",
        "settle",
        "payout",
        "withdraw",
        "sweep_rent",
        "top_up_rent",
        "set_aside",
        "close_network",
    ];
    let mut tried = 0;
    for mut case in all_instructions().into_iter().filter(|case| moves.contains(&case.name)) {
        let treasury = case.fixture.treasury;
        tried += 1;
        let network = case.fixture.network;
        case.fixture.edit_account(&treasury, |treasury: &mut Treasury| treasury.asset_kind = 3);
        case.fixture.edit_account(&network, |network: &mut Network| network.asset_kind = 3);
        let before = program_accounts(&case.fixture);
        let ix = case.ix.clone();
        assert_refused(case.send(ix), SettlementError::UnsupportedAsset);
        assert!(program_accounts(&case.fixture) == before, "{}", case.name);
    }
    assert_eq!(tried, moves.len());
}
