//! Fixtures and assertions that all modules share.

mod all_instructions;
mod assertions;
mod fixture;
mod lookup_table;
mod program;
mod rent_rule;
mod reserved;
mod roles;
mod runtime;
mod token_fixture;
#[path = "../../support/token_programs.rs"]
mod token_programs;
mod unrelated_accounts;

pub(crate) use all_instructions::{AccountKind, BYSTANDER, InstructionCase, all_instructions, all_token_instructions};
pub(crate) use assertions::{ExpectedError, assert_address_in_use, assert_refused, skip_reasons};
pub(crate) use fixture::{MAX_PAUSE_SECONDS, Node, ProgramFixture, SOL, START, TransactionOutcome, header, wire_size};
pub(crate) use program::bytes as program_bytes;
pub(crate) use reserved::RESERVED_ADDRESSES;
pub(crate) use roles::{Role, assert_only_authorized, program_accounts};
pub(crate) use runtime::{all_features, runtime};
pub(crate) use token_fixture::{DECIMALS, Payee, TOKEN, TokenFixture};
pub(crate) use token_programs::{Extension, TRANSFER_FEE, TokenProgram};
pub(crate) use unrelated_accounts::unrelated_accounts;

use settlement::client::NetworkId;

/// The id of a network whose name is known to be valid.
pub(crate) fn network_id(name: &str) -> NetworkId {
    NetworkId::from_name(name).expect("a valid network name")
}
