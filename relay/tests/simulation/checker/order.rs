//! Whoever has waited longest is served first.

use williw_relay::database::Statement;

use crate::world::World;

use super::{Checker, Rule};

const OUT_OF_ORDER: &str = "SELECT first.node_id AS first, next.node_id AS next \
    FROM settlement_nodes AS first JOIN settlement_nodes AS next ON next.position > first.position \
        JOIN payables AS of_first ON of_first.node_id = first.node_id \
        JOIN payables AS of_next ON of_next.node_id = next.node_id \
    WHERE of_first.next_sequence >= of_next.next_sequence LIMIT 1";

impl Checker {
    /// The nodes of a settlement are served in the order of their oldest rewards, those that are tried again as well.
    pub(super) fn oldest_are_first(world: &World) {
        let found = world.ledger.query(Statement::new(OUT_OF_ORDER));
        world.check(Rule::OldestAreFirst, found.is_empty(), || {
            let node = |column| found[0].get::<String>(column).expect("a node id");
            format!("{} is served before {}, which has waited longer", node("first"), node("next"))
        });
    }
}
