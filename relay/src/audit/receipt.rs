//! The receipt of a reward: a file by which anyone can check that it was credited. docs/RECEIPTS.md specifies the format.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use settlement::client::{NetworkId, network_address, node_wallet_address};
use sha2::{Digest, Sha256};
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::text;
use crate::merkle::{self, Hash32, RewardLeaf};
use crate::types::{Lamports, NodeId};

/// The name of this version of the format.
const FORMAT: &str = "williw-receipt-v1";

/// The maximum number of parts of a receipt. Of a reward that was credited in more parts, the last ones are listed.
pub const MAX_PARTS: usize = 32;

/// The maximum number of steps of a proof: more than any tree that fits into memory needs.
const MAX_STEPS: usize = 40;

/// The maximum of a number that JSON readers keep exactly: 2⁵³ − 1.
pub(super) const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The maximum length of a text that the chain does not limit, in bytes.
const MAX_TEXT_BYTES: usize = 200;

/// The proof that a reward was credited to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The version of the format, `williw-receipt-v1`.
    pub format: String,
    /// The genesis hash of the cluster.
    #[serde(with = "text::display")]
    pub genesis_hash: Hash,
    /// The settlement program.
    #[serde(with = "text::display")]
    pub program_id: Pubkey,
    /// The network that paid.
    pub network: ReceiptNetwork,
    /// The node that was paid.
    pub node: ReceiptNode,
    /// The reward.
    pub reward: ReceiptReward,
    /// The batches that credited it, oldest first: one, or several if the network's caps let it through in parts only.
    pub parts: Vec<Part>,
    /// The SHA-256 hash of all fields above, so that a damaged file is noticed without a cluster.
    #[serde(with = "text::hash")]
    pub checksum: Hash32,
}

/// The network in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptNetwork {
    /// Its name.
    pub name: String,
    /// The key that created it.
    #[serde(with = "text::display")]
    pub creator: Pubkey,
    /// The address of its account, which follows from the two.
    #[serde(with = "text::display")]
    pub address: Pubkey,
}

/// The node in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptNode {
    /// Its id in the ledger.
    pub id: NodeId,
    /// The key that owns its wallet account.
    #[serde(with = "text::display")]
    pub owner: Pubkey,
    /// The address of its wallet account, which follows from network, id and owner.
    #[serde(with = "text::display")]
    pub wallet_address: Pubkey,
}

/// The reward in a receipt. The Merkle leaf covers its id, amount and period, and the node's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptReward {
    /// The number of its row in the ledger.
    pub sequence: i64,
    /// Its id in the ledger.
    pub id: String,
    /// The amount in base units of the network's asset.
    pub amount_lamports: Lamports,
    /// The sum of the node's rewards up to and including this one.
    pub node_total_lamports: Lamports,
    /// The UTC day on which it was earned, `YYYY-MM-DD`.
    pub period: String,
}

/// A batch that credited the reward, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The relay's number of the batch.
    pub batch_id: u64,
    /// The number that the program gave the batch.
    pub batch_sequence: u64,
    /// The Merkle root over the batch's reward records.
    #[serde(with = "text::hash")]
    pub records_root: Hash32,
    /// The way from the reward's leaf to the root.
    pub proof: Vec<ProofStep>,
    /// The position of the node's entry in the batch, from 0.
    pub entry: u8,
    /// The total that the entry raised the node's wallet account to.
    pub target_lamports: Lamports,
    /// The transaction that executed the batch.
    #[serde(with = "text::display")]
    pub signature: Signature,
    /// The slot of its block.
    pub slot: u64,
}

/// A step from a leaf to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofStep {
    /// On which side the sibling is hashed.
    pub side: Side,
    /// The sibling's hash.
    #[serde(with = "text::hash")]
    pub hash: Hash32,
}

/// A side of a node in a Merkle tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Before the subtree that contains the leaf.
    Left,
    /// After it.
    Right,
}

/// Why a file is no receipt, or contradicts itself. No cluster is needed to find that out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is not the JSON of a receipt.
    #[error("the file is not a receipt: {0}")]
    Json(String),
    /// It has another version.
    #[error("the format is '{0}', but this version of williw-relay knows only {FORMAT}")]
    Format(String),
    /// A field was changed.
    #[error("the checksum is not that of the other fields: the file was changed or damaged")]
    Checksum,
    /// A text is too long, or contains control characters.
    #[error("{0} is empty, too long or contains control characters")]
    Text(&'static str),
    /// A number is negative, or more than every JSON reader keeps exactly.
    #[error("{0} is not a number from 0 to {MAX_NUMBER}")]
    Number(&'static str),
    /// The program is not the one that this version knows.
    #[error("the program is {found}, but the settlement program is {}", settlement::ID)]
    Program {
        /// The program in the receipt.
        found: Pubkey,
    },
    /// The network's address is another one.
    #[error("the network's address does not follow from its creator and name")]
    NetworkAddress,
    /// The wallet account's address is another one.
    #[error("the wallet account's address does not follow from network, node id and owner")]
    WalletAddress,
    /// The amount is 0, or greater than the total.
    #[error("the reward's amount is 0 or exceeds the node's total")]
    Amount,
    /// There are no parts, or too many.
    #[error("a receipt has 1 to {MAX_PARTS} parts, but this one has {0}")]
    Parts(usize),
    /// The parts are not in the order in which they were executed.
    #[error("the parts are not in the order of their batches")]
    Order,
    /// The Merkle proof fails.
    #[error("the reward is not among the records of batch {batch_id}: its leaf and the proof do not lead to the root")]
    NotInBatch {
        /// The relay's number of the batch.
        batch_id: u64,
    },
    /// A part ends before the reward begins, or an earlier one after its end.
    #[error("the target of batch {batch_id} does not credit the reward, or only a part of it")]
    Target {
        /// The relay's number of the batch.
        batch_id: u64,
    },
}

impl Receipt {
    /// A receipt with the checksum of its fields.
    pub(super) fn new(
        genesis_hash: Hash,
        network: ReceiptNetwork,
        node: ReceiptNode,
        reward: ReceiptReward,
        parts: Vec<Part>,
    ) -> Self {
        let receipt = Self {
            format: FORMAT.to_owned(),
            genesis_hash,
            program_id: settlement::ID,
            network,
            node,
            reward,
            parts,
            checksum: Hash32::default(),
        };
        receipt.sealed()
    }

    /// The receipt with the checksum of its fields.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.checksum = self.checksum_of_fields();
        self
    }

    /// Reads a receipt, and checks everything that needs no cluster.
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn from_json(json: &str) -> Result<Self, Flaw> {
        let receipt: Self =
            serde_json::from_str(json).map_err(|error| Flaw::Json(text::excerpt(&error.to_string())))?;
        receipt.check()?;
        Ok(receipt)
    }

    /// The content of the file: JSON, with a line for each field.
    pub fn to_json(&self) -> String {
        // Its fields are texts, numbers and lists, all of which can be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The totals of the node between which the reward lies: from (exclusive) and up to (inclusive).
    pub fn range(&self) -> (u64, u64) {
        let ReceiptReward { amount_lamports, node_total_lamports, .. } = &self.reward;
        (node_total_lamports.get().saturating_sub(amount_lamports.get()), node_total_lamports.get())
    }

    /// Whether two receipts describe the same reward of a node differently, so that at least one of them is wrong.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.is_of_wallet_of(other) && self.reward.id == other.reward.id && self.reward != other.reward
    }

    fn is_of_wallet_of(&self, other: &Self) -> bool {
        (self.genesis_hash, self.node.wallet_address) == (other.genesis_hash, other.node.wallet_address)
    }

    /// Whether two receipts claim the same lamports for two rewards, of which at least one was then not credited.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ((from, to), (other_from, other_to)) = (self.range(), other.range());
        self.is_of_wallet_of(other) && self.reward != other.reward && from < other_to && other_from < to
    }

    /// Checks everything that needs no cluster.
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn check(&self) -> Result<(), Flaw> {
        if self.format != FORMAT {
            return Err(Flaw::Format(text::excerpt(&self.format)));
        }
        for (name, text) in [("the reward's id", &self.reward.id), ("the reward's period", &self.reward.period)] {
            if text.is_empty() || text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
                return Err(Flaw::Text(name));
            }
        }
        let numbers = self.parts.iter().flat_map(|part| {
            [("batch_id", part.batch_id), ("batch_sequence", part.batch_sequence), ("slot", part.slot)]
        });
        let sequence = ("sequence", u64::try_from(self.reward.sequence).unwrap_or(u64::MAX));
        if let Some((name, _)) = numbers.chain([sequence]).find(|(_, number)| *number > MAX_NUMBER) {
            return Err(Flaw::Number(name));
        }
        if self.checksum != self.checksum_of_fields() {
            return Err(Flaw::Checksum);
        }
        if self.program_id != settlement::ID {
            return Err(Flaw::Program { found: self.program_id });
        }
        let network = NetworkId::from_name(&self.network.name).map_err(|_| Flaw::NetworkAddress)?;
        if self.network.address != network_address(&self.network.creator, &network) {
            return Err(Flaw::NetworkAddress);
        }
        let ReceiptNode { id, owner, wallet_address } = &self.node;
        if *wallet_address != node_wallet_address(&self.network.address, &id.on_chain(), owner) {
            return Err(Flaw::WalletAddress);
        }
        let (from, to) = self.range();
        if self.reward.amount_lamports.is_zero() || self.reward.amount_lamports > self.reward.node_total_lamports {
            return Err(Flaw::Amount);
        }
        self.check_parts(from, to)
    }

    fn check_parts(&self, from: u64, to: u64) -> Result<(), Flaw> {
        let Some((last, earlier)) = self.parts.split_last().filter(|_| self.parts.len() <= MAX_PARTS) else {
            return Err(Flaw::Parts(self.parts.len()));
        };
        let in_order = |pair: &[Part]| match pair {
            [one, next] => one.batch_sequence < next.batch_sequence && one.target_lamports < next.target_lamports,
            _ => true,
        };
        if !self.parts.windows(2).all(in_order) {
            return Err(Flaw::Order);
        }
        let leaf = self.leaf();
        for part in &self.parts {
            let batch_id = part.batch_id;
            let steps: Vec<merkle::ProofStep> = part.proof.iter().map(|step| (*step).into()).collect();
            if steps.len() > MAX_STEPS || !merkle::verify(&part.records_root, &leaf, &steps) {
                return Err(Flaw::NotInBatch { batch_id });
            }
        }
        for part in earlier {
            if part.target_lamports.get() <= from || part.target_lamports.get() >= to {
                return Err(Flaw::Target { batch_id: part.batch_id });
            }
        }
        if last.target_lamports.get() < to {
            return Err(Flaw::Target { batch_id: last.batch_id });
        }
        Ok(())
    }

    /// The reward's leaf in the Merkle tree of its batches.
    pub fn leaf(&self) -> Hash32 {
        let ReceiptReward { id, amount_lamports, period, .. } = &self.reward;
        RewardLeaf { id, node_id: &self.node.id, amount: *amount_lamports, period }.hash()
    }

    /// The SHA-256 hash of every field but the checksum, each on a line of its own, in the order of the format. Lists are
    /// preceded by their length.
    fn checksum_of_fields(&self) -> Hash32 {
        let Self { format, genesis_hash, program_id, network, node, reward, parts, checksum: _ } = self;
        let mut text = format!(
            "{format}\n{genesis_hash}\n{program_id}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            network.name,
            network.creator,
            network.address,
            node.id,
            node.owner,
            node.wallet_address,
            reward.sequence,
            reward.id,
            reward.amount_lamports,
            reward.node_total_lamports,
            reward.period,
            parts.len()
        );
        for part in parts {
            let Part { batch_id, batch_sequence, records_root, proof, entry, target_lamports, signature, slot } = part;
            let root = hex::encode(records_root);
            // Writing to a string does not fail.
            let _ = write!(text, "{batch_id}\n{batch_sequence}\n{root}\n{}\n", proof.len());
            for step in proof {
                let _ = write!(text, "{}\n{}\n", step.side.as_str(), hex::encode(step.hash));
            }
            let _ = write!(text, "{entry}\n{target_lamports}\n{signature}\n{slot}\n");
        }
        Sha256::digest(text).into()
    }
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

impl From<ProofStep> for merkle::ProofStep {
    fn from(step: ProofStep) -> Self {
        Self { sibling: step.hash, sibling_is_left: step.side == Side::Left }
    }
}

impl From<merkle::ProofStep> for ProofStep {
    fn from(step: merkle::ProofStep) -> Self {
        Self { side: if step.sibling_is_left { Side::Left } else { Side::Right }, hash: step.sibling }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of docs/RECEIPTS.md.
    fn vector() -> Receipt {
        let amount = |lamports| Lamports::new(lamports).unwrap();
        let (creator, owner) = (Pubkey::new_from_array([1; 32]), Pubkey::new_from_array([2; 32]));
        let name = "vector-net".to_owned();
        let address = network_address(&creator, &NetworkId::from_name(&name).unwrap());
        let id: NodeId = "node-7".parse().unwrap();
        let wallet_address = node_wallet_address(&address, &id.on_chain(), &owner);
        let rewards = [("rw_1", 100), ("rw_2", 250), ("rw_3", 7)];
        let leaves = rewards.map(|(reward, lamports)| {
            RewardLeaf { id: reward, node_id: &id, amount: amount(lamports), period: "2026-11-20" }.hash()
        });
        let part = |batch_id, batch_sequence, leaves: &[Hash32], index, target| Part {
            batch_id,
            batch_sequence,
            records_root: merkle::root(leaves),
            proof: merkle::proof(leaves, index).unwrap().into_iter().map(Into::into).collect(),
            entry: 4,
            target_lamports: amount(target),
            signature: Signature::from([batch_id as u8; 64]),
            slot: 400_000_000 + batch_sequence,
        };
        let reward = ReceiptReward {
            sequence: 12,
            id: "rw_2".to_owned(),
            amount_lamports: amount(250),
            node_total_lamports: amount(350),
            period: "2026-11-20".to_owned(),
        };
        let parts = vec![part(5, 3, &leaves[..2], 1, 200), part(9, 6, &leaves[1..], 0, 357)];
        Receipt::new(
            Hash::new_from_array([3; 32]),
            ReceiptNetwork { name, creator, address },
            ReceiptNode { id, owner, wallet_address },
            reward,
            parts,
        )
    }

    #[test]
    fn the_documented_test_vector_is_what_this_version_writes_and_reads() {
        let documented = include_str!("../../../docs/RECEIPTS.md");
        let json = documented.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
        assert_eq!(json, vector().to_json(), "{}", vector().to_json());
        assert_eq!(Receipt::from_json(json), Ok(vector()));
        assert!(documented.contains(&hex::encode(vector().leaf())), "{}", hex::encode(vector().leaf()));
    }

    #[test]
    fn a_file_with_any_byte_changed_is_the_same_receipt_or_none() {
        let json = vector().to_json();
        let mut refused = 0;
        for position in 0..json.len() {
            for change in [1_u8, 0x20, 0x10] {
                let mut bytes = json.clone().into_bytes();
                bytes[position] ^= change;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                match Receipt::from_json(&changed) {
                    Ok(receipt) => assert_eq!(receipt, vector(), "byte {position}: {changed}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 2 * json.len(), "only white space can change: {refused} of {}", 3 * json.len());
    }

    #[test]
    fn missing_unknown_and_repeated_fields_are_refused() {
        let json = vector().to_json();
        for (from, to) in [
            ("  \"format\"", "  \"note\": 1,\n  \"format\""),
            ("  \"format\"", "  \"format\": \"williw-receipt-v1\",\n  \"format\""),
            ("    \"sequence\": 12,\n", ""),
            ("williw-receipt-v1", "williw-receipt-v2"),
        ] {
            let changed = json.replacen(from, to, 1);
            assert_ne!(changed, json);
            assert!(Receipt::from_json(&changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_forger_who_computes_the_checksum_is_refused_for_what_he_changed() {
        type Change = fn(&mut Receipt);
        let not_in_5 = Flaw::NotInBatch { batch_id: 5 };
        let other = Pubkey::new_from_array([9; 32]);
        let changes: Vec<(Change, Flaw)> = vec![
            (|it| it.reward.id = "rw_9".to_owned(), not_in_5.clone()),
            (|it| it.reward.period = "2026-11-21".to_owned(), not_in_5.clone()),
            (|it| it.parts[0].proof[0].hash[3] ^= 1, not_in_5.clone()),
            (|it| it.parts[0].proof[0].side = Side::Right, not_in_5.clone()),
            (|it| it.parts[0].records_root[31] ^= 1, not_in_5.clone()),
            (|it| it.parts[0].proof.push(ProofStep { side: Side::Left, hash: [0; 32] }), not_in_5),
            (|it| it.reward.period = "2026\n".to_owned(), Flaw::Text("the reward's period")),
            (|it| it.parts[0].batch_id = 1 << 53, Flaw::Number("batch_id")),
            (|it| it.parts[1].batch_sequence = 1 << 53, Flaw::Number("batch_sequence")),
            (|it| it.parts[0].slot = u64::MAX, Flaw::Number("slot")),
            (|it| it.reward.sequence = -1, Flaw::Number("sequence")),
            (|it| it.program_id = Pubkey::new_from_array([9; 32]), Flaw::Program { found: other }),
            (|it| it.network.name = "vector-ne".to_owned(), Flaw::NetworkAddress),
            (|it| it.network.name = "?".to_owned(), Flaw::NetworkAddress),
            (|it| it.network.creator = Pubkey::new_from_array([9; 32]), Flaw::NetworkAddress),
            (|it| it.network.address = Pubkey::new_from_array([9; 32]), Flaw::NetworkAddress),
            (|it| it.node.id = "node-8".parse().unwrap(), Flaw::WalletAddress),
            (|it| it.node.owner = Pubkey::new_from_array([9; 32]), Flaw::WalletAddress),
            (|it| it.node.wallet_address = Pubkey::new_from_array([9; 32]), Flaw::WalletAddress),
            (|it| it.reward.amount_lamports = Lamports::ZERO, Flaw::Amount),
            (|it| it.reward.amount_lamports = Lamports::new(351).unwrap(), Flaw::Amount),
            (|it| it.reward.node_total_lamports = Lamports::new(358).unwrap(), Flaw::Target { batch_id: 9 }),
            (|it| it.reward.node_total_lamports = Lamports::new(200).unwrap_or_default(), Flaw::Amount),
            (|it| it.parts.clear(), Flaw::Parts(0)),
            (|it| it.parts = vec![it.parts[0].clone(); 33], Flaw::Parts(33)),
            (|it| it.parts.swap(0, 1), Flaw::Order),
            (|it| it.parts.truncate(1), Flaw::Target { batch_id: 5 }),
            (|it| it.parts[0].target_lamports = Lamports::new(100).unwrap(), Flaw::Target { batch_id: 5 }),
        ];
        for (position, (change, flaw)) in changes.into_iter().enumerate() {
            let mut changed = vector();
            change(&mut changed);
            assert_eq!(changed.sealed().check(), Err(flaw), "change {position}");
        }
        assert_eq!(vector().check(), Ok(()));
    }

    #[test]
    fn two_receipts_of_a_reward_that_differ_contradict_each_other() {
        let one = vector();
        let changes: [fn(&mut ReceiptReward); 4] = [
            |it| it.amount_lamports = Lamports::new(249).unwrap(),
            |it| it.node_total_lamports = Lamports::new(700).unwrap(),
            |it| it.period = "2026-11-21".to_owned(),
            |it| it.sequence = 13,
        ];
        for change in changes {
            let mut other = vector();
            change(&mut other.reward);
            assert!(one.contradicts(&other) && other.contradicts(&one));
            other.node.wallet_address = Pubkey::new_from_array([9; 32]);
            assert!(!one.contradicts(&other));
        }
        assert!(!one.contradicts(&vector()), "a receipt may be given twice");
    }

    #[test]
    fn what_a_file_contains_cannot_control_a_terminal_through_an_error() {
        let hostile = format!("\u{1b}[2J\u{202e}{}", "x".repeat(1_000));
        let json = vector().to_json();
        for text in ["williw-receipt-v1", &settlement::ID.to_string(), "left"] {
            let quoted = serde_json::to_string(&hostile).unwrap();
            let error = Receipt::from_json(&json.replacen(&format!("\"{text}\""), &quoted, 1)).unwrap_err().to_string();
            assert!(!error.contains(['\u{1b}', '\u{202e}']) && error.len() < 400, "{error}");
        }
    }

    #[test]
    fn two_rewards_cannot_claim_the_same_lamports() {
        let one = vector();
        let mut other = vector();
        other.reward = ReceiptReward { id: "rw_1".to_owned(), ..other.reward };
        assert!(one.overlaps(&other));
        assert!(!one.overlaps(&one), "a receipt may be given twice");
        other.reward.node_total_lamports = Lamports::new(600).unwrap();
        assert!(!one.overlaps(&other), "it begins where the other one ends");
        other.reward.node_total_lamports = Lamports::new(599).unwrap();
        assert!(one.overlaps(&other) && other.overlaps(&one));
        other.node.wallet_address = Pubkey::new_from_array([9; 32]);
        assert!(!one.overlaps(&other));
    }
}
