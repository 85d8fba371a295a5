//! Sample nodes of every kind that a settlement has to distinguish, and a model of their expected balances.
//!
//! The model is an independent, minimal implementation of the payout rules. Its results are compared with those of the
//! program, the relay and the Worker.

use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::HarnessError;
use crate::ingest::Ingest;

/// How a node's rewards or address affect its settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Earns enough for its destination to become rent-exempt: credited and paid.
    Paid,
    /// Earns less than the payout threshold: credited but held.
    BelowThreshold,
    /// Earns at least the threshold, but not enough for its new destination account to become rent-exempt: credited
    /// but held.
    UnpayableDestination,
    /// Earns enough but has no registered address: its rewards stay pending in the ledger.
    NoAddress,
}

/// Parameters that determine rewards and payouts.
#[derive(Clone, Copy, Debug)]
pub struct RewardParameters {
    /// Reward for one point of compute score.
    pub lamports_per_score: u64,
    /// The network's minimum pending lamports for a payout.
    pub threshold_lamports: u64,
    /// The cluster's rent-exempt minimum of an account without data.
    pub destination_minimum_lamports: u64,
}

/// Expected totals of a node, in lamports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectedBalance {
    /// Total rewards for the node's contributions and grants.
    pub earned: u64,
    /// Total credited to the node's wallet account.
    pub credited: u64,
    /// Total paid out to the node's destination.
    pub paid: u64,
}

/// A simulated node with its expected balance.
#[derive(Clone, Debug)]
pub struct SampleNode {
    /// Id to register the node with, unique within the network.
    pub id: String,
    /// Which case of [`NodeKind`] the node starts as.
    pub kind: NodeKind,
    /// Destination address, whether or not it is registered.
    pub address: Pubkey,
    /// Expected balance after the reports and settlements so far.
    pub expected: ExpectedBalance,
    /// Lamports that the address received from other sources.
    pub other_lamports: u64,
    registers_address: bool,
    scores: Vec<u64>,
    reported: usize,
}

/// Initial properties of a [`SampleNode`].
#[derive(Clone, Copy, Debug)]
pub struct NewNode<'a> {
    /// Id to register the node with, unique within the network.
    pub id: &'a str,
    /// How the node is settled.
    pub kind: NodeKind,
    /// Number of contributions that the node's score is divided into.
    pub contributions: u64,
    /// Selects one of many possible scores of the kind.
    pub variation: u64,
}

impl RewardParameters {
    /// Derives parameters in which a reward can exceed the threshold but be too small to make a new destination
    /// account rent-exempt.
    pub fn for_cluster(destination_minimum_lamports: u64) -> Self {
        Self {
            lamports_per_score: 1_000,
            threshold_lamports: destination_minimum_lamports / 2,
            destination_minimum_lamports,
        }
    }

    /// Returns a score for a node of `kind`. Different values of `variation` produce different scores.
    fn score(self, kind: NodeKind, variation: u64) -> u64 {
        let rent_exempt_score = self.destination_minimum_lamports.div_ceil(self.lamports_per_score);
        let threshold_score = self.threshold_lamports.div_ceil(self.lamports_per_score);
        match kind {
            NodeKind::Paid | NodeKind::NoAddress => rent_exempt_score + 37 * (variation + 1),
            NodeKind::BelowThreshold => 1 + variation % (threshold_score - 1),
            NodeKind::UnpayableDestination => threshold_score + variation % (rent_exempt_score - threshold_score),
        }
    }
}

impl SampleNode {
    /// Creates a node that is not registered yet and has performed its work.
    pub fn new(parameters: RewardParameters, node: NewNode<'_>) -> Self {
        let NewNode { id, kind, contributions, variation } = node;
        let mut node = Self {
            id: id.to_owned(),
            kind,
            address: Keypair::new().pubkey(),
            expected: ExpectedBalance::default(),
            other_lamports: 0,
            registers_address: kind != NodeKind::NoAddress,
            scores: Vec::new(),
            reported: 0,
        };
        let score = parameters.score(kind, variation);
        // Equal parts; the last one includes the remainder.
        let contributions = contributions.clamp(1, score);
        for _ in 1..contributions {
            node.work(score / contributions);
        }
        node.work(score - score / contributions * (contributions - 1));
        node
    }

    /// Performs work with this score; [`SampleNode::report`] reports it.
    pub fn work(&mut self, score: u64) {
        self.scores.push(score);
    }

    /// Number of contributions, reported or not.
    pub fn contributions(&self) -> usize {
        self.scores.len()
    }

    /// Registers the node, with its address unless it is of the kind [`NodeKind::NoAddress`].
    ///
    /// # Errors
    /// See [`Ingest::register_node`].
    pub fn register(&self, ingest: &impl Ingest) -> Result<(), HarnessError> {
        let mut node = json!({ "id": self.id, "capabilities": { "cpu_cores": 8, "memory_mb": 16_384 } });
        if let (true, Some(fields)) = (self.registers_address, node.as_object_mut()) {
            fields.insert("address".to_owned(), json!(self.address.to_string()));
        }
        ingest.register_node(&node)
    }

    /// Registers the address of a node that was registered without one.
    ///
    /// # Errors
    /// See [`SampleNode::register`].
    pub fn register_address(&mut self, ingest: &impl Ingest) -> Result<(), HarnessError> {
        self.registers_address = true;
        self.register(ingest)
    }

    /// Returns the request body of the contribution with the zero-based `index`. The result is deterministic.
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
            // A fixed time in 2026, so that a repeated report is byte-for-byte identical.
            "timestamp": 1_780_000_000_000_u64,
        })
    }

    /// Reports all unreported contributions and returns their number.
    ///
    /// # Errors
    /// See [`Ingest::record_contribution`].
    pub fn report(&mut self, ingest: &impl Ingest, parameters: RewardParameters) -> Result<usize, HarnessError> {
        let first = self.reported;
        while let Some(score) = self.scores.get(self.reported) {
            ingest.record_contribution(&self.contribution(self.reported))?;
            self.expected.earned += score * parameters.lamports_per_score;
            self.reported += 1;
        }
        Ok(self.reported - first)
    }

    /// Updates the expected balance for one settlement of all reported contributions.
    pub fn expect_settlement(&mut self, parameters: RewardParameters) {
        let ExpectedBalance { earned, credited, paid } = &mut self.expected;
        if !self.registers_address {
            return;
        }
        *credited = *earned;
        let pending = *credited - *paid;
        let balance = *paid + self.other_lamports;
        if pending >= parameters.threshold_lamports && balance + pending >= parameters.destination_minimum_lamports {
            *paid = *credited;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_settles_each_kind_of_node_as_documented() {
        let parameters = RewardParameters::for_cluster(890_880);
        for variation in 0..500 {
            let settled = |kind| {
                let mut node =
                    SampleNode::new(parameters, NewNode { id: "n", kind, contributions: 1 + variation % 3, variation });
                node.expected.earned = node.scores.iter().sum::<u64>() * parameters.lamports_per_score;
                node.expect_settlement(parameters);
                node.expected
            };
            let paid = settled(NodeKind::Paid);
            assert_eq!((paid.credited, paid.paid), (paid.earned, paid.earned));
            let below = settled(NodeKind::BelowThreshold);
            assert!(below.credited == below.earned && below.paid == 0 && below.earned < parameters.threshold_lamports);
            let unpayable = settled(NodeKind::UnpayableDestination);
            assert!(unpayable.earned >= parameters.threshold_lamports && unpayable.paid == 0);
            assert_eq!(unpayable.credited, unpayable.earned);
            let without = settled(NodeKind::NoAddress);
            assert!(without.earned > 0 && without.credited == 0 && without.paid == 0);
        }
    }
}
