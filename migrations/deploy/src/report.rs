//! What is printed: the plan, and in the end what was done and what is there. Amounts to the lamport.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use comfy_table::{Table, presets};

use crate::carry_out::{Done, Rehearsal};
use crate::cluster::Kind;
use crate::failure::Failure;
use crate::plan::{Cost, Plan, Section};

/// The width of the subjects.
const SUBJECT_WIDTH: usize = 12;

/// The width of the steps, up to their cost.
const STEP_WIDTH: usize = 60;

/// A plan for people.
pub struct PlanText<'a> {
    /// The cluster in words.
    pub cluster: String,
    /// The plan.
    pub plan: &'a Plan,
    /// What each step's simulation said, in order; empty when none was made.
    pub rehearsals: &'a [Rehearsal],
    /// The payer and what it has.
    pub payer: String,
}

impl fmt::Display for PlanText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:SUBJECT_WIDTH$}{}", "cluster", self.cluster)?;
        let mut rehearsals = self.rehearsals.iter();
        for Section { subject, found, steps } in &self.plan.sections {
            writeln!(f, "{subject:SUBJECT_WIDTH$}{found}")?;
            if steps.is_empty() {
                writeln!(f, "{:SUBJECT_WIDTH$}- nothing to do", "")?;
            }
            for (step, cost) in steps {
                writeln!(f, "{:SUBJECT_WIDTH$}+ {:<STEP_WIDTH$}{}", "", step.to_string(), CostText(*cost))?;
                if let Some(rehearsal) = rehearsals.next() {
                    writeln!(f, "{:SUBJECT_WIDTH$}  {}", "", RehearsalText(rehearsal))?;
                }
            }
        }
        write!(f, "{:SUBJECT_WIDTH$}{}", "payer", self.payer)
    }
}

struct CostText(Cost);

impl fmt::Display for CostText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { rent, admin_rent, fees, returned } = self.0;
        let parts = [("rent", rent), ("rent from the admin", admin_rent), ("fees", fees), ("comes back:", returned)];
        let mut separator = " ";
        for (name, lamports) in parts.into_iter().filter(|(_, lamports)| *lamports > 0) {
            write!(f, "{separator}{name} {}", sol(lamports))?;
            separator = ", ";
        }
        Ok(())
    }
}

struct RehearsalText<'a>(&'a Rehearsal);

impl fmt::Display for RehearsalText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Rehearsal::Succeeds(units) => write!(f, "simulated: would succeed with {units} compute units"),
            Rehearsal::Fails(reason) => write!(f, "simulated: would FAIL: {reason}"),
            Rehearsal::Waits => f.write_str("not simulated: needs an earlier step to be done"),
            Rehearsal::NotATransaction => f.write_str("not simulated: no transaction of ours"),
        }
    }
}

/// What was done, with signatures.
pub fn transactions(done: &[Done], cluster: Kind) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["step", "transactions", "signature of the last"]);
    let mut links = String::new();
    for Done { step, signatures } in done {
        let last = signatures.last();
        let name = last.map_or_else(|| "-".to_owned(), ToString::to_string);
        table.add_row([step.to_string(), signatures.len().to_string(), name]);
        if let Some(link) = last.and_then(|signature| cluster.explorer(signature)) {
            // Writing to a string cannot fail.
            let _ = write!(links, "\n{link}");
        }
    }
    format!("{table}{links}")
}

/// What is there in the end: names and values.
pub fn facts(rows: &[(&str, String)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["read back", ""]);
    for (name, value) in rows {
        table.add_row([(*name).to_owned(), value.clone()]);
    }
    table.to_string()
}

/// An amount in SOL, to the lamport.
pub fn sol(lamports: u64) -> String {
    const LAMPORTS_PER_SOL: u64 = 1_000_000_000;

    format!("{}.{:09} SOL", lamports / LAMPORTS_PER_SOL, lamports % LAMPORTS_PER_SOL)
}

/// Prints to standard output.
///
/// # Errors
/// [`Failure::Internal`] when standard output cannot be written; a reader that has read enough is no failure.
pub fn print(text: &impl fmt::Display) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Internal(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use solana_pubkey::Pubkey;
    use solana_signature::Signature;

    use super::*;
    use crate::plan::Step;

    #[test]
    fn a_plan_says_what_is_there_what_is_done_and_what_it_costs() {
        let cost = Cost { rent: 1, fees: 5_000, ..Cost::default() };
        let sections = vec![
            Section { subject: "program", found: "it is there".to_owned(), steps: vec![(Step::UpgradeProgram, cost)] },
            Section { subject: "idl", found: "it is published".to_owned(), steps: Vec::new() },
        ];
        let plan = Plan { sections, refusals: Vec::new(), payer_needs: 0, admin_needs: 0 };
        let rehearsals = [Rehearsal::Succeeds(2_370)];
        let text =
            PlanText { cluster: "devnet".to_owned(), plan: &plan, rehearsals: &rehearsals, payer: "P".to_owned() };
        let text = text.to_string();
        for part in
            ["+ upgrade", "rent 0.000000001 SOL, fees 0.000005000 SOL", "with 2370 compute units", "- nothing to do"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_public_transaction_comes_with_a_link() {
        let step = Step::SetUpgradeAuthority { to: Some(Pubkey::default()) };
        let done = [Done { step, signatures: vec![Signature::default()] }];
        assert!(transactions(&done, Kind::Devnet).contains("https://explorer.solana.com/tx/1111"));
        assert!(!transactions(&done, Kind::Local).contains("https"));
    }
}
