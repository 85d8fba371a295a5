//! How a node lies: everything that it answers can be false.
//!
//! A node that lies cannot forge signatures, so it cannot move lamports. It can only make a relay record what did not happen,
//! or sign again what can still land, and where two nodes must agree it can do neither.
//!
//! One lie is left out: that a blockhash expires earlier than it does. With a single node, nothing protects from it but the totals;
//! with several, two must say so, which the pool's own tests show.

use std::fmt;
use std::mem::offset_of;

use settlement::client::{SPL_TOKEN_ID, TOKEN_2022_ID};
use settlement::rules::token_layout::TokenAccount;
use settlement::state::NodeWallet;
use solana_hash::Hash;
use williw_relay::chain::{
    Account, AccountsAtSlot, ExecutedTransaction, FinalizedBlock, LatestBlockhash, SignatureStatus, Simulation,
    StatusesAtSlot, TransactionError,
};

use crate::cluster::Cluster;
use crate::random::Random;

/// An answer that can be false.
pub(crate) trait Falsify {
    /// Makes the answer false. Returns whether it is another one now.
    fn falsify(&mut self, cluster: &Cluster, random: &mut Random) -> bool;
}

/// Accounts whose data is left out of the story.
pub(crate) struct Accounts(pub(crate) AccountsAtSlot);

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let existing = self.0.accounts.iter().flatten().count();
        write!(f, "{existing} of {} accounts at slot {}", self.0.accounts.len(), self.0.slot)
    }
}

/// An executed transaction whose log is left out of the story.
pub(crate) struct Found(pub(crate) Option<ExecutedTransaction>);

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(found) => write!(f, "found in slot {} with {} log lines", found.slot, found.log_messages.len()),
            None => f.write_str("not found"),
        }
    }
}

/// An amount.
#[derive(Debug)]
pub(crate) struct Lamports(pub(crate) u64);

/// A transaction was received.
#[derive(Debug)]
pub(crate) struct Received;

impl Falsify for Hash {
    // A false genesis hash is that of another cluster, which is a fault of its own.
    fn falsify(&mut self, _: &Cluster, _: &mut Random) -> bool {
        false
    }
}

impl Falsify for Received {
    fn falsify(&mut self, _: &Cluster, _: &mut Random) -> bool {
        false
    }
}

impl Falsify for LatestBlockhash {
    fn falsify(&mut self, _: &Cluster, random: &mut Random) -> bool {
        if random.chance(500) {
            self.blockhash = Hash::new_from_array(random.bytes());
        } else {
            self.last_valid_block_height += random.amount(1, 60);
        }
        true
    }
}

impl Falsify for FinalizedBlock {
    fn falsify(&mut self, _: &Cluster, random: &mut Random) -> bool {
        let by = random.amount(1, 60);
        if random.chance(700) {
            (self.slot, self.height) = (self.slot + by, self.height + by);
        } else {
            (self.slot, self.height) = (self.slot.saturating_sub(by), self.height.saturating_sub(by));
        }
        true
    }
}

/// The offsets of the owner and the state in a token account.
const TOKEN_OWNER: usize = 32;
const TOKEN_STATE: usize = 108;

fn is_token_account(account: &Account) -> bool {
    [SPL_TOKEN_ID, TOKEN_2022_ID].contains(&account.owner) && TokenAccount::parse(&account.data).is_some()
}

/// Makes another table of a lookup table: its first two addresses change places, or it is not active.
fn falsify_table(data: &mut [u8], swaps: bool) {
    /// The offset of the slot in which the table was deactivated, and that of the first address.
    const DEACTIVATED: usize = 4;
    const ADDRESSES: usize = 56;

    if swaps && data.len() >= ADDRESSES + 64 {
        let (first, second) = data[ADDRESSES..].split_at_mut(32);
        first.swap_with_slice(&mut second[..32]);
    } else if data.len() >= ADDRESSES {
        data[DEACTIVATED..DEACTIVATED + 8].copy_from_slice(&1_u64.to_le_bytes());
    }
}

impl Falsify for Accounts {
    fn falsify(&mut self, _: &Cluster, random: &mut Random) -> bool {
        /// The totals in a wallet account, behind its discriminator.
        const TOTALS: [usize; 2] = [8 + offset_of!(NodeWallet, credited_total), 8 + offset_of!(NodeWallet, paid_total)];

        let position = random.index(self.0.accounts.len().max(1));
        let (by, kind, rises) = (random.amount(1, 2_000), random.between(0, 3), random.chance(700));
        let Some(known) = self.0.accounts.get_mut(position) else { return false };
        let Some(account) = known else { return false };
        if kind == 0 {
            *known = None;
        } else if NodeWallet::decode(&account.data).is_ok() && kind < 3 {
            for offset in TOTALS.into_iter().take(if random.chance(500) { 1 } else { 2 }) {
                let bytes = &mut account.data[offset..offset + 8];
                let total = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
                let total = if rises { total + by } else { total.saturating_sub(by) };
                bytes.copy_from_slice(&total.to_le_bytes());
            }
        } else if account.owner == solana_sdk_ids::address_lookup_table::ID && kind < 3 {
            falsify_table(&mut account.data, kind == 1);
        } else if is_token_account(account) && kind < 3 {
            // Frozen, or somebody else's.
            account.data[if kind == 1 { TOKEN_STATE } else { TOKEN_OWNER }] ^= 3;
        } else {
            account.lamports = if rises { account.lamports + by } else { account.lamports.saturating_sub(by) };
        }
        true
    }
}

impl Falsify for Lamports {
    fn falsify(&mut self, _: &Cluster, random: &mut Random) -> bool {
        self.0 = self.0.saturating_mul(random.amount(2, 10_000));
        true
    }
}

impl Falsify for Simulation {
    fn falsify(&mut self, _: &Cluster, random: &mut Random) -> bool {
        let errors = [
            serde_json::json!("AccountNotFound"),
            serde_json::json!("BlockhashNotFound"),
            serde_json::json!({"InstructionError": [0, {"Custom": 1}]}),
            serde_json::json!({"InstructionError": [0, "InvalidAccountData"]}),
        ];
        match self.error {
            Some(_) => self.error = None,
            None => self.error = Some(TransactionError::from_json(random.pick(&errors))),
        }
        true
    }
}

impl Falsify for StatusesAtSlot {
    fn falsify(&mut self, _: &Cluster, random: &mut Random) -> bool {
        if random.chance(300) {
            self.slot += random.amount(1, 60);
        }
        let slot = self.slot;
        for status in &mut self.statuses {
            let kind = random.between(0, 3);
            *status = match status.take() {
                Some(_) if kind < 2 => None,
                Some(known) => Some(SignatureStatus { finalized: !known.finalized, ..known }),
                None if kind == 0 => None,
                None => {
                    let error = (kind == 1).then(|| TransactionError::from_json(&serde_json::json!("AccountInUse")));
                    Some(SignatureStatus { slot, finalized: true, error })
                }
            };
        }
        true
    }
}

impl Falsify for Found {
    fn falsify(&mut self, cluster: &Cluster, random: &mut Random) -> bool {
        let logs: Vec<_> = cluster.blocks.iter().flat_map(|block| &block.executed).collect();
        let others = (!logs.is_empty()).then(|| random.pick(&logs).logs.clone());
        match &mut self.0 {
            Some(found) => match random.between(0, 3) {
                0 => self.0 = None,
                1 => found.fee_lamports += 1,
                2 => found.slot += 1,
                _ => found.log_messages = others.unwrap_or_default(),
            },
            None => {
                let slot = cluster.blocks[cluster.root].slot;
                let log_messages = others.unwrap_or_default();
                self.0 = Some(ExecutedTransaction { slot, fee_lamports: 5_000, log_messages });
            }
        }
        true
    }
}

impl Falsify for Vec<u64> {
    fn falsify(&mut self, _: &Cluster, random: &mut Random) -> bool {
        self.push(random.amount(0, u64::MAX - 1));
        true
    }
}
