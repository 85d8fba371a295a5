//! Address lookup tables: with them, a v0 transaction names an account in one byte instead of 32, so that three times as
//! many nodes share a transaction and its fee.
//!
//! The program credits whichever wallet a transaction names. What a table holds must therefore be certain: a position is
//! used only if the ledger has recorded it before the transaction that wrote it was sent, *and* the finalized table has that
//! address there, as two RPC nodes agree. Positions of a table never change once they are written, and a closed table cannot
//! be created again at the same address.

mod certain;
mod change;
mod close;
mod extend;
mod keeper;
mod store;
mod table;

pub use certain::{CertainLookups, RecordedPositions};
pub use change::{Change, ChangeKind, TableState};
pub use close::{Closing, Selection};
pub use extend::{ExtendLimits, Extension};
pub use keeper::{Conclusion, ListedTable, TableError, TableKeeper};
pub use table::{COOL_DOWN_SLOTS, Fault, MAX_ADDRESSES, Table, WARM_UP_SLOTS};

pub(crate) use store::ALL;
