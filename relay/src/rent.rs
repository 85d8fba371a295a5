//! Rent of node accounts after a change of the cluster's rate.
//!
//! A fall leaves accounts with more than their rent-exempt minimum: [`RentAdjustment::Sweep`] moves the difference to the
//! treasury. A rise leaves wallet accounts with less: what they hold for their nodes can then not be paid out in full,
//! and [`RentAdjustment::TopUp`] adds the difference from the treasury's surplus.

use settlement::client::{sweep_rent_ix, top_up_rent_ix, treasury_address};
use settlement::rules::surplus::surplus;
use settlement::state::{AssetKind, ClosedNode, NodeWallet, Treasury};
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, ChainError, Commitment, MAX_ACCOUNTS_PER_READ};
use crate::transaction::{Budget, Format};

/// The maximum number of accounts in one transaction: those that remain of its 64 account locks after the fee payer, the
/// network, the treasury, the event authority and the program.
pub const MAX_ACCOUNTS: usize = 59;

/// What to do with the lamports of node accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RentAdjustment {
    /// Move what is neither rent nor pending from wallets and closed nodes to the treasury. Anyone may do this.
    Sweep,
    /// Bring wallets with a pending amount to their rent-exempt minimum, with the treasury's surplus. Only the settler and
    /// the admin may do this, in a network that pays in SOL.
    TopUp,
}

/// An account to adjust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountToAdjust {
    /// The address of the wallet account or the closed node.
    pub address: Pubkey,
    /// Lamports that the adjustment moves.
    pub lamports: u64,
}

/// Finds the accounts of one network to adjust.
pub struct RentReader<'a, C> {
    chain: &'a C,
    network: Pubkey,
    asset: Option<AssetKind>,
    wallet_minimum: u64,
    closed_minimum: u64,
    surplus: u64,
}

impl<'a, C: Chain> RentReader<'a, C> {
    /// Reads the treasury of the network at `network` and the current rate. `None` if there is no such network.
    ///
    /// # Errors
    /// [`ChainError`] if the RPC node cannot be reached, or returns an error or an invalid response.
    pub async fn new(chain: &'a C, network: Pubkey) -> Result<Option<Self>, ChainError> {
        let treasury = treasury_address(&network);
        let read = chain.accounts(&[treasury], AccountData::Full, Commitment::Confirmed, 0).await?;
        let account = read.accounts.into_iter().flatten().find(|account| account.owner == settlement::ID);
        let Some((lamports, state)) =
            account.and_then(|account| Some((account.lamports, Treasury::decode(&account.data).ok()?)))
        else {
            return Ok(None);
        };
        let minimum = |bytes: usize| chain.minimum_balance(bytes as u64);
        Ok(Some(Self {
            chain,
            network,
            asset: AssetKind::from_byte(state.asset_kind),
            wallet_minimum: minimum(NodeWallet::SIZE).await?,
            closed_minimum: minimum(ClosedNode::SIZE).await?,
            surplus: surplus(lamports, minimum(Treasury::SIZE).await?),
        }))
    }

    /// Lamports of the treasury above its rent-exempt minimum, from which wallets can be topped up.
    pub fn surplus(&self) -> u64 {
        self.surplus
    }

    /// Whether payouts take lamports from wallet accounts, so that topping them up makes sense.
    pub fn pays_in_sol(&self) -> bool {
        self.asset == Some(AssetKind::Sol)
    }

    /// Returns those of `addresses` that need the adjustment.
    ///
    /// # Errors
    /// [`ChainError`] if the RPC node cannot be reached, or returns an error or an invalid response.
    pub async fn find(
        &self,
        adjustment: RentAdjustment,
        addresses: &[Pubkey],
    ) -> Result<Vec<AccountToAdjust>, ChainError> {
        let mut found = Vec::new();
        for chunk in addresses.chunks(MAX_ACCOUNTS_PER_READ) {
            let read = self.chain.accounts(chunk, AccountData::Full, Commitment::Confirmed, 0).await?;
            for (address, account) in chunk.iter().zip(read.accounts) {
                let lamports = account.map_or(0, |account| self.difference(adjustment, &account));
                if lamports > 0 {
                    found.push(AccountToAdjust { address: *address, lamports });
                }
            }
        }
        Ok(found)
    }

    /// Lamports that an adjustment moves to or from an account, as the program computes them.
    fn difference(&self, adjustment: RentAdjustment, account: &Account) -> u64 {
        if account.owner != settlement::ID {
            return 0;
        }
        let wallet = NodeWallet::decode(&account.data).ok().filter(|wallet| wallet.network == self.network);
        let closed = ClosedNode::decode(&account.data).ok().filter(|closed| closed.network == self.network);
        match (adjustment, wallet, closed) {
            (RentAdjustment::Sweep, Some(wallet), _) => {
                let pending = if self.pays_in_sol() { wallet.pending() } else { 0 };
                account.lamports.saturating_sub(self.wallet_minimum.saturating_add(pending))
            }
            (RentAdjustment::Sweep, None, Some(_)) => account.lamports.saturating_sub(self.closed_minimum),
            (RentAdjustment::TopUp, Some(wallet), _) if wallet.pending() > 0 && self.pays_in_sol() => {
                self.wallet_minimum.saturating_add(wallet.pending()).saturating_sub(account.lamports)
            }
            _ => 0,
        }
    }
}

/// The instruction that adjusts `accounts`, at most [`capacity`] of them. `signer` is only needed for a top-up.
pub fn instruction(
    adjustment: RentAdjustment,
    signer: Pubkey,
    network: Pubkey,
    accounts: &[AccountToAdjust],
) -> Instruction {
    let addresses: Vec<Pubkey> = accounts.iter().map(|account| account.address).collect();
    match adjustment {
        RentAdjustment::Sweep => sweep_rent_ix(network, &addresses),
        RentAdjustment::TopUp => top_up_rent_ix(signer, network, &addresses),
    }
}

/// The maximum number of accounts in one transaction of `format`.
pub fn capacity(format: Format) -> usize {
    let address = |index: usize| {
        let mut bytes = [2; 32];
        for (byte, value) in bytes.iter_mut().zip((index as u64).to_le_bytes()) {
            *byte = value;
        }
        Pubkey::new_from_array(bytes)
    };
    let fits = |count: usize| {
        let accounts: Vec<_> =
            (0..count).map(|index| AccountToAdjust { address: address(index), lamports: 0 }).collect();
        let (payer, network) = (Pubkey::new_from_array([1; 32]), Pubkey::new_from_array([3; 32]));
        let instruction = instruction(RentAdjustment::TopUp, payer, network, &accounts);
        let budget = Budget { compute_unit_price: 1, ..Budget::WIDEST };
        format.build(&payer, &[instruction], &budget, Hash::default()).is_ok()
    };
    (1..=MAX_ACCOUNTS).rev().find(|count| fits(*count)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v1_transaction_fits_all_accounts_that_can_be_locked_and_a_v0_transaction_fewer() {
        assert_eq!(capacity(Format::V1), MAX_ACCOUNTS);
        let v0 = capacity(Format::V0);
        assert!(20 < v0 && v0 < MAX_ACCOUNTS, "{v0}");
    }
}
