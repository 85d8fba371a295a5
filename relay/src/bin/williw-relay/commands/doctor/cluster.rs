//! Checks of the RPC nodes, of the network and of its funds.

use settlement::client::treasury_address;
use settlement::state::{Network, Treasury};
use solana_pubkey::Pubkey;
use williw_relay::chain::{Account, AccountData, Chain, ChainError, Commitment};
use williw_relay::engine::{Asset, NetworkRef};
use williw_relay::ledger::part_credits;
use williw_relay::metrics::ChainReading;
use williw_relay::signer::{SecretKey, Signer};
use williw_relay::transaction::SIGNATURE_FEE_LAMPORTS;

use crate::environment::Cluster;

use super::LedgerFacts;
use super::report::Report;

/// How many slots a node may be behind another one: about a minute.
const MAX_LAG_SLOTS: u64 = 150;

/// How far the chain's time may be from this machine's, in seconds. The chain's is an estimate of its validators.
const MAX_CLOCK_SKEW_SECONDS: u64 = 60;

/// The offset of the time in the Clock sysvar, in Unix seconds.
const UNIX_TIMESTAMP_OFFSET: usize = 32;

/// How many nodes must agree on what decides about money, if there are as many.
const AGREEING_NODES: usize = 2;

/// Enough for a few thousand transactions, or for a few new wallet accounts.
const ENOUGH_FEES_LAMPORTS: u64 = 20_000_000;

/// Checks each node by itself, and that they agree. Returns the genesis hash if all name the same.
pub(super) async fn check_nodes<C: Chain>(nodes: &[C], facts: &LedgerFacts, report: &mut Report) -> Option<String> {
    let mut known: Vec<(usize, String, u64)> = Vec::new();
    let mut failed: Vec<(usize, ChainError)> = Vec::new();
    for (position, node) in nodes.iter().enumerate() {
        let answer: Result<_, ChainError> =
            async { Ok((node.genesis_hash().await?.to_string(), node.finalized_block().await?.slot)) }.await;
        match answer {
            Ok((genesis, slot)) => known.push((position, genesis, slot)),
            Err(error) => failed.push((position, error)),
        }
    }
    let suffices = known.len() >= nodes.len().min(AGREEING_NODES);
    for (position, error) in failed {
        let message = format!("node {position}: {error}");
        match suffices {
            true => {
                report.warning("rpc", message, "the others suffice as long as they answer; replace it if it stays away")
            }
            false => report.failure("rpc", &message),
        }
    }
    let newest = known.iter().map(|(_, _, slot)| *slot).max().unwrap_or(0);
    let genesis = known.first().map(|(_, genesis, _)| genesis.clone())?;
    let mut agree = true;
    for (position, of_node, slot) in &known {
        let lag = newest.saturating_sub(*slot);
        if *of_node != genesis {
            agree = false;
            report.error(
                "rpc",
                format!("node {position} belongs to another cluster: its genesis hash is {of_node}, not {genesis}"),
                "correct SOLANA_RPC_URL",
            );
        } else if lag > MAX_LAG_SLOTS {
            report.warning("rpc", format!("node {position} is {lag} slots behind"), "use another node, or wait");
        } else {
            report.ok("rpc", format!("node {position} answers, at the finalized slot {slot}"));
        }
    }
    if nodes.len() < 2 {
        report.warning("rpc", "a single RPC node is believed whatever it says", "add a second URL to SOLANA_RPC_URL");
    }
    if let Some(bound) = facts.bound_elsewhere("genesis_hash", &genesis) {
        agree = false;
        report.error(
            "binding",
            format!("the ledger belongs to the cluster {bound}, but the RPC nodes to {genesis}"),
            "correct SOLANA_RPC_URL, or use the matching ledger",
        );
    } else if facts.binding.contains_key("genesis_hash") {
        report.ok("binding", "the ledger belongs to this cluster");
    }
    agree.then_some(genesis)
}

/// Checks the network, its funds and the chain's time.
pub(super) async fn check_network(
    chain: &Cluster,
    expected: &NetworkRef,
    signer: &SecretKey,
    facts: &LedgerFacts,
    now_ms: i64,
    report: &mut Report,
) {
    let address = expected.address();
    if let Some(bound) = facts.bound_elsewhere("program_id", &settlement::ID.to_string()) {
        report.error(
            "binding",
            format!("the ledger belongs to the program {bound}, but this version is for {}", settlement::ID),
            "use the matching version of williw-relay, or the matching ledger",
        );
    }
    if let Some(bound) = facts.bound_elsewhere("network", &address.to_string()) {
        report.error(
            "binding",
            format!("the ledger belongs to the network {bound}, but NETWORK and NETWORK_CREATOR name {address}"),
            "correct them, or use the matching ledger",
        );
    }
    let addresses = [settlement::ID, address, treasury_address(&address), solana_sdk_ids::sysvar::clock::ID];
    let read = match chain.accounts(&addresses, AccountData::Full, Commitment::Confirmed, 0).await {
        Ok(read) => read,
        Err(error) => return report.failure("network", &error),
    };
    let [program, network, treasury, clock] = read.accounts.as_slice() else {
        return report.failure("rpc", &"the RPC node returned fewer accounts than requested");
    };
    check_clock(clock.as_ref(), now_ms, report);
    if let Err(error) = super::super::require_program(program.as_ref()) {
        return report.failure("program", &error);
    }
    report.ok("program", format!("{} is deployed", settlement::ID));
    let network = match super::super::require_network(expected, network.as_ref()) {
        Ok(network) => network,
        Err(error) => return report.failure("network", &error),
    };
    let Some(asset) = Asset::of(&network) else {
        return report.error("network", "it pays in an asset that this version does not know", "update williw-relay");
    };
    if let Some(bound) = facts.bound_elsewhere("asset", &asset.to_string()) {
        report.error(
            "binding",
            format!("the ledger's amounts are in {bound}, but the network pays in {asset}"),
            "use the matching ledger",
        );
    }
    let treasury = treasury.as_ref().and_then(|account| Treasury::decode(&account.data).ok());
    let Some(treasury) = treasury else {
        return report.error("network", "its treasury cannot be decoded", "use the matching version of williw-relay");
    };
    check_roles(&network, &treasury, signer.address(), expected, report);
    match ChainReading::read(chain, &address, &signer.address()).await {
        Ok(funds) => {
            check_treasury(&funds, &asset, facts, report).await;
            check_payer(&funds, signer.address(), report);
        }
        Err(error) => report.failure("treasury", &error),
    }
}

fn check_clock(account: Option<&Account>, now_ms: i64, report: &mut Report) {
    let bytes = account.and_then(|account| account.data.get(UNIX_TIMESTAMP_OFFSET..)?.first_chunk::<8>());
    let Some(bytes) = bytes else { return };
    let skew = i64::from_le_bytes(*bytes).abs_diff(now_ms / 1_000);
    if skew > MAX_CLOCK_SKEW_SECONDS {
        report.warning(
            "clock",
            format!("this machine's clock and the chain's differ by {skew} s"),
            "synchronize this machine's clock: payouts by age are due by it",
        );
    } else {
        report.ok("clock", format!("this machine's clock and the chain's differ by {skew} s"));
    }
}

fn check_roles(network: &Network, treasury: &Treasury, signer: Pubkey, expected: &NetworkRef, report: &mut Report) {
    if treasury.settler != signer {
        report.error(
            "keypair",
            format!("SOLANA_PRIVATE_KEY is the key of {signer}, but the network's settler is {}", treasury.settler),
            "use the settler's key",
        );
    } else {
        report.ok("keypair", format!("{signer} is the network's settler"));
    }
    if treasury.is_paused() {
        report.error("network", "it is paused", "nothing can be settled until its admin unpauses it");
    } else {
        report.ok("network", format!("'{}' is in service, its admin is {}", expected.name(), network.admin));
    }
}

async fn check_treasury(funds: &ChainReading, asset: &Asset, facts: &LedgerFacts, report: &mut Report) {
    let unit = match asset {
        Asset::Sol => "lamports",
        Asset::Tokens { .. } => "base units",
    };
    let held = u128::from(funds.treasury_base_units);
    let mut message = format!("it holds {held} {unit}");
    // Without a ledger, nobody knows what is pending.
    let (Some(reading), Some(database)) = (&facts.reading, &facts.database) else {
        return report.ok("treasury", message);
    };
    let pending = reading.pending_base_units;
    message += &format!(", and {pending} are pending");
    let mut needed = pending;
    if pending > held {
        let credited = match part_credits::sum(database).await {
            Ok(credited) => credited,
            Err(error) => return report.failure("ledger", &error),
        };
        needed = pending.saturating_sub(credited);
        if credited > 0 {
            message += &format!(", of which {credited} are credited already");
        }
    }
    if needed > held {
        report.warning(
            "treasury",
            message,
            "what is there is paid in the order of age; fund it with 'williw-relay fund'",
        );
    } else {
        report.ok("treasury", message);
    }
}

fn check_payer(funds: &ChainReading, signer: Pubkey, report: &mut Report) {
    let message = format!("{signer} holds {} lamports for fees and rent", funds.payer_lamports);
    match funds.payer_lamports {
        0..SIGNATURE_FEE_LAMPORTS => report.error("payer", message, "send it SOL: it cannot pay for a transaction"),
        SIGNATURE_FEE_LAMPORTS..ENOUGH_FEES_LAMPORTS => report.warning("payer", message, "send it SOL"),
        ENOUGH_FEES_LAMPORTS.. => report.ok("payer", message),
    }
}
