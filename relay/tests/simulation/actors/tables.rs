//! What somebody does to lookup tables with the settler's key, without the ledger's knowledge.

use solana_address_lookup_table_interface::instruction::{
    close_lookup_table, deactivate_lookup_table, extend_lookup_table,
};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::database::Statement;

use super::Action;
use crate::random::Stream;
use crate::world::World;

/// The tables that the ledger knows.
const TABLES: &str = "SELECT address FROM lookup_tables ORDER BY address";

/// The number of addresses that are added at once.
const ADDED: u64 = 3;

/// Something that happens to a lookup table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableAction {
    /// Wallets of nodes are added, while the relay's own command may be about to add others.
    Extend,
    Deactivate,
    /// It is closed, if it was deactivated long enough ago.
    Close,
}

impl TableAction {
    pub(super) const ALL: [Self; 5] = [Self::Extend, Self::Extend, Self::Deactivate, Self::Close, Self::Close];
}

impl World {
    /// Something happens to one of the tables that the ledger knows.
    pub(super) fn act_on_table(&self, action: TableAction) {
        let tables = self.ledger.query(Statement::new(TABLES));
        if tables.is_empty() {
            return;
        }
        let table: Pubkey = self.random(Stream::Actors).pick(&tables).get("address").expect("an address");
        let settler = self.keys.settler.pubkey();
        let instruction = match action {
            TableAction::Extend => return self.extend_table(table),
            TableAction::Deactivate => deactivate_lookup_table(table, settler),
            TableAction::Close => close_lookup_table(table, settler, settler),
        };
        self.submit("outsider", Action::Table(action), instruction);
    }

    /// Adds the wallets of some nodes to a table.
    pub(crate) fn extend_table(&self, table: Pubkey) {
        let (settler, sponsor) = (self.keys.settler.pubkey(), self.keys.sponsor.pubkey());
        let some = |_| self.random(Stream::Actors).pick(self.nodes()).wallet;
        let extend = extend_lookup_table(table, settler, Some(sponsor), (0..ADDED).map(some).collect());
        self.submit("outsider", Action::Table(TableAction::Extend), extend);
    }
}
