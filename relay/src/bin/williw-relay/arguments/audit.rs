//! The arguments of the commands that prove and compare.

use std::path::PathBuf;

use clap::Args;

const RECEIPT_HELP: &str = "\
Examples:
  williw-relay receipt rw_0123456789abcdef0123456789abcdef > receipt.json
  williw-relay receipt rw_0123456789abcdef0123456789abcdef --json   (on one line)

A receipt is written only if the chain confirms it. It contains no secret, but the node's id, its owner's address and the
amount. docs/RECEIPTS.md specifies the format and says what it proves.

Environment:
  WILLIW_API_KEY  The API key for the ledger of a Worker, with scope 'ledger' [required if --ledger is a URL]

Exit codes:
  0  The receipt was printed
  3  The ledger belongs to another network or cluster
  7  The reward is unknown, not credited in full yet, or a correction
  9  The reward is confirmed, but no transaction can be shown to have credited it, or the ledger's rewards were changed";

const VERIFY_HELP: &str = "\
Examples:
  williw-relay verify receipt.json --rpc-url https://api.devnet.solana.com
  williw-relay verify receipts/*.json   (also checks that no two of them claim the same lamports)

Needs no ledger, no key and no network settings: everything is in the receipt, or on the chain. With several RPC URLs, two
nodes must agree.

Exit codes:
  0  Every receipt holds
  2  A file cannot be read
  5  An RPC node cannot tell: it is unreachable, of another cluster, or does not keep the transaction
  9  A receipt is invalid, or the chain contradicts it";

#[derive(Debug, Args)]
#[command(after_help = RECEIPT_HELP)]
pub(crate) struct ReceiptArguments {
    /// The id of the reward
    #[arg(value_name = "REWARD_ID")]
    pub(crate) reward: String,
}

#[derive(Debug, Args)]
#[command(after_help = VERIFY_HELP)]
pub(crate) struct VerifyArguments {
    /// The receipts
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}
