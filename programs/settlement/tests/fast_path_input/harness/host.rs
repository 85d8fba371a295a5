//! A fake runtime: the clock, the rent rate, and the programs that can be called.

use std::cell::RefCell;

use settlement::client::{SPL_TOKEN_ID, TOKEN_2022_ID};
use settlement::fast_path::BatchError;
use settlement::fast_path::host::{Call, Host};
use settlement::fast_path::input::Account;
use settlement::fast_path::keys::{Key, key};

use anchor_lang::prelude::Pubkey;

use super::case::Case;

/// An effect of a call to the runtime or to another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// An event was emitted in a self-call.
    Emitted(Vec<u8>),
    /// An event was written to the log.
    Logged(Vec<u8>),
    /// Tokens were transferred from the treasury's token account.
    Transferred { to: Pubkey, amount: u64 },
}

/// The runtime during one instruction.
pub(crate) struct FakeHost {
    now: i64,
    lamports_per_byte: u64,
    treasury: Pubkey,
    vault: Pubkey,
    mint: Pubkey,
    calls: RefCell<Vec<Called>>,
}

impl FakeHost {
    pub(crate) fn new(case: &Case) -> Self {
        let key = |index: usize| case.accounts[index].key;
        Self {
            now: case.now,
            lamports_per_byte: case.lamports_per_byte,
            treasury: key(Case::TREASURY),
            vault: key(Case::VAULT),
            mint: key(Case::MINT),
            calls: RefCell::default(),
        }
    }

    pub(crate) fn into_calls(self) -> Vec<Called> {
        self.calls.into_inner()
    }

    /// Executes a transfer as the token programs do. Panics if they would reject it, because that would fail
    /// the whole batch.
    fn transfer(&self, from: Account, to: Account, amount: u64) -> Result<(), BatchError> {
        assert_eq!(address(from.key()), self.vault, "the source is not the treasury's token account");
        assert_ne!(address(to.key()), self.vault, "the destination is the treasury's token account");
        let (from_data, to_data) = (bytes(from), bytes(to));
        assert!(from_data.len() >= 165 && to_data.len() >= 165 && to.owner() == from.owner(), "not token accounts");
        assert!(to_data[..32] == *self.mint.as_array(), "the mint is not the network's");
        assert!(from_data[108] == 1 && to_data[108] == 1, "a token account is frozen or not initialized");
        let (from_amount, to_amount) = (amount_in(from_data), amount_in(to_data));
        let left = from_amount.checked_sub(amount).expect("the treasury has enough tokens");
        // No mint has a supply that large, but the generated accounts may.
        let sum = to_amount.checked_add(amount).ok_or(BatchError::Runtime(1))?;
        from_data[64..72].copy_from_slice(&left.to_le_bytes());
        to_data[64..72].copy_from_slice(&sum.to_le_bytes());
        self.calls.borrow_mut().push(Called::Transferred { to: address(to.key()), amount });
        Ok(())
    }
}

impl Host for FakeHost {
    fn now(&self) -> Result<i64, BatchError> {
        Ok(self.now)
    }

    fn lamports_per_byte(&self) -> Result<u64, BatchError> {
        Ok(self.lamports_per_byte)
    }

    fn log(&self, event: &[u8]) {
        self.calls.borrow_mut().push(Called::Logged(event.to_vec()));
    }

    fn call<const N: usize>(&self, call: &Call<N>) -> Result<(), BatchError> {
        let accounts = &call.accounts[..call.count];
        let find = |wanted: &Key| {
            *accounts
                .iter()
                .find(|account| account.key() == wanted)
                .expect("the call passes every account that it names")
        };
        let mut passed = vec![];
        for meta in call.metas {
            let account = find(meta.key);
            assert!(
                !meta.is_writable || account.is_writable(),
                "a call writes an account that is read-only in the instruction"
            );
            let key = address(meta.key);
            let signs = key == self.treasury || key == settlement::client::event_authority();
            assert!(!meta.is_signer || signs, "the program signs for an address that is not its own");
            passed.push(account);
        }
        let program = address(call.program);
        if program == settlement::ID {
            assert_eq!(call.metas.len(), 1, "an event's call has only the event authority");
            assert_eq!(passed[0].key(), &key(settlement::client::event_authority().as_array()));
            self.calls.borrow_mut().push(Called::Emitted(call.data.to_vec()));
            return Ok(());
        }
        assert!(program == SPL_TOKEN_ID || program == TOKEN_2022_ID, "unexpected call to {program}");
        match (call.data, passed.as_slice()) {
            // Batch: for each transfer, the number of its accounts, the length of its data, and the data.
            ([255, transfers @ ..], accounts) => {
                let (transfers, rest) = transfers.as_chunks::<11>();
                let (triples, others) = accounts.as_chunks::<3>();
                assert!(rest.is_empty() && others.is_empty() && transfers.len() == triples.len());
                for ([account_count, len, discriminator, amount @ ..], [from, to, authority]) in
                    transfers.iter().zip(triples)
                {
                    assert_eq!((*account_count, *len, *discriminator), (3, 9, 3), "a batch of transfers");
                    assert_eq!(address(authority.key()), self.treasury);
                    self.transfer(*from, *to, u64::from_le_bytes(*amount))?;
                }
                Ok(())
            }
            ([12, amount @ .., decimals], [from, mint, to, authority]) => {
                assert_eq!((address(mint.key()), address(authority.key())), (self.mint, self.treasury));
                assert_eq!(*decimals, bytes(*mint)[44], "the mint's decimals");
                let amount = amount.try_into().expect("8 bytes of an amount");
                self.transfer(*from, *to, u64::from_le_bytes(amount))
            }
            other => panic!("unexpected call: {:?}", other.0),
        }
    }
}

fn address(key: &Key) -> Pubkey {
    let mut bytes = [0; 32];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(key) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    Pubkey::new_from_array(bytes)
}

#[allow(clippy::mut_from_ref, reason = "the called program writes accounts that the caller passes by reference")]
fn bytes<'a>(account: Account<'a>) -> &'a mut [u8] {
    // SAFETY: the pointer is valid for the data's length. During a call, the program holds no reference to the
    // data of token accounts. The two accounts of a transfer are checked to be different before both are
    // borrowed.
    unsafe { core::slice::from_raw_parts_mut(account.data_ptr(), account.data_len()) }
}

fn amount_in(data: &[u8]) -> u64 {
    u64::from_le_bytes(data[64..72].try_into().expect("8 bytes"))
}
