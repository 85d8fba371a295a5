//! Every error of the program is covered by a test. This module lists which.

use std::path::Path;

use settlement::error::SettlementError;

/// Each error, and a test in which the program returns it.
const COVERED_BY: [(SettlementError, &str); 62] = [
    (
        SettlementError::InvalidNetworkId,
        "create_network::invalid_parameters_are_refused_with_their_own_errors_and_create_nothing",
    ),
    (SettlementError::ZeroLimit, "update_network::an_empty_update_or_a_zero_is_refused_and_changes_nothing"),
    (SettlementError::ZeroThreshold, "update_network::an_empty_update_or_a_zero_is_refused_and_changes_nothing"),
    (SettlementError::ZeroPendingAge, "update_network::an_empty_update_or_a_zero_is_refused_and_changes_nothing"),
    (
        SettlementError::DefaultAuthority,
        "create_network::invalid_parameters_are_refused_with_their_own_errors_and_create_nothing",
    ),
    (SettlementError::ThresholdBelowDefault, "set_threshold::a_threshold_is_never_below_the_current_network_minimum"),
    (SettlementError::InvalidOwner, "register_node::an_address_that_would_lose_or_block_earnings_is_refused"),
    (SettlementError::InvalidDestination, "register_node::an_address_that_would_lose_or_block_earnings_is_refused"),
    (SettlementError::Unauthorized, "authorization::each_role_can_send_its_own_instructions_and_no_others"),
    (SettlementError::Paused, "pause::a_pause_stops_outflows_and_the_settler_and_nothing_else"),
    (SettlementError::NetworkMismatch, "close_node::the_admin_of_one_network_cannot_close_a_node_of_another"),
    (SettlementError::UnknownVersion, "interface::accounts_with_an_unknown_version_are_refused_by_every_instruction"),
    (SettlementError::UnsupportedAsset, "interface::a_network_with_an_unknown_asset_moves_no_funds"),
    (SettlementError::ZeroAmount, "fund::an_amount_of_zero_is_refused"),
    (SettlementError::NothingPending, "tokens::lifecycle::an_owner_can_withdraw_any_part_of_the_pending_amount"),
    (SettlementError::AmountAbovePending, "tokens::lifecycle::an_owner_can_withdraw_any_part_of_the_pending_amount"),
    (SettlementError::EmptyBatch, "credit::a_malformed_batch_is_refused"),
    (SettlementError::TooManyEntries, "payout::a_malformed_payout_is_refused"),
    (SettlementError::AccountCountMismatch, "bad_input::a_batch_with_surplus_accounts_is_refused"),
    (SettlementError::DestinationMismatch, "withdraw::lamports_go_only_to_the_named_destination"),
    (
        SettlementError::DestinationNotRentExempt,
        "withdraw::a_destination_that_does_not_exist_needs_its_rent_and_an_existing_one_nothing",
    ),
    (SettlementError::DestinationNotPayable, "withdraw::a_destination_that_cannot_be_paid_is_refused"),
    (SettlementError::WalletNotRentExempt, "rent::after_a_rise_a_wallet_keeps_its_floor_until_it_is_topped_up"),
    (SettlementError::Overflow, "bad_input::treasury_totals_that_would_overflow_are_refused_and_change_nothing"),
    (SettlementError::InconsistentTotals, "close_node::a_wallet_with_inconsistent_totals_cannot_be_closed"),
    (SettlementError::NothingToUpdate, "update_network::an_empty_update_or_a_zero_is_refused_and_changes_nothing"),
    (SettlementError::AmountAboveSurplus, "tokens::lifecycle::the_admin_can_withdraw_exactly_the_surplus"),
    (SettlementError::PendingNotZero, "close_node::a_node_with_a_pending_lamport_cannot_be_closed"),
    (SettlementError::NothingToMigrate, "migrate_treasury::a_treasury_can_be_migrated_only_once"),
    (
        SettlementError::AssetAccountsMismatch,
        "tokens::accounts::each_wrong_token_account_is_refused_with_its_own_error",
    ),
    (SettlementError::InvalidTokenProgram, "tokens::accounts::each_wrong_token_account_is_refused_with_its_own_error"),
    (SettlementError::InvalidMint, "tokens::accounts::each_wrong_token_account_is_refused_with_its_own_error"),
    (
        SettlementError::MintNonTransferable,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (
        SettlementError::MintTransferHook,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (
        SettlementError::MintPermanentDelegate,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (
        SettlementError::MintCloseAuthority,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (
        SettlementError::MintDefaultAccountState,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (
        SettlementError::MintPausable,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (
        SettlementError::MintConfidential,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (
        SettlementError::MintInterestBearing,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (
        SettlementError::MintScaledUiAmount,
        "tokens::mints::extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors",
    ),
    (SettlementError::MintUnknownExtension, "tokens::mints::dependent_and_unknown_extensions_are_refused"),
    (
        SettlementError::InvalidTreasuryTokenAccount,
        "tokens::accounts::each_wrong_token_account_is_refused_with_its_own_error",
    ),
    (SettlementError::InvalidTokenAccount, "tokens::vault::surplus_goes_only_to_valid_token_accounts"),
    (SettlementError::TokenAccountWrongMint, "tokens::vault::surplus_goes_only_to_valid_token_accounts"),
    (
        SettlementError::TokenAccountWrongOwner,
        "tokens::destinations::an_associated_account_that_the_owner_gave_away_is_not_paid",
    ),
    (SettlementError::TokenAccountFrozen, "tokens::vault::surplus_goes_only_to_valid_token_accounts"),
    (
        SettlementError::TokenAccountNeedsMemo,
        "tokens::skip_reasons::a_withdrawal_to_a_bad_token_account_is_refused_with_its_own_error",
    ),
    (SettlementError::TreasuryFrozen, "tokens::skip_reasons::a_frozen_vault_pays_nobody_until_it_is_thawed"),
    (
        SettlementError::TreasuryTokensShort,
        "tokens::skip_reasons::a_vault_that_lost_tokens_still_pays_the_entries_it_can_cover",
    ),
    (SettlementError::ClosedNodeMismatch, "reopen_node::a_node_that_is_not_closed_cannot_be_reopened"),
    (SettlementError::DestinationNotOwner, "register_node::a_stolen_settler_key_cannot_redirect_earnings"),
    (SettlementError::ThresholdNotDefault, "register_node::the_settler_cannot_set_a_threshold_other_than_the_default"),
    (SettlementError::AdminMismatch, "fund::a_network_of_another_admin_is_not_funded"),
    (
        SettlementError::InvalidMaxPause,
        "create_network::invalid_parameters_are_refused_with_their_own_errors_and_create_nothing",
    ),
    (SettlementError::NodesOwed, "close_network::a_network_that_owes_one_lamport_cannot_be_closed"),
    (SettlementError::VaultNotEmpty, "close_network::a_vault_with_tokens_keeps_its_network_open"),
    (SettlementError::NothingToRecover, "sweep_rent::a_sweep_that_finds_nothing_is_refused"),
    (SettlementError::NotRecoverable, "recover_treasury_tokens::the_vault_cannot_be_emptied"),
    (
        SettlementError::HoldInForce,
        "update_network::the_maximum_pause_cannot_change_until_owners_had_as_long_to_withdraw_as_the_hold_lasted",
    ),
    (SettlementError::DestinationPayable, "set_aside::an_amount_is_set_aside_only_if_the_destination_cannot_be_paid"),
    (SettlementError::InvalidClaim, "set_aside::tokens_are_set_aside_only_at_the_wallets_address"),
];

#[test]
fn every_error_is_covered_by_the_listed_test() {
    let listed = COVERED_BY.map(|(error, _)| error);
    assert!(listed == SettlementError::ALL, "the list must contain every error, in the order of their codes");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program");
    for (error, test) in COVERED_BY {
        let (module, function) = test.rsplit_once("::").expect("a module and a function");
        let file = tests.join(module.replace("::", "/")).with_extension("rs");
        let source = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(source.contains(&format!("#[test]\nfn {function}()")), "the test {test} does not exist");
        assert!(source.contains(&format!("SettlementError::{error:?}")), "{module} does not expect {error:?}");
    }
}
