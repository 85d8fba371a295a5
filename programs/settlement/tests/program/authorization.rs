//! Authorization: every instruction, sent by every role.

use anchor_lang::error::ErrorCode;
use settlement::error::SettlementError;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{
    AccountKind, ExpectedError, Role, all_instructions, all_token_instructions, assert_refused, program_accounts,
};

/// The roles that may send an instruction; `None` if anyone may.
fn authorized(name: &str) -> Option<&'static [Role]> {
    Some(match name {
        "update_network"
        | "propose_admin"
        | "set_settler"
        | "set_guardian"
        | "unpause"
        | "withdraw_surplus"
        | "recover_lamports"
        | "set_aside"
        | "recover_treasury_tokens"
        | "close_network" => &[Role::Admin],
        "pause" => &[Role::Guardian, Role::Admin],
        "register_node" | "reopen_node" | "top_up_rent" => &[Role::Settler, Role::Admin],
        "credit" | "settle" => &[Role::Settler],
        "close_node" => &[Role::NodeOwner, Role::Admin],
        "set_destination" | "set_threshold" | "withdraw" | "recover_node_tokens" | "claim_set_aside" => {
            &[Role::NodeOwner]
        }
        // Only the proposed admin, who has no role yet.
        "accept_admin" => &[],
        "create_network" | "fund" | "payout" | "sweep_rent" | "sweep_closed_network" | "migrate_treasury" => {
            return None;
        }
        other => panic!("{other} is missing from the table of authorized roles"),
    })
}

#[test]
fn each_role_can_send_its_own_instructions_and_no_others() {
    for mut case in all_instructions().into_iter().chain(all_token_instructions()) {
        let name = case.name;
        let Some(authorized) = authorized(name) else {
            let signs = |kind: &AccountKind| matches!(kind, AccountKind::Authority | AccountKind::SigningOwner);
            assert!(!case.kinds.iter().any(signs), "{name}");
            continue;
        };
        // An owner's wallet has the owner in its address, so another signer has no such wallet.
        let refused: ExpectedError = match case.kinds[0] {
            AccountKind::Authority => SettlementError::Unauthorized.into(),
            AccountKind::SigningOwner => ErrorCode::ConstraintSeeds.into(),
            other => panic!("{name} begins with {other:?}"),
        };
        let callers = Role::ALL.map(|role| {
            let key = role.key(&case.fixture, &case.node);
            (format!("{role:?}"), key, authorized.contains(&role))
        });
        let other_owner = ("the owner of another node".to_owned(), case.bystander.owner.insecure_clone(), false);
        let initial = case.fixture.svm.clone();
        let before = program_accounts(&case.fixture);
        let signers: Vec<_> = case.signers.iter().map(Keypair::insecure_clone).collect();
        for (caller, key, is_authorized) in callers.into_iter().chain([other_owner]) {
            println!("{name} by {caller}");
            let mut ix = case.ix.clone();
            ix.accounts[0].pubkey = key.pubkey();
            let mut unsigned = ix.clone();
            unsigned.accounts[0].is_signer = false;
            assert_refused(case.send(unsigned), ErrorCode::AccountNotSigner);
            case.signers.retain(|signer| *signer != key);
            case.signers.push(key);
            let outcome = case.send(ix);
            if is_authorized {
                assert!(outcome.is_ok(), "{name} by {caller}");
                case.fixture.svm = initial.clone();
            } else {
                assert_refused(outcome, refused);
            }
            assert!(program_accounts(&case.fixture) == before, "{name} by {caller} changed an account");
        }
        // Nothing but the caller was wrong.
        case.signers = signers;
        let ix = case.ix.clone();
        assert!(case.send(ix).is_ok(), "{name} with the right signer");
    }
}
