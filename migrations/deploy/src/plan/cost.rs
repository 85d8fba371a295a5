//! What steps cost, in lamports, and the most that an account has to hold while they are done.

/// The fee of one signature.
const SIGNATURE_FEE_LAMPORTS: u64 = 5_000;

/// Compute units that a transaction of a deployment stays below; the priority fee is reckoned with them. Creating a
/// network takes the most, about a third of it.
pub const MAX_COMPUTE_UNITS: u32 = 200_000;

const MICRO_LAMPORTS_PER_LAMPORT: u64 = 1_000_000;

/// What a step costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Rent that the payer lays out.
    pub rent: u64,
    /// Rent that the network's admin lays out.
    pub admin_rent: u64,
    /// Fees, priority fees at their highest.
    pub fees: u64,
    /// Rent that the payer gets back when the step is done.
    pub returned: u64,
}

/// The fees of `transactions` with `signatures` each, at `compute_unit_price` micro-lamports.
pub fn fees(transactions: usize, signatures: usize, compute_unit_price: u64) -> u64 {
    let priority = u64::from(MAX_COMPUTE_UNITS).saturating_mul(compute_unit_price).div_ceil(MICRO_LAMPORTS_PER_LAMPORT);
    let each = (signatures as u64).saturating_mul(SIGNATURE_FEE_LAMPORTS).saturating_add(priority);
    (transactions as u64).saturating_mul(each)
}

/// Follows what an account lays out and gets back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Purse {
    spent: u64,
    peak: u64,
}

impl Purse {
    /// Lays out `lamports`, and gets `returned` back afterwards.
    pub fn spend(&mut self, lamports: u64, returned: u64) {
        let spent = self.spent.saturating_add(lamports);
        self.peak = self.peak.max(spent);
        self.spent = spent.saturating_sub(returned);
    }

    /// The most that was laid out at any time.
    pub fn peak(&self) -> u64 {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_can_be_spent_again() {
        let mut purse = Purse::default();
        purse.spend(100, 0);
        purse.spend(5, 100);
        purse.spend(50, 0);
        assert_eq!(purse.peak(), 105);
        purse.spend(60, 0);
        assert_eq!(purse.peak(), 115);
    }

    #[test]
    fn fees_are_signatures_and_priority() {
        assert_eq!(fees(3, 2, 0), 30_000);
        assert_eq!(fees(1, 1, 10), 5_002);
        assert_eq!(fees(usize::MAX, 2, u64::MAX), u64::MAX);
    }
}
