//! Payouts in tokens, from the treasury's token account.
//!
//! p-token, the current implementation of SPL Token, accepts many transfers in one call, which saves a
//! call per node. Its predecessor and Token-2022 need one `TransferChecked` per node.

use core::mem::MaybeUninit;

use super::batch_error::BatchError;
use super::host::{Call, Host, Meta, Seed};
use super::input::{Account, EntryShape};
use super::keys::{
    Key, LOADER_V3, differ, key, same, treasury_mint, treasury_token_account, wallet_destination, wallet_owner,
};
use super::named_accounts::{NamedAccounts, require};
use super::payout_method::{DuePayout, PayoutMethod, TokenAsset, mark_paid};
use crate::error::SettlementError;
use crate::rules::token_layout::{
    TOKEN_ACCOUNT_INITIALIZED, TOKEN_ACCOUNT_LEN, TOKEN_ACCOUNT_MINT, TOKEN_ACCOUNT_OWNER, TOKEN_ACCOUNT_STATE,
    TokenAccount, check_mint,
};
use crate::rules::token_payout::{self, PayingTreasury, TokenAccountFlags, TokenDestination};
use crate::rules::{MAX_SETTLE_ENTRIES, SkipReason};
use crate::state::{AssetKind, DestinationSource, NodeWallet, TREASURY_SEED};
use crate::token::{SPL_TOKEN_ID, TOKEN_2022_ID, TRANSFER_CHECKED};
use crate::unlikely::unlikely;

const SPL_TOKEN: Key = key(SPL_TOKEN_ID.as_array());
const TOKEN_2022: Key = key(TOKEN_2022_ID.as_array());

/// Discriminator of SPL Token's `Transfer`, followed by the amount.
const TRANSFER: u8 = 3;
/// Discriminator of p-token's `Batch`, followed for each instruction by the number of its accounts and
/// the length of its data (1 byte each), and the data. Source: `p_token::processor::batch`.
const BATCH: u8 = 255;
const TRANSFER_ACCOUNTS: usize = 3;
const TRANSFER_LEN: usize = 9;
const BATCHED_LEN: usize = 2 + TRANSFER_LEN;
const TRANSFER_CHECKED_LEN: usize = 10;

/// The validated accounts of a network that pays in tokens.
#[derive(Clone, Copy)]
pub(super) struct TokenContext<'a> {
    vault: Account<'a>,
    mint: Account<'a>,
    program: Account<'a>,
    decimals: u8,
    treasury: PayingTreasury,
    transfers: Transfers,
}

/// How the token program accepts the transfers of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transfers {
    /// All in one call.
    Batched,
    /// One per call.
    Single,
}

impl<'a> TokenContext<'a> {
    /// Validates `[the treasury's token account (writable), mint, token program, …]`. Returns the
    /// accounts that follow as well.
    pub(super) fn validate(
        named: &NamedAccounts<'a>,
        kind: AssetKind,
    ) -> Result<(Self, &'a [Account<'a>]), BatchError> {
        let [vault, mint, program, entries @ ..] = named.rest else {
            return Err(SettlementError::AssetAccountsMismatch.into());
        };
        let treasury = &*named.treasury;
        let is_vault = same(vault.key(), treasury_token_account(treasury)) && vault.is_writable();
        require(is_vault, SettlementError::InvalidTreasuryTokenAccount)?;
        require(same(mint.key(), treasury_mint(treasury)), SettlementError::InvalidMint)?;
        let id = if kind == AssetKind::SplToken { &SPL_TOKEN } else { &TOKEN_2022 };
        require(same(program.key(), id), SettlementError::InvalidTokenProgram)?;
        // SAFETY: the slice is only used to read the decimals, before anything is written or called. The
        // mint belongs to a token program, or `create_network` would have rejected it: no wallet or
        // treasury is borrowed from its data.
        let decimals = check_mint(unsafe { mint.data() }).map_err(SettlementError::from)?;
        let held = token_account(*vault, program.key()).ok_or(SettlementError::InvalidTreasuryTokenAccount)?;
        let context = Self {
            vault: *vault,
            mint: *mint,
            program: *program,
            decimals,
            treasury: PayingTreasury { is_frozen: held.is_frozen, amount: held.amount },
            // The predecessor of p-token belongs to an older loader. On clusters with p-token, the
            // program's address belongs to this one.
            transfers: if kind == AssetKind::SplToken && same(program.owner(), &LOADER_V3) {
                Transfers::Batched
            } else {
                Transfers::Single
            },
        };
        Ok((context, entries))
    }

    /// Whether a destination is a token account without extensions that the rules accept. Only
    /// [`describe`](Self::describe) can tell for any other.
    #[inline(always)]
    fn accepts_fast(&self, account: Account, wallet: &NodeWallet) -> bool {
        if unlikely(account.data_len() != TOKEN_ACCOUNT_LEN)
            || unlikely(!account.is_writable())
            || differ(account.key(), wallet_destination(wallet))
            || differ(account.owner(), self.program.key())
            || unlikely(same(account.key(), self.vault.key()))
        {
            return false;
        }
        const {
            assert!(TOKEN_ACCOUNT_MINT.is_multiple_of(8) && TOKEN_ACCOUNT_MINT + 32 <= TOKEN_ACCOUNT_LEN);
            assert!(TOKEN_ACCOUNT_OWNER.is_multiple_of(8) && TOKEN_ACCOUNT_OWNER + 32 <= TOKEN_ACCOUNT_LEN);
            assert!(TOKEN_ACCOUNT_STATE < TOKEN_ACCOUNT_LEN);
        }
        let data = account.data_ptr();
        // SAFETY: the data has the length of a token account and is aligned to 8, so the address lies
        // within it and is aligned. Its owner is the token program, so no wallet or treasury is
        // borrowed from it, and only the transfers at the end write it.
        let mint = unsafe { &*data.add(TOKEN_ACCOUNT_MINT).cast::<Key>() };
        // SAFETY: as for the mint.
        let owner = unsafe { &*data.add(TOKEN_ACCOUNT_OWNER).cast::<Key>() };
        // SAFETY: as for the mint.
        let state = unsafe { data.add(TOKEN_ACCOUNT_STATE).read() };
        // The owner's token account must still be the owner's. One that the owner chose may belong to anybody.
        !unlikely(state != TOKEN_ACCOUNT_INITIALIZED)
            && !differ(mint, self.mint.key())
            && (unlikely(wallet.destination_source == DestinationSource::Owner as u8)
                || !differ(owner, wallet_owner(wallet)))
    }

    /// Describes a destination for the rules.
    fn describe(&self, account: Account, wallet: &NodeWallet) -> TokenDestination {
        TokenDestination::describe(
            token_account(account, self.program.key()),
            TokenAccountFlags {
                is_writable: account.is_writable(),
                is_treasury_vault: same(account.key(), self.vault.key()),
                is_named: same(account.key(), wallet_destination(wallet)),
            },
            |mint| same(&key(mint), self.mint.key()),
            |owner| wallet.pays_to_token_owner(owner),
        )
    }
}

/// Parses an account as a token account of `program`, which is one of the two token programs.
fn token_account(account: Account, program: &Key) -> Option<TokenAccount> {
    if !same(account.owner(), program) {
        return None;
    }
    // SAFETY: the slice is only used to copy values out of it. Its owner is a token program, so no
    // wallet or treasury is borrowed from it.
    TokenAccount::parse(unsafe { account.data() })
}

/// Payouts in tokens, which [`finish`](PayoutMethod::finish) transfers.
///
/// Invariant: the first `len` transfers are initialized.
pub(super) struct TokenPayouts<'a> {
    context: TokenContext<'a>,
    /// Destinations and amounts in base units.
    transfers: [MaybeUninit<(Account<'a>, u64)>; MAX_SETTLE_ENTRIES],
    len: usize,
}

impl<'a> TokenPayouts<'a> {
    pub(super) fn new(context: TokenContext<'a>) -> Self {
        Self { context, transfers: [const { MaybeUninit::uninit() }; MAX_SETTLE_ENTRIES], len: 0 }
    }

    /// Adds a transfer. Returns `false` if there is no space left for it, which no batch needs.
    #[inline(always)]
    fn add(&mut self, destination: Account<'a>, amount: u64) -> bool {
        let Some(transfer) = self.transfers.get_mut(self.len) else { return false };
        transfer.write((destination, amount));
        self.len = self.len.wrapping_add(1);
        self.context.treasury.amount = self.context.treasury.amount.saturating_sub(amount);
        true
    }

    fn transfers(&self) -> impl Iterator<Item = (Account<'a>, u64)> + '_ {
        // SAFETY: by the type's invariant, the first `len` are initialized.
        self.transfers.iter().take(self.len).map(|transfer| unsafe { transfer.assume_init() })
    }

    /// Makes all transfers in one call.
    #[inline(never)]
    fn transfer_batched<H: Host>(&self, host: &H, authority: Account<'a>, signer: &[Seed]) -> Result<(), BatchError> {
        let TokenContext { vault, program, .. } = self.context;
        let mut data = [0; 1 + BATCHED_LEN * MAX_SETTLE_ENTRIES];
        let blank = Meta { key: vault.key(), is_writable: true, is_signer: false };
        let mut metas = [blank; TRANSFER_ACCOUNTS * MAX_SETTLE_ENTRIES];
        let mut accounts = [vault; 2 + MAX_SETTLE_ENTRIES];
        data[0] = BATCH;
        accounts[1] = authority;
        let (chunks, _) = data[1..].as_chunks_mut::<BATCHED_LEN>();
        let (triples, _) = metas.as_chunks_mut::<TRANSFER_ACCOUNTS>();
        let free = chunks.iter_mut().zip(triples).zip(&mut accounts[2..]);
        for (((bytes, triple), account), (destination, amount)) in free.zip(self.transfers()) {
            let [transfer_accounts, transfer_len, discriminator, units @ ..] = bytes;
            *transfer_accounts = TRANSFER_ACCOUNTS as u8;
            *transfer_len = TRANSFER_LEN as u8;
            *discriminator = TRANSFER;
            *units = amount.to_le_bytes();
            triple[1].key = destination.key();
            triple[2] = Meta { key: authority.key(), is_writable: false, is_signer: true };
            *account = destination;
        }
        call_in_own_frame(
            host,
            &Call {
                program: program.key(),
                metas: metas.get(..TRANSFER_ACCOUNTS * self.len).unwrap_or_default(),
                data: data.get(..1 + BATCHED_LEN * self.len).unwrap_or_default(),
                accounts: &accounts,
                count: 2 + self.len,
                signer,
            },
        )
    }

    /// Makes one call per transfer.
    #[inline(never)]
    fn transfer_each<H: Host>(&self, host: &H, authority: Account<'a>, signer: &[Seed]) -> Result<(), BatchError> {
        let TokenContext { vault, mint, program, decimals, .. } = self.context;
        let mut data = [0; TRANSFER_CHECKED_LEN];
        data[0] = TRANSFER_CHECKED;
        data[9] = decimals;
        for (destination, amount) in self.transfers() {
            data[1..9].copy_from_slice(&amount.to_le_bytes());
            host.call(&Call {
                program: program.key(),
                metas: &[
                    Meta { key: vault.key(), is_writable: true, is_signer: false },
                    Meta { key: mint.key(), is_writable: false, is_signer: false },
                    Meta { key: destination.key(), is_writable: true, is_signer: false },
                    Meta { key: authority.key(), is_writable: false, is_signer: true },
                ],
                data: &data,
                accounts: &[vault, mint, destination, authority],
                count: 4,
                signer,
            })?;
        }
        Ok(())
    }
}

/// Makes a call from a stack frame of its own: the frame of [`TokenPayouts::transfer_batched`] is full.
#[inline(never)]
fn call_in_own_frame<H: Host, const N: usize>(host: &H, call: &Call<N>) -> Result<(), BatchError> {
    host.call(call)
}

impl<'a> PayoutMethod<'a> for TokenPayouts<'a> {
    type Asset = TokenAsset;

    fn pay(&mut self, payout: DuePayout<'a>, wallet: &mut NodeWallet) -> Result<(), SkipReason> {
        let DuePayout { amount, destination, .. } = payout;
        token_payout::check(amount, self.context.treasury, self.context.describe(destination, wallet))?;
        if !self.add(destination, amount) {
            return Err(SkipReason::TreasuryTokensShort);
        }
        mark_paid(wallet);
        Ok(())
    }

    #[inline(always)]
    fn try_pay_fast(&mut self, payout: DuePayout<'a>, wallet: &NodeWallet, _: EntryShape) -> bool {
        let DuePayout { amount, destination, .. } = payout;
        let TokenContext { treasury, .. } = self.context;
        if unlikely(treasury.is_frozen)
            || unlikely(amount > treasury.amount)
            || !self.context.accepts_fast(destination, wallet)
        {
            return false;
        }
        self.add(destination, amount)
    }

    fn finish<H: Host>(self, host: &H, named: &mut NamedAccounts) -> Result<(), BatchError> {
        if self.len > 0 {
            let network = named.treasury.network;
            let bump = [named.treasury.bump];
            let signer = [Seed::new(TREASURY_SEED), Seed::new(network.as_array()), Seed::new(&bump)];
            if self.context.transfers == Transfers::Batched && self.len > 1 {
                self.transfer_batched(host, named.treasury_account, &signer)?;
            } else {
                self.transfer_each(host, named.treasury_account, &signer)?;
            }
        }
        let held = token_account(self.context.vault, self.context.program.key());
        named.treasury.token_balance = held.ok_or(SettlementError::InvalidTreasuryTokenAccount)?.amount;
        Ok(())
    }
}
