//! The cost of steps in lamports, and the highest balance that an account needs while they are applied.

use williw_relay::transaction::SIGNATURE_FEE_LAMPORTS;

/// The compute units that priority fees are estimated with: more than any transaction of a deployment uses. The most
/// expensive one, the creation of a network, uses about a third of it.
pub(crate) const MAX_COMPUTE_UNITS: u32 = 200_000;

const MICRO_LAMPORTS_PER_LAMPORT: u64 = 1_000_000;

/// The cost of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Rent that the payer deposits.
    pub(crate) rent: u64,
    /// Rent that the network's admin deposits.
    pub(crate) admin_rent: u64,
    /// Transaction fees, including the highest estimate of priority fees.
    pub(crate) fees: u64,
    /// Rent that the payer gets back when the step is complete.
    pub(crate) refund: u64,
}

/// The fees of `transactions` with `signatures` each, at `compute_unit_price` micro-lamports.
pub(super) fn fees(transactions: usize, signatures: usize, compute_unit_price: u64) -> u64 {
    let priority = u64::from(MAX_COMPUTE_UNITS).saturating_mul(compute_unit_price).div_ceil(MICRO_LAMPORTS_PER_LAMPORT);
    let each = (signatures as u64).saturating_mul(SIGNATURE_FEE_LAMPORTS).saturating_add(priority);
    (transactions as u64).saturating_mul(each)
}

/// Tracks the highest amount that is spent at any time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PeakSpending {
    spent: u64,
    peak: u64,
}

impl PeakSpending {
    /// Spends `lamports`, and then gets `refund` back.
    pub(super) fn spend(&mut self, lamports: u64, refund: u64) {
        let spent = self.spent.saturating_add(lamports);
        self.peak = self.peak.max(spent);
        self.spent = spent.saturating_sub(refund);
    }

    pub(super) fn peak(&self) -> u64 {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_can_be_spent_again() {
        let mut spending = PeakSpending::default();
        for (lamports, refund, peak) in [(100, 0, 100), (5, 100, 105), (50, 0, 105), (60, 0, 115)] {
            spending.spend(lamports, refund);
            assert_eq!(spending.peak(), peak);
        }
    }

    #[test]
    fn fees_consist_of_signature_and_priority_fees() {
        assert_eq!(fees(3, 2, 0), 30_000);
        assert_eq!(fees(1, 1, 10), 5_002);
        assert_eq!(fees(usize::MAX, 2, u64::MAX), u64::MAX);
    }
}
