//! The log of a running process.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use crate::process::PATIENCE;

/// What a process writes to standard error, line by line. A thread reads it, so that the process never waits for that.
pub(crate) struct Log(Receiver<String>);

impl Log {
    /// The log of a process whose standard error is piped.
    pub(crate) fn of(child: &mut Child) -> Self {
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, receiver) = channel();
        // Nobody may want to know the rest.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self(receiver)
    }

    /// Waits for a line that contains `text`.
    pub(crate) fn line_with(&self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.0.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(error) => panic!("{error} without '{text}' in {seen:#?}"),
            }
        }
    }

    /// Waits until the process closes its log, and returns the rest of it.
    pub(crate) fn rest(&self) -> Vec<String> {
        let mut rest = Vec::new();
        loop {
            match self.0.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return rest,
                Err(RecvTimeoutError::Timeout) => panic!("the process does not end: {rest:#?}"),
            }
        }
    }
}
