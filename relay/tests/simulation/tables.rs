//! The operator's lookup tables: a process that does what `williw-relay tables extend` and `tables close` do, now and then.

use std::rc::Rc;

use solana_signer::Signer as _;
use williw_relay::chain::verdict::SentTransaction;
use williw_relay::chain::{Chain as _, Pool};
use williw_relay::lookup_tables::{
    Change, Closing, Conclusion, ExtendLimits, Extension, Selection, TableError, TableKeeper,
};
use williw_relay::transaction::{Budget, Format};

use crate::agenda::ProcessId;
use crate::checker::holder;
use crate::ledger::RemoteLedger;
use crate::random::Stream;
use crate::rpc::Rpc;
use crate::world::{Sleep, World};

/// The name of the process.
pub(crate) const NAME: &str = "tables";

/// The interval at which a transaction is looked for.
const POLL_MS: i64 = 1_000;

type Keeper<'a> = TableKeeper<&'a RemoteLedger, &'a Pool<Rpc>>;

/// Extends the tables again and again, and sometimes closes them.
pub(crate) async fn run(world: Rc<World>, process: ProcessId, database: RemoteLedger, chain: Pool<Rpc>) {
    world.stop_requested[process.relay].set(false);
    loop {
        let longest = if world.healed.get() { 120_000 } else { 6_000 };
        Sleep::new(&world, process, world.between(Stream::Tables, 1_000, longest)).await;
        if world.stop_requested[process.relay].replace(false) {
            return;
        }
        let closes = world.chance(Stream::Tables, 200) && !world.healed.get();
        let operator = Operator { world: &world, process, chain: &chain };
        match operator.change_tables(&database, closes).await {
            Ok(0) => {}
            Ok(changes) => world.tell(NAME, format_args!("{changes} changes of lookup tables")),
            Err(error) => world.tell(NAME, format_args!("gives up: {error}")),
        }
    }
}

/// Somebody who runs the commands.
struct Operator<'a> {
    world: &'a Rc<World>,
    process: ProcessId,
    chain: &'a Pool<Rpc>,
}

impl<'a> Operator<'a> {
    /// Extends or closes tables. Returns the number of transactions.
    async fn change_tables(&self, database: &'a RemoteLedger, closes: bool) -> Result<usize, TableError> {
        let keys = &self.world.keys;
        let (network, settler) = (keys.network().address(), keys.settler.pubkey());
        let keeper = TableKeeper::new(database, self.chain, network, settler, holder(self.world, self.process)).await?;
        self.conclude(&keeper).await?;
        let mut changes = 0;
        if closes {
            let mut closing = Closing::new(Selection::All);
            while let Some(change) = keeper.next_closing(&mut closing).await? {
                self.apply(&keeper, &change).await?;
                changes += 1;
            }
            return Ok(changes);
        }
        let max_addresses = self.world.random(Stream::Tables).amount(8, 60) as usize;
        let limits = ExtendLimits { min_batches: 1, max_addresses, max_rent_lamports: u64::MAX };
        let mut extension = Extension::new(limits);
        while let Some(change) = keeper.next_extension(&mut extension).await? {
            self.apply(&keeper, &change).await?;
            changes += 1;
        }
        for problem in extension.problems {
            self.world.tell(NAME, format_args!("{problem}"));
        }
        Ok(changes)
    }

    /// Records a change, sends it, and waits for what becomes of it.
    async fn apply(&self, keeper: &Keeper<'a>, change: &Change) -> Result<(), TableError> {
        let latest = self.chain.latest_blockhash().await?;
        let settler = &self.world.keys.settler;
        let unsigned = Format::V0.build(&settler.pubkey(), &change.instructions, &Budget::WIDEST, latest.blockhash)?;
        let signature = settler.sign_message(&unsigned.message_bytes());
        let signed = unsigned.signed(signature)?;
        let last_valid_block_height = latest.last_valid_block_height;
        keeper.record(change, &SentTransaction { signature, last_valid_block_height }).await?;
        self.world.tell(NAME, format_args!("{:?} lookup table {} by {signature}", change.kind, change.table));
        // It may have arrived although the answer is lost.
        let _ = self.chain.send(&signed.bytes).await;
        self.conclude(keeper).await
    }

    /// Waits until the outcome of the recorded transaction is known.
    async fn conclude(&self, keeper: &Keeper<'a>) -> Result<(), TableError> {
        loop {
            match keeper.conclude().await {
                Ok(Conclusion::Pending(_)) => {}
                Ok(Conclusion::Rejected(table, fault)) => {
                    self.world.tell(NAME, format_args!("lookup table {table} will not be used: {fault}"));
                    return Ok(());
                }
                Ok(_) => return Ok(()),
                Err(TableError::Chain(error)) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            Sleep::new(self.world, self.process, POLL_MS).await;
        }
    }
}
