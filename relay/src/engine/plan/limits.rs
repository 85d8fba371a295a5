//! The limits on a plan: what the chain says about the network, less what the settlement has planned already.

use settlement::client::{TokenAsset, treasury_token_address};
use settlement::rules::rent_minimum;
use settlement::rules::token_layout::TokenAccount;
use settlement::rules::token_payout::PayingTreasury;
use settlement::rules::window::Window;
use settlement::state::Treasury;
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, Commitment, concurrently};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::{BatchKind, BatchSize, Budget, Format, capacity, capacity_with_lookup_tables};

use super::super::fees::Affordable;
use super::super::lease::Lease;
use super::super::validate::MAX_CREDITED_TOTAL;
use super::super::{Engine, EngineError};
use super::NODES_PER_BATCH;
use super::payouts::PayoutRules;

/// The limits on a plan. Amounts are in base units of the network's asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) per_node_cap: u64,
    pub(super) per_batch_cap: u64,
    /// What the outflow window still allows.
    pub(super) window_left: u64,
    /// What the treasury holds beyond its rent or what it owes.
    pub(super) treasury_left: u64,
    /// What can be credited before the treasury's credited total exceeds [`MAX_CREDITED_TOTAL`].
    pub(super) total_left: u64,
    pub(super) max_pending_age_s: u64,
    /// The batches whose fees can be paid.
    pub(super) affordable: Affordable,
    /// How payouts are checked.
    pub(super) payouts: PayoutRules,
    /// The number of entries of a credit batch that fit without lookup tables.
    pub(super) credit_capacity: usize,
    /// The number of entries of a settle batch that fit without lookup tables.
    pub(super) settle_capacity: usize,
    /// The maximum number of batches in one piece.
    pub(super) max_batches: usize,
    /// The data of the accounts that every settle batch names, in bytes: of the settlement program, and for tokens of the
    /// treasury's token account, the mint and the token program.
    pub(super) named_bytes: u64,
    pub(super) format: Format,
    pub(super) now_s: i64,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Reads the limits that apply at `now_ms`, after `planned` base units in the batches of settlement `settlement_id`; `None`
    /// stands for a settlement that is yet to be opened.
    pub(super) async fn limits(
        &self,
        lease: &Lease,
        settlement_id: Option<i64>,
        planned: u64,
        now_ms: i64,
    ) -> Result<Limits, EngineError> {
        let asset = self.asset()?;
        let mut funds = vec![self.treasury];
        // Of an upgradeable program, the code is in a second account.
        let mut named = vec![settlement::ID, program_data_address(&settlement::ID)];
        if let Some(mint) = asset.mint() {
            let vault = treasury_token_address(&self.network, mint);
            funds.push(vault);
            named.extend([mint.token_program, program_data_address(&mint.token_program), mint.mint, vault]);
        }
        named.push(self.signer.address());
        let requests = [
            self.chain.accounts(&funds, AccountData::Full, Commitment::Finalized, 0),
            self.chain.accounts(&named, AccountData::Omitted, Commitment::Confirmed, 0),
        ];
        let [funds, mut named] = <[_; 2]>::try_from(concurrently(requests).await?)
            .map_err(|_| EngineError::Rejected("the RPC node did not answer both requests".to_owned()))?;
        let (treasury, lamports) = self.decode_treasury(funds.accounts.first().and_then(Option::as_ref))?;
        // An account without data pays rent for 128 bytes of overhead. The rate per byte is a whole number of lamports.
        let empty_minimum = self.chain.minimum_balance(0).await?;
        let rent_per_byte = empty_minimum / settlement::rules::rent::ACCOUNT_OVERHEAD_BYTES;
        let treasury_minimum = rent_minimum(rent_per_byte, Treasury::SIZE as u64)
            .ok_or_else(|| EngineError::Rejected("the cluster's rent exceeds every balance".to_owned()))?;
        let payouts = match asset.mint() {
            None => PayoutRules::Sol { rent_per_byte },
            Some(mint) => {
                let vault = treasury_token_address(&self.network, mint);
                let account = funds.accounts.get(1).and_then(Option::as_ref);
                PayoutRules::Tokens { mint: *mint, vault, treasury: paying_treasury(&vault, mint, account)? }
            }
        };
        let now_s = now_ms.div_euclid(1_000);
        let window = Window {
            limit: treasury.window_limit,
            seconds: treasury.window_seconds,
            used: treasury.window_used,
            updated_at: treasury.window_updated_at,
        };
        let format = self.format().await?;
        let settle_capacity = capacity(BatchKind::Settle, asset.kind(), format).max(1);
        let entries = match format {
            Format::V0 => settle_capacity.max(capacity_with_lookup_tables(BatchKind::Settle, asset.kind())),
            Format::V1 => settle_capacity,
        };
        let dearest = BatchSize { kind: BatchKind::Settle, asset: asset.kind(), format, entries };
        let payer = named.accounts.pop().flatten().map_or(0, |account| account.lamports);
        let dearest = Budget::for_batch(dearest, 0, None, 0);
        // The last two batches of a piece may be incomplete.
        let max_batches = (self.config.nodes_per_call / NODES_PER_BATCH).max(1);
        let wanted = max_batches.saturating_add(2);
        self.renew(lease).await?;
        let affordable = self.affordable_batches(settlement_id, (payer, empty_minimum), dearest, wanted).await?;
        Ok(Limits {
            per_node_cap: treasury.per_node_cap,
            per_batch_cap: treasury.per_batch_cap,
            window_left: window.at(now_s).left().saturating_sub(planned),
            treasury_left: asset.creditable(&treasury, lamports, treasury_minimum).saturating_sub(planned),
            total_left: MAX_CREDITED_TOTAL.saturating_sub(treasury.credited_total).saturating_sub(planned),
            max_pending_age_s: treasury.max_pending_age,
            affordable,
            payouts,
            credit_capacity: capacity(BatchKind::Credit, asset.kind(), format).max(1),
            settle_capacity,
            max_batches,
            named_bytes: named.accounts.iter().flatten().map(|account| account.space).sum(),
            format,
            now_s,
        })
    }
}

/// What the program's rules need to know of the treasury's token account, at `vault`.
///
/// # Errors
/// [`EngineError::Rejected`] if it is no token account of the mint: the program then refuses every batch that pays.
fn paying_treasury(
    vault: &Pubkey,
    mint: &TokenAsset,
    account: Option<&Account>,
) -> Result<PayingTreasury, EngineError> {
    let parsed = account
        .filter(|account| account.owner == mint.token_program)
        .and_then(|account| TokenAccount::parse(&account.data))
        .filter(|parsed| parsed.mint == mint.mint.to_bytes());
    let Some(TokenAccount { amount, is_frozen, .. }) = parsed else {
        return Err(EngineError::Rejected(format!(
            "the treasury's token account {vault} is missing or no token account of the mint {}: check SOLANA_RPC_URL",
            mint.mint
        )));
    };
    Ok(PayingTreasury { is_frozen, amount })
}

/// The address of the code of `program`, if it is deployed by the upgradeable loader.
fn program_data_address(program: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[program.as_ref()], &solana_sdk_ids::bpf_loader_upgradeable::ID).0
}
