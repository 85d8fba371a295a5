//! The `verify` command: checks receipts against the chain.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::json;
use williw_relay::audit::{self, Receipt, Verified};

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
    output.result(&json!({"verified": verified}), &Report(&verified))
}

fn read(path: &Path) -> Result<String, CliError> {
    let unreadable = |error: &dyn fmt::Display| CliError::Usage(format!("cannot read {}: {error}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let read = file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    if read as u64 == MAX_BYTES { Err(unreadable(&"it is too large to be a receipt")) } else { Ok(text) }
}

/// Checks that no two receipts claim the same lamports. Sorted by what they claim, only neighbours can.
fn check_overlaps(receipts: &[(String, Receipt)]) -> Result<(), CliError> {
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

struct Report<'a>(&'a [Verified]);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, verified) in self.0.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            let unit = unit(verified.asset.as_ref()).name;
            let or_deleted = |amount: Option<u64>| {
                amount.map_or_else(|| "deleted with its network".to_owned(), |amount| format!("{amount} {unit}"))
            };
            writeln!(f, "reward {} was credited", verified.reward_id)?;
            writeln!(f, "  amount             {}", format_amount(verified.amount_lamports, verified.asset.as_ref()))?;
            writeln!(f, "  node               {}", verified.node_id)?;
            writeln!(f, "  wallet account     {} ({})", verified.wallet_address, verified.wallet)?;
            writeln!(f, "  earned in total    {} {unit}, this reward included", verified.node_total_lamports)?;
            writeln!(f, "  credited in total  {}", or_deleted(verified.credited_lamports))?;
            writeln!(f, "  paid in total      {}", or_deleted(verified.paid_lamports))?;
            write!(f, "  finalized slot     {}", verified.slot)?;
            for signature in &verified.signatures {
                write!(f, "\n  transaction        {signature}")?;
            }
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
        let error = check_overlaps(&[receipts[0].clone(), named("e", "4", 600), receipts[2].clone()]).unwrap_err();
        assert_eq!(error.exit_code(), 9);
        assert!(error.to_string().starts_with("c and e claim the same lamports"), "{error}");
    }
}
