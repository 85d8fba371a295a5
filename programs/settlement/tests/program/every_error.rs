//! Every error of the program is produced by a test: here is which.

use std::path::Path;

use settlement::error::SettlementError;

/// Each error, and a test that has the program refuse something by it.
const PRODUCED_BY: [(SettlementError, &str); 51] = [
    (SettlementError::InvalidNetworkId, "create_network::bad_parameters_are_refused_by_name_and_create_nothing"),
    (
        SettlementError::ZeroLimit,
        "update_network::an_update_without_a_parameter_or_with_a_zero_is_refused_and_changes_nothing",
    ),
    (
        SettlementError::ZeroThreshold,
        "update_network::an_update_without_a_parameter_or_with_a_zero_is_refused_and_changes_nothing",
    ),
    (
        SettlementError::ZeroPendingAge,
        "update_network::an_update_without_a_parameter_or_with_a_zero_is_refused_and_changes_nothing",
    ),
    (SettlementError::DefaultAuthority, "create_network::bad_parameters_are_refused_by_name_and_create_nothing"),
    (SettlementError::ThresholdBelowDefault, "set_threshold::it_is_never_below_the_networks_of_today"),
    (SettlementError::InvalidOwner, "register_node::an_address_that_would_lose_or_block_earnings_is_refused"),
    (SettlementError::InvalidDestination, "register_node::an_address_that_would_lose_or_block_earnings_is_refused"),
    (SettlementError::Unauthorized, "credit::only_the_networks_settler_credits"),
    (SettlementError::Paused, "pause::nothing_leaves_while_paused_and_everything_else_goes_on"),
    (SettlementError::NetworkMismatch, "close_node::the_admin_of_one_network_closes_nothing_of_another"),
    (SettlementError::UnknownVersion, "interface::accounts_of_a_layout_not_known_yet_are_refused_by_every_instruction"),
    (SettlementError::UnsupportedAsset, "interface::a_network_of_an_asset_not_known_yet_moves_nothing"),
    (SettlementError::ZeroAmount, "fund::nothing_is_no_funding"),
    (SettlementError::NothingPending, "tokens::path::an_owner_withdraws_any_part_of_what_is_pending"),
    (SettlementError::AmountAbovePending, "tokens::path::an_owner_withdraws_any_part_of_what_is_pending"),
    (SettlementError::EmptyBatch, "credit::a_batch_of_the_wrong_shape_is_an_error"),
    (SettlementError::TooManyEntries, "payout::a_payout_of_the_wrong_shape_is_an_error"),
    (SettlementError::AccountCountMismatch, "bad_input::a_batch_with_any_other_number_of_accounts_is_refused"),
    (SettlementError::DestinationMismatch, "close_node::the_rent_goes_to_nobody_else"),
    (
        SettlementError::DestinationNotRentExempt,
        "close_node::after_a_rise_of_rent_what_stays_is_rent_exempt_or_the_node_is_not_closed",
    ),
    (SettlementError::DestinationNotPayable, "withdraw::a_destination_that_can_not_be_paid_is_refused"),
    (
        SettlementError::WalletNotRentExempt,
        "close_node::after_a_rise_of_rent_what_stays_is_rent_exempt_or_the_node_is_not_closed",
    ),
    (SettlementError::Overflow, "bad_input::a_treasury_at_the_end_of_its_numbers_is_refused_and_moves_nothing"),
    (SettlementError::InconsistentTotals, "close_node::totals_that_contradict_each_other_close_nothing"),
    (
        SettlementError::NothingToUpdate,
        "update_network::an_update_without_a_parameter_or_with_a_zero_is_refused_and_changes_nothing",
    ),
    (SettlementError::AmountAboveSurplus, "tokens::path::the_admin_takes_what_is_owed_to_nobody_and_not_a_unit_more"),
    (SettlementError::PendingNotZero, "close_node::a_node_with_a_pending_lamport_is_not_closed"),
    (SettlementError::NothingToMigrate, "migrate_treasury::a_treasury_is_migrated_once"),
    (
        SettlementError::AssetAccountsMismatch,
        "tokens::accounts::each_wrong_account_of_the_asset_is_refused_by_its_own_name",
    ),
    (
        SettlementError::InvalidTokenProgram,
        "tokens::accounts::each_wrong_account_of_the_asset_is_refused_by_its_own_name",
    ),
    (SettlementError::InvalidMint, "tokens::accounts::each_wrong_account_of_the_asset_is_refused_by_its_own_name"),
    (
        SettlementError::MintNonTransferable,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintTransferHook,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintPermanentDelegate,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintCloseAuthority,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintDefaultAccountState,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintPausable,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintConfidential,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintInterestBearing,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintScaledUiAmount,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_by_name",
    ),
    (
        SettlementError::MintUnknownExtension,
        "tokens::mints::extensions_that_come_with_others_or_are_yet_to_come_are_refused_too",
    ),
    (
        SettlementError::InvalidTreasuryTokenAccount,
        "tokens::accounts::each_wrong_account_of_the_asset_is_refused_by_its_own_name",
    ),
    (SettlementError::InvalidTokenAccount, "tokens::vault::surplus_goes_to_sound_token_accounts_only"),
    (SettlementError::TokenAccountWrongMint, "tokens::vault::surplus_goes_to_sound_token_accounts_only"),
    (SettlementError::TokenAccountWrongOwner, "tokens::skips::a_withdrawal_to_a_bad_token_account_is_refused_by_name"),
    (SettlementError::TokenAccountFrozen, "tokens::vault::surplus_goes_to_sound_token_accounts_only"),
    (SettlementError::TokenAccountNeedsMemo, "tokens::skips::a_withdrawal_to_a_bad_token_account_is_refused_by_name"),
    (SettlementError::TreasuryFrozen, "tokens::skips::a_frozen_vault_pays_nobody_until_it_thaws"),
    (
        SettlementError::TreasuryTokensShort,
        "tokens::skips::a_vault_that_lost_tokens_pays_those_it_can_wherever_they_stand",
    ),
    (SettlementError::ClosedNodeMismatch, "reopen_node::a_node_that_was_never_closed_is_not_reopened"),
];

#[test]
fn every_error_is_produced_by_the_test_that_is_named_for_it() {
    let listed = PRODUCED_BY.map(|(error, _)| error);
    assert!(listed == SettlementError::ALL, "the list has every error, in the order of their codes");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program");
    for (error, test) in PRODUCED_BY {
        let (module, function) = test.rsplit_once("::").expect("a module and a function");
        let file = tests.join(module.replace("::", "/")).with_extension("rs");
        let source = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(source.contains(&format!("#[test]\nfn {function}()")), "there is no test {test}");
        assert!(source.contains(&format!("SettlementError::{error:?}")), "{module} expects no {error:?}");
    }
}
