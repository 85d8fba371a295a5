//! Networks that pay in tokens, with each token program.

use settlement::client::{fund_tokens_ix, set_destination_ix};
use settlement::rules::token_layout::TOKEN_ACCOUNT_LEN;
use settlement::state::{NodeWallet, Treasury};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use spl_token_2022_interface::extension::{ExtensionType, memo_transfer};
use spl_token_2022_interface::instruction as token;
use williw_relay::engine::{Asset, BatchState, HOLD_RETRY_MS};
use williw_relay::transaction::{BatchKind, Format, capacity};
use williw_relay::types::RewardStatus;

use crate::support::{NodeSpec, TRANSFER_FEE, TREASURY_FUNDS, TokenFixture, TokenProgram, block_on, node_id};

/// The offset of the amount in a token account.
const AMOUNT: usize = 64;

/// A node with its owner's key, whose token account exists.
fn owned_node(name: &str) -> (NodeSpec, Keypair) {
    let owner = Keypair::new();
    (NodeSpec { address: Some(owner.pubkey()), ..NodeSpec::payable(name) }, owner)
}

fn retry(fixture: &TokenFixture) -> Vec<Option<String>> {
    fixture.advance_time(HOLD_RETRY_MS as u64);
    fixture.settle()
}

/// The node's credited and paid totals on the chain, in base units.
fn totals(fixture: &TokenFixture, node: &str) -> (u64, u64) {
    fixture.wallet(node).map(|wallet| (wallet.credited_total, wallet.paid_total)).expect("the wallet exists")
}

#[test]
fn rewards_are_credited_and_paid_to_the_base_unit_with_every_token_program() {
    for program in TokenProgram::ALL {
        let nodes = [NodeSpec::payable("above"), NodeSpec::payable("below"), NodeSpec::payable("second")];
        let fixture = TokenFixture::new(program, &nodes);
        let lamports = fixture.balance_of(&fixture.treasury);
        for (node, amount) in [("above", 700_000), ("above", 300_001), ("below", 999_999), ("second", 5_000_000)] {
            fixture.grant(node, amount);
        }
        assert_eq!(fixture.settle(), [None], "{program:?}");

        let [above, below, second] = nodes.map(|node| fixture.account_of(&node.address.unwrap()));
        assert_eq!(totals(&fixture, "above"), (1_000_001, 1_000_001));
        assert_eq!(totals(&fixture, "below"), (999_999, 0));
        assert_eq!([above, below, second].map(|account| fixture.tokens(&account)), [1_000_001, 0, 5_000_000]);
        assert_eq!(fixture.tokens(&fixture.vault), TREASURY_FUNDS - 6_000_001);
        assert_eq!(fixture.balance_of(&fixture.treasury), lamports, "credits move no lamports");
        let rent = fixture.chain.svm.borrow().minimum_balance_for_rent_exemption(NodeWallet::SIZE);
        assert_eq!(fixture.balance_of(&fixture.wallet_address("below")), rent);
        let wallet = fixture.wallet("above").unwrap();
        assert_eq!(wallet.destination, above, "the owner's associated token account is the default");
        assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 4);
        let balance = fixture.balance("below");
        assert_eq!((balance.pending_rewards_lamports.get(), balance.hold_reason), (999_999, None));
        assert_eq!(balance.sol_balance_lamports.get(), rent, "tokens are no lamports of the wallet account");
        let asset = block_on(Asset::of_ledger(&fixture.database)).unwrap();
        assert_eq!(asset, Some(Asset::Tokens { mint: fixture.mint, decimals: 6 }));

        fixture.grant("below", 1);
        assert_eq!(fixture.settle(), [None], "{program:?}");
        assert_eq!(fixture.tokens(&below), 1_000_000, "paid once the threshold is reached");
        assert_eq!(fixture.settle(), []);
    }
}

#[test]
fn a_payout_waits_for_the_owners_token_account_and_is_made_once_it_exists() {
    for program in TokenProgram::ALL {
        let node = NodeSpec::unfunded("a");
        let owner = node.address.unwrap();
        let fixture = TokenFixture::new(program, &[node, NodeSpec::payable("other")]);
        fixture.grant("a", 3_000_000);
        fixture.grant("other", 2_000_000);
        assert_eq!(fixture.settle(), [None], "one settlement, and no further one without work");
        assert_eq!(totals(&fixture, "a"), (3_000_000, 0), "credited nevertheless");
        assert_eq!(totals(&fixture, "other"), (2_000_000, 2_000_000));
        let hold = fixture.balance("a").hold_reason.unwrap();
        assert!(hold.starts_with("token_account_invalid: "), "{hold}");
        assert_eq!(retry(&fixture), [None]);
        assert_eq!(fixture.tokens(&fixture.account_of(&owner)), 0);
        assert_eq!(fixture.settle(), []);

        let account = fixture.create_associated_account(&owner);
        assert_eq!(retry(&fixture), [None]);
        assert_eq!((fixture.tokens(&account), fixture.balance("a").hold_reason), (3_000_000, None));
        assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded), "{program:?}");
    }
}

#[test]
fn a_frozen_token_account_is_credited_and_paid_once_it_is_thawed() {
    for program in TokenProgram::ALL {
        let node = NodeSpec::payable("a");
        let account_of = node.address.unwrap();
        let fixture = TokenFixture::new(program, &[node]);
        let account = fixture.account_of(&account_of);
        fixture.freeze(&account);
        fixture.grant("a", 3_000_000);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(totals(&fixture, "a"), (3_000_000, 0));
        assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some("token_account_frozen"));

        fixture.thaw(&account);
        assert_eq!(retry(&fixture), [None]);
        assert_eq!((fixture.tokens(&account), fixture.balance("a").hold_reason), (3_000_000, None));
    }
}

#[test]
fn a_frozen_treasury_pays_nobody_and_credits_everybody_until_it_is_thawed() {
    for program in TokenProgram::ALL {
        let fixture = TokenFixture::new(program, &[NodeSpec::payable("a")]);
        fixture.freeze(&fixture.vault);
        fixture.grant("a", 3_000_000);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(totals(&fixture, "a"), (3_000_000, 0));
        assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some("treasury_frozen"));

        fixture.thaw(&fixture.vault);
        assert_eq!(retry(&fixture), [None]);
        assert_eq!(totals(&fixture, "a"), (3_000_000, 3_000_000));
    }
}

#[test]
fn rewards_above_the_treasurys_tokens_are_credited_in_part_and_the_rest_once_it_is_funded() {
    for program in TokenProgram::ALL {
        let nodes = ["a", "b"].map(NodeSpec::payable);
        let fixture = TokenFixture::with_network(program, &[], &nodes, |args| args.default_threshold = TREASURY_FUNDS);
        // Credited and not paid: a liability, which the treasury cannot credit again.
        fixture.grant("a", TREASURY_FUNDS - 1_000_000);
        assert_eq!(fixture.settle(), [None]);
        fixture.grant("b", 1_500_000);
        fixture.grant("a", 1);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(totals(&fixture, "a"), (TREASURY_FUNDS - 1_000_000, 0));
        assert_eq!(totals(&fixture, "b"), (1_000_000, 0), "the oldest reward comes first");
        let short = Some("treasury_short".to_owned());
        assert_eq!(fixture.hold_reasons(), [None, short.clone(), short]);

        fixture.fund_tokens(1_000_000);
        assert_eq!(retry(&fixture), [None]);
        assert_eq!(totals(&fixture, "b"), (1_500_000, 0));
        assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 3);
    }
}

#[test]
fn a_treasury_whose_tokens_are_gone_fails_no_batch() {
    for program in TokenProgram::ALL {
        let nodes = ["a", "b", "c"].map(NodeSpec::payable);
        let fixture = TokenFixture::new(program, &nodes);
        for node in ["a", "b", "c"] {
            fixture.grant(node, 2_000_000);
        }
        // No act of anybody does this.
        fixture.edit(&fixture.vault, |data| data[AMOUNT..AMOUNT + 8].copy_from_slice(&5_000_000_u64.to_le_bytes()));
        assert_eq!(fixture.settle(), [None]);
        let paid: Vec<u64> = nodes.iter().map(|node| totals(&fixture, &node.name).1).collect();
        assert_eq!(paid, [2_000_000, 2_000_000, 0]);
        assert_eq!(totals(&fixture, "c"), (2_000_000, 0));
        assert_eq!(fixture.balance("c").hold_reason.as_deref(), Some("treasury_tokens_short"));
        assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded), "{program:?}");
    }
}

#[test]
fn a_token_account_is_paid_only_while_it_may_receive_the_tokens() {
    type Change = fn(&TokenFixture, &Keypair, &Pubkey);
    let cases: [(&str, Change); 4] = [
        ("token_account_wrong_owner", |fixture, owner, account| {
            let stranger = Pubkey::new_unique();
            let kind = token::AuthorityType::AccountOwner;
            let program = &fixture.mint.token_program;
            // Token-2022 lets nobody change the owner of an associated account, the program allows for one that could.
            match token::set_authority(program, account, Some(&stranger), kind, &owner.pubkey(), &[]) {
                Ok(change) if *program == settlement::client::SPL_TOKEN_ID => fixture.execute_as(owner, change),
                _ => fixture.edit(account, |data| data[32..64].copy_from_slice(stranger.as_ref())),
            }
        }),
        ("token_account_wrong_mint", |fixture, _, account| {
            fixture.edit(account, |data| data[..32].copy_from_slice(Pubkey::new_unique().as_ref()));
        }),
        ("token_account_invalid: ", |fixture, owner, account| {
            let program = &fixture.mint.token_program;
            let close = token::close_account(program, account, &owner.pubkey(), &owner.pubkey(), &[]);
            fixture.execute_as(owner, close.expect("an instruction"));
        }),
        ("token_account_invalid: ", |fixture, _, account| fixture.edit(account, |data| data.truncate(164))),
    ];
    for program in TokenProgram::ALL {
        for (reason, change) in cases {
            let (node, owner) = owned_node("a");
            let fixture = TokenFixture::new(program, &[node, NodeSpec::payable("other")]);
            change(&fixture, &owner, &fixture.account_of(&owner.pubkey()));
            fixture.grant("a", 3_000_000);
            fixture.grant("other", 3_000_000);
            assert_eq!(fixture.settle(), [None], "{program:?}: {reason}");
            assert_eq!(totals(&fixture, "a"), (3_000_000, 0), "{program:?}: {reason}");
            assert_eq!(totals(&fixture, "other"), (3_000_000, 3_000_000), "{program:?}: {reason}");
            let hold = fixture.balance("a").hold_reason.unwrap();
            assert!(hold.starts_with(reason), "{program:?}: {hold} instead of {reason}");
            assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded), "{program:?}: {reason}");
        }
    }
}

#[test]
fn a_token_account_that_the_owner_has_chosen_is_paid_whoever_owns_its_tokens() {
    for program in TokenProgram::ALL {
        let (node, owner) = owned_node("a");
        let fixture = TokenFixture::new(program, &[node]);
        fixture.grant("a", 1);
        fixture.settle();
        let chosen = fixture.create_token_account(&Pubkey::new_unique(), TOKEN_ACCOUNT_LEN);
        let id = node_id("a").on_chain();
        fixture.execute_as(&owner, set_destination_ix(owner.pubkey(), fixture.network, id, chosen));
        fixture.grant("a", 3_000_000);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(fixture.tokens(&chosen), 3_000_001, "{program:?}");
        assert_eq!(fixture.tokens(&fixture.account_of(&owner.pubkey())), 0);
    }
}

#[test]
fn a_token_account_with_much_data_is_paid_as_any_other() {
    let (node, owner) = owned_node("a");
    let fixture = TokenFixture::new(TokenProgram::Token2022, &[node]);
    fixture.grant("a", 1);
    fixture.settle();
    let large = fixture.create_token_account(&owner.pubkey(), TOKEN_ACCOUNT_LEN + 100_000);
    let id = node_id("a").on_chain();
    fixture.execute_as(&owner, set_destination_ix(owner.pubkey(), fixture.network, id, large));
    fixture.grant("a", 3_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.tokens(&large), 3_000_001);
}

#[test]
fn a_token_account_that_requires_memos_is_held_until_it_no_longer_does() {
    let (node, owner) = owned_node("a");
    let fixture = TokenFixture::new(TokenProgram::Token2022, &[node]);
    let (program, account) = (fixture.mint.token_program, fixture.account_of(&owner.pubkey()));
    let kinds = [ExtensionType::MemoTransfer];
    let grow = token::reallocate(&program, &account, &owner.pubkey(), &owner.pubkey(), &[], &kinds).unwrap();
    let demand =
        memo_transfer::instruction::enable_required_transfer_memos(&program, &account, &owner.pubkey(), &[]).unwrap();
    fixture.execute_signed(&[grow, demand], &[&owner]);
    fixture.grant("a", 3_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(totals(&fixture, "a"), (3_000_000, 0));
    assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some("token_account_needs_memo"));

    let waive =
        memo_transfer::instruction::disable_required_transfer_memos(&program, &account, &owner.pubkey(), &[]).unwrap();
    fixture.execute_as(&owner, waive);
    assert_eq!(retry(&fixture), [None]);
    assert_eq!(fixture.tokens(&account), 3_000_000);
}

#[test]
fn a_node_is_paid_its_total_less_the_mints_transfer_fee_which_the_ledger_counts_as_paid() {
    let node = NodeSpec::payable("a");
    let account_of = node.address.unwrap();
    let fixture = TokenFixture::with_network(TokenProgram::Token2022, &[TRANSFER_FEE], &[node], |_| {});
    let vault = fixture.tokens(&fixture.vault);
    assert_eq!(vault, TREASURY_FUNDS - TREASURY_FUNDS / 40, "funding costs a fee as well");
    fixture.grant("a", 4_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(totals(&fixture, "a"), (4_000_000, 4_000_000));
    assert_eq!(fixture.tokens(&fixture.account_of(&account_of)), 3_900_000);
    assert_eq!(fixture.tokens(&fixture.vault), vault - 4_000_000);
    assert_eq!(fixture.balance("a").total_rewards_distributed_lamports.get(), 4_000_000);
}

#[test]
fn the_fullest_batches_of_every_kind_land_in_every_format_with_every_token_program() {
    for program in TokenProgram::ALL {
        for (format, rejects_v1) in [(Format::V1, false), (Format::V0, true)] {
            let nodes: Vec<NodeSpec> = (0..60).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
            let fixture = TokenFixture::new(program, &nodes);
            fixture.chain.rejects_v1.set(rejects_v1);
            for node in &nodes {
                fixture.grant(&node.name, 999_999);
            }
            assert_eq!(fixture.settle(), [None]);
            for node in &nodes {
                fixture.grant(&node.name, 1);
            }
            assert_eq!(fixture.settle(), [None]);
            assert!(nodes.iter().all(|node| totals(&fixture, &node.name) == (1_000_000, 1_000_000)), "{program:?}");
            let kind = Asset::Tokens { mint: fixture.mint, decimals: 6 }.kind();
            for batch_kind in [BatchKind::Register, BatchKind::Credit, BatchKind::Settle] {
                let batches = fixture.batches_of_kind(batch_kind);
                assert!(batches.iter().all(|batch| batch.state == BatchState::Confirmed && batch.format == format));
                assert!(batches.iter().all(|batch| batch.attempts.len() == 1), "{program:?}: {batches:?}");
                let fullest = batches.iter().map(|batch| batch.entry_count).max();
                assert_eq!(fullest, Some(capacity(batch_kind, kind, format) as u64), "{program:?} {batch_kind}");
            }
        }
    }
}

#[test]
fn tokens_sent_to_the_treasury_can_be_credited_once_it_is_funded() {
    let fixture = TokenFixture::new(TokenProgram::PToken, &[NodeSpec::payable("a")]);
    fixture.mint_to(&fixture.vault, 7_000_000);
    fixture.grant("a", TREASURY_FUNDS + 7_000_001);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(totals(&fixture, "a").0, TREASURY_FUNDS, "the program has not counted them yet");
    let admin = fixture.admin.pubkey();
    let from = fixture.create_associated_account(&admin);
    fixture.mint_to(&from, 1);
    fixture.execute_as_admin(fund_tokens_ix(admin, from, fixture.network, admin, &fixture.mint, 1));
    assert_eq!(retry(&fixture), [None]);
    assert_eq!(totals(&fixture, "a").0, TREASURY_FUNDS + 7_000_001);
}

#[test]
fn what_exceeds_the_totals_that_a_ledger_can_hold_is_held_and_stops_nobody() {
    const MOST: u64 = i64::MAX as u64;

    let nodes = [NodeSpec::payable("a"), NodeSpec::payable("b"), NodeSpec::payable("c")];
    let fixture = TokenFixture::new(TokenProgram::PToken, &nodes);
    fixture.fund_tokens(MOST);
    fixture.fund_tokens(MOST - TREASURY_FUNDS);
    fixture.grant("a", MOST - 10);
    fixture.grant("b", 30);
    fixture.grant("c", 5);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.treasury_state().credited_total, MOST);
    assert_eq!(fixture.wallet("b").unwrap().credited_total, 10);
    let overflow = Some("overflow".to_owned());
    assert_eq!(fixture.hold_reasons(), [None, overflow.clone(), overflow]);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None], "it goes on as it was");
    assert_eq!(fixture.treasury_state().credited_total, MOST);
}

#[test]
fn a_network_whose_totals_a_ledger_cannot_hold_is_rejected() {
    let fixture = TokenFixture::new(TokenProgram::PToken, &[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    assert_eq!(fixture.settle(), [None]);
    let (treasury, position) = (fixture.treasury, 8 + std::mem::offset_of!(Treasury, credited_total));
    let total = (i64::MAX as u64) + 1;
    fixture.edit(&treasury, |data| data[position..position + 8].copy_from_slice(&total.to_le_bytes()));
    fixture.grant("a", 1_000_000);
    let reason = fixture.settle().pop().flatten().expect("nothing can be settled");
    assert!(reason.contains("9223372036854775808") && reason.contains("9223372036854775807"), "{reason}");
}
