//! The accounts by which an instruction knows the network's asset: vault, mint and token program in
//! a network that pays in tokens, none of them in one that pays in SOL.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    ASSOCIATED_TOKEN_ID, SettleEntry, TokenAsset, create_network_ix, create_token_network_ix, fund_ix, fund_tokens_ix,
    payout_ix, payout_tokens_ix, settle_ix, settle_tokens_ix, treasury_token_address, withdraw_ix, withdraw_surplus_ix,
    withdraw_surplus_tokens_ix, withdraw_tokens_ix,
};
use settlement::error::SettlementError;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_sdk_ids::system_program;
use solana_signer::Signer;

use super::HEADER;
use crate::common::{
    DECIMALS, Outcome, Payee, Refused, SOL, TOKEN, TokenProgram, TokenWorld, World, assert_refused, id,
};

/// An instruction that would be accepted, and where in it the vault, the mint and the token program
/// stand.
struct Subject {
    what: &'static str,
    ix: Instruction,
    signer: Keypair,
    asset: [usize; 3],
    /// Whether Anchor reads the named accounts, which takes the program's id for none.
    by_anchor: bool,
}

impl Subject {
    fn send(&self, world: &mut World, change: impl FnOnce(&mut Vec<AccountMeta>)) -> Outcome {
        let mut ix = self.ix.clone();
        change(&mut ix.accounts);
        let signers = if ix.accounts.iter().any(|account| account.is_signer) { vec![&self.signer] } else { vec![] };
        world.send(&[ix], &signers)
    }
}

/// Every instruction that takes the asset's accounts of an existing network.
fn subjects(world: &mut TokenWorld, payee: &Payee) -> Vec<Subject> {
    let (network, asset) = (world.network, world.asset);
    let admin = world.admin.insecure_clone();
    let own = world.associated(&admin.pubkey(), &asset);
    world.mint_to(&asset, &own, 100 * TOKEN);
    let (owner, settler) = (payee.node.owner.insecure_clone(), world.settler.insecure_clone());
    vec![
        Subject {
            what: "fund",
            ix: fund_tokens_ix(admin.pubkey(), own, network, &asset, TOKEN),
            signer: admin.insecure_clone(),
            asset: [5, 6, 7],
            by_anchor: true,
        },
        Subject {
            what: "withdraw",
            ix: withdraw_tokens_ix(owner.pubkey(), network, &asset, payee.node.id, payee.account, Some(1)),
            signer: owner,
            asset: [4, 5, 6],
            by_anchor: true,
        },
        Subject {
            what: "withdraw_surplus",
            ix: withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, own, 1),
            signer: admin,
            asset: [4, 5, 6],
            by_anchor: true,
        },
        Subject {
            what: "settle",
            ix: settle_tokens_ix(settler.pubkey(), network, &asset, HEADER, &[payee.entry(0)]),
            signer: settler.insecure_clone(),
            asset: [4, 5, 6],
            by_anchor: false,
        },
        Subject {
            what: "payout",
            ix: payout_tokens_ix(network, &asset, &[payee.pair()]),
            signer: settler,
            asset: [3, 4, 5],
            by_anchor: false,
        },
    ]
}

/// A world with a node that 5 tokens are pending for.
fn world(program: TokenProgram) -> (TokenWorld, Payee) {
    let mut world = TokenWorld::new(program);
    let payee = world.payee("node");
    world.credit(&[(payee.node.wallet, 5 * TOKEN)]);
    (world, payee)
}

#[track_caller]
fn assert_nothing_moved(world: &TokenWorld, payee: &Payee) {
    assert_eq!((world.vault_tokens(), world.owed()), (1_000 * TOKEN, 5 * TOKEN));
    assert_eq!((world.wallet_state(&payee.node).pending(), world.tokens(&payee.account)), (5 * TOKEN, 0));
    assert_eq!(world.surplus(), 0);
}

#[test]
fn each_wrong_account_of_the_asset_is_refused_by_its_own_name() {
    for program in TokenProgram::ALL {
        let (mut world, payee) = world(program);
        let (network, treasury, asset) = (world.network, world.treasury, world.asset);
        let other_mint = world.mint(program, DECIMALS, &[]);
        let other = vault_of_another(&mut world, "other", &other_mint);
        let same_mint = vault_of_another(&mut world, "twin", &asset);
        let second_vault = world.token_account(&treasury, &asset);
        let other_program =
            if program == TokenProgram::Token2022 { TokenProgram::PToken } else { TokenProgram::Token2022 };

        let vaults = [other, same_mint, second_vault, payee.account, treasury, network, Pubkey::new_unique()];
        let mints = [other_mint.mint, payee.account, world.vault, Pubkey::new_unique()];
        let programs = [other_program.id(), system_program::ID, ASSOCIATED_TOKEN_ID, Pubkey::new_unique()];
        for subject in subjects(&mut world, &payee) {
            let [vault_at, mint_at, program_at] = subject.asset;
            let mut refused = |at: usize, wrong: Pubkey, why: SettlementError| {
                let outcome = subject.send(&mut world, |accounts| accounts[at].pubkey = wrong);
                assert_refused_for(subject.what, outcome, why);
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

            let read_only = subject.send(&mut world, |accounts| accounts[vault_at].is_writable = false);
            let why: Refused = if subject.by_anchor {
                ErrorCode::ConstraintMut.into()
            } else {
                SettlementError::InvalidTreasuryTokenAccount.into()
            };
            assert_refused_for(subject.what, read_only, why);
            // Each of them absent.
            if subject.by_anchor {
                for at in subject.asset {
                    let outcome = subject.send(&mut world, |accounts| {
                        accounts[at] = AccountMeta::new_readonly(settlement::ID, false);
                    });
                    assert_refused_for(subject.what, outcome, SettlementError::AssetAccountsMismatch);
                }
            }
            assert_nothing_moved(&world, &payee);
        }
        // With the right ones they all pass.
        for subject in subjects(&mut world, &payee) {
            let outcome = subject.send(&mut world, |_| {});
            outcome.unwrap_or_else(|failed| panic!("{}: {}", subject.what, failed.meta.pretty_logs()));
        }
    }
}

/// The vault of another network in the same world.
fn vault_of_another(world: &mut World, name: &str, asset: &TokenAsset) -> Pubkey {
    let args = world.args(name);
    world.create_for(args, asset).expect("created");
    treasury_token_address(&settlement::client::network_address(&id(name)), asset)
}

#[track_caller]
fn assert_refused_for(what: &str, outcome: Outcome, why: impl Into<Refused>) {
    if outcome.is_ok() {
        panic!("{what} was not refused");
    }
    assert_refused(outcome, why);
}

#[test]
fn a_funder_without_a_token_account_is_refused() {
    let (mut world, payee) = world(TokenProgram::PToken);
    let fund = &subjects(&mut world, &payee)[0];
    let outcome = fund.send(&mut world, |accounts| accounts[4] = AccountMeta::new_readonly(settlement::ID, false));
    assert_refused(outcome, SettlementError::AssetAccountsMismatch);
    assert_nothing_moved(&world, &payee);
}

#[test]
fn an_instruction_for_sol_is_refused_where_tokens_are_paid() {
    for program in TokenProgram::ALL {
        let (mut world, payee) = world(program);
        let (network, payer) = (world.network, world.payer.pubkey());
        let mismatch = SettlementError::AssetAccountsMismatch;
        let (admin, settler) = (world.admin.insecure_clone(), world.settler.insecure_clone());
        let owner = payee.node.owner.insecure_clone();
        assert_refused(world.send(&[fund_ix(payer, network, SOL)], &[]), mismatch);
        let destination = payee.node.destination;
        let ix = withdraw_ix(owner.pubkey(), network, payee.node.id, destination, None);
        assert_refused(world.send(&[ix], &[&owner]), mismatch);
        let ix = withdraw_surplus_ix(admin.pubkey(), network, admin.pubkey(), 1);
        assert_refused(world.send(&[ix], &[&admin]), mismatch);
        // One entry has too few accounts to hold the asset's; more have others in their places.
        for (entries, why) in [(1, mismatch), (2, SettlementError::InvalidTreasuryTokenAccount)] {
            let entry = SettleEntry { wallet: payee.node.wallet, destination, target: 6 * TOKEN };
            let ix = settle_ix(settler.pubkey(), network, HEADER, &vec![entry; entries]);
            assert_refused(world.send(&[ix], &[&settler]), why);
            let ix = payout_ix(network, &vec![(payee.node.wallet, destination); entries]);
            assert_refused(world.send(&[ix], &[]), why);
        }
        assert_nothing_moved(&world, &payee);
    }
}

#[test]
fn an_instruction_for_tokens_is_refused_where_sol_is_paid() {
    let mut world = World::new();
    let node = world.node("node");
    let asset = world.mint(TokenProgram::PToken, DECIMALS, &[]);
    let (network, treasury, payer) = (world.network, world.treasury, world.payer.pubkey());
    let vault = world.associated(&treasury, &asset);
    world.mint_to(&asset, &vault, TOKEN);
    let account = world.associated(&node.destination, &asset);
    let from = world.associated(&payer, &asset);
    world.mint_to(&asset, &from, TOKEN);
    world.credit(&[(node.wallet, 2 * SOL)]);
    let mismatch = SettlementError::AssetAccountsMismatch;
    let (admin, settler, owner) =
        (world.admin.insecure_clone(), world.settler.insecure_clone(), node.owner.insecure_clone());

    assert_refused(world.send(&[fund_tokens_ix(payer, from, network, &asset, 1)], &[]), mismatch);
    let ix = withdraw_tokens_ix(owner.pubkey(), network, &asset, node.id, account, Some(1));
    assert_refused(world.send(&[ix], &[&owner]), mismatch);
    let ix = withdraw_surplus_tokens_ix(admin.pubkey(), network, &asset, account, 1);
    assert_refused(world.send(&[ix], &[&admin]), mismatch);
    let count = SettlementError::AccountCountMismatch;
    let entry = SettleEntry { wallet: node.wallet, destination: account, target: 3 * SOL };
    let ix = settle_tokens_ix(settler.pubkey(), network, &asset, HEADER, &[entry]);
    assert_refused(world.send(&[ix], &[&settler]), count);
    assert_refused(world.send(&[payout_tokens_ix(network, &asset, &[(node.wallet, account)])], &[]), count);

    // Each of the three alone is one too many, and so is the funder's.
    let alone = |ix: Instruction, at: usize, pubkey: Pubkey| {
        let mut ix = ix;
        ix.accounts[at] = AccountMeta::new(pubkey, false);
        ix
    };
    let own = [vault, asset.mint, asset.token_program];
    for (i, pubkey) in own.into_iter().enumerate() {
        let ix = alone(fund_ix(payer, network, SOL), 5 + i, pubkey);
        assert_refused(world.send(&[ix], &[]), mismatch);
        let ix = alone(withdraw_ix(owner.pubkey(), network, node.id, node.destination, None), 4 + i, pubkey);
        assert_refused(world.send(&[ix], &[&owner]), mismatch);
        let ix = alone(withdraw_surplus_ix(admin.pubkey(), network, admin.pubkey(), 1), 4 + i, pubkey);
        assert_refused(world.send(&[ix], &[&admin]), mismatch);
    }
    let ix = alone(fund_ix(payer, network, SOL), 4, from);
    assert_refused(world.send(&[ix], &[]), mismatch);

    assert_eq!((world.surplus(), world.wallet_lamports(&node)), (98 * SOL, 2 * SOL));
    assert_eq!((world.tokens(&vault), world.tokens(&from), world.tokens(&account)), (TOKEN, TOKEN, 0));
}

#[test]
fn a_network_takes_all_accounts_of_its_asset_or_none() {
    let mut world = World::bare(TokenProgram::PToken.runtime());
    let asset = world.mint(TokenProgram::PToken, DECIMALS, &[]);
    let args = world.args("test");
    let admin = world.admin.insecure_clone();
    let all = create_token_network_ix(admin.pubkey(), args, &asset);
    let none = create_network_ix(admin.pubkey(), args);
    let mismatch = SettlementError::AssetAccountsMismatch;
    for at in 4..8 {
        let mut ix = all.clone();
        ix.accounts[at] = none.accounts[at].clone();
        assert_refused(world.send(&[ix], &[&admin]), mismatch);
        let mut ix = none.clone();
        ix.accounts[at] = all.accounts[at].clone();
        assert_refused(world.send(&[ix], &[&admin]), mismatch);
    }
    // Another program in the place of the one that opens the vault.
    let mut ix = all.clone();
    ix.accounts[7].pubkey = asset.token_program;
    assert_refused(world.send(&[ix], &[&admin]), mismatch);
    // Another vault: the associated token program opens none at any other address.
    let own = world.associated(&admin.pubkey(), &asset);
    for vault in [own, Pubkey::new_unique(), world.treasury] {
        let mut ix = all.clone();
        ix.accounts[6].pubkey = vault;
        assert!(world.send(&[ix], &[&admin]).is_err());
        assert!(world.svm.get_account(&world.network).is_none());
    }
    world.send(&[all], &[&admin]).expect("created");
}

/// What the token program would never do: the check stands guard.
#[test]
fn a_vault_or_mint_that_lost_its_shape_pays_nothing() {
    for program in TokenProgram::ALL {
        let (mut world, payee) = world(program);
        let (vault, mint) = (world.vault, world.asset.mint);
        let subjects = subjects(&mut world, &payee);
        for (address, why) in
            [(vault, SettlementError::InvalidTreasuryTokenAccount), (mint, SettlementError::InvalidMint)]
        {
            let genuine = world.svm.get_account(&address).expect("an account");
            let mut shapeless = vec![genuine.clone(); 3];
            shapeless[0].data.clear();
            shapeless[1].data.truncate(40);
            shapeless[2].data.fill(0);
            if address == vault {
                shapeless.push(genuine.clone());
                shapeless[3].owner = Pubkey::new_unique();
            }
            for account in shapeless {
                world.put(&address, account);
                for subject in &subjects {
                    let outcome = subject.send(&mut world, |_| {});
                    assert_refused_for(subject.what, outcome, why);
                }
            }
            world.put(&address, genuine);
        }
        assert_nothing_moved(&world, &payee);
    }
}
