//! Warnings that come again and again: each is logged at growing distances.
//!
//! While a cluster stands still, the same requests fail for hours, every few seconds. The ledger keeps a line for each cause, and
//! not one for each failure.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::store::settlements::{self, OpenSettlement};
use super::text::differ_only_in_numbers;
use super::{Engine, EngineError};

/// Among how many lines of the settlement's log the warning is looked for.
const LINES: u32 = 100;

/// The least distance between two warnings of the same cause, in milliseconds. It doubles with each.
const FIRST_DISTANCE_MS: u64 = 60_000;

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Of `warnings`, those that are to be logged now. Texts that differ only in their numbers are the same warning.
    pub(super) async fn not_repeated(
        &self,
        open: &OpenSettlement,
        mut warnings: Vec<String>,
    ) -> Result<Vec<String>, EngineError> {
        if !warnings.is_empty() {
            let logged = settlements::last_warnings(&self.database, open.id, LINES).await?;
            warnings.retain(|warning| is_due(&logged, warning, self.clock.now_ms()));
        }
        Ok(warnings)
    }
}

/// Whether `warning` is to be logged at `now_ms`, after the warnings `logged`, newest first.
fn is_due(logged: &[(i64, String)], warning: &str, now_ms: i64) -> bool {
    let mut same = logged.iter().filter(|(_, text)| differ_only_in_numbers(text, warning)).map(|(at, _)| *at);
    let Some(last) = same.next() else { return true };
    let first = same.next_back().unwrap_or(last);
    now_ms.abs_diff(last) >= last.abs_diff(first).max(FIRST_DISTANCE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_repeated_at_growing_distances_and_another_one_is_not_withheld() {
        let (mut logged, mut minutes) = (Vec::new(), Vec::new());
        for now in (0..24 * 60 * 60_000_i64).step_by(2_000) {
            let warning = format!("{} of 64 were not accepted", now % 64);
            if is_due(&logged, &warning, now) {
                minutes.push(now / 60_000);
                logged.insert(0, (now, warning));
            }
        }
        assert_eq!(minutes, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]);
        assert!(is_due(&logged, "another one", 0));
    }
}
