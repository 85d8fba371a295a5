//! The Merkle tree over a batch's reward records. The program emits its root in `BatchSettled`.
//!
//! As in RFC 6962, the first byte of the hashed data distinguishes leaves from inner nodes, so an inner node cannot be
//! presented as a record. A node without a sibling moves up one level unchanged.
//!
//! - leaf = SHA-256(0x00 ‖ "williw-reward-v1" ‖ len(id) ‖ id ‖ len(node) ‖ node ‖ amount ‖ len(period) ‖ period),
//!   with lengths as little-endian u32, the amount in lamports as little-endian u64, and strings as UTF-8
//! - node = SHA-256(0x01 ‖ left ‖ right)

use sha2::{Digest, Sha256};

use crate::types::{Lamports, NodeId};

/// A SHA-256 hash.
pub type Hash32 = [u8; 32];

/// The fields of a reward record that its leaf covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardLeaf<'a> {
    /// [`RewardRecord::id`](crate::types::RewardRecord::id).
    pub id: &'a str,
    /// The node that the reward was granted to.
    pub node_id: &'a NodeId,
    /// The reward in lamports, hashed as 8 little-endian bytes.
    pub amount: Lamports,
    /// The UTC day on which the reward was earned, `YYYY-MM-DD`.
    pub period: &'a str,
}

impl RewardLeaf<'_> {
    /// Returns the SHA-256 hash of a domain separator and of the fields in the order of their declaration.
    pub fn hash(&self) -> Hash32 {
        let mut hasher = Sha256::new();
        hasher.update([0x00]);
        hasher.update(b"williw-reward-v1");
        update_text(&mut hasher, self.id);
        update_text(&mut hasher, self.node_id.as_str());
        hasher.update(self.amount.get().to_le_bytes());
        update_text(&mut hasher, self.period);
        hasher.finalize().into()
    }
}

fn update_text(hasher: &mut Sha256, text: &str) {
    // The ledger limits ids and periods to lengths far below u32::MAX.
    hasher.update((text.len() as u32).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// Returns the Merkle root over `leaves`, or all zeros if there are none.
pub fn root(leaves: &[Hash32]) -> Hash32 {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = next_level(&level);
    }
    level.first().copied().unwrap_or_default()
}

/// One step of a Merkle proof: a sibling and its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofStep {
    /// The root of the subtree next to the one that contains the leaf.
    pub sibling: Hash32,
    /// Whether the sibling is hashed before the subtree that contains the leaf.
    pub sibling_is_left: bool,
}

/// Returns the proof that the leaf at `index` is in the tree, or `None` if there is no such leaf.
pub fn proof(leaves: &[Hash32], index: usize) -> Option<Vec<ProofStep>> {
    leaves.get(index)?;
    let (mut level, mut index, mut steps) = (leaves.to_vec(), index, Vec::new());
    while level.len() > 1 {
        let sibling_is_left = index % 2 == 1;
        let sibling = if sibling_is_left { index.checked_sub(1) } else { index.checked_add(1) };
        if let Some(sibling) = sibling.and_then(|sibling| level.get(sibling)) {
            steps.push(ProofStep { sibling: *sibling, sibling_is_left });
        }
        level = next_level(&level);
        index /= 2;
    }
    Some(steps)
}

/// Returns whether `proof` proves that `leaf` is in the tree with this `root`.
pub fn verify(root: &Hash32, leaf: &Hash32, proof: &[ProofStep]) -> bool {
    let computed = proof.iter().fold(*leaf, |hash, step| {
        if step.sibling_is_left { parent(&step.sibling, &hash) } else { parent(&hash, &step.sibling) }
    });
    computed == *root
}

fn next_level(level: &[Hash32]) -> Vec<Hash32> {
    let (pairs, without_sibling) = level.as_chunks();
    pairs.iter().map(|[left, right]| parent(left, right)).chain(without_sibling.iter().copied()).collect()
}

fn parent(left: &Hash32, right: &Hash32) -> Hash32 {
    Sha256::new().chain_update([0x01]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<Hash32> {
        let node: NodeId = "node-1".parse().unwrap();
        (0..count)
            .map(|index| {
                let amount = Lamports::new(index + 1).unwrap();
                RewardLeaf { id: &format!("r{index}"), node_id: &node, amount, period: "2026-01-31" }.hash()
            })
            .collect()
    }

    #[test]
    fn a_proof_verifies_its_own_leaf_and_no_other() {
        for count in 1..=33 {
            let leaves = leaves(count);
            let root = root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = proof(&leaves, index).unwrap();
                assert!(verify(&root, leaf, &proof));
                let other = leaves[(index + 1) % leaves.len()];
                assert!(count == 1 || !verify(&root, &other, &proof));
            }
            assert_eq!(proof(&leaves, leaves.len()), None);
        }
    }

    #[test]
    fn changing_any_field_of_a_record_changes_its_leaf() {
        let node: NodeId = "a".parse().unwrap();
        let other: NodeId = "b".parse().unwrap();
        let amount = Lamports::new(1).unwrap();
        let leaf = RewardLeaf { id: "r", node_id: &node, amount, period: "2026-01-31" };
        let variants = [
            RewardLeaf { id: "s", ..leaf.clone() },
            RewardLeaf { node_id: &other, ..leaf.clone() },
            RewardLeaf { amount: Lamports::new(2).unwrap(), ..leaf.clone() },
            RewardLeaf { period: "2026-02-01", ..leaf.clone() },
        ];
        assert!(variants.iter().all(|variant| variant.hash() != leaf.hash()));
    }
}
