//! The instructions to which the network's asset matters, where it is a mint.

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    create_token_network_ix, credit_ix, fund_tokens_ix, payout_tokens_ix, settle_tokens_ix, withdraw_surplus_tokens_ix,
    withdraw_tokens_ix,
};
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{BYSTANDER, Part, Subject};
use crate::common::tokens::{Payee, TOKEN, TokenProgram, TokenWorld};
use crate::common::world::header;

/// A network with a bystander and a node that have 2 tokens due each.
fn stage() -> (TokenWorld, Payee) {
    let mut world = TokenWorld::new(TokenProgram::PToken);
    let (due, bystander) = (world.payee("due"), world.payee(BYSTANDER));
    world.credit(&[(due.node.wallet, 2 * TOKEN), (bystander.node.wallet, 2 * TOKEN)]);
    (world, due)
}

/// All of them, each in a world of its own where it succeeds.
pub fn every_with_tokens() -> Vec<Subject> {
    use Part::*;
    let mut all = vec![];
    let mut add = |name, world: TokenWorld, ix, parts: &[Part], signers: &[&Keypair]| {
        let asset = world.asset;
        all.push(Subject::new(name, world.into_world(), Some(asset), ix, parts, signers));
    };

    let (world, _) = stage();
    let admin = world.admin.insecure_clone();
    let ix = create_token_network_ix(admin.pubkey(), world.args("new"), &world.asset);
    let parts = [Payer, New, New, SystemProgram, Mint, TokenProgram, NewVault, AssociatedProgram];
    add("create_network", world, ix, &parts, &[&admin]);

    let (mut world, _) = stage();
    let (funder, asset) = (Keypair::new(), world.asset);
    let from = world.associated(&funder.pubkey(), &asset);
    world.mint_to(&asset, &from, 10 * TOKEN);
    let ix = fund_tokens_ix(funder.pubkey(), from, world.network, &asset, TOKEN);
    let parts = [Payer, Network, Treasury, SystemProgram, FunderTokens, Vault, Mint, TokenProgram];
    add("fund", world, ix, &parts, &[&funder]);

    let (mut world, _) = stage();
    let (admin, asset) = (world.admin.insecure_clone(), world.asset);
    let to = world.associated(&Pubkey::new_unique(), &asset);
    let ix = withdraw_surplus_tokens_ix(admin.pubkey(), world.network, &asset, to, TOKEN);
    let parts = [Authority, Network, Treasury, FreeTokens, Vault, Mint, TokenProgram];
    add("withdraw_surplus", world, ix, &parts, &[&admin]);

    let (world, due) = stage();
    let settler = world.settler.insecure_clone();
    let ix = credit_ix(settler.pubkey(), world.network, header(3), &[(due.node.wallet, 3 * TOKEN)]);
    add("credit", world, ix, &[Authority, Treasury, EntryWallet], &[&settler]);

    let (world, due) = stage();
    let settler = world.settler.insecure_clone();
    let ix = settle_tokens_ix(settler.pubkey(), world.network, &world.asset, header(3), &[due.entry(2 * TOKEN)]);
    let parts = [Authority, Treasury, Vault, Mint, TokenProgram, EntryWallet, EntryTokens];
    add("settle", world, ix, &parts, &[&settler]);

    let (world, due) = stage();
    let ix = payout_tokens_ix(world.network, &world.asset, &[due.pair()]);
    add("payout", world, ix, &[Treasury, Vault, Mint, TokenProgram, EntryWallet, EntryTokens], &[]);

    let (world, due) = stage();
    let owner = due.node.owner.insecure_clone();
    let ix = withdraw_tokens_ix(owner.pubkey(), world.network, &world.asset, due.node.id, due.account, None);
    let parts = [Authority, Treasury, Wallet, NamedTokens, Vault, Mint, TokenProgram];
    add("withdraw", world, ix, &parts, &[&owner]);

    all
}
