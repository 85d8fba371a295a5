//! The `williw-relay` command-line tool: settles a network's rewards, and performs related administrative tasks.
//!
//! Secrets are read from the environment only and never printed. Results are written to standard output, logs and errors
//! to standard error. A run can be stopped at any time: the next one resumes from the state in the ledger.

mod arguments;
mod commands;
mod config;
mod environment;
mod error;
mod ledger;
mod logging;
mod metrics;
mod output;
mod patient;
mod screen;
mod shutdown;
mod table;
mod transaction;

use std::process::ExitCode;

use arguments::tables::TablesCommand;
use arguments::{Arguments, Command, KeyCommand, NetworkCommand, RentCommand, ReviewCommand};
use error::CliError;
use output::{Output, OutputFormat};
use screen::Screen;

fn main() -> ExitCode {
    let arguments = match config::arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            Output::new(OutputFormat::Text, Screen::plain()).error(&error);
            return ExitCode::from(error.exit_code());
        }
    };
    let format = if arguments.json { OutputFormat::Json } else { OutputFormat::Text };
    let log_format = arguments.log_format.unwrap_or(format);
    let screen = Screen::of_stderr(log_format);
    let output = Output::new(format, screen.clone());
    logging::init(log_format, screen);
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Internal(format!("cannot start the async runtime: {error}")))
        .and_then(|runtime| runtime.block_on(dispatch(&arguments, &output)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn dispatch(arguments: &Arguments, output: &Output) -> Result<(), CliError> {
    let connection = &arguments.connection;
    match &arguments.command {
        Command::Run(run) => commands::run::run(connection, run, output).await,
        Command::Status(status) => commands::status::status(connection, status, output).await,
        Command::Doctor => commands::doctor::doctor(connection, output).await,
        Command::Review(ReviewCommand::List) => commands::review::list(connection, output).await,
        Command::Review(ReviewCommand::Show(show)) => commands::review::show(connection, show, output).await,
        Command::Review(ReviewCommand::Resolve(resolve)) => {
            commands::review::resolve(connection, resolve, output).await
        }
        Command::Review(ReviewCommand::AcceptUnknown(accept)) => {
            commands::review::accept_unknown(connection, accept, output).await
        }
        Command::Reconcile(reconcile) => commands::reconcile::reconcile(connection, reconcile, output).await,
        Command::Rebuild => commands::rebuild::rebuild(connection, output).await,
        Command::Receipt(receipt) => commands::receipt::receipt(connection, receipt, output).await,
        Command::Verify(verify) => commands::verify::verify(connection, verify, output).await,
        Command::Network(NetworkCommand::Create(create)) => commands::network::create(connection, create, output).await,
        Command::Network(NetworkCommand::Show) => commands::controls::show(connection, output).await,
        Command::Network(NetworkCommand::Pause) => commands::controls::pause(connection, output).await,
        Command::Network(NetworkCommand::Unpause) => commands::controls::unpause(connection, output).await,
        Command::Network(NetworkCommand::SetSettler(settler)) => {
            commands::controls::set_settler(connection, settler, output).await
        }
        Command::Fund(fund) => commands::fund::fund(connection, fund, output).await,
        Command::Rent(RentCommand::Sweep(rent)) => commands::rent::sweep(connection, rent, output).await,
        Command::Rent(RentCommand::TopUp(rent)) => commands::rent::top_up(connection, rent, output).await,
        Command::Tables(TablesCommand::List) => commands::tables::list(connection, output).await,
        Command::Tables(TablesCommand::Extend(extend)) => commands::tables::extend(connection, extend, output).await,
        Command::Tables(TablesCommand::Close(close)) => commands::tables::close(connection, close, output).await,
        Command::Key(KeyCommand::Create(create)) => commands::key::create(connection, create, output).await,
        Command::Key(KeyCommand::Revoke(revoke)) => commands::key::revoke(connection, revoke, output).await,
        Command::Key(KeyCommand::List) => commands::key::list(connection, output).await,
    }
}
