//! Independent access to the chain through Solana's own RPC client, never through the relay's codec.

use std::str::FromStr;
use std::time::Duration;

use settlement::client::{node_id, node_wallet_address, treasury_address};
use settlement::state::{NodeWallet, Treasury};
use solana_commitment_config::CommitmentConfig;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_rpc_client::rpc_client::{GetConfirmedSignaturesForAddress2Config, RpcClient};
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;

use crate::HarnessError;
use crate::wait::{self, Poll};

/// Longer than finalization takes on a localnet with 400 ms slots.
const AIRDROP_DEADLINE: Duration = Duration::from_secs(60);

/// The offset of the amount in a token account, after the mint and the owner.
const TOKEN_AMOUNT_OFFSET: usize = 64;

/// RPC client that reads at the `finalized` commitment.
pub struct ChainClient {
    rpc: RpcClient,
}

/// The state of a node's wallet account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletView {
    /// Program-derived address of the account, from the network, the node id and the owner.
    pub address: Pubkey,
    /// Balance of the account: rent plus pending rewards.
    pub lamports: u64,
    /// Address that payouts are sent to.
    pub destination: Pubkey,
    /// Total lamports ever credited to the node.
    pub credited: u64,
    /// Total lamports ever paid out to the node.
    pub paid: u64,
}

/// The state of a network's treasury.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreasuryView {
    /// Program-derived address of the account, from the network.
    pub address: Pubkey,
    /// Balance of the account: rent plus remaining funds.
    pub lamports: u64,
    /// Total lamports ever deposited with `fund`.
    pub funded: u64,
    /// Total lamports ever credited to nodes.
    pub credited: u64,
    /// Total lamports ever paid out to nodes.
    pub paid: u64,
    /// Number of settled batches.
    pub batches: u64,
}

/// A transaction that references an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSummary {
    /// The fee payer's signature in base58.
    pub signature: String,
    /// Slot of the block that contains the transaction.
    pub slot: u64,
    /// The transaction error, if execution failed.
    pub error: Option<String>,
}

impl ChainClient {
    /// Creates a client for the RPC node at `url`.
    pub fn new(url: &str) -> Self {
        Self { rpc: RpcClient::new_with_commitment(url.to_owned(), CommitmentConfig::finalized()) }
    }

    /// Returns the balance of an address in lamports, or 0 if the account does not exist.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`].
    pub fn balance(&self, address: &Pubkey) -> Result<u64, HarnessError> {
        self.rpc.get_balance(address).map_err(|error| rpc(format!("reading the balance of {address}"), &error))
    }

    /// Returns the rent-exempt minimum in lamports of an account with `bytes` bytes of data.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`].
    pub fn rent_minimum(&self, bytes: usize) -> Result<u64, HarnessError> {
        self.rpc
            .get_minimum_balance_for_rent_exemption(bytes)
            .map_err(|error| rpc(format!("reading the rent-exempt minimum of {bytes} bytes"), &error))
    }

    /// Returns the latest finalized slot.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`].
    pub fn finalized_slot(&self) -> Result<u64, HarnessError> {
        self.rpc.get_slot().map_err(|error| rpc("reading the finalized slot".to_owned(), &error))
    }

    /// Returns the wallet account that `owner` has for a node of the network at `network`, or `None` if it does not exist.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`], or [`HarnessError::Unexpected`] if the account cannot be decoded.
    pub fn wallet(&self, network: &Pubkey, node: &str, owner: &Pubkey) -> Result<Option<WalletView>, HarnessError> {
        let address = node_wallet_address(network, &node_id(node), owner);
        let Some((lamports, data)) = self.account(&address)? else { return Ok(None) };
        let wallet = NodeWallet::decode(&data)
            .map_err(|error| HarnessError::Unexpected(format!("decoding the wallet account {address}: {error}")))?;
        Ok(Some(WalletView {
            address,
            lamports,
            destination: wallet.destination,
            credited: wallet.credited_total,
            paid: wallet.paid_total,
        }))
    }

    /// Returns the treasury of the network at `network`, or `None` if it does not exist.
    ///
    /// # Errors
    /// See [`ChainClient::wallet`].
    pub fn treasury(&self, network: &Pubkey) -> Result<Option<TreasuryView>, HarnessError> {
        let address = treasury_address(network);
        let Some((lamports, data)) = self.account(&address)? else { return Ok(None) };
        let treasury = Treasury::decode(&data)
            .map_err(|error| HarnessError::Unexpected(format!("decoding the treasury {address}: {error}")))?;
        Ok(Some(TreasuryView {
            address,
            lamports,
            funded: treasury.funded_total,
            credited: treasury.credited_total,
            paid: treasury.paid_total,
            batches: treasury.batch_sequence,
        }))
    }

    /// Returns the base units in a token account, or `None` if it does not exist.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`], or [`HarnessError::Unexpected`] if it is too short for a token account.
    pub fn tokens(&self, account: &Pubkey) -> Result<Option<u64>, HarnessError> {
        let Some((_, data)) = self.account(account)? else { return Ok(None) };
        let amount = data.get(TOKEN_AMOUNT_OFFSET..).and_then(<[u8]>::first_chunk).copied();
        let amount = amount.ok_or_else(|| HarnessError::Unexpected(format!("{account} is not a token account")))?;
        Ok(Some(u64::from_le_bytes(amount)))
    }

    /// Returns every transaction that references `address`, newest first.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`].
    pub fn transactions_of(&self, address: &Pubkey) -> Result<Vec<TransactionSummary>, HarnessError> {
        let mut transactions: Vec<TransactionSummary> = Vec::new();
        loop {
            let before = match transactions.last() {
                Some(last) => Some(signature(&last.signature)?),
                None => None,
            };
            let config = GetConfirmedSignaturesForAddress2Config {
                before,
                commitment: Some(CommitmentConfig::confirmed()),
                ..Default::default()
            };
            let page = self
                .rpc
                .get_signatures_for_address_with_config(address, config)
                .map_err(|error| rpc(format!("listing the transactions of {address}"), &error))?;
            if page.is_empty() {
                return Ok(transactions);
            }
            transactions.extend(page.into_iter().map(|status| TransactionSummary {
                signature: status.signature,
                slot: status.slot,
                error: status.err.map(|error| error.to_string()),
            }));
        }
    }

    /// Requests an airdrop for `address` and waits until it is finalized.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`] and [`HarnessError::Timeout`].
    pub fn airdrop(&self, address: &Pubkey, lamports: u64) -> Result<(), HarnessError> {
        let wanted = self.balance(address)?.saturating_add(lamports);
        self.rpc
            .request_airdrop(address, lamports)
            .map_err(|error| rpc(format!("requesting an airdrop for {address}"), &error))?;
        wait::until(&format!("an airdrop of {lamports} lamports to {address}"), AIRDROP_DEADLINE, || {
            let balance = self.balance(address)?;
            Ok(Poll::when(balance >= wanted, || format!("balance {balance} lamports")))
        })
    }

    /// Sends a transaction with these instructions, for which the first signer pays, and waits until it is finalized.
    ///
    /// # Errors
    /// [`HarnessError::Rpc`] if it fails or does not land.
    pub fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<(), HarnessError> {
        let payer = signers.first().map(|signer| signer.pubkey());
        let failed =
            |error: solana_rpc_client_api::client_error::Error| rpc("sending a transaction".to_owned(), &error);
        let blockhash = self.rpc.get_latest_blockhash().map_err(failed)?;
        let transaction = Transaction::new_signed_with_payer(instructions, payer.as_ref(), signers, blockhash);
        self.rpc.send_and_confirm_transaction(&transaction).map(drop).map_err(failed)
    }

    fn account(&self, address: &Pubkey) -> Result<Option<(u64, Vec<u8>)>, HarnessError> {
        let account = self
            .rpc
            .get_account_with_commitment(address, CommitmentConfig::finalized())
            .map_err(|error| rpc(format!("reading the account {address}"), &error))?
            .value;
        Ok(account.map(|account| (account.lamports, account.data)))
    }
}

fn signature(text: &str) -> Result<Signature, HarnessError> {
    Signature::from_str(text)
        .map_err(|error| HarnessError::Unexpected(format!("'{text}' is not a valid signature: {error}")))
}

fn rpc(what: String, error: &solana_rpc_client_api::client_error::Error) -> HarnessError {
    HarnessError::Rpc { what, message: error.to_string() }
}
