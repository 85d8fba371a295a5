//! The terminal that standard error may be: a progress bar at its bottom, and whole lines above.

use std::env;
use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::OutputFormat;

/// The bar. Its message is cut off where the terminal ends.
const TEMPLATE: &str = "settlement {prefix} [{bar:24}] {pos}/{len} nodes{wide_msg}";

/// What standard error shows.
#[derive(Clone)]
pub(crate) struct Screen(Option<ProgressBar>);

impl Screen {
    /// A screen without a bar.
    pub(crate) fn plain() -> Self {
        Self(None)
    }

    /// Standard error, with a bar if it is a terminal that can move its cursor and the log is for people.
    pub(crate) fn of_stderr(log_format: OutputFormat) -> Self {
        if log_format != OutputFormat::Text || !is_capable_terminal() {
            return Self::plain();
        }
        let style = ProgressStyle::with_template(TEMPLATE).map(|style| style.progress_chars("=> "));
        Self(
            style
                .ok()
                .map(|style| ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()).with_style(style)),
        )
    }

    /// Whether progress is drawn.
    pub(crate) fn has_bar(&self) -> bool {
        self.0.is_some()
    }

    /// Draws the bar with `done` of `nodes` nodes of a settlement, and `message`.
    pub(crate) fn draw(&self, settlement_id: i64, done: u64, nodes: u64, message: String) {
        let Some(bar) = &self.0 else { return };
        if bar.is_hidden() {
            bar.reset();
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_prefix(settlement_id.to_string());
        bar.set_message(message);
        bar.set_length(nodes);
        bar.set_position(done);
        bar.tick();
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        let Some(bar) = &self.0 else { return };
        bar.finish_and_clear();
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Writes something to the terminal: the bar is taken away before and drawn again after it.
    pub(crate) fn beside_bar<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// Whether lines on standard error are coloured: on a terminal, unless `NO_COLOR` is set (https://no-color.org).
pub(crate) fn is_coloured() -> bool {
    is_capable_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether standard error is a terminal that knows control sequences.
fn is_capable_terminal() -> bool {
    stderr().is_terminal() && env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}
