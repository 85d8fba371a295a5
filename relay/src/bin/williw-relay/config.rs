//! The configuration file: settings that are neither on the command line nor in the environment.
//!
//! A file never contains a secret: keys are read from the environment only.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use serde::Deserialize;

use crate::arguments::Arguments;
use crate::error::CliError;

/// The settings that a file can contain, by the name of their arguments.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    ledger: Option<String>,
    rpc_url: Option<OneOrMany>,
    max_rpc_requests_per_second: Option<u32>,
    network: Option<String>,
    network_creator: Option<String>,
    network_admin: Option<String>,
    #[serde(default)]
    run: RunConfig,
}

/// The settings of `run`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunConfig {
    format: Option<String>,
    interval: Option<u32>,
    max_compute_unit_price: Option<u64>,
    max_priority_fee: Option<u64>,
    max_fee_per_run: Option<u64>,
    metrics_addr: Option<String>,
    retention_days: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Parses the command line. What it and the environment leave out is taken from the configuration file, if there is one.
///
/// # Errors
/// [`CliError::Setting`] if the file cannot be read or contains anything unknown. Ends the process if the command line is
/// invalid, or asks for help.
pub(crate) fn arguments() -> Result<Arguments, CliError> {
    let command = Arguments::command();
    let file = command.clone().ignore_errors(true).try_get_matches().ok().and_then(|matches| config_of(&matches));
    let command = match file {
        Some(file) => with_defaults(command, read(&file)?),
        None => command,
    };
    let matches = command.get_matches();
    Ok(Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
}

/// The argument `--config`, which can come before or after the command.
fn config_of(matches: &ArgMatches) -> Option<PathBuf> {
    let own = matches.try_get_one::<PathBuf>("config").ok().flatten().cloned();
    own.or_else(|| config_of(matches.subcommand()?.1))
}

fn read(file: &Path) -> Result<Config, CliError> {
    let failed = |reason: &str| CliError::Setting(format!("the configuration file {}: {reason}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error.to_string()))?;
    // Without the line's value, which an error of the parser would print: somebody may have put a secret into the file.
    toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let number = text.get(..start).unwrap_or_default().matches('\n').count();
        let line = text.lines().nth(number).unwrap_or_default();
        let setting = line.split_once('=').map(|(name, _)| format!(" ({})", name.trim())).unwrap_or_default();
        failed(&format!("line {}{setting}: {}", number.saturating_add(1), error.message()))
    })
}

fn with_defaults(command: Command, config: Config) -> Command {
    let Config { ledger, rpc_url, max_rpc_requests_per_second, network, network_creator, network_admin, run } = config;
    let urls = match rpc_url {
        None => Vec::new(),
        Some(OneOrMany::One(url)) => vec![url],
        Some(OneOrMany::Many(urls)) => urls,
    };
    let defaults = [
        ("ledger", ledger.into_iter().collect()),
        ("rpc_url", urls),
        ("max_rpc_requests_per_second", max_rpc_requests_per_second.iter().map(u32::to_string).collect()),
        ("network", network.into_iter().collect()),
        ("network_creator", network_creator.into_iter().collect()),
        ("network_admin", network_admin.into_iter().collect::<Vec<String>>()),
    ];
    let of_run = [
        ("format", run.format),
        ("interval", run.interval.map(|value| value.to_string())),
        ("max_compute_unit_price", run.max_compute_unit_price.map(|value| value.to_string())),
        ("max_priority_fee", run.max_priority_fee.map(|value| value.to_string())),
        ("max_fee_per_run", run.max_fee_per_run.map(|value| value.to_string())),
        ("metrics_addr", run.metrics_addr),
        ("retention_days", run.retention_days.map(|value| value.to_string())),
    ];
    let command = defaults.into_iter().fold(command, |command, (name, values)| {
        if values.is_empty() { command } else { command.mut_arg(name, |arg: Arg| arg.default_values(values)) }
    });
    command.mut_subcommand("run", |command| {
        of_run.into_iter().fold(command, |command, (name, value)| match value {
            Some(value) => command.mut_arg(name, |arg: Arg| arg.default_value(value)),
            None => command,
        })
    })
}
