//! The `tables` commands: lookup tables are listed, extended and closed, one transaction after the other.

use std::fmt;

use serde::Serialize;
use settlement::state::AssetKind;
use williw_relay::chain::{AccountData, Chain, Commitment};
use williw_relay::lookup_tables::{
    Change, ChangeKind, Closing, Conclusion, ExtendLimits, Extension, ListedTable, Selection, TableKeeper,
};
use williw_relay::signer::{SecretKey, Signer};
use williw_relay::transaction::{BatchKind, Format, SIGNATURE_FEE_LAMPORTS, capacity, capacity_with_lookup_tables};
use williw_relay::types::Lamports;

use crate::arguments::ConnectionArguments;
use crate::arguments::tables::{CloseArguments, ExtendArguments};
use crate::environment::{self, Cluster};
use crate::error::CliError;
use crate::ledger::{self, IfMissing, Ledger};
use crate::output::{Output, format_sol};
use crate::shutdown::Shutdown;
use crate::table::Table;
use crate::transaction::{self, POLL_INTERVAL};

/// The result of `list`.
#[derive(Serialize)]
struct Listed {
    network: String,
    tables: Vec<Row>,
    addresses: usize,
    rent_lamports: Lamports,
    saved_lamports_per_settlement: Lamports,
}

/// A table.
#[derive(Serialize)]
struct Row {
    address: String,
    /// Its state in the ledger.
    state: &'static str,
    addresses: usize,
    rent_lamports: Lamports,
    /// In how many slots it can be used, or closed.
    slots_left: u64,
    /// Why it is not used.
    problem: Option<String>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["TABLE", "STATE", "#ADDRESSES", "#RENT IN LAMPORTS", "#SLOTS LEFT", "PROBLEM"]);
        for row in &self.tables {
            table.row([
                row.address.clone(),
                row.state.to_owned(),
                row.addresses.to_string(),
                row.rent_lamports.to_string(),
                row.slots_left.to_string(),
                row.problem.clone().unwrap_or_default(),
            ]);
        }
        if table.is_empty() {
            return write!(f, "network '{}' has no lookup tables", self.network);
        }
        writeln!(f, "{table}")?;
        write!(
            f,
            "{} addresses, {} of rent; a settlement that pays all of them in v0 transactions costs about {} lamports less",
            self.addresses,
            format_sol(self.rent_lamports),
            self.saved_lamports_per_settlement
        )
    }
}

/// The result of `extend`.
#[derive(Serialize)]
struct Extended {
    network: String,
    addresses: usize,
    new_tables: usize,
    rent_lamports: Lamports,
    saved_lamports_per_settlement: Lamports,
    signatures: Vec<String>,
    problems: Vec<String>,
}

impl fmt::Display for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        if self.signatures.is_empty() {
            return write!(f, "no addresses to add");
        }
        write!(
            f,
            "added {} addresses in {} transactions, with {} new tables, for {} of rent; a settlement that pays all of them \
             in v0 transactions costs about {} lamports less",
            self.addresses,
            self.signatures.len(),
            self.new_tables,
            format_sol(self.rent_lamports),
            self.saved_lamports_per_settlement
        )
    }
}

/// The result of `close`.
#[derive(Serialize)]
struct Closed {
    network: String,
    deactivated: Vec<String>,
    closed: Vec<String>,
    returned_lamports: Lamports,
    /// Deactivated tables that cannot be closed yet.
    waiting: Vec<Waiting>,
    signatures: Vec<String>,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Waiting {
    table: String,
    slots_left: u64,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        for Waiting { table, slots_left } in &self.waiting {
            writeln!(f, "lookup table {table} can be closed in {slots_left} slots")?;
        }
        if self.signatures.is_empty() {
            return write!(f, "no tables to close");
        }
        write!(
            f,
            "closed {} tables, which returned {}, and deactivated {} tables, which can be closed in four minutes",
            self.closed.len(),
            format_sol(self.returned_lamports),
            self.deactivated.len()
        )
    }
}

/// Lists all tables.
pub(crate) async fn list(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    let session = Session::open(connection).await?;
    let tables = session.keeper().await?.list().await?;
    let addresses = tables.iter().filter(|table| table.fault.is_none()).map(|table| table.addresses).sum();
    let rent = tables.iter().fold(0_u64, |sum, table| sum.saturating_add(table.rent_lamports));
    let listed = Listed {
        network: session.network,
        tables: tables.into_iter().map(row).collect::<Result<_, _>>()?,
        addresses,
        rent_lamports: lamports(rent)?,
        saved_lamports_per_settlement: lamports(saved_per_settlement(addresses))?,
    };
    output.result(&listed, &listed)
}

fn row(table: ListedTable) -> Result<Row, CliError> {
    Ok(Row {
        address: table.address.to_string(),
        state: table.state.as_str(),
        addresses: table.addresses,
        rent_lamports: lamports(table.rent_lamports)?,
        slots_left: table.slots_left,
        problem: table.fault.map(|fault| fault.to_string()),
    })
}

/// Adds addresses to tables.
pub(crate) async fn extend(
    connection: &ConnectionArguments,
    arguments: &ExtendArguments,
    output: &Output,
) -> Result<(), CliError> {
    let session = Session::open(connection).await?;
    if session.chain.agreeing_nodes() < 2 {
        tracing::warn!(
            "settlements use lookup tables only with at least two RPC nodes: name a second one in SOLANA_RPC_URL"
        );
    }
    let keeper = session.keeper().await?;
    let mut shutdown = Shutdown::listen()?;
    conclude(&keeper, &mut shutdown).await?;
    let mut extension = Extension::new(ExtendLimits {
        min_batches: arguments.min_batches,
        max_addresses: usize::try_from(arguments.max_addresses).unwrap_or(usize::MAX),
        max_rent_lamports: arguments.max_rent.unwrap_or(u64::MAX),
    });
    let (mut addresses, mut new_tables, mut rent, mut signatures) = (0_usize, 0_usize, 0_u64, Vec::new());
    while let Some(change) = keeper.next_extension(&mut extension).await? {
        signatures.push(session.apply(&keeper, &change, &mut shutdown).await?);
        addresses = addresses.saturating_add(change.addresses.len());
        new_tables = new_tables.saturating_add(usize::from(change.kind == ChangeKind::Create));
        rent = rent.saturating_add(change.rent_lamports);
    }
    let extended = Extended {
        network: session.network,
        addresses,
        new_tables,
        rent_lamports: lamports(rent)?,
        saved_lamports_per_settlement: lamports(saved_per_settlement(addresses))?,
        signatures,
        problems: extension.problems,
    };
    output.result(&extended, &extended)
}

/// Closes tables.
pub(crate) async fn close(
    connection: &ConnectionArguments,
    arguments: &CloseArguments,
    output: &Output,
) -> Result<(), CliError> {
    let session = Session::open(connection).await?;
    let keeper = session.keeper().await?;
    let mut shutdown = Shutdown::listen()?;
    conclude(&keeper, &mut shutdown).await?;
    let selection = match arguments.all {
        true => Selection::All,
        false => Selection::Only(arguments.tables.iter().copied().collect()),
    };
    let mut closing = Closing::new(selection);
    let (mut deactivated, mut closed, mut returned, mut signatures) = (Vec::new(), Vec::new(), 0_u64, Vec::new());
    while let Some(change) = keeper.next_closing(&mut closing).await? {
        signatures.push(session.apply(&keeper, &change, &mut shutdown).await?);
        match change.kind {
            ChangeKind::Close => {
                closed.push(change.table.to_string());
                returned = returned.saturating_add(change.rent_lamports);
            }
            _ => deactivated.push(change.table.to_string()),
        }
    }
    let closed = Closed {
        network: session.network,
        deactivated,
        closed,
        returned_lamports: lamports(returned)?,
        waiting: closing
            .waiting
            .into_iter()
            .map(|(table, slots_left)| Waiting { table: table.to_string(), slots_left })
            .collect(),
        signatures,
        problems: closing.problems,
    };
    output.result(&closed, &closed)
}

/// What the commands work with.
struct Session {
    chain: Cluster,
    database: Ledger,
    key: SecretKey,
    network: String,
    network_address: solana_pubkey::Pubkey,
}

impl Session {
    /// Connects to the cluster and the ledger.
    ///
    /// # Errors
    /// [`CliError::Rejected`] if the key is not the settler's: it could not use the tables.
    async fn open(connection: &ConnectionArguments) -> Result<Self, CliError> {
        let chain = environment::cluster(connection)?;
        let expected = environment::network(connection)?;
        let key = environment::secret_key()?;
        let database = ledger::open(connection, IfMissing::Fail)?;
        let network_address = expected.address();
        let read = chain.accounts(&[network_address], AccountData::Full, Commitment::Confirmed, 0).await?;
        let state = super::require_network(&expected, read.accounts.first().and_then(Option::as_ref))?;
        if state.settler != key.address() {
            return Err(CliError::Rejected(format!(
                "SOLANA_PRIVATE_KEY is the key of {}, but lookup tables belong to the settler {}",
                key.address(),
                state.settler
            )));
        }
        Ok(Self { chain, database, key, network: expected.name(), network_address })
    }

    async fn keeper(&self) -> Result<TableKeeper<&Ledger, &Cluster>, CliError> {
        let (network, authority, holder) = (self.network_address, self.key.address(), super::run::lease_holder()?);
        Ok(TableKeeper::new(&self.database, &self.chain, network, authority, holder).await?)
    }

    /// Records a change, sends it, and waits until it is finalized. Returns its signature.
    async fn apply(
        &self,
        keeper: &TableKeeper<&Ledger, &Cluster>,
        change: &Change,
        shutdown: &mut Shutdown,
    ) -> Result<String, CliError> {
        if shutdown.is_requested() {
            return Err(CliError::Interrupted("interrupted between two transactions; the next run resumes".to_owned()));
        }
        let prepared = transaction::prepare(Format::V0, &self.chain, &self.key, &change.instructions).await?;
        // Whatever happens from now on, the next run finds out what has become of the transaction.
        keeper.record(change, &prepared.identity()).await?;
        let sent = transaction::submit(&self.chain, &prepared, shutdown).await;
        if !matches!(sent, Err(CliError::Interrupted(_))) {
            conclude(keeper, shutdown).await?;
        }
        Ok(sent?.to_string())
    }
}

/// Waits until the outcome of a recorded transaction is known and recorded, this run's or an earlier one's.
async fn conclude(keeper: &TableKeeper<&Ledger, &Cluster>, shutdown: &mut Shutdown) -> Result<(), CliError> {
    loop {
        match keeper.conclude().await.map_err(CliError::from) {
            Ok(Conclusion::Nothing | Conclusion::Applied | Conclusion::Dropped) => return Ok(()),
            Ok(Conclusion::Rejected(table, fault)) => {
                return Err(CliError::Rejected(format!(
                    "lookup table {table} will not be used: {fault}; 'williw-relay tables close {table}' returns its rent"
                )));
            }
            Ok(Conclusion::Pending(signature)) => tracing::debug!("waiting for transaction {signature}"),
            Err(CliError::Chain(error)) if error.is_transient() => tracing::warn!("{error}"),
            Err(error) => return Err(error),
        }
        if shutdown.is_requested() {
            return Err(CliError::Interrupted(
                "interrupted while a transaction may still land; the next run finds out what has become of it"
                    .to_owned(),
            ));
        }
        shutdown.sleep(POLL_INTERVAL).await;
    }
}

/// What a settlement that pays `addresses` addresses saves in fees of signatures at least, in lamports: a node is credited by
/// one address and paid out by two.
fn saved_per_settlement(addresses: usize) -> u64 {
    let signatures = |kind: BatchKind, nodes: usize| {
        let plain = capacity(kind, AssetKind::Sol, Format::V0).max(1);
        let with_tables = capacity_with_lookup_tables(kind, AssetKind::Sol).max(1);
        nodes.div_ceil(plain).saturating_sub(nodes.div_ceil(with_tables))
    };
    let saved = signatures(BatchKind::Credit, addresses).min(signatures(BatchKind::Settle, addresses / 2));
    SIGNATURE_FEE_LAMPORTS.saturating_mul(saved as u64)
}

fn lamports(amount: u64) -> Result<Lamports, CliError> {
    Lamports::new(amount).map_err(|error| CliError::Internal(error.to_string()))
}
