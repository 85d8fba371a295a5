//! The `rebuild` command: recovers from the chain what it has of a lost ledger.

use std::fmt;

use williw_relay::audit::{Rebuilder, Rebuilt, Repair};
use williw_relay::clock::SystemClock;
use williw_relay::engine::Asset;
use williw_relay::ledger::Actor;

use crate::arguments::ConnectionArguments;
use crate::environment;
use crate::error::CliError;
use crate::ledger::{self, IfMissing};
use crate::output::{Output, unit};
use crate::patient::{LeaseKeeper, Patient};
use crate::shutdown::Shutdown;

use super::run::lease_holder;

/// Rebuilds the ledger.
pub(crate) async fn rebuild(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    let cluster = environment::cluster(connection)?;
    let network = environment::network(connection)?;
    let database = ledger::open(connection, IfMissing::Fail)?;
    let (actor, holder, shutdown) = (Actor::command_line(), lease_holder()?, Shutdown::listen()?);
    let keeper = LeaseKeeper { database: &database, holder: &holder, shutdown: &shutdown };
    let rebuilder = Rebuilder { chain: Patient::keeping(cluster, keeper), network, database: &database };
    let stop = || shutdown.is_requested();
    let repair = Repair { actor: &actor, clock: &SystemClock, holder: &holder, stop: &stop };
    let rebuilt = shutdown.instead_of_error(rebuilder.run(&repair).await.map_err(CliError::from))?;
    let asset = Asset::of_ledger(&database).await?;
    output.result(&rebuilt, &Report { rebuilt: &rebuilt, asset: asset.as_ref() })
}

struct Report<'a> {
    rebuilt: &'a Rebuilt,
    asset: Option<&'a Asset>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rebuilt, asset } = self;
        writeln!(f, "rebuilt from a complete history of {} events", rebuilt.events)?;
        writeln!(f, "  transactions  {}", rebuilt.transactions)?;
        writeln!(f, "  batches       {}", rebuilt.batches)?;
        writeln!(f, "  entries       {}", rebuilt.entries)?;
        writeln!(f, "  wallets       {}", rebuilt.wallets)?;
        if rebuilt.batches_with_used_numbers > 0 {
            let count = rebuilt.batches_with_used_numbers;
            writeln!(f, "  left out      {count} batches whose numbers another ledger had used before")?;
        }
        if rebuilt.batches_with_foreign_numbers > 0 {
            let count = rebuilt.batches_with_foreign_numbers;
            writeln!(f, "  left out      {count} batches with numbers that no ledger gives")?;
        }
        if rebuilt.entries_of_unknown_nodes > 0 {
            let (count, amount) = (rebuilt.entries_of_unknown_nodes, rebuilt.credited_elsewhere);
            let unit = unit(*asset).name;
            writeln!(
                f,
                "  left out      {count} entries of nodes that are not registered, which were credited {amount} {unit}"
            )?;
        }
        write!(
            f,
            "import all rewards in the order in which they were granted; nodes that the chain has credited are then held until \
             'williw-relay review resolve --all --accept-chain --yes' counts the rewards as credited: rewards that are imported \
             after it are paid again"
        )
    }
}
