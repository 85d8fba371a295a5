//! The mints that a network can pay in.

use anchor_lang::prelude::Pubkey;
use settlement::client::{TokenAsset, treasury_token_address};
use settlement::error::SettlementError;
use settlement::events::NetworkMint;
use settlement::rules::token_layout::MINT_LEN;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_sdk_ids::system_program;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use spl_token_2022_interface::extension::{
    ExtensionType, confidential_mint_burn, confidential_transfer, confidential_transfer_fee, default_account_state,
    group_member_pointer, group_pointer, interest_bearing_mint, metadata_pointer, pausable, permissioned_burn,
    scaled_ui_amount, transfer_fee, transfer_hook,
};
use spl_token_2022_interface::instruction as token;
use spl_token_2022_interface::state::AccountState;

use crate::common::{
    DECIMALS, Extension, ProgramFixture, SOL, TOKEN, TokenFixture, TokenProgram, assert_refused, runtime,
};

/// The offset of Token-2022's account type, and its value for a mint.
const ACCOUNT_TYPE_AT: usize = 165;
const ACCOUNT_TYPE_MINT: u8 = 1;

/// SPL Token's mint of wrapped SOL.
const WRAPPED_SOL: Pubkey = anchor_lang::prelude::pubkey!("So11111111111111111111111111111111111111112");

fn id() -> Pubkey {
    TokenProgram::Token2022.id()
}

const FEE: Extension = (ExtensionType::TransferFeeConfig, |mint, issuer| {
    transfer_fee::instruction::initialize_transfer_fee_config(&id(), mint, Some(issuer), Some(issuer), 0, 0)
        .expect("the instruction is valid")
});
const METADATA_POINTER: Extension = (ExtensionType::MetadataPointer, |mint, issuer| {
    metadata_pointer::instruction::initialize(&id(), mint, Some(*issuer), Some(*mint))
        .expect("the instruction is valid")
});
const GROUP_POINTER: Extension = (ExtensionType::GroupPointer, |mint, issuer| {
    group_pointer::instruction::initialize(&id(), mint, Some(*issuer), Some(*mint)).expect("the instruction is valid")
});
const GROUP_MEMBER_POINTER: Extension = (ExtensionType::GroupMemberPointer, |mint, issuer| {
    group_member_pointer::instruction::initialize(&id(), mint, Some(*issuer), Some(*mint))
        .expect("the instruction is valid")
});
const CLOSE_AUTHORITY: Extension = (ExtensionType::MintCloseAuthority, |mint, issuer| {
    token::initialize_mint_close_authority(&id(), mint, Some(issuer)).expect("the instruction is valid")
});
const CONFIDENTIAL: Extension = (ExtensionType::ConfidentialTransferMint, |mint, issuer| {
    confidential_transfer::instruction::initialize_mint(&id(), mint, Some(*issuer), true, None)
        .expect("the instruction is valid")
});
const CONFIDENTIAL_FEE: Extension = (ExtensionType::ConfidentialTransferFeeConfig, |mint, issuer| {
    confidential_transfer_fee::instruction::initialize_confidential_transfer_fee_config(
        &id(),
        mint,
        Some(*issuer),
        &Default::default(),
    )
    .expect("the instruction is valid")
});
const CONFIDENTIAL_MINT_BURN: Extension = (ExtensionType::ConfidentialMintBurn, |mint, _| {
    confidential_mint_burn::instruction::initialize_mint(&id(), mint, &Default::default(), &Default::default())
        .expect("the instruction is valid")
});
const DEFAULT_STATE: Extension = (ExtensionType::DefaultAccountState, |mint, _| {
    default_account_state::instruction::initialize_default_account_state(&id(), mint, &AccountState::Frozen)
        .expect("the instruction is valid")
});
const NON_TRANSFERABLE: Extension = (ExtensionType::NonTransferable, |mint, _| {
    token::initialize_non_transferable_mint(&id(), mint).expect("the instruction is valid")
});
const INTEREST: Extension = (ExtensionType::InterestBearingConfig, |mint, issuer| {
    interest_bearing_mint::instruction::initialize(&id(), mint, Some(*issuer), 100).expect("the instruction is valid")
});
const DELEGATE: Extension = (ExtensionType::PermanentDelegate, |mint, issuer| {
    token::initialize_permanent_delegate(&id(), mint, issuer).expect("the instruction is valid")
});
const HOOK: Extension = (ExtensionType::TransferHook, |mint, issuer| {
    transfer_hook::instruction::initialize(&id(), mint, Some(*issuer), Some(settlement::ID))
        .expect("the instruction is valid")
});
const SCALED: Extension = (ExtensionType::ScaledUiAmount, |mint, issuer| {
    scaled_ui_amount::instruction::initialize(&id(), mint, Some(*issuer), 2.0).expect("the instruction is valid")
});
const PAUSABLE: Extension = (ExtensionType::Pausable, |mint, issuer| {
    pausable::instruction::initialize(&id(), mint, issuer).expect("the instruction is valid")
});
const PERMISSIONED_BURN: Extension = (ExtensionType::PermissionedBurn, |mint, issuer| {
    permissioned_burn::instruction::initialize(&id(), mint, issuer).expect("the instruction is valid")
});

fn fixture() -> ProgramFixture {
    ProgramFixture::without_network(runtime())
}

/// Asserts that creating a network that pays in `asset` is refused with this error and leaves no
/// account.
#[track_caller]
fn assert_network_refused(fixture: &mut ProgramFixture, asset: TokenAsset, why: SettlementError) {
    let args = fixture.network_args("test");
    let outcome = fixture.create_token_network(args, &asset);
    assert_refused(outcome, why);
    for address in [fixture.network, fixture.treasury, treasury_token_address(&fixture.network, &asset)] {
        assert!(fixture.svm.get_account(&address).is_none());
    }
}

/// Writes a mint with these extensions, even if Token-2022 would not create it.
fn write_mint_with_extensions(fixture: &mut ProgramFixture, extensions: &[(u16, usize)]) -> TokenAsset {
    let plain = fixture.create_mint(TokenProgram::Token2022, DECIMALS, &[]);
    let mut data = fixture.svm.get_account(&plain.mint).expect("the mint exists").data;
    data.resize(ACCOUNT_TYPE_AT, 0);
    data.push(ACCOUNT_TYPE_MINT);
    for (kind, len) in extensions {
        data.extend(kind.to_le_bytes());
        data.extend(u16::try_from(*len).expect("a length below 64 KiB").to_le_bytes());
        data.extend(vec![0; *len]);
    }
    let mint = fixture.place_account(plain.token_program, data);
    TokenAsset { mint, ..plain }
}

/// Asserts that a new network that pays in `asset` can be funded and can pay a node.
#[track_caller]
fn assert_pays(fixture: ProgramFixture, asset: TokenAsset) {
    let mut fixture = TokenFixture::in_fixture(fixture, asset, |_| {});
    fixture.fund(10 * TOKEN);
    let payee = fixture.register_payee("node");
    let batch = fixture.settle(&[payee.entry(3 * TOKEN)]);
    assert_eq!((batch.event.credited, batch.event.paid), (3 * TOKEN, 3 * TOKEN));
    assert_eq!((fixture.token_balance(&payee.account), fixture.vault_balance()), (3 * TOKEN, 7 * TOKEN));
}

#[test]
fn extensions_that_could_stop_or_change_a_payment_are_refused_with_their_own_errors() {
    let cases: [(&[Extension], SettlementError); 12] = [
        (&[NON_TRANSFERABLE], SettlementError::MintNonTransferable),
        (&[HOOK], SettlementError::MintTransferHook),
        (&[DELEGATE], SettlementError::MintPermanentDelegate),
        (&[CLOSE_AUTHORITY], SettlementError::MintCloseAuthority),
        (&[DEFAULT_STATE], SettlementError::MintDefaultAccountState),
        (&[PAUSABLE], SettlementError::MintPausable),
        (&[CONFIDENTIAL], SettlementError::MintConfidential),
        (&[FEE, CONFIDENTIAL_FEE, CONFIDENTIAL], SettlementError::MintConfidential),
        (&[CONFIDENTIAL_MINT_BURN, CONFIDENTIAL], SettlementError::MintConfidential),
        (&[INTEREST], SettlementError::MintInterestBearing),
        (&[SCALED], SettlementError::MintScaledUiAmount),
        (&[PERMISSIONED_BURN], SettlementError::MintUnknownExtension),
    ];
    let mut fixture = fixture();
    for (extensions, why) in cases {
        let asset = fixture.create_mint(TokenProgram::Token2022, DECIMALS, extensions);
        assert_network_refused(&mut fixture, asset, why);
        // Also after extensions that are accepted.
        let after_accepted = [&[METADATA_POINTER, GROUP_POINTER], extensions].concat();
        let asset = fixture.create_mint(TokenProgram::Token2022, DECIMALS, &after_accepted);
        assert_network_refused(&mut fixture, asset, why);
    }
}

#[test]
fn dependent_and_unknown_extensions_are_refused() {
    let mut fixture = fixture();
    for (kind, why) in [
        (ExtensionType::ConfidentialTransferFeeConfig as u16, SettlementError::MintConfidential),
        (ExtensionType::ConfidentialMintBurn as u16, SettlementError::MintConfidential),
        (ExtensionType::TransferFeeAmount as u16, SettlementError::MintUnknownExtension),
        (ExtensionType::PermissionedBurn as u16 + 1, SettlementError::MintUnknownExtension),
        (u16::MAX, SettlementError::MintUnknownExtension),
    ] {
        let asset = write_mint_with_extensions(&mut fixture, &[(kind, 8)]);
        assert_network_refused(&mut fixture, asset, why);
    }
}

#[test]
fn extensions_that_do_not_affect_transfers_are_accepted() {
    let each = [FEE, METADATA_POINTER, GROUP_POINTER, GROUP_MEMBER_POINTER];
    for extensions in each.iter().map(std::slice::from_ref).chain([each.as_slice()]) {
        let mut fixture = fixture();
        let asset = fixture.create_mint(TokenProgram::Token2022, DECIMALS, extensions);
        assert_pays(fixture, asset);
    }
    for kind in [ExtensionType::TokenMetadata, ExtensionType::TokenGroup, ExtensionType::TokenGroupMember] {
        let mut fixture = fixture();
        let asset = write_mint_with_extensions(&mut fixture, &[(kind as u16, 80)]);
        assert_pays(fixture, asset);
    }
}

#[test]
fn anything_but_an_initialized_mint_of_its_token_program_is_refused() {
    for program in TokenProgram::ALL {
        let mut fixture = ProgramFixture::without_network(program.runtime());
        let (id, owner) = (program.id(), Pubkey::new_unique());
        let good = fixture.create_mint(program, DECIMALS, &[]);
        let data = fixture.svm.get_account(&good.mint).expect("the mint exists").data;
        let other = if id == TokenProgram::Token2022.id() { TokenProgram::PToken } else { TokenProgram::Token2022 };
        let not_mints = [
            Pubkey::new_unique(),
            fixture.create_associated_account(&owner, &good),
            fixture.place_account(id, vec![0; MINT_LEN]),
            fixture.place_account(id, data[..MINT_LEN - 1].to_vec()),
            fixture.place_account(id, data.iter().copied().chain([0; 83]).collect()),
            fixture.place_account(id, data.iter().copied().chain([0; 355 - MINT_LEN]).collect()),
            fixture.place_account(Pubkey::new_unique(), data.clone()),
            fixture.place_account(system_program::ID, data),
            fixture.create_mint(other, DECIMALS, &[]).mint,
            fixture.admin.pubkey(),
            id,
        ];
        for mint in not_mints {
            assert_network_refused(&mut fixture, TokenAsset { mint, ..good }, SettlementError::InvalidMint);
        }
        for token_program in [system_program::ID, Pubkey::new_unique()] {
            let asset = TokenAsset { token_program, ..good };
            assert_network_refused(&mut fixture, asset, SettlementError::InvalidTokenProgram);
        }
        // The genuine mint is accepted.
        let args = fixture.network_args("test");
        fixture.create_token_network(args, &good).expect("the network is created");
    }
}

#[test]
fn creating_a_token_network_emits_its_mint() {
    let mut fixture = fixture();
    let asset = fixture.create_mint(TokenProgram::Token2022, 9, &[]);
    let args = fixture.network_args("test");
    let meta = fixture.create_token_network(args, &asset).expect("the network is created");
    assert_eq!(
        fixture.event(&meta, NetworkMint::decode_cpi),
        NetworkMint {
            network: fixture.network,
            mint: asset.mint,
            token_program: asset.token_program,
            treasury_token_account: treasury_token_address(&fixture.network, &asset),
            decimals: 9,
        }
    );
}

#[test]
fn a_mint_with_any_decimals_is_paid_in_base_units() {
    for program in TokenProgram::ALL {
        for decimals in [0, 255] {
            let mut fixture = ProgramFixture::without_network(program.runtime());
            let asset = fixture.create_mint(program, decimals, &[]);
            let mut fixture = TokenFixture::in_fixture(fixture, asset, |args| args.default_threshold = 1);
            assert_eq!(fixture.network_state().decimals, decimals);
            fixture.fund(10);
            let payees = fixture.register_payees(2);
            let batch = fixture.settle(&[payees[0].entry(3), payees[1].entry(1)]);
            assert_eq!((batch.event.credited, batch.event.paid), (4, 4));
            fixture.credit(&[(payees[0].node.wallet, 5)]);
            assert_eq!(fixture.payout(&[payees[0].payout_entry()]).paid, 2);
            let paid: Vec<_> = payees.iter().map(|payee| fixture.token_balance(&payee.account)).collect();
            assert_eq!((paid, fixture.vault_balance()), (vec![5, 1], 4));
        }
    }
}

/// Creates the mint of wrapped SOL as it is on mainnet.
fn create_wrapped_sol(fixture: &mut ProgramFixture, program: TokenProgram) -> TokenAsset {
    let token_program = program.id();
    if program == TokenProgram::Token2022 {
        let ix = token::create_native_mint(&token_program, &fixture.payer.pubkey()).expect("the instruction is valid");
        fixture.send(&[ix], &[]).expect("the mint is created");
        return TokenAsset { mint: spl_token_2022_interface::native_mint::ID, token_program };
    }
    let mut data = vec![0; MINT_LEN];
    data[44..46].copy_from_slice(&[9, 1]);
    fixture.set_account(&WRAPPED_SOL, Account { lamports: SOL, data, owner: token_program, ..Account::default() });
    TokenAsset { mint: WRAPPED_SOL, token_program }
}

/// The instructions that turn the payer's lamports into wrapped SOL in a token account.
fn wrap(fixture: &ProgramFixture, asset: &TokenAsset, account: &Pubkey, lamports: u64) -> [Instruction; 2] {
    let sync = token::sync_native(&asset.token_program, account).expect("the instruction is valid");
    [transfer(&fixture.payer.pubkey(), account, lamports), sync]
}

#[test]
fn wrapped_sol_is_a_mint_like_any_other() {
    for program in TokenProgram::ALL {
        let mut fixture = ProgramFixture::without_network(program.runtime());
        let asset = create_wrapped_sol(&mut fixture, program);
        let mut fixture = TokenFixture::in_fixture(fixture, asset, |args| args.default_threshold = SOL);
        let rent = fixture.lamports(&{ fixture.vault });
        let payer = fixture.payer.pubkey();
        let from = fixture.create_associated_account(&payer, &asset);
        let fund =
            settlement::client::fund_tokens_ix(payer, from, fixture.network, fixture.admin.pubkey(), &asset, 10 * SOL);
        let wrap_then_fund = [wrap(&fixture, &asset, &from, 11 * SOL).as_slice(), &[fund]].concat();
        fixture.send(&wrap_then_fund, &[]).expect("the treasury is funded");
        assert_eq!((fixture.vault_balance(), fixture.lamports(&fixture.vault)), (10 * SOL, 10 * SOL + rent));

        let payees = fixture.register_payees(2);
        let batch = fixture.settle(&[payees[0].entry(3 * SOL), payees[1].entry(2 * SOL)]);
        assert_eq!(batch.event.paid, 5 * SOL);
        for (payee, paid) in payees.iter().zip([3 * SOL, 2 * SOL]) {
            assert_eq!((fixture.token_balance(&payee.account), fixture.lamports(&payee.account)), (paid, paid + rent));
        }
        assert_eq!((fixture.vault_balance(), fixture.lamports(&fixture.vault)), (5 * SOL, 5 * SOL + rent));

        // Lamports become tokens only when the token program syncs the account.
        let vault = fixture.vault;
        let [send, sync] = wrap(&fixture, &asset, &vault, SOL);
        fixture.send(&[send], &[]).expect("the lamports are sent");
        let entries: Vec<_> = payees.iter().zip([3, 8]).map(|(payee, sol)| payee.entry(sol * SOL)).collect();
        fixture.settle(&entries);
        assert_eq!((fixture.vault_balance(), fixture.owed()), (5 * SOL, 0));
        fixture.send(&[sync], &[]).expect("the account is synced");
        fixture.settle(&entries);
        fixture.settle(&entries);
        assert_eq!((fixture.vault_balance(), fixture.token_balance(&payees[1].account)), (0, 8 * SOL));
    }
}
