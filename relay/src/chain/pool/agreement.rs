//! What the answers of several nodes prove together.

use solana_signature::Signature;

use crate::chain::{
    ChainError, ExecutedTransaction, FinalizedBlock, LatestBlockhash, RecordedTransaction, SignatureStatus,
    StatusesAtSlot,
};

/// The position of a node in the pool, and what it has answered.
pub(super) type Answer<T> = (usize, T);

/// What the answers so far prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// All there is to know: no further answer could change it.
    Sufficient,
    /// What it proves depends on the answers of the other nodes that are asked.
    Open,
    /// Nothing, because one node contradicts another one: a node that would be left out is needed.
    Contradictory,
}

/// Every pair of two different items.
pub(super) fn pairs<T>(items: &[T]) -> impl Iterator<Item = (&T, &T)> {
    items
        .iter()
        .enumerate()
        .flat_map(|(position, one)| items.iter().skip(position.saturating_add(1)).map(move |other| (one, other)))
}

/// The blockhash of one node. Until when it is valid, two nodes must say of their own: a single one could make an attempt look
/// expired that can still land, or of three make it wait. So the blockhash is not that of a node that names a later height
/// than the others.
///
/// A node that names a lower height than the true one gains little: the other's is as recent, and an attempt has expired only
/// once the height is finalized, when the blocks up to it and a few dozen later ones have long been produced.
pub(super) fn blockhash(answers: &[LatestBlockhash]) -> Option<LatestBlockhash> {
    let mut heights: Vec<u64> = answers.iter().map(|latest| latest.last_valid_block_height).collect();
    heights.sort_unstable_by(|one, other| other.cmp(one));
    let last_valid_block_height = *if heights.len() > 2 { heights.get(1) } else { heights.first() }?;
    let valid = |latest: &&LatestBlockhash| latest.last_valid_block_height <= last_valid_block_height;
    let known_to_two =
        |latest: &&LatestBlockhash| answers.iter().filter(|other| other.blockhash == latest.blockhash).count() > 1;
    let chosen = answers.iter().filter(valid).find(known_to_two).or_else(|| answers.iter().find(valid))?;
    Some(LatestBlockhash { last_valid_block_height, ..*chosen })
}

/// The amount that two nodes name, or the only node.
pub(super) fn amount(answers: &[u64]) -> Option<u64> {
    match answers {
        [only] => Some(*only),
        several => pairs(several).find(|(one, other)| one == other).map(|(one, _)| *one),
    }
}

/// Whether more answers could change what becomes of [`amount`].
pub(super) fn of_amounts(answers: &[Answer<u64>]) -> Evidence {
    let named: Vec<u64> = answers.iter().map(|(_, amount)| *amount).collect();
    match (named.as_slice(), amount(&named)) {
        ([] | [_], _) => Evidence::Open,
        (_, Some(_)) => Evidence::Sufficient,
        (_, None) => Evidence::Contradictory,
    }
}

/// The latest block that two nodes have finalized, or the only node.
pub(super) fn block(mut answers: Vec<FinalizedBlock>) -> Option<FinalizedBlock> {
    answers.sort_by_key(|block| std::cmp::Reverse((block.height, block.slot)));
    answers.get(1).or(answers.first()).copied()
}

/// The statuses of the signature at `position` in the answers.
fn found<'a>(answers: impl Iterator<Item = &'a StatusesAtSlot>, position: usize) -> Vec<&'a SignatureStatus> {
    answers.filter_map(|answer| answer.statuses.get(position)?.as_ref()).collect()
}

/// The status that `quorum` nodes call finalized.
fn finalized<'a>(found: &[&'a SignatureStatus], quorum: usize) -> Option<&'a SignatureStatus> {
    let by_quorum = |one: &SignatureStatus| found.iter().filter(|other| **other == one).count() >= quorum;
    found.iter().copied().find(|one| one.finalized && by_quorum(one))
}

/// Whether more answers about that many signatures could change what becomes of [`statuses`].
pub(super) fn of_statuses(answers: &[Answer<StatusesAtSlot>], signatures: usize, quorum: usize) -> Evidence {
    let of = |position| found(answers.iter().map(|(_, answer)| answer), position);
    let all = answers.len() >= quorum && (0..signatures).all(|position| finalized(&of(position), quorum).is_some());
    if all { Evidence::Sufficient } else { Evidence::Open }
}

/// The statuses that any node knows; finalized are those that `quorum` nodes call so. That a signature has none is known as far
/// as the answers of two nodes reach.
pub(super) fn statuses(mut answers: Vec<StatusesAtSlot>, signatures: usize, quorum: usize) -> StatusesAtSlot {
    answers.sort_by_key(|answer| std::cmp::Reverse(answer.slot));
    let slot = answers.get(1).or(answers.first()).map_or(0, |answer| answer.slot);
    let statuses = (0..signatures).map(|position| {
        let found = found(answers.iter(), position);
        let agreed = finalized(&found, quorum);
        agreed
            .or(found.first().copied())
            .map(|status| SignatureStatus { finalized: agreed.is_some(), ..status.clone() })
    });
    StatusesAtSlot { slot, statuses: statuses.collect() }
}

/// A transaction that a node shows.
pub(super) trait Shown {
    /// Whether both are the same, except that one node may not have kept the log.
    fn agrees_with(&self, other: &Self) -> bool;

    /// Whether the node has kept the log.
    fn has_log(&self) -> bool;
}

impl Shown for ExecutedTransaction {
    fn agrees_with(&self, other: &Self) -> bool {
        let is_same_log = self.log_messages == other.log_messages || !self.has_log() || !other.has_log();
        self.slot == other.slot && self.fee_lamports == other.fee_lamports && is_same_log
    }

    fn has_log(&self) -> bool {
        !self.log_messages.is_empty()
    }
}

impl Shown for RecordedTransaction {
    fn agrees_with(&self, other: &Self) -> bool {
        RecordedTransaction::agrees_with(self, other)
    }

    fn has_log(&self) -> bool {
        !self.log_messages.is_empty()
    }
}

/// What two answers agree on, if possible with the log.
fn agreed<'a, T: Shown>(found: &[&'a T]) -> Option<&'a T> {
    let agreeing = || pairs(found).filter(|(one, other)| one.agrees_with(other));
    let with_log = agreeing().find_map(|(one, other)| [*one, *other].into_iter().find(|one| one.has_log()));
    with_log.or_else(|| agreeing().next().map(|(one, _)| *one))
}

/// Whether more answers could change what becomes of [`transaction`], of `nodes` nodes.
pub(super) fn of_transaction<T: Shown>(answers: &[Answer<Option<T>>], nodes: usize) -> Evidence {
    let found: Vec<&T> = answers.iter().filter_map(|(_, answer)| answer.as_ref()).collect();
    let without = answers.len().saturating_sub(found.len());
    match agreed(&found) {
        Some(one) if one.has_log() => Evidence::Sufficient,
        // No two nodes can have it.
        None if without.saturating_add(1) >= nodes => Evidence::Sufficient,
        None if pairs(&found).next().is_some() => Evidence::Contradictory,
        _ => Evidence::Open,
    }
}

/// The transaction as two of `nodes` nodes show it; `None` while only one of them has it.
///
/// # Errors
/// [`ChainError::NodesDisagree`] if all have it and no two show the same.
pub(super) fn transaction<T: Shown + Clone>(
    answers: &[Option<T>],
    nodes: usize,
    signature: &Signature,
) -> Result<Option<T>, ChainError> {
    let found: Vec<&T> = answers.iter().flatten().collect();
    let agreed = agreed(&found).cloned();
    if agreed.is_none() && found.len() >= nodes {
        return Err(ChainError::NodesDisagree(format!("about transaction {signature}")));
    }
    Ok(agreed)
}
