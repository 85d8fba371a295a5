//! Accounts out of the bytes that an RPC returns.
//!
//! Bytes can't say who owns them: check that the account's owner is [`crate::ID`] first.

use anchor_lang::Discriminator;
use bytemuck::Pod;
use thiserror::Error;

use crate::state::{ClosedNode, DISCRIMINATOR_LEN, Network, NodeWallet, Treasury};

/// Why bytes are not the account they were taken for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Too few or too many bytes.
    #[error("a {account} account has {expected} bytes, this one has {found}")]
    Length {
        /// The account's type.
        account: &'static str,
        /// Bytes of such an account.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The account is of another type.
    #[error("the account is no {account}: its discriminator is another one")]
    Discriminator {
        /// The account's type.
        account: &'static str,
    },
    /// The account has a layout that this library doesn't know.
    #[error("the {account} account has layout version {found}, this library knows version {known}: update it")]
    Version {
        /// The account's type.
        account: &'static str,
        /// The newest version that this library knows.
        known: u8,
        /// The account's version.
        found: u8,
    },
    /// More has been paid than credited, which the program never writes.
    #[error("the account's totals contradict each other: credited {credited_total}, paid {paid_total}")]
    Totals {
        /// Base units ever credited.
        credited_total: u64,
        /// Base units ever paid.
        paid_total: u64,
    },
}

fn read<T: Pod + Discriminator>(account: &'static str, data: &[u8]) -> Result<T, DecodeError> {
    let expected = DISCRIMINATOR_LEN + size_of::<T>();
    let wrong_length = || DecodeError::Length { account, expected, found: data.len() };
    let (discriminator, fields) = data.split_at_checked(DISCRIMINATOR_LEN).ok_or_else(wrong_length)?;
    if discriminator != T::DISCRIMINATOR {
        return Err(DecodeError::Discriminator { account });
    }
    bytemuck::try_pod_read_unaligned(fields).map_err(|_| wrong_length())
}

fn require_known(account: &'static str, found: u8, known: u8) -> Result<(), DecodeError> {
    if found == known { Ok(()) } else { Err(DecodeError::Version { account, known, found }) }
}

fn consistent(credited_total: u64, paid_total: u64) -> Result<(), DecodeError> {
    if paid_total <= credited_total { Ok(()) } else { Err(DecodeError::Totals { credited_total, paid_total }) }
}

impl Network {
    /// Reads a whole account, discriminator included. Check its owner first.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let network: Self = read("network", data)?;
        require_known("network", network.version, Self::VERSION)?;
        Ok(network)
    }
}

impl Treasury {
    /// Reads a whole account, discriminator included, of this or an earlier layout: what the bytes
    /// of an earlier one say in terms of the newest. Check its owner first.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut treasury: Self = read("treasury", data)?;
        treasury.migrate();
        require_known("treasury", treasury.version, Self::VERSION)?;
        consistent(treasury.credited_total, treasury.paid_total)?;
        Ok(treasury)
    }
}

impl NodeWallet {
    /// Reads a whole account, discriminator included. Check its owner first.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let wallet: Self = read("node wallet", data)?;
        require_known("node wallet", wallet.version, Self::VERSION)?;
        consistent(wallet.credited_total, wallet.paid_total)?;
        Ok(wallet)
    }
}

impl ClosedNode {
    /// Reads a whole account, discriminator included. Check its owner first.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        read("closed node", data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<T: Pod + Discriminator>(account: &T) -> Vec<u8> {
        [T::DISCRIMINATOR, bytemuck::bytes_of(account)].concat()
    }

    fn wallet() -> NodeWallet {
        NodeWallet { version: NodeWallet::VERSION, credited_total: 7, paid_total: 5, ..bytemuck::Zeroable::zeroed() }
    }

    #[test]
    fn an_account_reads_back_from_any_address_in_memory() {
        let mut shifted = vec![0xff];
        shifted.extend(bytes(&wallet()));
        assert_eq!(NodeWallet::decode(&shifted[1..]), Ok(wallet()));
        assert_eq!(wallet().pending(), 2);
    }

    #[test]
    fn bytes_of_anything_else_are_refused_by_name() {
        let good = bytes(&wallet());
        let length = |found| Err(DecodeError::Length { account: "node wallet", expected: 240, found });
        for cut in [0, 7, 8, 239] {
            assert_eq!(NodeWallet::decode(&good[..cut]), length(cut));
        }
        assert_eq!(NodeWallet::decode(&[good.as_slice(), &[0]].concat()), length(241));
        assert_eq!(Treasury::decode(&good), Err(DecodeError::Discriminator { account: "treasury" }));
        let newer = NodeWallet { version: 2, ..wallet() };
        assert_eq!(
            NodeWallet::decode(&bytes(&newer)),
            Err(DecodeError::Version { account: "node wallet", known: 1, found: 2 })
        );
        let overpaid = NodeWallet { paid_total: 8, ..wallet() };
        assert_eq!(
            NodeWallet::decode(&bytes(&overpaid)),
            Err(DecodeError::Totals { credited_total: 7, paid_total: 8 })
        );
    }
}
