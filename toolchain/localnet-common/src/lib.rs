//! The command-line behavior that `williw-localnet` and `williw-localnet-agave` have in common.
//!
//! This crate knows neither surfpool nor Agave, so it builds, and its tests run, in seconds.

pub mod arguments;
pub mod error;
pub mod ports;
pub mod ready;
pub mod shutdown;
pub mod values;

use std::process::ExitCode;

pub use arguments::LocalnetArguments;
pub use error::LocalnetError;

/// Turns the outcome of a localnet into an exit code, and prints the error, if any, on stderr.
pub fn finish(command: &str, outcome: Result<(), LocalnetError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{command}: error: {error}");
            error.exit_code()
        }
    }
}
