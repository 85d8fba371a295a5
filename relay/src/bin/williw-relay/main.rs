//! `williw-relay`: settles a network's rewards, and what an operator needs around that.
//!
//! Secrets come from the environment only and are never printed. Results go to standard output, progress and errors
//! to standard error. A run can be stopped at any moment: the next one goes on from what the ledger holds.

mod arguments;
mod commands;
mod environment;
mod failure;
mod ledger;
mod output;
mod progress;
mod shutdown;
mod transaction;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, KeyCommand, NetworkCommand};
use failure::Failure;
use output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    progress::init(arguments.json);
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(format!("the async runtime cannot be started: {error}")))
        .and_then(|runtime| runtime.block_on(dispatch(&arguments, &output)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn dispatch(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let at = &arguments.at;
    match &arguments.command {
        Command::Run(run) => commands::run::run(at, run, output).await,
        Command::Status(status) => commands::status::status(at, status, output).await,
        Command::Network(NetworkCommand::Create(create)) => commands::network::create(at, create, output).await,
        Command::Fund(fund) => commands::fund::fund(at, fund, output).await,
        Command::Key(KeyCommand::Create(create)) => commands::key::create(at, create, output).await,
        Command::Key(KeyCommand::Revoke(revoke)) => commands::key::revoke(at, revoke, output).await,
        Command::Key(KeyCommand::List) => commands::key::list(at, output).await,
    }
}
