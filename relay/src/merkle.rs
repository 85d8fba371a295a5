//! The Merkle tree over a batch's reward records, whose root goes into the program's event.
//!
//! Leaves and nodes are told apart by their first byte, as in RFC 6962, so that no node can be passed off as a
//! record. A node without a sibling is carried up unchanged.
//!
//! - leaf = SHA-256(0x00 ‖ "williw-reward-v1" ‖ len(id) ‖ id ‖ len(node) ‖ node ‖ amount ‖ len(period) ‖ period),
//!   lengths as u32 and the amount as u64, both little-endian, texts as UTF-8
//! - node = SHA-256(0x01 ‖ left ‖ right)

use sha2::{Digest, Sha256};

use crate::types::{Lamports, NodeId};

/// A SHA-256 hash.
pub type Hash32 = [u8; 32];

/// What a reward record's leaf covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardLeaf<'a> {
    /// The reward's id.
    pub id: &'a str,
    /// The node that earned it.
    pub node_id: &'a NodeId,
    /// How much.
    pub amount: Lamports,
    /// The UTC day, `YYYY-MM-DD`.
    pub period: &'a str,
}

impl RewardLeaf<'_> {
    /// The leaf's hash.
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
    // Ids and periods are bounded far below u32::MAX by the ledger.
    hasher.update((text.len() as u32).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// The root over `leaves`; all zeros when there are none.
pub fn root(leaves: &[Hash32]) -> Hash32 {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = next_level(&level);
    }
    level.first().copied().unwrap_or_default()
}

/// One step of a proof: the sibling, and on which side it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofStep {
    /// The sibling's hash.
    pub sibling: Hash32,
    /// Whether the sibling is the left one.
    pub sibling_is_left: bool,
}

/// The proof that the leaf at `index` is under [`root`]; `None` when there is no such leaf.
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

/// Whether `proof` leads from `leaf` to `root`.
pub fn verify(root: &Hash32, leaf: &Hash32, proof: &[ProofStep]) -> bool {
    let reached = proof.iter().fold(*leaf, |hash, step| {
        if step.sibling_is_left { parent(&step.sibling, &hash) } else { parent(&hash, &step.sibling) }
    });
    reached == *root
}

fn next_level(level: &[Hash32]) -> Vec<Hash32> {
    let mut next: Vec<Hash32> = Vec::with_capacity(level.len().div_ceil(2));
    let mut pairs = level.chunks_exact(2);
    for pair in &mut pairs {
        next.push(parent(&pair[0], &pair[1]));
    }
    next.extend_from_slice(pairs.remainder());
    next
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
    fn every_record_is_provable_against_the_root_and_only_at_its_own_leaf() {
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
    fn a_record_that_differs_in_one_field_has_another_leaf() {
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
