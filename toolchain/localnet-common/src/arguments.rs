//! Command-line arguments.

use std::path::PathBuf;

use crate::values::{Airdrop, ProgramFile};

/// The arguments of every localnet.
#[derive(Debug, clap::Args)]
pub struct LocalnetArguments {
    /// JSON-RPC port; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 8899)]
    pub rpc_port: u16,

    /// WebSocket port; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 8900)]
    pub ws_port: u16,

    /// Slot duration in milliseconds (10 to 60000)
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 400, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub slot_ms: u64,

    /// Deploy a program at an address; repeatable
    #[arg(long, value_name = "ID=FILE.so")]
    pub program: Vec<ProgramFile>,

    /// Credit lamports to an account at startup; repeatable (the requestAirdrop RPC method works as well)
    #[arg(long, value_name = "PUBKEY=LAMPORTS")]
    pub airdrop: Vec<Airdrop>,

    /// Also write the ready line to this file
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    /// Stop when the parent process ends. With a PID, also stop if that process is no longer the parent at startup
    #[arg(long, value_name = "PID", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub exit_with_parent: Option<u32>,

    /// Log network activity to stderr
    #[arg(short, long)]
    pub verbose: bool,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;

    const ID: &str = "7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw";

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        localnet: LocalnetArguments,
    }

    fn parse(arguments: &[&str]) -> Result<LocalnetArguments, clap::Error> {
        Command::try_parse_from([&["localnet"], arguments].concat()).map(|command| command.localnet)
    }

    #[test]
    fn programs_and_airdrops_are_repeatable() {
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
    fn malformed_arguments_are_rejected_with_a_reason() {
        for (argument, value, reason) in [
            ("--program", "abc=x.so", "'abc' is not a valid address"),
            ("--program", ID, "expected ID=FILE.so"),
            ("--program", &format!("{ID}="), "expected ID=FILE.so"),
            ("--airdrop", &format!("{ID}=1.5"), "'1.5' is not a valid number of lamports"),
            ("--airdrop", &format!("{ID}=-1"), "'-1' is not a valid number of lamports"),
            ("--slot-ms", "9", "9 is not in 10..=60000"),
            ("--rpc-port", "70000", "70000 is not in 0..=65535"),
        ] {
            let error = parse(&[argument, value]).expect_err("must be rejected").to_string();
            assert!(error.contains(reason), "{argument} {value}: {error}");
        }
    }
}
