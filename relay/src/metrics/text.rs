//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

/// What kind of metric a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value that only grows, until the process or the ledger is replaced.
    Counter,
    /// A value that can also fall.
    Gauge,
}

/// A page of metrics.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// Begins a family: its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    /// Adds a sample to the family that was begun last.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        match labels.as_slice() {
            [] => self.line(format_args!("{name} {value}")),
            labels => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }

    /// Adds a sample of milliseconds, in seconds.
    pub(super) fn seconds(&mut self, name: &str, labels: &[(&str, &str)], ms: u64) {
        self.sample(name, labels, format_args!("{}.{:03}", ms / 1_000, ms % 1_000));
    }

    /// Adds a gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, Kind::Gauge, help);
        self.sample(name, &[], value);
    }

    /// Adds a gauge of an age in milliseconds.
    pub(super) fn age(&mut self, name: &str, help: &str, ms: u64) {
        self.family(name, Kind::Gauge, help);
        self.seconds(name, &[], ms);
    }

    /// The page.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// The value of a label, in which quotes, backslashes and line feeds have a meaning.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_can_break_the_format() {
        let mut page = Exposition::default();
        page.sample("name", &[("reason", "a\"} 1\nother \\")], 7);
        assert_eq!(page.into_text(), "name{reason=\"a\\\"} 1\\nother \\\\\"} 7\n");
    }
}
