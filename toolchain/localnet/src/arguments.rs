//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::shared::values::{Airdrop, ProgramFile};

/// A Solana network of one process for development and tests, on 127.0.0.1, offline and in memory.
///
/// Prints "ready http://127.0.0.1:PORT ws://127.0.0.1:PORT" once it answers, and then serves until SIGINT or SIGTERM.
///
/// Exit codes: 0 stopped as asked, 1 failed, 2 wrong arguments or an unusable program file, 3 a port is taken.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// Port of the JSON-RPC interface; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8899)]
    pub rpc_port: u16,

    /// Port of the WebSocket interface; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8900)]
    pub ws_port: u16,

    /// Milliseconds from one slot to the next (10 to 60000)
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 400, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub slot_ms: u64,

    /// Deploy this program at this address; repeatable
    #[arg(long, value_name = "ID=FILE.so")]
    pub program: Vec<ProgramFile>,

    /// Give this account so many lamports; repeatable (requestAirdrop over RPC works as well)
    #[arg(long, value_name = "PUBKEY=LAMPORTS")]
    pub airdrop: Vec<Airdrop>,

    /// Also write the ready line to this file, once ready
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    /// Stop when the process that started this one ends. With a process id: also when that one has already ended
    #[arg(long, value_name = "PID", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub exit_with_parent: Option<u32>,

    /// Print what the network does to stderr
    #[arg(short, long)]
    pub verbose: bool,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const ID: &str = "7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw";

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["williw-localnet"], arguments].concat())
    }

    #[test]
    fn programs_and_airdrops_can_be_given_more_than_once() {
        let program = format!("{ID}=a.so");
        let airdrop = format!("{ID}=5");
        let parsed =
            parse(&["--program", &program, "--program", &program, "--airdrop", &airdrop, "--airdrop", &airdrop])
                .expect("valid arguments");
        assert_eq!((parsed.program.len(), parsed.airdrop.len()), (2, 2));
        assert_eq!(parsed.airdrop[0].lamports, 5);
        assert_eq!(parsed.program[0].path, Path::new("a.so"));
    }

    #[test]
    fn exit_with_parent_takes_an_optional_process_id() {
        assert_eq!(parse(&[]).expect("valid").exit_with_parent, None);
        assert_eq!(parse(&["--exit-with-parent"]).expect("valid").exit_with_parent, Some(0));
        assert_eq!(parse(&["--exit-with-parent=7"]).expect("valid").exit_with_parent, Some(7));
    }

    #[test]
    fn a_malformed_argument_is_refused_with_a_reason() {
        for (argument, value, reason) in [
            ("--program", "abc=x.so", "'abc' is no address"),
            ("--program", ID, "expected ID=FILE.so"),
            ("--program", &format!("{ID}="), "expected ID=FILE.so"),
            ("--airdrop", &format!("{ID}=1.5"), "'1.5' is no amount of lamports"),
            ("--airdrop", &format!("{ID}=-1"), "'-1' is no amount of lamports"),
            ("--slot-ms", "9", "9 is not in 10..=60000"),
            ("--rpc-port", "70000", "70000 is not in 0..=65535"),
        ] {
            let error = parse(&[argument, value]).expect_err("must be refused").to_string();
            assert!(error.contains(reason), "{argument} {value}: {error}");
        }
    }
}
