//! The arguments of the commands that prove and compare.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use williw_relay::engine::HoldReason;
use williw_relay::types::{Lamports, NodeId};

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
  5  The RPC node does not have the transaction's log
  7  The reward is unknown, not credited in full yet, or a correction
  9  The reward is confirmed, but no transaction can be shown to have credited it, or the ledger's rewards were changed";

const VERIFY_HELP: &str = "\
Examples:
  williw-relay verify receipt.json --rpc-url https://api.devnet.solana.com
  williw-relay verify receipts/*.json   (also checks that no two of them claim the same lamports)

Needs no ledger and no key: everything is in the receipt, or on the chain. But anyone can create a network with any name, which
pays in a worthless mint: compare network, creator and asset with those that you expect, or pass --network and
--network-creator, and a receipt of another network is refused. With several RPC URLs, two nodes must agree.

Exit codes:
  0  Every receipt holds
  2  A file cannot be read
  5  An RPC node cannot tell: it is unreachable, of another cluster, or does not keep the transaction
  9  A receipt is invalid or of another network than the one given, or the chain contradicts it";

const RECONCILE_HELP: &str = "\
Examples:
  williw-relay reconcile
  williw-relay reconcile --csv > wallets.csv   (a row for every node, and the last one for the treasury)
  williw-relay reconcile --repair

Compares what the ledger has confirmed and signed with every wallet account, the ledger's copies of them with the chain, and
the sums with the treasury. Nothing is sent to the chain. Causes that disagree need a person ('williw-relay review show'); the
others are mended by the next run or by --repair, or are harmless. docs/ARCHITECTURE.md explains each cause. A relay may go on
meanwhile. Requests that fail for a moment are repeated.

Environment:
  WILLIW_API_KEY  The API key for the ledger of a Worker, with scope 'ledger', with --repair 'admin' [required if --ledger
                  is a URL]

Exit codes:
  0  Ledger and chain agree, but for copies that are older
  7  With --repair: a relay is settling
  8  Ledger and chain disagree";

pub(super) const REBUILD_HELP: &str = "\
For a ledger that was lost and has no backup. Register the nodes first, with the same ids and addresses: the chain has only
hashes of the ids. Then rebuild, import the rewards again in the order in which they were granted, and let 'run' go on.

Recovered, after the treasury's history hash has shown that no event is missing: batches with their entries, Merkle roots,
transactions and outcomes, the wallets, the treasury, the sums of what was credited, paid and charged as fees.
Not recovered: rewards, nodes and contributions, attempts that never landed, registrations, API keys, the audit log.

A rebuilt ledger has signed for nothing: a node that the chain has credited is held as chain_above_ledger until
'williw-relay review resolve --all --accept-chain --yes' counts its imported rewards as credited. Import all rewards before:
one that is imported after a correction is PAID AGAIN.

Example:
  williw-relay rebuild --ledger new.sqlite3

Environment:
  WILLIW_API_KEY  The API key for the ledger of a Worker, with scope 'admin' [required if --ledger is a URL]

Exit codes:
  0  The ledger was rebuilt
  5  The RPC node does not keep the whole history with its logs
  7  The ledger is not empty, or no node is registered in it";

const REVIEW_SHOW_HELP: &str = "\
Shows what the ledger and the chain say, the node's last rewards, the batches that credited its wallet account with whether
this ledger has signed them, the audit log, and what each way of resolving would do. Nothing is written.

Example:
  williw-relay review show node-1

Environment:
  WILLIW_API_KEY  The API key for the ledger of a Worker, with scope 'ledger' [required if --ledger is a URL]";

const REVIEW_RESOLVE_HELP: &str = "\
The chain has credited more than this ledger has signed. Nothing can take that back, so the ledger has to say what it was for:

  --accept-chain  For the ledger's next rewards: they count as credited up to the chain's total, and none of them is paid
                  twice. What exceeds all rewards is recorded as a correction. For a ledger that has lost batches: a
                  restored backup, or another ledger that has settled the same rewards.
  --pay-on-top    For nothing in this ledger: all of it is recorded as a correction, and the rewards are paid on top of it.
                  PAYS TWICE if the excess was for these rewards. For credits that a stolen settler key has sent. Rewards
                  that this ledger has signed for count as credited nevertheless.

A correction is a confirmed reward of kind 'correction'. Rewards that the chain has credited and that are imported only after
the correction are PAID AGAIN: import all of them first. Each resolution has an entry in the audit log. Nothing is sent to
the chain. Refused if ledger and chain agree, if the chain has credited less than the ledger has confirmed, if rewards are
missing in the ledger, and while a relay is settling.

With --all, every node that the last settlements have held for the reason is resolved the same way, some at a time; stop relays
before. Each node has a line of its own and an entry in the audit log. What is refused for one node does not keep the others.

Examples:
  williw-relay review resolve node-1 --accept-chain
  williw-relay review resolve node-1 --accept-chain --yes
  williw-relay review resolve --all --accept-chain            (after 'rebuild': shows what would be recorded)
  williw-relay review resolve --all --accept-chain --yes

Environment:
  WILLIW_API_KEY  The API key for the ledger of a Worker, with scope 'admin' [required if --ledger is a URL]

Exit codes:
  0  The resolution was shown, or with --yes recorded
  7  It was refused, or a relay is settling
  8  With --all: it was refused for some nodes";

const REVIEW_ACCEPT_UNKNOWN_HELP: &str = "\
The treasury counts everything that it has ever credited. If that is more than what the wallet accounts of this ledger's nodes
have, nodes are missing here, or have another address than before, and a new wallet account would be credited everything AGAIN.
So none is created, and nodes without one are held as unknown_credits.

Before accepting:
  1. williw-relay reconcile --repair    reads all wallet accounts again; often nothing is unknown afterwards
  2. Register the missing nodes again, with the addresses they had (runbook 'Restored backup').
Accept only what belongs to no node of this ledger: credits that a stolen settler key has sent elsewhere, for example.
It has an entry in the audit log. Refused if another amount is unknown, and while a relay is settling.

Example:
  williw-relay review accept-unknown 1500000

Environment:
  WILLIW_API_KEY  The API key for the ledger of a Worker, with scope 'admin' [required if --ledger is a URL]

Exit codes:
  0  It was accepted
  7  It was refused";

#[derive(Debug, Args)]
#[command(after_help = RECONCILE_HELP)]
pub(crate) struct ReconcileArguments {
    /// Overwrite the ledger's copies of wallet accounts with what the chain has; rewards are never changed
    #[arg(long)]
    pub(crate) repair: bool,

    /// Print every node as a row of comma-separated values, and no summary
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, Args)]
#[command(after_help = REVIEW_SHOW_HELP)]
pub(crate) struct ShowArguments {
    /// The id of the node
    #[arg(value_name = "NODE_ID")]
    pub(crate) node: NodeId,
}

#[derive(Debug, Args)]
#[command(after_help = REVIEW_RESOLVE_HELP)]
pub(crate) struct ResolveArguments {
    /// The id of the node
    #[arg(value_name = "NODE_ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) node: Option<NodeId>,

    /// Resolve every node that the last settlements have held for --reason, as after 'rebuild'
    #[arg(long)]
    pub(crate) all: bool,

    /// With --all: the reason for which the nodes are held
    #[arg(long, conflicts_with = "node", default_value = HoldReason::CHAIN_ABOVE_LEDGER)]
    #[arg(value_parser = PossibleValuesParser::new(HoldReason::DISAGREEMENTS))]
    pub(crate) reason: String,

    #[command(flatten)]
    pub(crate) resolution: ResolutionArguments,

    /// Record the resolution; without it, the command only shows what it would record
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = REVIEW_ACCEPT_UNKNOWN_HELP)]
pub(crate) struct AcceptUnknownArguments {
    /// What is accepted, in lamports, or in base units of the network's token, exactly as 'review list' shows it
    #[arg(value_name = "AMOUNT")]
    pub(crate) amount: Lamports,
}

/// Exactly one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ResolutionArguments {
    /// Count the rewards up to the chain's total as credited
    #[arg(long)]
    pub(crate) accept_chain: bool,

    /// Pay the rewards on top of the chain's total; they are paid twice if the chain has credited for them
    #[arg(long)]
    pub(crate) pay_on_top: bool,
}

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
