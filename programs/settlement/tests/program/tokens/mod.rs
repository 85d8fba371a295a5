//! Networks that pay in tokens, with the real token programs: p-token, the SPL Token that it
//! replaced, and Token-2022.

mod accounts;
mod destinations;
mod fees;
mod lifecycle;
mod mints;
mod skip_reasons;
mod transaction_formats;
mod vault;

use settlement::client::BatchHeader;

const HEADER: BatchHeader = BatchHeader { batch_id: 42, records_root: [9; 32] };
