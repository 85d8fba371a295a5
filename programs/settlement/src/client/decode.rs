//! Decoding of accounts as returned by RPC nodes.
//!
//! The data alone doesn't prove which program owns the account: callers must check first that the owner
//! is [`crate::ID`].

use anchor_lang::Discriminator;
use bytemuck::Pod;
use thiserror::Error;

use crate::state::{ClosedNetwork, ClosedNode, DISCRIMINATOR_LEN, DestinationSource, Network, NodeWallet, Treasury};

/// Why an account could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The data has the wrong length.
    #[error("the {account} account has {found} bytes instead of {expected}")]
    Length {
        /// The account's type.
        account: &'static str,
        /// Size of accounts of this type in bytes.
        expected: usize,
        /// Length of the data in bytes.
        found: usize,
    },
    /// The account has another type.
    #[error("the account is not a {account} account: its discriminator differs")]
    Discriminator {
        /// The account's type.
        account: &'static str,
    },
    /// The account has a layout version that this library doesn't know.
    #[error(
        "the {account} account has layout version {found}, but this library only knows version {known}: update the library"
    )]
    Version {
        /// The account's type.
        account: &'static str,
        /// The latest version that this library knows.
        known: u8,
        /// The account's version.
        found: u8,
    },
    /// More was paid than credited, which the program never writes.
    #[error("the account's totals are inconsistent: {credited_total} credited, {paid_total} paid")]
    Totals {
        /// Base units ever credited.
        credited_total: u64,
        /// Base units ever paid.
        paid_total: u64,
    },
    /// It is unknown who chose the wallet's destination.
    #[error("the node wallet account has the unknown destination source {found}: update the library")]
    DestinationSource {
        /// The account's `destination_source`.
        found: u8,
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

fn require_version(account: &'static str, found: u8, known: u8) -> Result<(), DecodeError> {
    if found == known { Ok(()) } else { Err(DecodeError::Version { account, known, found }) }
}

fn require_consistent(credited_total: u64, paid_total: u64) -> Result<(), DecodeError> {
    if paid_total <= credited_total { Ok(()) } else { Err(DecodeError::Totals { credited_total, paid_total }) }
}

impl Network {
    /// Decodes an account's data, including the discriminator. Callers must check the owner first.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let network: Self = read("network", data)?;
        require_version("network", network.version, Self::VERSION)?;
        Ok(network)
    }
}

impl Treasury {
    /// Decodes an account's data, including the discriminator. An earlier layout is migrated to the
    /// current one. Callers must check the owner first.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut treasury: Self = read("treasury", data)?;
        treasury.migrate();
        require_version("treasury", treasury.version, Self::VERSION)?;
        require_consistent(treasury.credited_total, treasury.paid_total)?;
        Ok(treasury)
    }
}

impl NodeWallet {
    /// Decodes an account's data, including the discriminator. Callers must check the owner first.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let wallet: Self = read("node wallet", data)?;
        require_version("node wallet", wallet.version, Self::VERSION)?;
        require_consistent(wallet.credited_total, wallet.paid_total)?;
        match DestinationSource::from_byte(wallet.destination_source) {
            Some(_) => Ok(wallet),
            None => Err(DecodeError::DestinationSource { found: wallet.destination_source }),
        }
    }
}

impl ClosedNetwork {
    /// Decodes an account's data, including the discriminator. Callers must check the owner first.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        read("closed network", data)
    }
}

impl ClosedNode {
    /// Decodes an account's data, including the discriminator. Callers must check the owner first.
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
    fn an_account_is_decoded_at_any_alignment() {
        let mut shifted = vec![0xff];
        shifted.extend(bytes(&wallet()));
        assert_eq!(NodeWallet::decode(&shifted[1..]), Ok(wallet()));
        assert_eq!(wallet().pending(), 2);
    }

    #[test]
    fn any_other_data_is_rejected_with_its_own_error() {
        let good = bytes(&wallet());
        let length = |found| Err(DecodeError::Length { account: "node wallet", expected: 200, found });
        for cut in [0, 7, 8, 199] {
            assert_eq!(NodeWallet::decode(&good[..cut]), length(cut));
        }
        assert_eq!(NodeWallet::decode(&[good.as_slice(), &[0]].concat()), length(201));
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
        let unknown_source = NodeWallet { destination_source: 3, ..wallet() };
        assert_eq!(NodeWallet::decode(&bytes(&unknown_source)), Err(DecodeError::DestinationSource { found: 3 }));
    }
}
