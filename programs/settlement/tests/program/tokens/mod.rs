//! Networks that pay in tokens, with the real token programs: p-token, the SPL Token before it, and
//! Token-2022.

mod accounts;
mod fees;
mod formats;
mod mints;
mod path;
mod skips;
mod vault;

use settlement::client::BatchHeader;

const HEADER: BatchHeader = BatchHeader { batch_id: 42, records_root: [9; 32] };
