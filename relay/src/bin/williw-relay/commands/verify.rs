//! The `verify` command: checks receipts against the chain.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::json;
use williw_relay::audit::{self, Receipt, Verified, VerifyError};
use williw_relay::engine::Asset;

use crate::arguments::ConnectionArguments;
use crate::arguments::audit::VerifyArguments;
use crate::environment;
use crate::error::CliError;
use crate::output::{Output, format_amount, unit};

/// The maximum size of a receipt, in bytes. The largest one takes a few hundred KB.
const MAX_BYTES: u64 = 1024 * 1024;

/// Checks every receipt, and that no two of them claim the same lamports.
pub(crate) async fn verify(
    connection: &ConnectionArguments,
    arguments: &VerifyArguments,
    output: &Output,
) -> Result<(), CliError> {
    let chain = environment::cluster(connection)?;
    let mut receipts: Vec<(String, Receipt)> = Vec::with_capacity(arguments.files.len());
    for path in &arguments.files {
        let file = path.display().to_string();
        let receipt = Receipt::from_json(&read(path)?)
            .map_err(|flaw| CliError::Verify { file: file.clone(), error: flaw.into() })?;
        check_network(&receipt, connection).map_err(|error| CliError::Verify { file: file.clone(), error })?;
        receipts.push((file, receipt));
    }
    check_overlaps(&receipts)?;
    let mut verified = Vec::with_capacity(receipts.len());
    for (file, receipt) in &receipts {
        match audit::verify(receipt, &chain).await {
            Ok(one) => verified.push(one),
            Err(error) => return Err(CliError::Verify { file: file.clone(), error }),
        }
    }
    let is_expected = connection.network.is_some() && connection.network_creator.is_some();
    output.result(&json!({"verified": verified}), &Report { verified: &verified, is_expected })
}

fn read(path: &Path) -> Result<String, CliError> {
    let unreadable = |error: &dyn fmt::Display| CliError::Usage(format!("cannot read {}: {error}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let read = file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    if read as u64 == MAX_BYTES { Err(unreadable(&"it is too large to be a receipt")) } else { Ok(text) }
}

/// Checks that a receipt is of the network that the settings name, as far as they do.
fn check_network(receipt: &Receipt, connection: &ConnectionArguments) -> Result<(), VerifyError> {
    let (name, creator) = (&receipt.network.name, receipt.network.creator);
    let expected = match (&connection.network, connection.network_creator) {
        (Some(expected), _) if expected.name() != *name => format!("network {expected}"),
        (_, Some(expected)) if expected != creator => format!("creator {expected}"),
        _ => return Ok(()),
    };
    Err(VerifyError::OtherNetwork { name: name.clone(), creator, expected })
}

/// Checks that no two receipts claim the same lamports, or describe a reward differently. Sorted by what they claim, only
/// neighbours can claim the same.
fn check_overlaps(receipts: &[(String, Receipt)]) -> Result<(), CliError> {
    let mut by_reward = BTreeMap::new();
    for next in receipts {
        let (_, receipt) = next;
        let key = (receipt.genesis_hash, receipt.node.wallet_address, receipt.reward.id.as_str());
        let one: &(String, Receipt) = by_reward.entry(key).or_insert(next);
        if one.1.contradicts(receipt) {
            return Err(CliError::ReceiptsDiffer { one: one.0.clone(), other: next.0.clone() });
        }
    }
    let mut sorted: Vec<&(String, Receipt)> = receipts.iter().collect();
    sorted.sort_by_key(|(_, receipt)| (receipt.genesis_hash, receipt.node.wallet_address, receipt.range()));
    let mut previous: Option<&(String, Receipt)> = None;
    for next in sorted {
        if let Some(one) = previous.filter(|one| one.1.overlaps(&next.1)) {
            return Err(CliError::ReceiptsOverlap { one: one.0.clone(), other: next.0.clone() });
        }
        previous = Some(next);
    }
    Ok(())
}

struct Report<'a> {
    verified: &'a [Verified],
    /// Whether the settings say which network it has to be.
    is_expected: bool,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, verified) in self.verified.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            let unit = unit(verified.asset.as_ref()).name;
            let or_deleted = |amount: Option<u64>| {
                amount.map_or_else(|| "deleted with its network".to_owned(), |amount| format!("{amount} {unit}"))
            };
            writeln!(f, "reward {} was credited", verified.reward_id)?;
            writeln!(f, "  amount             {}", format_amount(verified.amount_lamports, verified.asset.as_ref()))?;
            let network = &verified.network;
            writeln!(f, "  network            {} ({})", network.name, network.address)?;
            writeln!(f, "  created by         {}", network.creator)?;
            writeln!(f, "  cluster            {}", verified.genesis_hash)?;
            let asset =
                verified.asset.as_ref().map_or_else(|| "unknown, the network was closed".to_owned(), Asset::to_string);
            writeln!(f, "  asset              {asset}")?;
            writeln!(f, "  node               {}", verified.node_id)?;
            writeln!(f, "  owner              {}", verified.owner)?;
            writeln!(f, "  wallet account     {} ({})", verified.wallet_address, verified.wallet)?;
            if let Some(destination) = &verified.destination {
                writeln!(f, "  paid to            {destination}")?;
            }
            if verified.destination_confirmed == Some(false) {
                writeln!(
                    f,
                    "  WARNING: the network's admin has chosen where the node is paid to, and its owner has not confirmed it"
                )?;
            }
            writeln!(f, "  earned in total    {} {unit}, this reward included", verified.node_total_lamports)?;
            writeln!(f, "  credited in total  {}", or_deleted(verified.credited_lamports))?;
            writeln!(f, "  paid in total      {}", or_deleted(verified.paid_lamports))?;
            write!(f, "  finalized slot     {}", verified.slot)?;
            for signature in &verified.signatures {
                write!(f, "\n  transaction        {signature}")?;
            }
        }
        if !self.is_expected {
            write!(
                f,
                "\nanyone can create a network: compare network, creator and asset with those that you expect, or pass \
                 --network and --network-creator"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipts_of_two_rewards_must_not_claim_the_same_lamports() {
        let documented = include_str!("../../../../../docs/RECEIPTS.md");
        let json = documented.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
        let one = Receipt::from_json(json).unwrap();
        let named = |name: &str, id: &str, total: u64| {
            let mut receipt = one.clone();
            receipt.reward.id = id.to_owned();
            receipt.reward.node_total_lamports = total.to_string().parse().unwrap();
            (name.to_owned(), receipt)
        };
        let receipts = [named("a", "1", 750), named("b", "2", 250), named("c", "3", 500), named("d", "1", 750)];
        check_overlaps(&receipts).unwrap();
        let error = check_overlaps(&[named("f", "1", 1_000), receipts[1].clone(), receipts[0].clone()]).unwrap_err();
        assert_eq!(error.exit_code(), 9);
        assert!(error.to_string().starts_with("f and a describe the same reward differently"), "{error}");
        let error = check_overlaps(&[receipts[0].clone(), named("e", "4", 600), receipts[2].clone()]).unwrap_err();
        assert_eq!(error.exit_code(), 9);
        assert!(error.to_string().starts_with("c and e claim the same lamports"), "{error}");
    }
}
