//! Finalized accounts as two nodes agree on them, also where they change all the time.

use std::cell::RefCell;
use std::collections::VecDeque;

use solana_pubkey::Pubkey;

use crate::chain::{AccountData, AccountsAtSlot};

use super::agreement::{Answer, Evidence, pairs};

/// How many answers are kept that no other node has confirmed yet.
const MAX_KEPT: usize = 64;

/// By how many slots an answer that was kept may be older than the one that confirms it: half a minute.
const MAX_AGE_SLOTS: u64 = 64;

/// A request for accounts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted<'a> {
    pub(super) addresses: &'a [Pubkey],
    pub(super) data: AccountData,
}

type Read = Answer<AccountsAtSlot>;

/// Answers that no other node has confirmed yet.
///
/// Where an account changes in every slot and one node lags by one, two answers of the same moment never agree. The lagging
/// node says later what the other one said before: so answers are kept for the next request of the same accounts.
#[derive(Default)]
pub(super) struct Unconfirmed(RefCell<VecDeque<Kept>>);

struct Kept {
    addresses: Vec<Pubkey>,
    data: AccountData,
    answer: Read,
}

impl Kept {
    fn is_of(&self, wanted: Wanted<'_>) -> bool {
        self.data == wanted.data && self.addresses == wanted.addresses
    }
}

impl Unconfirmed {
    /// Takes the answers to earlier requests that can still be confirmed.
    pub(super) fn take(&self, wanted: Wanted<'_>, min_slot: u64) -> Vec<Read> {
        let (of_wanted, others) = self.0.take().into_iter().partition::<VecDeque<_>, _>(|kept| kept.is_of(wanted));
        self.0.replace(others);
        of_wanted.into_iter().map(|kept| kept.answer).filter(|(_, read)| read.slot >= min_slot).collect()
    }

    /// Keeps answers for the next request of the same accounts, the latest at most.
    pub(super) fn keep(&self, wanted: Wanted<'_>, answers: impl IntoIterator<Item = Read>) {
        let Wanted { addresses, data } = wanted;
        let mut all = self.0.borrow_mut();
        for answer in answers {
            let is_known =
                |kept: &Kept| (kept.answer.0, kept.answer.1.slot) == (answer.0, answer.1.slot) && kept.is_of(wanted);
            if !all.iter().any(is_known) {
                all.push_back(Kept { addresses: addresses.to_vec(), data, answer });
            }
        }
        let excess = all.len().saturating_sub(MAX_KEPT);
        all.drain(..excess);
    }
}

/// Pairs of answers of two nodes: of those of `now`, and of each of these with each `earlier` one.
fn pairs_of_nodes<'a>(
    earlier: &'a [Read],
    now: &'a [Read],
) -> impl Iterator<Item = (&'a AccountsAtSlot, &'a AccountsAtSlot)> {
    let with_earlier = earlier
        .iter()
        .flat_map(|kept| now.iter().map(move |one| (kept, one)))
        .filter(|((_, kept), (_, one))| kept.slot.saturating_add(MAX_AGE_SLOTS) >= one.slot);
    let all = pairs(now).chain(with_earlier).filter(|((node, _), (other, _))| node != other);
    all.map(|((_, one), (_, other))| (one, other))
}

/// What two nodes agree on, at the older slot of their two answers: what they say has not changed since.
pub(super) fn agreed(earlier: &[Read], now: &[Read]) -> Option<AccountsAtSlot> {
    pairs_of_nodes(earlier, now)
        .filter(|(one, other)| one.accounts == other.accounts)
        .map(|(one, other)| if one.slot < other.slot { one } else { other })
        .max_by_key(|read| read.slot)
        .cloned()
}

/// The slot at which two nodes contradict each other.
pub(super) fn contradiction(earlier: &[Read], now: &[Read]) -> Option<u64> {
    pairs_of_nodes(earlier, now)
        .find(|(one, other)| one.slot == other.slot && one.accounts != other.accounts)
        .map(|(one, _)| one.slot)
}

/// What the answers so far prove.
pub(super) fn evidence(earlier: &[Read], now: &[Read]) -> Evidence {
    if agreed(earlier, now).is_some() {
        Evidence::Sufficient
    } else if contradiction(earlier, now).is_some() {
        Evidence::Contradictory
    } else {
        Evidence::Open
    }
}
