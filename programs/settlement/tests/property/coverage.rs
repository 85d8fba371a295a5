//! Counts what the sequences covered, to detect a test that no longer exercises everything.

use std::collections::BTreeMap;
use std::fmt;

use anchor_lang::Discriminator;
use settlement::events::*;
use settlement::rules::SkipReason;

use super::event::EventData;
use super::model::Rejected;
use super::step::Step;

/// Skip reasons that cannot occur in the simulation: no account is a program or requires a memo, nodes cannot set a
/// reserved destination, nobody has enough funds for a total near 2^64, and the treasury always holds what it owes.
const UNREACHABLE: [SkipReason; 5] = [
    SkipReason::Overflow,
    SkipReason::DestinationExecutable,
    SkipReason::DestinationReserved,
    SkipReason::TokenAccountNeedsMemo,
    SkipReason::TreasuryTokensShort,
];

/// Actions that are never rejected: those that are not an instruction (`Resend` only before the first batch, after which
/// it counts as that batch), and one that is always accepted.
const NEVER_REJECTED: [&str; 6] = ["AdvanceTime", "DowngradeTreasury", "Harvest", "Resend", "SetRentRate", "SetTime"];

/// Every event of the program.
const EVENTS: [(&str, &[u8]); 28] = [
    ("AdminChanged", AdminChanged::DISCRIMINATOR),
    ("AdminProposed", AdminProposed::DISCRIMINATOR),
    ("BatchSettled", BatchSettled::DISCRIMINATOR),
    ("ClaimPaid", ClaimPaid::DISCRIMINATOR),
    ("ClosedNetworkSwept", ClosedNetworkSwept::DISCRIMINATOR),
    ("DestinationChanged", DestinationChanged::DISCRIMINATOR),
    ("Funded", Funded::DISCRIMINATOR),
    ("GuardianChanged", GuardianChanged::DISCRIMINATOR),
    ("LamportsRecovered", LamportsRecovered::DISCRIMINATOR),
    ("Migrated", Migrated::DISCRIMINATOR),
    ("NetworkClosed", NetworkClosed::DISCRIMINATOR),
    ("NetworkCreated", NetworkCreated::DISCRIMINATOR),
    ("NetworkMint", NetworkMint::DISCRIMINATOR),
    ("NetworkUpdated", NetworkUpdated::DISCRIMINATOR),
    ("NodeClosed", NodeClosed::DISCRIMINATOR),
    ("NodeRegistered", NodeRegistered::DISCRIMINATOR),
    ("NodeReopened", NodeReopened::DISCRIMINATOR),
    ("PaidOut", PaidOut::DISCRIMINATOR),
    ("Paused", Paused::DISCRIMINATOR),
    ("PendingSetAside", PendingSetAside::DISCRIMINATOR),
    ("RentSwept", RentSwept::DISCRIMINATOR),
    ("RentToppedUp", RentToppedUp::DISCRIMINATOR),
    ("SettlerChanged", SettlerChanged::DISCRIMINATOR),
    ("SurplusWithdrawn", SurplusWithdrawn::DISCRIMINATOR),
    ("ThresholdChanged", ThresholdChanged::DISCRIMINATOR),
    ("TokensRecovered", TokensRecovered::DISCRIMINATOR),
    ("Unpaused", Unpaused::DISCRIMINATOR),
    ("Withdrawn", Withdrawn::DISCRIMINATOR),
];

/// How often an action had each outcome.
#[derive(Default)]
struct Outcomes {
    succeeded: u64,
    /// Rejected by the program or by what it calls.
    rejected: u64,
    /// Rejected because of the balances that it would have left.
    short_of_rent: u64,
}

#[derive(Default)]
pub(crate) struct Coverage {
    steps: BTreeMap<String, Outcomes>,
    reasons: BTreeMap<u8, u64>,
    events: BTreeMap<&'static str, u64>,
    /// Withdrawals from a paused network, after the hold had ended.
    pub withdrawals_in_pause: u64,
}

impl Coverage {
    pub(crate) fn record_step(&mut self, step: &Step, outcome: Result<(), Rejected>) {
        let action = format!("{:?}", step.action);
        let action = action.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let outcomes = self.steps.entry(action.to_owned()).or_default();
        *match outcome {
            Ok(()) => &mut outcomes.succeeded,
            Err(Rejected::ByInstruction) => &mut outcomes.rejected,
            Err(Rejected::ByRentRule) => &mut outcomes.short_of_rent,
        } += 1;
    }

    pub(crate) fn record_events(&mut self, events: &[EventData]) {
        for event in events {
            let (name, _) = EVENTS
                .into_iter()
                .find(|(_, discriminator)| event.bytes().starts_with(discriminator))
                .expect("an event of the program");
            *self.events.entry(name).or_default() += 1;
            let settled = event.decode::<BatchSettled>().map(|event| event.reasons);
            for reason in settled.or(event.decode::<PaidOut>().map(|event| event.reasons)).unwrap_or_default() {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    pub(crate) fn steps_run(&self) -> u64 {
        self.steps.values().map(|outcomes| outcomes.succeeded + outcomes.rejected + outcomes.short_of_rent).sum()
    }

    /// Asserts that every action succeeded and was rejected, every event was emitted, and every reachable skip reason
    /// occurred at least once.
    pub(crate) fn assert_complete(&self) {
        for (action, outcomes) in &self.steps {
            assert!(outcomes.succeeded > 0, "{action} never succeeded\n{self}");
            let can_be_rejected = !NEVER_REJECTED.contains(&action.as_str());
            assert!(!can_be_rejected || outcomes.rejected > 0, "{action} was never rejected\n{self}");
        }
        assert!(self.withdrawals_in_pause > 0, "no owner withdrew during a pause\n{self}");
        for (event, _) in EVENTS {
            assert!(self.events.contains_key(event), "{event} was never emitted\n{self}");
        }
        for reason in SkipReason::ALL.into_iter().filter(|reason| !UNREACHABLE.contains(reason)) {
            assert!(self.reasons.contains_key(&reason.into()), "{reason} never occurred\n{self}");
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (action, Outcomes { succeeded, rejected, short_of_rent }) in &self.steps {
            writeln!(
                f,
                "{action:>21} {succeeded:>7} succeeded {rejected:>7} rejected {short_of_rent:>7} short of rent"
            )?;
        }
        for (event, count) in &self.events {
            writeln!(f, "{event:>32} {count:>7} events")?;
        }
        for (reason, count) in &self.reasons {
            let name = SkipReason::try_from(*reason).map_or("unknown", SkipReason::as_str);
            writeln!(f, "{name:>32} {count:>7} entries")?;
        }
        writeln!(f, "{:>32} {:>7}", "withdrawals in a pause", self.withdrawals_in_pause)?;
        write!(f, "{} steps run", self.steps_run())
    }
}
