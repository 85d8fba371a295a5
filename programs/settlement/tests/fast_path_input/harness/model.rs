//! A naive model of the three instructions, for entries whose accounts are all different.

use anchor_lang::Discriminator;
use settlement::client::event_authority;
use settlement::rules::SkipReason;
use settlement::rules::token_layout::TokenAccount;
use settlement::state::{AssetKind, DestinationSource, NodeWallet, Treasury};
use solana_sdk_ids::{incinerator, native_loader, sysvar};

use super::case::{Case, look_alike_program};
use super::layout::Account;

/// An instruction that succeeded.
pub(crate) struct Instruction<'a> {
    pub(crate) case: &'a Case,
    /// The treasury before the instruction.
    pub(crate) treasury: Treasury,
    pub(crate) treasury_at: usize,
    pub(crate) asset: AssetKind,
    /// The targets of a `credit` or `settle`; `None` for a `payout`.
    pub(crate) targets: Option<Vec<u64>>,
    /// The accounts of the entries: a wallet each, and its destination unless this is a `credit`.
    pub(crate) entries: Vec<(usize, Option<usize>)>,
}

/// What an entry credits and pays, or why it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) credit: Result<u128, SkipReason>,
    pub(crate) payout: Result<u128, SkipReason>,
}

/// The rent-exempt minimum of an account with this many bytes of data.
pub(crate) fn minimum(case: &Case, bytes: usize) -> u128 {
    u128::from(case.lamports_per_byte) * (128 + bytes as u128)
}

/// The base units in the outflow window at the time of the instruction.
pub(crate) fn window_used(case: &Case, treasury: &Treasury) -> u128 {
    let elapsed = (i128::from(case.now) - i128::from(treasury.window_updated_at)).max(0) as u128;
    let drained = elapsed.saturating_mul(treasury.window_limit.into());
    u128::from(treasury.window_used).saturating_sub(drained.checked_div(treasury.window_seconds.into()).unwrap_or(0))
}

fn first_failure<const N: usize>(checks: [(bool, SkipReason); N], amount: u128) -> Result<u128, SkipReason> {
    checks.into_iter().find(|(failed, _)| *failed).map_or(Ok(amount), |(_, reason)| Err(reason))
}

impl Instruction<'_> {
    /// The expected outcome of every entry. `None` if the model doesn't apply.
    pub(crate) fn expected(&self) -> Option<Vec<Expected>> {
        let sequence = self.treasury.batch_sequence.wrapping_add(1);
        let mut indexes: Vec<usize> = self.entries.iter().flat_map(|(a, b)| [Some(*a), *b]).flatten().collect();
        let count = indexes.len();
        indexes.sort_unstable();
        indexes.dedup();
        // The runtime would fail an instruction that changed the account of another program, and no wallet has the
        // sequence number of a batch that is yet to come.
        let is_special = |(at, _): &(usize, Option<usize>)| {
            self.account(*at).owner == look_alike_program()
                || self.wallet(*at).is_some_and(|wallet| self.targets.is_some() && wallet.last_sequence == sequence)
        };
        if indexes.len() < count || self.entries.iter().any(is_special) {
            return None;
        }

        let vault = self.account(Case::VAULT);
        let mut vault_left = vault.data.get(64..).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from_le_bytes(*b));
        let mut credited = 0;
        let mut expected = vec![];
        for (i, &(wallet_at, destination_at)) in self.entries.iter().enumerate() {
            let Some(wallet) = self.wallet(wallet_at) else {
                let reason = Err(SkipReason::InvalidWallet);
                // If an entry of a batch has no wallet, its payout has no outcome.
                let is_payout = self.targets.is_none();
                let outcome = |is_recorded: bool| if is_recorded { reason } else { Ok(0) };
                expected.push(Expected { credit: outcome(!is_payout), payout: outcome(is_payout) });
                continue;
            };
            let credit = self.targets.as_ref().map_or(Ok(0), |targets| self.credit(&wallet, targets[i], credited));
            let delta = credit.unwrap_or(0);
            credited += delta;
            let payout = destination_at.map_or(Ok(0), |destination| {
                self.payout(&wallet, (wallet_at, destination), delta, u128::from(vault_left))
            });
            if self.asset != AssetKind::Sol {
                vault_left -= payout.unwrap_or(0) as u64;
            }
            expected.push(Expected { credit, payout });
        }
        Some(expected)
    }

    fn account(&self, index: usize) -> &Account {
        &self.case.accounts[index]
    }

    /// The wallet in an account, if the account is a valid one of this network.
    fn wallet(&self, index: usize) -> Option<NodeWallet> {
        let account = self.account(index);
        let fields = account.data.strip_prefix(NodeWallet::DISCRIMINATOR)?;
        let wallet: NodeWallet = bytemuck::try_pod_read_unaligned(fields).ok()?;
        let is_valid = account.owner == settlement::ID
            && account.is_writable
            && wallet.version == NodeWallet::VERSION
            && wallet.network == self.treasury.network
            && wallet.paid_total <= wallet.credited_total;
        is_valid.then_some(wallet)
    }

    /// What an entry credits after `credited` base units of its batch.
    fn credit(&self, wallet: &NodeWallet, target: u64, credited: u128) -> Result<u128, SkipReason> {
        let treasury = &self.treasury;
        let delta = u128::from(target).saturating_sub(wallet.credited_total.into());
        let sum = credited + delta;
        let window_left = u128::from(treasury.window_limit).saturating_sub(window_used(self.case, treasury));
        let treasury_left = if self.asset == AssetKind::Sol {
            let held = u128::from(self.account(self.treasury_at).lamports);
            held.saturating_sub(minimum(self.case, Treasury::SIZE).max(1))
        } else {
            let owed = treasury.credited_total - treasury.paid_total;
            u128::from(treasury.token_balance).saturating_sub(owed.into())
        };
        let checks = [
            (delta == 0, SkipReason::NothingToCredit),
            (delta > treasury.per_node_cap.into(), SkipReason::PerNodeCap),
            (sum > treasury.per_batch_cap.into(), SkipReason::PerBatchCap),
            (sum > window_left, SkipReason::WindowLimit),
            (sum > treasury_left, SkipReason::TreasuryShort),
            (sum + u128::from(treasury.credited_total) > u64::MAX.into(), SkipReason::Overflow),
        ];
        first_failure(checks, delta)
    }

    /// What an entry pays after it credited `delta`, while the treasury's token account holds `vault_left`.
    fn payout(
        &self,
        wallet: &NodeWallet,
        (wallet_at, destination_at): (usize, usize),
        delta: u128,
        vault_left: u128,
    ) -> Result<u128, SkipReason> {
        let was_pending = u128::from(wallet.credited_total - wallet.paid_total);
        let amount = was_pending + delta;
        let oldest = if was_pending == 0 && delta > 0 { self.case.now } else { wallet.oldest_unpaid_at };
        let age = (i128::from(self.case.now) - i128::from(oldest)).max(0);
        let is_due =
            amount > 0 && (amount >= wallet.threshold.into() || age >= i128::from(self.treasury.max_pending_age));
        if !is_due {
            // Only a `payout` says so.
            return if self.targets.is_some() { Ok(0) } else { Err(SkipReason::NotDue) };
        }
        let to = self.account(destination_at);
        if self.asset == AssetKind::Sol {
            let had = u128::from(self.account(wallet_at).lamports);
            // The rule of SIMD-0392.
            let must_stay = had.min(minimum(self.case, NodeWallet::SIZE));
            let is_reserved = [sysvar::ID, native_loader::ID].contains(&to.owner)
                || [incinerator::ID, event_authority()].contains(&to.key);
            let is_too_little = to.lamports == 0 && amount < minimum(self.case, 0);
            let is_impossible = u128::from(to.lamports) + amount > u64::MAX.into();
            let checks = [
                (to.key != wallet.destination, SkipReason::DestinationMismatch),
                (to.owner == settlement::ID, SkipReason::DestinationIsProgramAccount),
                (is_reserved, SkipReason::DestinationReserved),
                (to.is_executable, SkipReason::DestinationExecutable),
                (!to.is_writable, SkipReason::DestinationNotWritable),
                (is_too_little || is_impossible, SkipReason::DestinationNotRentExempt),
                (had + delta < amount + must_stay, SkipReason::WalletShort),
            ];
            return first_failure(checks, amount);
        }
        let token_program = self.account(Case::TOKEN_PROGRAM).key;
        let parse = |account: &Account| {
            if account.owner == token_program { TokenAccount::parse(&account.data) } else { None }
        };
        let account = parse(to);
        let has = |fact: fn(&TokenAccount) -> bool| account.as_ref().is_some_and(fact);
        let is_default = wallet.destination_source == u8::from(DestinationSource::Default);
        let is_owners = account.as_ref().is_some_and(|account| account.owner == wallet.owner.to_bytes());
        let has_mint = account.as_ref().is_some_and(|account| account.mint == self.treasury.mint.to_bytes());
        let is_vault_frozen = parse(self.account(Case::VAULT)).is_some_and(|vault| vault.is_frozen);
        let checks = [
            (to.key != wallet.destination, SkipReason::DestinationMismatch),
            (account.is_none(), SkipReason::TokenAccountInvalid),
            (!has_mint, SkipReason::TokenAccountWrongMint),
            (destination_at == Case::VAULT, SkipReason::DestinationIsProgramAccount),
            (is_default && !is_owners, SkipReason::TokenAccountWrongOwner),
            (has(|account| account.is_frozen), SkipReason::TokenAccountFrozen),
            (has(|account| account.needs_memo), SkipReason::TokenAccountNeedsMemo),
            (!to.is_writable, SkipReason::DestinationNotWritable),
            (is_vault_frozen, SkipReason::TreasuryFrozen),
            (vault_left < amount, SkipReason::TreasuryTokensShort),
        ];
        first_failure(checks, amount)
    }
}
