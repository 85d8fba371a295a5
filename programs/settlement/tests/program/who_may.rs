//! Who may do what: every instruction by everybody.

use settlement::client::{RegisterNodeArgs, node_id};
use settlement::error::SettlementError;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Part, Role, assert_refused, every, every_with_tokens, program_accounts};

/// The roles that may; `None` for an instruction that anybody may send.
fn may(name: &str) -> Option<&'static [Role]> {
    Some(match name {
        "update_network" | "propose_admin" | "set_settler" | "set_guardian" | "unpause" | "withdraw_surplus" => {
            &[Role::Admin]
        }
        "pause" => &[Role::Guardian, Role::Admin],
        "register_node" | "reopen_node" => &[Role::Settler, Role::Admin],
        "credit" | "settle" => &[Role::Settler],
        // Of this very node; the one in the roles below is another's.
        "close_node" => &[Role::Admin],
        "set_destination" | "set_threshold" | "withdraw" => &[],
        // Who was proposed.
        "accept_admin" => &[],
        "create_network" | "fund" | "payout" | "migrate_treasury" => return None,
        other => panic!("{other}: who may?"),
    })
}

#[test]
fn everybody_may_do_what_their_role_is_for_and_nothing_else() {
    for mut subject in every().into_iter().chain(every_with_tokens()) {
        let Some(allowed) = may(subject.name) else {
            assert!(!subject.parts.contains(&Part::Authority), "{}", subject.name);
            continue;
        };
        assert_eq!(subject.parts[0], Part::Authority, "{}", subject.name);
        let stage = subject.world.svm.clone();
        let owner = Keypair::new();
        let args =
            RegisterNodeArgs { node_id: node_id("another"), owner: owner.pubkey(), destination: None, threshold: None };
        let settler = subject.world.settler.insecure_clone();
        subject.world.register(&settler, args).expect("registered");
        let registered = subject.world.svm.clone();
        for role in Role::ALL {
            let key = match role {
                Role::Admin => subject.world.admin.insecure_clone(),
                Role::Settler => settler.insecure_clone(),
                Role::Guardian => subject.world.guardian.insecure_clone(),
                Role::Owner => owner.insecure_clone(),
                Role::Stranger => Keypair::new(),
            };
            let mut ix = subject.ix.clone();
            ix.accounts[0].pubkey = key.pubkey();
            subject.signers.retain(|signer| *signer != key);
            subject.signers.push(key);
            let before = program_accounts(&subject.world);
            let outcome = subject.send(ix);
            if allowed.contains(&role) {
                assert!(outcome.is_ok(), "{} by {role:?}", subject.name);
                subject.world.svm = registered.clone();
            } else {
                assert_refused(outcome, SettlementError::Unauthorized);
                assert!(program_accounts(&subject.world) == before, "{} by {role:?}", subject.name);
            }
        }
        subject.world.svm = stage;
        let ix = subject.ix.clone();
        assert!(subject.send(ix).is_ok(), "{} by who may", subject.name);
    }
}
