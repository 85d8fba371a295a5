//! How many entries one transaction holds: found by building it, not by a formula that can drift from the wire format.

use std::fmt;
use std::str::FromStr;

use settlement::client::{BatchHeader, RegisterNodeArgs, SettleEntry, credit_ix, register_node_ix, settle_ix};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES};
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use super::{Budget, Format};

/// What a batch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchKind {
    /// Opens wallet accounts.
    Register,
    /// Credits wallet accounts.
    Credit,
    /// Credits wallet accounts and pays them out.
    Settle,
}

impl BatchKind {
    /// The kind's name in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Credit => "credit",
            Self::Settle => "settle",
        }
    }
}

impl fmt::Display for BatchKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BatchKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "register" => Ok(Self::Register),
            "credit" => Ok(Self::Credit),
            "settle" => Ok(Self::Settle),
            other => Err(format!("'{other}' is no kind of batch")),
        }
    }
}

/// The most entries of a batch of `kind` in one transaction of `format`.
///
/// Every entry has accounts of its own here: real batches can only be smaller.
pub fn capacity(kind: BatchKind, format: Format) -> usize {
    let most = match kind {
        BatchKind::Credit => MAX_CREDIT_ENTRIES,
        BatchKind::Settle => MAX_SETTLE_ENTRIES,
        BatchKind::Register => MAX_REGISTRATIONS,
    };
    let fits = |count: usize| {
        let budget = Budget { compute_unit_price: 1, ..Budget::WIDEST };
        format.build(&PAYER, &specimen(kind, count), &budget, Hash::default()).is_ok()
    };
    (1..=most).rev().find(|count| fits(*count)).unwrap_or(0)
}

/// The most registrations in one transaction: what the runtime's trace of instructions holds. Their compute units
/// (about 10,000 each) and bytes stay below the limits.
const MAX_REGISTRATIONS: usize = INSTRUCTION_TRACE_LENGTH / INSTRUCTIONS_PER_REGISTRATION;

/// Instructions that one transaction may execute, inner ones included (Agave's `MAX_INSTRUCTION_TRACE_LENGTH`).
const INSTRUCTION_TRACE_LENGTH: usize = 64;

/// The registration itself, the System program's that makes the account, and the event's.
const INSTRUCTIONS_PER_REGISTRATION: usize = 3;

const PAYER: Pubkey = Pubkey::new_from_array([1; 32]);

/// A batch of `count` entries, no two accounts alike.
fn specimen(kind: BatchKind, count: usize) -> Vec<Instruction> {
    let address = |role: u8, index: usize| {
        let mut bytes = [role; 32];
        bytes[..8].copy_from_slice(&(index as u64).to_le_bytes());
        Pubkey::new_from_array(bytes)
    };
    let network = address(2, 0);
    let header = BatchHeader { batch_id: 0, records_root: [0; 32] };
    match kind {
        BatchKind::Credit => {
            let entries: Vec<_> = (0..count).map(|index| (address(3, index), 0)).collect();
            vec![credit_ix(PAYER, network, header, &entries)]
        }
        BatchKind::Settle => {
            let entries: Vec<_> = (0..count)
                .map(|index| SettleEntry { wallet: address(3, index), destination: address(4, index), target: 0 })
                .collect();
            vec![settle_ix(PAYER, network, header, &entries)]
        }
        BatchKind::Register => (0..count)
            .map(|index| {
                let node_id = address(3, index).to_bytes();
                let args = RegisterNodeArgs { node_id, owner: address(4, index), destination: None, threshold: None };
                register_node_ix(PAYER, PAYER, network, args)
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v1_transaction_takes_sixty_credits_and_thirty_payouts() {
        assert_eq!(capacity(BatchKind::Credit, Format::V1), 60);
        assert_eq!(capacity(BatchKind::Settle, Format::V1), 30);
    }

    #[test]
    fn a_v0_transaction_takes_fewer_but_some_of_each_kind() {
        for kind in [BatchKind::Register, BatchKind::Credit, BatchKind::Settle] {
            let (v0, v1) = (capacity(kind, Format::V0), capacity(kind, Format::V1));
            assert!(0 < v0 && v0 < v1, "{kind}: {v0} in v0, {v1} in v1");
        }
    }
}
