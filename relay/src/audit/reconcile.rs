//! Comparing every wallet of the network and its treasury with the ledger, to the lamport.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::json;
use settlement::client::{node_wallet_address, treasury_address};
use settlement::state::{AssetKind, ClosedNode, NodeWallet, Treasury};
use solana_pubkey::Pubkey;

use super::binding::{self, BindingError};
use super::text;
use super::wallet_row::{Cause, Finding, NodeBooks, Rules, WalletRow};
use crate::chain::{Account, AccountData, Chain, ChainError, Commitment, MAX_ACCOUNTS_PER_READ, REQUESTS_IN_FLIGHT};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Statement, statements};
use crate::engine::NetworkRef;
use crate::engine::store::leases;
use crate::engine::store::wallets::{self, TreasuryReading, WalletReading, wallet_columns};
use crate::ledger::reviews::confirmed_total;
use crate::ledger::{Actor, record_repair};
use crate::types::NodeId;

/// What the ledger says about nodes.
macro_rules! node_books {
    () => {
        concat!(
            "SELECT nodes.id AS node_id, nodes.address AS address, CAST(nodes.total_rewards_lamports AS TEXT) AS earned,
            CAST(",
            confirmed_total!("nodes.id"),
            " AS TEXT) AS confirmed,
            CAST((SELECT MIN(node_total_lamports) FROM rewards WHERE rewards.node_id = nodes.id
                AND distributed_at IS NULL) AS TEXT) AS next,
            CAST(COALESCE(signed_lamports, 0) AS TEXT) AS signed, CAST(last_slot AS TEXT) AS last_slot, ",
            wallet_columns!(),
            "
        FROM nodes LEFT JOIN wallets ON wallets.node_id = nodes.id LEFT JOIN payables ON payables.node_id = nodes.id"
        )
    };
}

statements! {
    /// At most ?2 nodes whose ids follow ?1, in the order of their ids.
    SELECT_PAGE = concat!(node_books!(), " WHERE nodes.id > ?1 ORDER BY nodes.id LIMIT CAST(?2 AS INTEGER)");

    /// Node ?1.
    SELECT_NODE = concat!(node_books!(), " WHERE nodes.id = ?1");
}

/// The number of nodes that are read at once, from ledger and chain.
const NODES_PER_PAGE: usize = 600;

/// Compares a ledger with the chain.
pub struct Reconciler<D, C> {
    /// The ledger, with all migrations applied.
    pub database: D,
    /// The cluster that the network is on.
    pub chain: C,
    /// The network that the ledger belongs to.
    pub network: NetworkRef,
}

/// Who repairs the ledger's copies of wallet accounts, and when.
pub struct Repair<'a, K> {
    /// Whom the audit log names.
    pub actor: &'a Actor,
    /// The source of the current time.
    pub clock: &'a K,
    /// This process's name for the lease. It must differ from the name of every runner, past or present.
    pub holder: &'a str,
    /// Whether to end before the next page, and to release the lease.
    pub stop: &'a dyn Fn() -> bool,
}

impl<K> Repair<'_, K> {
    /// # Errors
    /// [`ReconcileError::Interrupted`] if it is to end.
    pub(super) fn check(&self) -> Result<(), ReconcileError> {
        if (self.stop)() { Err(ReconcileError::Interrupted) } else { Ok(()) }
    }
}

/// Extends the lease that `holder` has taken for a [`Repair`], if it has. For a process that waits for its chain meanwhile.
///
/// # Errors
/// [`DatabaseError`]; the repair finds out by itself whether the lease is still its own.
pub async fn keep_lease<D: Database>(database: &D, holder: &str) -> Result<(), DatabaseError> {
    leases::keep(database, holder).await
}

/// The sums over all nodes, and the treasury.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The number of nodes in the ledger.
    pub nodes: u64,
    /// The number of their wallet accounts on the chain, closed ones included.
    pub wallets: u64,
    /// The sum of all rewards.
    #[serde(with = "text::display")]
    pub earned: u128,
    /// The sum of the confirmed ones.
    #[serde(with = "text::display")]
    pub confirmed: u128,
    /// What the ledger mirrors as credited.
    #[serde(with = "text::display")]
    pub mirrored: u128,
    /// What the chain has credited to the wallets.
    #[serde(with = "text::display")]
    pub credited: u128,
    /// What it has paid from them.
    #[serde(with = "text::display")]
    pub paid: u128,
    /// The difference of the two.
    #[serde(with = "text::display")]
    pub pending: u128,
    /// The balances of the wallet accounts.
    #[serde(with = "text::display")]
    pub wallet_lamports: u128,
    /// The treasury, as read last.
    pub treasury: TreasuryFigures,
    /// Whether the treasury's totals changed while the wallets were read. Then the sums are compared with both.
    pub moved: bool,
    /// The number of findings by cause.
    pub findings: BTreeMap<Cause, u64>,
    /// The differences that concern no single node.
    pub of_treasury: Vec<Finding>,
    /// The number of findings that are disagreements.
    pub disagreements: u64,
    /// The number of copies of wallet accounts that were repaired.
    pub repaired: u64,
}

/// A treasury on the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TreasuryFigures {
    /// The address, in base58.
    pub address: String,
    /// The finalized slot.
    pub slot: u64,
    /// The balance of its account, in lamports whatever the network pays in.
    #[serde(with = "text::display")]
    pub lamports: u64,
    /// Its rent-exempt minimum.
    #[serde(with = "text::display")]
    pub rent: u64,
    /// What was ever credited.
    #[serde(with = "text::display")]
    pub credited: u64,
    /// What was ever paid.
    #[serde(with = "text::display")]
    pub paid: u64,
    /// Credited and not yet paid. In a network that pays in SOL, the wallet accounts hold it.
    #[serde(with = "text::display")]
    pub liabilities: u64,
    /// What it can still credit: lamports above the rent, or tokens above the liabilities.
    #[serde(with = "text::display")]
    pub surplus: u64,
}

/// Why the comparison ended. What a repair has written by then is right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError {
    /// The ledger could not be used.
    #[error(transparent)]
    Ledger(#[from] DatabaseError),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The ledger belongs to another network or cluster, or to none yet.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// There is no treasury that this version can decode.
    #[error("there is no treasury at {0} that this version can decode: check the network, or use the matching version")]
    NoTreasury(Pubkey),
    /// The node is not in the ledger.
    #[error("node {0} is not registered in this ledger: check the node id")]
    UnknownNode(NodeId),
    /// A runner is settling.
    #[error("{holder} is settling with this ledger: stop it, or retry when it has finished")]
    Busy {
        /// The name of the runner that holds the lease.
        holder: String,
    },
    /// It was to end before everything was compared.
    #[error("interrupted: what was written until then is right; repeat the command for the rest")]
    Interrupted,
    /// A runner has taken over in the middle of a repair.
    #[error("a runner has started to settle with this ledger in the meantime: retry when it has finished")]
    Overtaken,
}

impl<D: Database, C: Chain> Reconciler<D, C> {
    /// Compares every node and the treasury. Calls `each` with every node, in the order of their ids. With `repair`, writes the
    /// chain's truth into the ledger's copies of wallet accounts and treasury; rewards are never changed.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub async fn run<K: Clock>(
        &self,
        repair: Option<&Repair<'_, K>>,
        mut each: impl FnMut(&WalletRow),
    ) -> Result<Reconciliation, ReconcileError> {
        self.check_binding().await?;
        let token = match repair {
            None => None,
            Some(repair) => Some(self.take_lease(repair.holder).await?),
        };
        let result = self.compare_all(repair.zip(token), &mut each).await;
        match repair.zip(token) {
            Some((repair, token)) => self.released(repair.holder, token, result).await,
            None => result,
        }
    }

    /// Compares one node.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub async fn node(&self, node_id: &NodeId) -> Result<WalletRow, ReconcileError> {
        self.check_binding().await?;
        let (treasury, reading) = self.treasury(0).await?;
        let rules = self.rules(&treasury).await?;
        let rows = self.database.query(Statement::new(SELECT_NODE).bind(node_id)).await?;
        let row = rows.first().ok_or_else(|| ReconcileError::UnknownNode(node_id.clone()))?;
        let books = vec![NodeBooks::of(row)?];
        let min_slot = latest_slot(&books).max(reading.slot);
        let compared = self.compare(books, rules, min_slot).await?;
        compared.into_iter().next().ok_or_else(|| ReconcileError::UnknownNode(node_id.clone()))
    }

    /// Keeps runners from settling during a repair. The lease is renewed for each page.
    pub(super) async fn take_lease(&self, holder: &str) -> Result<i64, ReconcileError> {
        match leases::take(&self.database, holder).await? {
            Some(token) => Ok(token),
            None => Err(ReconcileError::Busy { holder: leases::current(&self.database).await?.0 }),
        }
    }

    /// Lets runners settle again whatever the result, because they would wait until the lease expires. Its error comes first.
    pub(super) async fn released<T, E: From<ReconcileError>>(
        &self,
        holder: &str,
        token: i64,
        result: Result<T, E>,
    ) -> Result<T, E> {
        let released = leases::release(&self.database, holder, token).await;
        let value = result?;
        released.map_err(ReconcileError::from)?;
        Ok(value)
    }

    /// Extends the lease before the next piece of work. A lease that has expired is still valid while nobody has taken over.
    pub(super) async fn renew(&self, holder: &str, token: i64) -> Result<(), ReconcileError> {
        let is_held = leases::renew(&self.database, holder, token).await?;
        if is_held { Ok(()) } else { Err(ReconcileError::Overtaken) }
    }

    pub(super) async fn compare_all<K: Clock>(
        &self,
        repair: Option<(&Repair<'_, K>, i64)>,
        each: &mut impl FnMut(&WalletRow),
    ) -> Result<Reconciliation, ReconcileError> {
        let (before, reading) = self.treasury(0).await?;
        let rules = self.rules(&before).await?;
        if let Some((repair, token)) = &repair {
            let statements = vec![
                wallets::lower_treasury_slot(reading.slot),
                wallets::upsert_treasury(&reading, repair.clock.now_ms()),
            ];
            self.write(repair, *token, statements).await?;
        }
        let mut found = Reconciliation::default();
        let mut last: Option<NodeId> = None;
        let (first_slot, mut slot) = (reading.slot, reading.slot);
        let sum_before = wallets::credited_sum(&self.database).await?;
        loop {
            if let Some((repair, token)) = &repair {
                repair.check()?;
                self.renew(repair.holder, *token).await?;
            }
            let statement =
                Statement::new(SELECT_PAGE).bind(last.as_ref().map_or("", NodeId::as_str)).bind(NODES_PER_PAGE);
            let rows = self.database.query(statement).await?;
            let page = rows.iter().map(NodeBooks::of).collect::<Result<Vec<_>, _>>()?;
            let Some(node) = page.last() else { break };
            last = Some(node.node_id.clone());
            // A repair does not believe the slots of the copies: one that the chain never reaches would stop it for good.
            let min_slot = if repair.is_some() { first_slot } else { latest_slot(&page).max(first_slot) };
            let compared = self.compare(page, rules, min_slot).await?;
            for row in &compared {
                found.add(row);
                each(row);
                slot = slot.max(row.slot);
            }
            if let Some((repair, token)) = &repair {
                found.repaired =
                    found.repaired.saturating_add(self.repair(repair, *token, &compared, first_slot).await?);
            }
        }
        let sum_after = wallets::credited_sum(&self.database).await?;
        let (after, reading) = self.treasury(slot).await?;
        found.compare_treasury(&before, &after);
        if repair.is_none() {
            found.compare_mirrored(sum_before, sum_after);
        }
        let address = treasury_address(&self.network.address());
        found.treasury = after.figures(address, &reading);
        Ok(found)
    }

    /// Compares some nodes with the chain, read at `min_slot` or later.
    async fn compare(
        &self,
        books: Vec<NodeBooks>,
        rules: Rules,
        min_slot: u64,
    ) -> Result<Vec<WalletRow>, ReconcileError> {
        let network = self.network.address();
        let address = |node: &NodeBooks| {
            let owner: Pubkey = node.owner.as_deref()?.parse().ok()?;
            Some(node_wallet_address(&network, &node.node_id.on_chain(), &owner))
        };
        let addresses: Vec<Option<Pubkey>> = books.iter().map(address).collect();
        let existing: Vec<Pubkey> = addresses.iter().copied().flatten().collect();
        let requests = existing
            .chunks(MAX_ACCOUNTS_PER_READ)
            .map(|chunk| self.chain.accounts(chunk, AccountData::Full, Commitment::Finalized, min_slot));
        let read: Vec<_> = stream::iter(requests).buffered(REQUESTS_IN_FLIGHT).try_collect().await?;
        let mut read: std::vec::IntoIter<(u64, Option<Account>)> = read
            .into_iter()
            .flat_map(|read| read.accounts.into_iter().map(move |account| (read.slot, account)))
            .collect::<Vec<_>>()
            .into_iter();
        let compared = books.into_iter().zip(addresses).map(|(node, address)| {
            let (slot, account) = address.and_then(|_| read.next()).unwrap_or((0, None));
            WalletRow::compare(node, address, account.as_ref(), slot, rules)
        });
        Ok(compared.collect())
    }

    /// Writes what the chain has into the copies that are older, whatever slot they claim to be from, and takes back the slots
    /// that are later than that of this reading, which is at `first_slot` or later. Returns the number of copies that change.
    async fn repair<K: Clock>(
        &self,
        repair: &Repair<'_, K>,
        token: i64,
        rows: &[WalletRow],
        first_slot: u64,
    ) -> Result<u64, ReconcileError> {
        let slot_of = |row: &WalletRow| row.slot.max(first_slot);
        let is_ahead = |row: &WalletRow| row.ledger.mirror.as_ref().is_some_and(|mirror| mirror.slot > slot_of(row));
        let changing: Vec<&WalletRow> = rows.iter().filter(|row| row.has_stale_copy() || is_ahead(row)).collect();
        let (Some(first), Some(last)) = (changing.first(), changing.last()) else { return Ok(0) };
        let ahead: Vec<(&NodeId, u64)> =
            changing.iter().filter(|row| is_ahead(row)).map(|row| (&row.ledger.node_id, slot_of(row))).collect();
        let readings: Vec<WalletReading> =
            changing.iter().filter(|row| row.has_stale_copy()).filter_map(|row| row.reading()).collect();
        let now = repair.clock.now_ms();
        let count = changing.len();
        let details = json!({
            "wallets": count, "slots": ahead.len(), "first": first.ledger.node_id, "last": last.ledger.node_id,
        });
        let mut statements = Vec::new();
        if !ahead.is_empty() {
            statements.push(wallets::lower_slots(&ahead));
        }
        statements.extend(wallets::upsert(&readings, now));
        statements.push(record_repair(now, repair.actor, &details));
        self.write(repair, token, statements).await?;
        Ok(count as u64)
    }

    /// Writes statements if no runner has taken over.
    pub(super) async fn write<K>(
        &self,
        repair: &Repair<'_, K>,
        token: i64,
        statements: Vec<Statement>,
    ) -> Result<(), ReconcileError> {
        self.renew(repair.holder, token).await?;
        let mut all = vec![leases::require(repair.holder, token)];
        all.extend(statements);
        all.push(leases::clear_preconditions());
        match self.database.batch(all).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_constraint("lease_held") => Err(ReconcileError::Overtaken),
            Err(error) => Err(error.into()),
        }
    }

    async fn check_binding(&self) -> Result<(), ReconcileError> {
        let genesis_hash = self.chain.genesis_hash().await?;
        Ok(binding::check(&self.database, &genesis_hash, &self.network.address()).await??)
    }

    async fn treasury(&self, min_slot: u64) -> Result<(TreasuryOnChain, TreasuryReading), ReconcileError> {
        let address = treasury_address(&self.network.address());
        let rent = self.chain.minimum_balance(Treasury::SIZE as u64).await?;
        let read = self.chain.accounts(&[address], AccountData::Full, Commitment::Finalized, min_slot).await?;
        let account = read.accounts.into_iter().next().flatten().filter(|account| account.owner == settlement::ID);
        let account = account.ok_or(ReconcileError::NoTreasury(address))?;
        let treasury = Treasury::decode(&account.data).map_err(|_| ReconcileError::NoTreasury(address))?;
        let pays_in_sol = treasury.asset_kind == u8::from(AssetKind::Sol);
        let totals = (treasury.credited_total, treasury.paid_total);
        let liabilities = treasury.liabilities();
        let (held, owed) = if pays_in_sol { (account.lamports, rent) } else { (treasury.token_balance, liabilities) };
        let reading = TreasuryReading { address, balance: held, slot: read.slot, treasury };
        let surplus = held.saturating_sub(owed);
        let missing = owed.saturating_sub(held).max(rent.saturating_sub(account.lamports));
        Ok((
            TreasuryOnChain { pays_in_sol, lamports: account.lamports, rent, totals, liabilities, surplus, missing },
            reading,
        ))
    }

    async fn rules(&self, treasury: &TreasuryOnChain) -> Result<Rules, ReconcileError> {
        Ok(Rules {
            pays_in_sol: treasury.pays_in_sol,
            wallet_rent: self.chain.minimum_balance(NodeWallet::SIZE as u64).await?,
            closed_rent: self.chain.minimum_balance(ClosedNode::SIZE as u64).await?,
        })
    }
}

/// What is compared of a treasury.
struct TreasuryOnChain {
    pays_in_sol: bool,
    lamports: u64,
    rent: u64,
    /// Credited and paid.
    totals: (u64, u64),
    liabilities: u64,
    surplus: u64,
    /// What it lacks to keep its rent and to cover what it owes.
    missing: u64,
}

impl TreasuryOnChain {
    fn figures(&self, address: Pubkey, reading: &TreasuryReading) -> TreasuryFigures {
        TreasuryFigures {
            address: address.to_string(),
            slot: reading.slot,
            lamports: self.lamports,
            rent: self.rent,
            credited: self.totals.0,
            paid: self.totals.1,
            liabilities: self.liabilities,
            surplus: self.surplus,
        }
    }
}

impl Reconciliation {
    fn add(&mut self, row: &WalletRow) {
        self.nodes = self.nodes.saturating_add(1);
        let add = |sum: &mut u128, amount: u64| *sum = sum.saturating_add(u128::from(amount));
        add(&mut self.earned, row.ledger.earned);
        add(&mut self.confirmed, row.ledger.confirmed);
        add(&mut self.mirrored, row.ledger.mirror.as_ref().map_or(0, |mirror| mirror.credited));
        if let Some(chain) = &row.chain {
            self.wallets = self.wallets.saturating_add(1);
            add(&mut self.credited, chain.credited);
            add(&mut self.paid, chain.paid);
            add(&mut self.pending, chain.pending);
            add(&mut self.wallet_lamports, chain.lamports);
        }
        for finding in &row.findings {
            self.add_finding(*finding, false);
        }
    }

    fn add_finding(&mut self, finding: Finding, of_treasury: bool) {
        let count = self.findings.entry(finding.cause).or_default();
        *count = count.saturating_add(1);
        if finding.cause.is_disagreement() {
            self.disagreements = self.disagreements.saturating_add(1);
        }
        if of_treasury {
            self.of_treasury.push(finding);
        }
    }

    /// Compares the sum of the copies with what the ledger says it is, before and after they were read: a relay may have
    /// written some of them in between.
    fn compare_mirrored(&mut self, before: u64, after: u64) {
        let (low, high) = (u128::from(before.min(after)), u128::from(before.max(after)));
        if self.mirrored < low || self.mirrored > high {
            let amount = low.saturating_sub(self.mirrored).max(self.mirrored.saturating_sub(high));
            self.add_finding(Finding { cause: Cause::MirroredSumDiffers, amount: clamped(amount) }, true);
        }
    }

    /// Compares the sums over all wallets with the treasury as it was before and after they were read.
    fn compare_treasury(&mut self, before: &TreasuryOnChain, after: &TreasuryOnChain) {
        self.moved = before.totals != after.totals;
        let (low, high) = (u128::from(before.totals.0), u128::from(after.totals.0));
        let mut findings = Vec::new();
        if self.credited < low {
            findings.push((Cause::CreditedElsewhere, low.abs_diff(self.credited)));
        } else if self.credited > high {
            findings.push((Cause::WalletsAboveTreasury, self.credited.abs_diff(high)));
        }
        let (low, high) = (u128::from(before.totals.1), u128::from(after.totals.1));
        if self.paid < low || self.paid > high {
            findings.push((Cause::PaidTotalsDiffer, low.saturating_sub(self.paid).max(self.paid.saturating_sub(high))));
        }
        if after.missing > 0 {
            findings.push((Cause::TreasuryShort, u128::from(after.missing)));
        }
        for (cause, amount) in findings {
            self.add_finding(Finding { cause, amount: clamped(amount) }, true);
        }
    }
}

/// The latest slot from which the ledger has a copy of one of these nodes' wallet accounts; 0 without any.
fn latest_slot(books: &[NodeBooks]) -> u64 {
    books.iter().filter_map(|node| Some(node.mirror.as_ref()?.slot)).max().unwrap_or(0)
}

fn clamped(amount: u128) -> u64 {
    u64::try_from(amount).unwrap_or(u64::MAX)
}
