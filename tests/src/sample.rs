//! Sample networks: nodes of every kind that a settlement has to tell apart, and a model of what each must end with.
//!
//! The model is the rules in their plainest form, written again here: what it expects is compared with what the
//! program, the relay and the Worker made of the same work.

use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::HarnessError;
use crate::intake::Intake;

/// What is particular about a node's work or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Earns enough for its destination to become rent-exempt: credited and paid.
    Paid,
    /// Earns less than the threshold: credited and held.
    BelowThreshold,
    /// Earns enough to be paid, but its destination has no account and would not become rent-exempt: credited, held.
    UnpayableDestination,
    /// Earns enough, but has not named an address: its rewards wait in the ledger.
    WithoutAddress,
}

/// What the numbers of a sample follow from.
#[derive(Clone, Copy, Debug)]
pub struct Tariff {
    /// What a point of compute score earns.
    pub lamports_per_score: u64,
    /// The network's threshold for a payout.
    pub threshold_lamports: u64,
    /// What a destination without data must hold (from the cluster).
    pub destination_minimum_lamports: u64,
}

/// Where a node's money must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Lamports that its contributions earned.
    pub earned: u64,
    /// Lamports that its wallet account was credited.
    pub credited: u64,
    /// Lamports that its destination got.
    pub paid: u64,
}

/// A node of a sample network, and what it must have by now.
#[derive(Clone, Debug)]
pub struct SampleNode {
    /// The id in the ledger.
    pub id: String,
    /// What was particular about it at first.
    pub kind: NodeKind,
    /// Its address, whether the ledger knows it or not.
    pub address: Pubkey,
    /// What it must have by now.
    pub expected: Expected,
    /// What its address was given from elsewhere.
    pub given_lamports: u64,
    names_address: bool,
    scores: Vec<u64>,
    reported: usize,
}

impl Tariff {
    /// A tariff in which an amount can be above the threshold and too little for a new destination.
    pub fn for_cluster(destination_minimum_lamports: u64) -> Self {
        Self {
            lamports_per_score: 1_000,
            threshold_lamports: destination_minimum_lamports / 2,
            destination_minimum_lamports,
        }
    }

    /// A score for a node of `kind`; those with another `variation` differ.
    fn score(self, kind: NodeKind, variation: u64) -> u64 {
        let for_a_new_destination = self.destination_minimum_lamports.div_ceil(self.lamports_per_score);
        let for_the_threshold = self.threshold_lamports.div_ceil(self.lamports_per_score);
        match kind {
            NodeKind::Paid | NodeKind::WithoutAddress => for_a_new_destination + 37 * (variation + 1),
            NodeKind::BelowThreshold => 1 + variation % (for_the_threshold - 1),
            NodeKind::UnpayableDestination => {
                for_the_threshold + variation % (for_a_new_destination - for_the_threshold)
            }
        }
    }
}

impl SampleNode {
    /// A node that has not been registered yet and has done its work in `reports` contributions.
    pub fn new(id: &str, kind: NodeKind, tariff: Tariff, reports: u64, variation: u64) -> Self {
        let mut node = Self {
            id: id.to_owned(),
            kind,
            address: Keypair::new().pubkey(),
            expected: Expected::default(),
            given_lamports: 0,
            names_address: kind != NodeKind::WithoutAddress,
            scores: Vec::new(),
            reported: 0,
        };
        let score = tariff.score(kind, variation);
        // Equal parts, the last of them taking the rest.
        let reports = reports.clamp(1, score);
        for _ in 1..reports {
            node.work(score / reports);
        }
        node.work(score - score / reports * (reports - 1));
        node
    }

    /// Does one more piece of work.
    pub fn work(&mut self, score: u64) {
        self.scores.push(score);
    }

    /// How many pieces of work it has done.
    pub fn contributions(&self) -> usize {
        self.scores.len()
    }

    /// Registers the node, with its address unless it keeps that back.
    ///
    /// # Errors
    /// [`HarnessError`] when it is refused.
    pub fn register(&self, intake: &impl Intake) -> Result<(), HarnessError> {
        let mut node = json!({ "id": self.id, "capabilities": { "cpu_cores": 8, "memory_mb": 16_384 } });
        if self.names_address {
            node["address"] = json!(self.address.to_string());
        }
        intake.node(&node)
    }

    /// Names the address of a node that kept it back.
    ///
    /// # Errors
    /// As for [`SampleNode::register`].
    pub fn name_address(&mut self, intake: &impl Intake) -> Result<(), HarnessError> {
        self.names_address = true;
        self.register(intake)
    }

    /// The body of the node's contribution number `index` (from 0). The same call gives the same body.
    pub fn contribution(&self, index: usize) -> Value {
        json!({
            "id": format!("{}-work-{index}", self.id),
            "node_id": self.id,
            "task_id": "sample-task",
            "compute_score": self.scores.get(index).copied().unwrap_or_default(),
            "duration_seconds": 600,
            "samples_processed": 4_096,
            "gpu_usage_percent": 71.5,
            "cpu_usage_percent": 40.0,
            "memory_used_mb": 2_048,
            "network_upload_mb": 12,
            "network_download_mb": 30,
            // A fixed time of 2026: the same report twice must be the same bytes.
            "timestamp": 1_780_000_000_000_u64,
        })
    }

    /// Reports what has not been reported yet, and returns how many reports that were.
    ///
    /// # Errors
    /// As for [`SampleNode::register`].
    pub fn report(&mut self, intake: &impl Intake, tariff: Tariff) -> Result<usize, HarnessError> {
        let first = self.reported;
        while let Some(score) = self.scores.get(self.reported) {
            intake.contribution(&self.contribution(self.reported))?;
            self.expected.earned += score * tariff.lamports_per_score;
            self.reported += 1;
        }
        Ok(self.reported - first)
    }

    /// Moves what the node must have by one settlement of everything reported.
    pub fn expect_settlement(&mut self, tariff: Tariff) {
        let Expected { earned, credited, paid } = &mut self.expected;
        if !self.names_address {
            return;
        }
        *credited = *earned;
        let pending = *credited - *paid;
        let balance = *paid + self.given_lamports;
        if pending >= tariff.threshold_lamports && balance + pending >= tariff.destination_minimum_lamports {
            *paid = *credited;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_node_ends_where_its_name_says() {
        let tariff = Tariff::for_cluster(890_880);
        for variation in 0..500 {
            let settled = |kind| {
                let mut node = SampleNode::new("n", kind, tariff, 1 + variation % 3, variation);
                node.expected.earned = node.scores.iter().sum::<u64>() * tariff.lamports_per_score;
                node.expect_settlement(tariff);
                node.expected
            };
            let paid = settled(NodeKind::Paid);
            assert_eq!((paid.credited, paid.paid), (paid.earned, paid.earned));
            let below = settled(NodeKind::BelowThreshold);
            assert!(below.credited == below.earned && below.paid == 0 && below.earned < tariff.threshold_lamports);
            let unpayable = settled(NodeKind::UnpayableDestination);
            assert!(unpayable.earned >= tariff.threshold_lamports && unpayable.paid == 0);
            assert_eq!(unpayable.credited, unpayable.earned);
            let without = settled(NodeKind::WithoutAddress);
            assert!(without.earned > 0 && without.credited == 0 && without.paid == 0);
        }
    }
}
