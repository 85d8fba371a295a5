//! Output: the plan, the applied steps, and the final state.

use std::io::{self, Write as _};

use crate::apply::{Applied, Simulated};
use crate::cluster::ClusterKind;
use crate::error::DeployError;
use crate::plan::{Cost, Plan, Section};
use crate::text::sol;

/// The width of the section titles.
const TITLE_WIDTH: usize = 12;

/// The width of the steps, which precede their costs.
const STEP_WIDTH: usize = 60;

/// A plan in words. `simulated` has one entry per step, or is empty if nothing was simulated.
pub(crate) fn plan(cluster: &str, plan: &Plan, simulated: &[Simulated], balances: &[(&str, String)]) -> String {
    let mut lines = vec![format!("{:TITLE_WIDTH$}{cluster}", "cluster")];
    let mut simulated = simulated.iter();
    for Section { title, status, steps } in &plan.sections {
        lines.push(format!("{title:TITLE_WIDTH$}{status}"));
        if steps.is_empty() {
            lines.push(format!("{:TITLE_WIDTH$}no changes", ""));
        }
        for (step, step_cost) in steps {
            let line = format!("{:TITLE_WIDTH$}+ {:<STEP_WIDTH$}{}", "", step.to_string(), cost(*step_cost));
            lines.push(line.trim_end().to_owned());
            lines.extend(simulated.next().map(|result| format!("{:TITLE_WIDTH$}  {}", "", simulation(result))));
        }
    }
    lines.extend(balances.iter().map(|(role, balance)| format!("{role:TITLE_WIDTH$}{balance}")));
    lines.join("\n")
}

fn cost(Cost { rent, admin_rent, fees, refund }: Cost) -> String {
    let parts = [("rent", rent), ("admin's rent", admin_rent), ("fees", fees), ("refund", refund)];
    let parts = parts.into_iter().filter(|(_, lamports)| *lamports > 0);
    let parts: Vec<String> = parts.map(|(name, lamports)| format!(" {name} {}", sol(lamports))).collect();
    parts.join(",")
}

fn simulation(result: &Simulated) -> String {
    match result {
        Simulated::Succeeds { compute_units } => format!("simulated: succeeds with {compute_units} compute units"),
        Simulated::Fails { reason } => format!("simulated: FAILS: {reason}"),
        Simulated::DependsOnEarlierStep => "not simulated: depends on an earlier step".to_owned(),
        Simulated::NotATransaction => "not simulated: airdrops cannot be simulated".to_owned(),
    }
}

/// The final state that was read back from the chain.
pub(crate) fn final_state(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let rows: Vec<String> = rows.iter().map(|(name, value)| format!("  {name:width$}  {value}")).collect();
    format!("on chain:\n{}", rows.join("\n"))
}

/// The applied steps with their signatures, and links to them on public clusters.
pub(crate) fn applied(steps: &[Applied], cluster: ClusterKind) -> String {
    let mut lines = vec!["applied:".to_owned()];
    for Applied { step, signatures } in steps {
        let Some(last) = signatures.last() else { continue };
        let label = if signatures.len() == 1 { "signature" } else { "last signature" };
        lines.push(format!("  {step}\n    {label} {last}"));
        lines.extend(cluster.explorer_url(last).map(|url| format!("    {url}")));
    }
    lines.join("\n")
}

/// Prints to standard output. A closed pipe is not an error.
pub(crate) fn print(text: &str) -> Result<(), DeployError> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(DeployError::Internal(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use solana_pubkey::Pubkey;
    use solana_signature::Signature;

    use super::*;
    use crate::plan::Step;

    #[test]
    fn a_plan_shows_the_current_state_the_steps_and_their_costs() {
        let step_cost = Cost { rent: 1, fees: 5_000, ..Cost::default() };
        let section = |title, steps| Section { title, status: "deployed".to_owned(), steps };
        let sections = vec![section("program", vec![(Step::UpgradeProgram, step_cost)]), section("idl", Vec::new())];
        let plan_of = Plan { sections, blockers: Vec::new(), payer_needs: 0, admin_needs: 0 };
        let text = plan("devnet", &plan_of, &[Simulated::Succeeds { compute_units: 2_370 }], &[]);
        for part in
            ["+ upgrade", " rent 0.000000001 SOL, fees 0.000005000 SOL", "with 2370 compute units", "no changes"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn transactions_on_public_clusters_are_linked() {
        let step = Step::SetUpgradeAuthority { to: Some(Pubkey::default()) };
        let steps = [Applied { step, signatures: vec![Signature::default()] }];
        assert!(applied(&steps, ClusterKind::Devnet).contains("https://explorer.solana.com/tx/1111"));
        assert!(!applied(&steps, ClusterKind::Local).contains("https"));
    }
}
