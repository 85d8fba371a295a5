//! Payouts in tokens, from the treasury's token account.
//!
//! SPL Token's newest program (p-token) takes many transfers in one call, which saves a call per
//! node; the one before it and Token-2022 take one `TransferChecked` per node.

use core::mem::MaybeUninit;

use super::BatchError;
use super::frame::{Frame, require};
use super::host::{Call, Host, Meta, Seed};
use super::input::{Account, Key, differ, key, same};
use super::payout::{Payouts, PlainEntry, mark_paid};
use super::wallet::words;
use crate::error::SettlementError;
use crate::unlikely::unlikely;
use crate::reserved::ids;
use crate::rules::token_layout::{
    TOKEN_ACCOUNT_INITIALIZED, TOKEN_ACCOUNT_LEN, TOKEN_ACCOUNT_MINT, TOKEN_ACCOUNT_OWNER, TOKEN_ACCOUNT_STATE,
    TokenAccount, check_mint,
};
use crate::rules::token_payout::{self, PayingTreasury, TokenDestination};
use crate::rules::{MAX_SETTLE_ENTRIES, SkipReason};
use crate::state::{AssetKind, NodeWallet, TREASURY_SEED};
use crate::token::{SPL_TOKEN_ID, TOKEN_2022_ID, TRANSFER_CHECKED};

const SPL_TOKEN: Key = key(SPL_TOKEN_ID.as_array());
const TOKEN_2022: Key = key(TOKEN_2022_ID.as_array());
const LOADER_V3: Key = key(ids::bpf_loader_upgradeable::ID.as_array());

/// Number of SPL Token's `Transfer`: an amount follows.
const TRANSFER: u8 = 3;
/// Number of p-token's `Batch`: for each instruction the number of its accounts, the length of its
/// data (1 byte each), and the data. Source: `p_token::processor::batch`.
const BATCH: u8 = 255;
const TRANSFER_ACCOUNTS: usize = 3;
const TRANSFER_LEN: usize = 9;
const BATCHED_LEN: usize = 2 + TRANSFER_LEN;
const TRANSFER_CHECKED_LEN: usize = 10;

/// The accounts of a network that pays in tokens, found to be the right ones.
#[derive(Clone, Copy)]
pub(super) struct TokenFrame<'a> {
    vault: Account<'a>,
    mint: Account<'a>,
    program: Account<'a>,
    decimals: u8,
    treasury: PayingTreasury,
    /// Whether the token program takes many transfers in one call.
    takes_batches: bool,
}

impl<'a> TokenFrame<'a> {
    /// `[the treasury's token account (writable), mint, token program, …]`
    pub fn open(frame: &Frame<'a>, kind: AssetKind) -> Result<(Self, &'a [Account<'a>]), BatchError> {
        let [vault, mint, program, entries @ ..] = frame.rest else {
            return Err(SettlementError::AssetAccountsMismatch.into());
        };
        let treasury = &*frame.treasury;
        let ours = same(vault.key(), words(&treasury.token_account)) && vault.is_writable();
        require(ours, SettlementError::InvalidTreasuryTokenAccount)?;
        require(same(mint.key(), words(&treasury.mint)), SettlementError::InvalidMint)?;
        let id = if kind == AssetKind::SplToken { &SPL_TOKEN } else { &TOKEN_2022 };
        require(same(program.key(), id), SettlementError::InvalidTokenProgram)?;
        // SAFETY: the treasury's own mint, which is no account of this program, and nothing writes it.
        let decimals = check_mint(unsafe { mint.data() }).map_err(SettlementError::from)?;
        let held = token_account(*vault, program.key()).ok_or(SettlementError::InvalidTreasuryTokenAccount)?;
        let frame = Self {
            vault: *vault,
            mint: *mint,
            program: *program,
            decimals,
            treasury: PayingTreasury { is_frozen: held.is_frozen, amount: held.amount },
            // The program before p-token was deployed for good under an older loader; clusters that
            // have p-token moved the address to this one.
            takes_batches: kind == AssetKind::SplToken && same(program.owner(), &LOADER_V3),
        };
        Ok((frame, entries))
    }

    /// Whether the rules have nothing against a destination, seen without a closer look: a token
    /// account without extensions. What [`facts`](Self::facts) has to say of any other.
    #[inline(always)]
    fn is_plain(&self, account: Account, wallet: &NodeWallet) -> bool {
        if unlikely(account.data_len() != TOKEN_ACCOUNT_LEN)
            || unlikely(!account.is_writable())
            || differ(account.owner(), self.program.key())
            || unlikely(same(account.key(), self.vault.key()))
        {
            return false;
        }
        let at = account.data_at();
        // SAFETY: the data has a token account's length, aligned to 8, and nothing writes it before
        // the transfers.
        let (mint, owner, state) = unsafe {
            (
                &*at.add(TOKEN_ACCOUNT_MINT).cast::<Key>(),
                &*at.add(TOKEN_ACCOUNT_OWNER).cast::<Key>(),
                at.add(TOKEN_ACCOUNT_STATE).read(),
            )
        };
        !unlikely(state != TOKEN_ACCOUNT_INITIALIZED)
            && !differ(mint, self.mint.key())
            && !differ(owner, words(&wallet.destination))
    }

    /// What the rules want to know of a destination.
    fn facts(&self, account: Account, wallet: &NodeWallet) -> TokenDestination {
        let found = token_account(account, self.program.key());
        TokenDestination {
            is_treasury_vault: same(account.key(), self.vault.key()),
            is_writable: account.is_writable(),
            is_token_account: found.is_some(),
            has_expected_mint: found.is_some_and(|found| same(&key(&found.mint), self.mint.key())),
            has_expected_owner: found.is_some_and(|found| found.owner == wallet.destination.to_bytes()),
            is_frozen: found.is_some_and(|found| found.is_frozen),
            needs_memo: found.is_some_and(|found| found.needs_memo),
        }
    }
}

/// The token account that `account` is, if it is one of `program`.
fn token_account(account: Account, program: &Key) -> Option<TokenAccount> {
    if !same(account.owner(), program) {
        return None;
    }
    // SAFETY: data of a token program's, never of this program's treasury or wallets; only a call to
    // the token program writes it, and what is read is copied.
    TokenAccount::read(unsafe { account.data() })
}

/// Payouts that are to be made in the end.
pub(super) struct Tokens<'a> {
    frame: TokenFrame<'a>,
    due: [MaybeUninit<(Account<'a>, u64)>; MAX_SETTLE_ENTRIES],
    len: usize,
}

impl<'a> Tokens<'a> {
    pub fn open(frame: TokenFrame<'a>) -> Self {
        Self { frame, due: [const { MaybeUninit::uninit() }; MAX_SETTLE_ENTRIES], len: 0 }
    }

    /// Notes a payout that is to be made. `false` when there is no place for it, which no batch needs.
    #[inline(always)]
    fn note(&mut self, destination: Account<'a>, amount: u64) -> bool {
        let Some(place) = self.due.get_mut(self.len) else { return false };
        place.write((destination, amount));
        self.len = self.len.wrapping_add(1);
        self.frame.treasury.amount = self.frame.treasury.amount.saturating_sub(amount);
        true
    }

    fn due(&self) -> impl Iterator<Item = (Account<'a>, u64)> + '_ {
        // SAFETY: `pay` wrote that many.
        self.due.iter().take(self.len).map(|due| unsafe { due.assume_init() })
    }

    /// All transfers in one call.
    #[inline(never)]
    fn batched<H: Host>(&self, host: &H, authority: Account<'a>, signer: &[Seed]) -> Result<(), BatchError> {
        let TokenFrame { vault, program, .. } = self.frame;
        let mut data = [0; 1 + BATCHED_LEN * MAX_SETTLE_ENTRIES];
        let blank = Meta { key: vault.key(), is_writable: true, is_signer: false };
        let mut metas = [blank; TRANSFER_ACCOUNTS * MAX_SETTLE_ENTRIES];
        let mut accounts = [vault; 2 + MAX_SETTLE_ENTRIES];
        data[0] = BATCH;
        accounts[1] = authority;
        let (places, _) = data[1..].as_chunks_mut::<BATCHED_LEN>();
        let (triples, _) = metas.as_chunks_mut::<TRANSFER_ACCOUNTS>();
        let places = places.iter_mut().zip(triples).zip(&mut accounts[2..]);
        for (((bytes, triple), account), (destination, amount)) in places.zip(self.due()) {
            let [transfer_accounts, transfer_len, number, units @ ..] = bytes;
            *transfer_accounts = TRANSFER_ACCOUNTS as u8;
            *transfer_len = TRANSFER_LEN as u8;
            *number = TRANSFER;
            *units = amount.to_le_bytes();
            triple[1].key = destination.key();
            triple[2] = Meta { key: authority.key(), is_writable: false, is_signer: true };
            *account = destination;
        }
        call_apart(
            host,
            &Call {
                program: program.key(),
                metas: &metas[..TRANSFER_ACCOUNTS * self.len],
                data: &data[..1 + BATCHED_LEN * self.len],
                accounts: &accounts,
                count: 2 + self.len,
                signer,
            },
        )
    }

    /// A call per transfer.
    #[inline(never)]
    fn one_by_one<H: Host>(&self, host: &H, authority: Account<'a>, signer: &[Seed]) -> Result<(), BatchError> {
        let TokenFrame { vault, mint, program, decimals, .. } = self.frame;
        let mut data = [0; TRANSFER_CHECKED_LEN];
        data[0] = TRANSFER_CHECKED;
        data[9] = decimals;
        for (destination, amount) in self.due() {
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

/// Calls from a stack frame of its own: that of [`Tokens::batched`] holds no more.
#[inline(never)]
fn call_apart<H: Host, const N: usize>(host: &H, call: &Call<N>) -> Result<(), BatchError> {
    host.call(call)
}

impl<'a> Payouts<'a> for Tokens<'a> {
    fn pay(
        &mut self,
        amount: u64,
        _: Account<'a>,
        wallet: &mut NodeWallet,
        destination: Account<'a>,
    ) -> Result<(), SkipReason> {
        token_payout::check(amount, self.frame.treasury, self.frame.facts(destination, wallet))?;
        if !self.note(destination, amount) {
            return Err(SkipReason::TreasuryTokensShort);
        }
        mark_paid(wallet);
        Ok(())
    }

    #[inline(always)]
    fn pay_plainly(&mut self, entry: PlainEntry<'a>, wallet: &NodeWallet, _: bool) -> bool {
        let PlainEntry { amount, destination, .. } = entry;
        let TokenFrame { treasury, .. } = self.frame;
        if unlikely(treasury.is_frozen) || unlikely(amount > treasury.amount) || !self.frame.is_plain(destination, wallet) {
            return false;
        }
        self.note(destination, amount)
    }

    fn finish<H: Host>(self, host: &H, frame: &mut Frame) -> Result<(), BatchError> {
        if self.len > 0 {
            let network = frame.treasury.network;
            let bump = [frame.treasury.bump];
            let signer = [Seed::new(TREASURY_SEED), Seed::new(network.as_array()), Seed::new(&bump)];
            if self.frame.takes_batches && self.len > 1 {
                self.batched(host, frame.account, &signer)?;
            } else {
                self.one_by_one(host, frame.account, &signer)?;
            }
        }
        let held = token_account(self.frame.vault, self.frame.program.key());
        frame.treasury.token_balance = held.ok_or(SettlementError::InvalidTreasuryTokenAccount)?.amount;
        Ok(())
    }
}
