//! The command line, run as a process: what it says, where it says it, and its exit codes.

mod keys;
mod process;
mod settings;
mod status;
mod stopping;
