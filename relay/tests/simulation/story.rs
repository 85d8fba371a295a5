//! What happened in a run, one line per event, and a hash of it by which two runs are compared.

use std::fmt;

/// The events of one run.
#[derive(Debug)]
pub(crate) struct Story {
    hash: u64,
    lines: Option<Vec<String>>,
    count: usize,
}

impl Story {
    /// Starts a story. Its lines are kept only if it is `recorded`; its hash is the same either way.
    pub(crate) fn new(recorded: bool) -> Self {
        // The offset basis of FNV-1a.
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: recorded.then(Vec::new), count: 0 }
    }

    /// Adds an event of `actor`, `at_ms` milliseconds after the start.
    pub(crate) fn tell(&mut self, at_ms: i64, actor: &str, event: fmt::Arguments<'_>) {
        let line = format!("{at_ms:>9} {actor:<9} {event}");
        for chunk in line.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.hash = (self.hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
        self.count += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// The hash of all events so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The number of events so far.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The recorded lines.
    pub(crate) fn text(&self) -> String {
        self.lines.as_ref().map(|lines| lines.join("\n")).unwrap_or_default()
    }
}
