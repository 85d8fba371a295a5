//! The accounts of the network's asset: vault, mint and token program in a network that pays in tokens,
//! and none of them in one that pays in SOL.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    ASSOCIATED_TOKEN_ID, SettleEntry, TokenAsset, create_network_ix, create_token_network_ix, fund_ix, fund_tokens_ix,
    payout_ix, payout_tokens_ix, settle_ix, settle_tokens_ix, treasury_token_address, withdraw_ix, withdraw_surplus_ix,
    withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::error::SettlementError;
use solana_instruction::error::InstructionError;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_sdk_ids::system_program;
use solana_signer::Signer;
use solana_transaction::TransactionError;

use super::HEADER;
use crate::common::{
    DECIMALS, ExpectedError, Payee, ProgramFixture, SOL, TOKEN, TokenFixture, TokenProgram, TransactionOutcome,
    assert_refused,
};

/// A valid instruction, and the indexes of its vault, mint and token program.
struct AssetCase {
    name: &'static str,
    ix: Instruction,
    signer: Keypair,
    asset: [usize; 3],
    /// Whether Anchor parses the accounts. If the program's id is passed for an optional account, Anchor
    /// treats the account as omitted.
    by_anchor: bool,
}

impl AssetCase {
    fn send(&self, fixture: &mut ProgramFixture, change: impl FnOnce(&mut Vec<AccountMeta>)) -> TransactionOutcome {
        let mut ix = self.ix.clone();
        change(&mut ix.accounts);
        let signers = if ix.accounts.iter().any(|account| account.is_signer) { vec![&self.signer] } else { vec![] };
        fixture.send(&[ix], &signers)
    }
}

/// Every instruction that takes the asset's accounts of an existing network.
fn asset_cases(fixture: &mut TokenFixture, payee: &Payee) -> Vec<AssetCase> {
    let (network, asset) = (fixture.network, fixture.asset);
    let admin = fixture.admin.insecure_clone();
    let own = fixture.create_associated_account(&admin.pubkey(), &asset);
    fixture.mint_to(&asset, &own, 100 * TOKEN);
    let (owner, settler) = (payee.node.owner.insecure_clone(), fixture.settler.insecure_clone());
    vec![
        AssetCase {
            name: "fund",
            ix: fund_tokens_ix(admin.pubkey(), own, network, fixture.admin.pubkey(), &asset, TOKEN),
            signer: admin.insecure_clone(),
            asset: [6, 7, 8],
            by_anchor: true,
        },
        AssetCase {
            name: "withdraw",
            ix: withdraw_tokens_ix(owner.pubkey(), network, &asset, payee.node.id, payee.account, Some(1)),
            signer: owner,
            asset: [5, 6, 7],
            by_anchor: true,
        },
        AssetCase {
            name: "withdraw_surplus",
            ix: withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, own, 1),
            signer: admin,
            asset: [4, 5, 6],
            by_anchor: true,
        },
        AssetCase {
            name: "settle",
            ix: settle_tokens_ix(settler.pubkey(), network, &asset, HEADER, &[payee.entry(0)]),
            signer: settler.insecure_clone(),
            asset: [3, 4, 5],
            by_anchor: false,
        },
        AssetCase {
            name: "payout",
            ix: payout_tokens_ix(network, &asset, &[payee.payout_entry()]),
            signer: settler,
            asset: [4, 5, 6],
            by_anchor: false,
        },
    ]
}

/// A fixture with a node that has 5 tokens pending.
fn fixture(program: TokenProgram) -> (TokenFixture, Payee) {
    let mut fixture = TokenFixture::new(program);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
    (fixture, payee)
}

#[track_caller]
fn assert_nothing_moved(fixture: &TokenFixture, payee: &Payee) {
    assert_eq!((fixture.vault_balance(), fixture.owed()), (1_000 * TOKEN, 5 * TOKEN));
    assert_eq!((fixture.wallet_state(&payee.node).pending(), fixture.token_balance(&payee.account)), (5 * TOKEN, 0));
    assert_eq!(fixture.surplus(), 0);
}

#[test]
fn each_wrong_token_account_is_refused_with_its_own_error() {
    for program in TokenProgram::ALL {
        let (mut fixture, payee) = fixture(program);
        let (network, treasury, asset) = (fixture.network, fixture.treasury, fixture.asset);
        let other_mint = fixture.create_mint(program, DECIMALS, &[]);
        let other = create_other_vault(&mut fixture, "other", &other_mint);
        let same_mint = create_other_vault(&mut fixture, "twin", &asset);
        let second_vault = fixture.create_token_account(&treasury, &asset);
        let other_program =
            if program == TokenProgram::Token2022 { TokenProgram::PToken } else { TokenProgram::Token2022 };

        let vaults = [other, same_mint, second_vault, payee.account, treasury, network, Pubkey::new_unique()];
        let mints = [other_mint.mint, payee.account, fixture.vault, Pubkey::new_unique()];
        let programs = [other_program.id(), system_program::ID, ASSOCIATED_TOKEN_ID, Pubkey::new_unique()];
        for case in asset_cases(&mut fixture, &payee) {
            let [vault_at, mint_at, program_at] = case.asset;
            let mut refused = |at: usize, wrong: Pubkey, why: SettlementError| {
                let outcome = case.send(&mut fixture, |accounts| accounts[at].pubkey = wrong);
                assert_case_refused(case.name, outcome, why);
            };
            for vault in vaults {
                refused(vault_at, vault, SettlementError::InvalidTreasuryTokenAccount);
            }
            for mint in mints {
                refused(mint_at, mint, SettlementError::InvalidMint);
            }
            for program in programs {
                refused(program_at, program, SettlementError::InvalidTokenProgram);
            }

            let read_only = case.send(&mut fixture, |accounts| accounts[vault_at].is_writable = false);
            let why: ExpectedError = if case.by_anchor {
                ErrorCode::ConstraintMut.into()
            } else {
                SettlementError::InvalidTreasuryTokenAccount.into()
            };
            assert_case_refused(case.name, read_only, why);
            // Each of them omitted:
            if case.by_anchor {
                for at in case.asset {
                    let outcome = case.send(&mut fixture, |accounts| {
                        accounts[at] = AccountMeta::new_readonly(settlement::ID, false);
                    });
                    assert_case_refused(case.name, outcome, SettlementError::AssetAccountsMismatch);
                }
            }
            assert_nothing_moved(&fixture, &payee);
        }
        // With the right accounts all instructions succeed.
        for case in asset_cases(&mut fixture, &payee) {
            let outcome = case.send(&mut fixture, |_| {});
            outcome.unwrap_or_else(|failed| panic!("{}: {}", case.name, failed.meta.pretty_logs()));
        }
    }
}

/// Creates another network and returns its vault.
fn create_other_vault(fixture: &mut ProgramFixture, name: &str, asset: &TokenAsset) -> Pubkey {
    let args = fixture.network_args(name);
    fixture.create_token_network(args, asset).expect("the network is created");
    treasury_token_address(&fixture.network_address(name), asset)
}

#[track_caller]
fn assert_case_refused(name: &str, outcome: TransactionOutcome, expected: impl Into<ExpectedError>) {
    assert!(outcome.is_err(), "{name} was not refused");
    assert_refused(outcome, expected);
}

#[test]
fn a_funder_without_a_token_account_is_refused() {
    let (mut fixture, payee) = fixture(TokenProgram::PToken);
    let fund = &asset_cases(&mut fixture, &payee)[0];
    let outcome = fund.send(&mut fixture, |accounts| accounts[5] = AccountMeta::new_readonly(settlement::ID, false));
    assert_refused(outcome, SettlementError::AssetAccountsMismatch);
    assert_nothing_moved(&fixture, &payee);
}

#[test]
fn a_sol_instruction_is_refused_in_a_token_network() {
    for program in TokenProgram::ALL {
        let (mut fixture, payee) = fixture(program);
        let (network, payer) = (fixture.network, fixture.payer.pubkey());
        let mismatch = SettlementError::AssetAccountsMismatch;
        let (admin, settler) = (fixture.admin.insecure_clone(), fixture.settler.insecure_clone());
        let owner = payee.node.owner.insecure_clone();
        let fund = fund_ix(payer, network, admin.pubkey(), SOL);
        assert_refused(fixture.send(&[fund], &[]), mismatch);
        let destination = payee.node.destination;
        let ix = withdraw_ix(owner.pubkey(), network, payee.node.id, destination, None);
        assert_refused(fixture.send(&[ix], &[&owner]), mismatch);
        let ix = withdraw_surplus_ix(admin.pubkey(), network, admin.pubkey(), 1);
        assert_refused(fixture.send(&[ix], &[&admin]), mismatch);
        // A batch of one entry has too few accounts. In larger ones, the entries take the place of the asset.
        for (entries, why) in [(1, mismatch), (2, SettlementError::InvalidTreasuryTokenAccount)] {
            let entry = SettleEntry { wallet: payee.node.wallet, destination, target: 6 * TOKEN };
            let ix = settle_ix(settler.pubkey(), network, HEADER, &vec![entry; entries]);
            assert_refused(fixture.send(&[ix], &[&settler]), why);
            let ix = payout_ix(network, &vec![(payee.node.wallet, destination); entries]);
            assert_refused(fixture.send(&[ix], &[]), why);
        }
        assert_nothing_moved(&fixture, &payee);
    }
}

#[test]
fn a_token_instruction_is_refused_in_a_sol_network() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let asset = fixture.create_mint(TokenProgram::PToken, DECIMALS, &[]);
    let (network, treasury, payer) = (fixture.network, fixture.treasury, fixture.payer.pubkey());
    let vault = fixture.create_associated_account(&treasury, &asset);
    fixture.mint_to(&asset, &vault, TOKEN);
    let account = fixture.create_associated_account(&node.owner.pubkey(), &asset);
    let from = fixture.create_associated_account(&payer, &asset);
    fixture.mint_to(&asset, &from, TOKEN);
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    let mismatch = SettlementError::AssetAccountsMismatch;
    let (admin, settler, owner) =
        (fixture.admin.insecure_clone(), fixture.settler.insecure_clone(), node.owner.insecure_clone());

    let fund = fund_tokens_ix(payer, from, network, admin.pubkey(), &asset, 1);
    assert_refused(fixture.send(&[fund], &[]), mismatch);
    let ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, node.id, node.destination, Some(1));
    assert_refused(fixture.send(&[ix], &[&owner]), mismatch);
    let ix = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, account, 1);
    assert_refused(fixture.send(&[ix], &[&admin]), mismatch);
    let count = SettlementError::AccountCountMismatch;
    let entry = SettleEntry { wallet: node.wallet, destination: account, target: 3 * SOL };
    let ix = settle_tokens_ix(settler.pubkey(), network, &asset, HEADER, &[entry]);
    assert_refused(fixture.send(&[ix], &[&settler]), count);
    assert_refused(fixture.send(&[payout_tokens_ix(network, &asset, &[(node.wallet, account)])], &[]), count);

    // Any one of the three alone is refused, and so is the funder's token account.
    let alone = |ix: Instruction, at: usize, pubkey: Pubkey| {
        let mut ix = ix;
        ix.accounts[at] = AccountMeta::new(pubkey, false);
        ix
    };
    let own = [vault, asset.mint, asset.token_program];
    for (i, pubkey) in own.into_iter().enumerate() {
        let ix = alone(fund_ix(payer, network, fixture.admin.pubkey(), SOL), 6 + i, pubkey);
        assert_refused(fixture.send(&[ix], &[]), mismatch);
        let ix = alone(withdraw_ix(owner.pubkey(), network, node.id, node.destination, None), 5 + i, pubkey);
        assert_refused(fixture.send(&[ix], &[&owner]), mismatch);
        let ix = alone(withdraw_surplus_ix(admin.pubkey(), network, admin.pubkey(), 1), 4 + i, pubkey);
        assert_refused(fixture.send(&[ix], &[&admin]), mismatch);
    }
    let ix = alone(fund_ix(payer, network, fixture.admin.pubkey(), SOL), 5, from);
    assert_refused(fixture.send(&[ix], &[]), mismatch);

    assert_eq!((fixture.surplus(), fixture.wallet_lamports(&node)), (98 * SOL, 2 * SOL));
    assert_eq!(
        (fixture.token_balance(&vault), fixture.token_balance(&from), fixture.token_balance(&account)),
        (TOKEN, TOKEN, 0)
    );
}

#[test]
fn creating_a_network_takes_all_token_accounts_or_none() {
    let mut fixture = ProgramFixture::without_network(TokenProgram::PToken.runtime());
    let asset = fixture.create_mint(TokenProgram::PToken, DECIMALS, &[]);
    let args = fixture.network_args("test");
    let admin = fixture.admin.insecure_clone();
    let all = create_token_network_ix(admin.pubkey(), args, &asset);
    let none = create_network_ix(admin.pubkey(), args);
    let mismatch = SettlementError::AssetAccountsMismatch;
    for at in 4..8 {
        let mut ix = all.clone();
        ix.accounts[at] = none.accounts[at].clone();
        assert_refused(fixture.send(&[ix], &[&admin]), mismatch);
        let mut ix = none.clone();
        ix.accounts[at] = all.accounts[at].clone();
        assert_refused(fixture.send(&[ix], &[&admin]), mismatch);
    }
    // Another program in place of the associated token program.
    let mut ix = all.clone();
    ix.accounts[7].pubkey = asset.token_program;
    assert_refused(fixture.send(&[ix], &[&admin]), mismatch);
    // Another vault: the associated token program creates accounts only at their derived addresses.
    let own = fixture.create_associated_account(&admin.pubkey(), &asset);
    for vault in [own, Pubkey::new_unique(), fixture.treasury] {
        let mut ix = all.clone();
        ix.accounts[6].pubkey = vault;
        let failed = fixture.send(&[ix], &[&admin]).expect_err("the network should have been refused");
        let invalid = TransactionError::InstructionError(0, InstructionError::InvalidSeeds);
        assert_eq!(failed.err, invalid, "{}", failed.meta.pretty_logs());
        assert!(fixture.svm.get_account(&fixture.network).is_none());
    }
    fixture.send(&[all], &[&admin]).expect("the network is created");
}

/// The token program never produces such accounts, but the program checks them nevertheless.
#[test]
fn a_malformed_vault_or_mint_is_refused() {
    for program in TokenProgram::ALL {
        let (mut fixture, payee) = fixture(program);
        let (vault, mint) = (fixture.vault, fixture.asset.mint);
        let cases = asset_cases(&mut fixture, &payee);
        for (address, why) in
            [(vault, SettlementError::InvalidTreasuryTokenAccount), (mint, SettlementError::InvalidMint)]
        {
            let genuine = fixture.svm.get_account(&address).expect("the account exists");
            let mut malformed = vec![genuine.clone(); 3];
            malformed[0].data.clear();
            malformed[1].data.truncate(40);
            malformed[2].data.fill(0);
            if address == vault {
                malformed.push(genuine.clone());
                malformed[3].owner = Pubkey::new_unique();
            }
            for account in malformed {
                fixture.set_account(&address, account);
                for case in &cases {
                    let outcome = case.send(&mut fixture, |_| {});
                    assert_case_refused(case.name, outcome, why);
                }
            }
            fixture.set_account(&address, genuine);
        }
        assert_nothing_moved(&fixture, &payee);
    }
}
