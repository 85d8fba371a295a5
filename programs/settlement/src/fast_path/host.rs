//! The runtime's services that the fast path uses.
//!
//! A call to another program passes accounts by their location in the input. The self-call that carries
//! the event of a `payout` follows all transfers of lamports and passes only the event authority, whose balance no
//! entry may change (see [`destination`](crate::destination)). At that point the transfers within the
//! instruction add up to zero, so the runtime's balance check passes whether it uses the other
//! accounts' balances from before or after them.

use super::batch_error::BatchError;
use super::input::Account;
use super::keys::Key;

/// An account of a call, as it is passed to the callee. Layout of the runtime's `SolAccountMeta`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Meta<'a> {
    /// The account's address.
    pub key: &'a Key,
    /// Whether the callee may write it.
    pub is_writable: bool,
    /// Whether the account signs the call.
    pub is_signer: bool,
}

/// A seed of a program-derived address that signs for this program. Layout of the runtime's
/// `SolSignerSeed`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Seed<'a> {
    start: *const u8,
    len: u64,
    bytes: core::marker::PhantomData<&'a [u8]>,
}

impl<'a> Seed<'a> {
    /// A seed that consists of these bytes.
    #[inline(always)]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { start: bytes.as_ptr(), len: bytes.len() as u64, bytes: core::marker::PhantomData }
    }
}

/// A call to another program or to this one, which passes up to `N` accounts.
pub struct Call<'a, const N: usize> {
    /// Address of the called program.
    pub program: &'a Key,
    /// The accounts of the called instruction, in order.
    pub metas: &'a [Meta<'a>],
    /// The data of the called instruction.
    pub data: &'a [u8],
    /// The accounts of the input that the call uses, each once. Only the first
    /// [`count`](Self::count) are passed.
    pub accounts: &'a [Account<'a>; N],
    /// Number of `accounts` that are passed.
    pub count: usize,
    /// Seeds of the program-derived address that signs.
    pub signer: &'a [Seed<'a>],
}

/// The runtime, or a substitute for it off-chain.
pub trait Host {
    /// The time of the cluster's clock in Unix seconds.
    fn now(&self) -> Result<i64, BatchError>;

    /// Lamports per byte of an account's size that make the account rent-exempt.
    fn lamports_per_byte(&self) -> Result<u64, BatchError>;

    /// Writes an event to the transaction's log.
    fn log(&self, event: &[u8]);

    /// Calls a program and waits for its result.
    fn call<const N: usize>(&self, call: &Call<N>) -> Result<(), BatchError>;
}

#[cfg(target_os = "solana")]
pub use on_chain::Runtime;

#[cfg(target_os = "solana")]
mod on_chain {
    use core::mem::MaybeUninit;

    use anchor_lang::prelude::{Pubkey, Rent, SolanaSysvar};
    use bytemuck::AnyBitPattern;
    use solana_define_syscall::definitions::{sol_get_sysvar, sol_invoke_signed_c, sol_log_data};

    use super::super::batch_error::BatchError;
    use super::super::input::Account;
    use super::{Call, Host, Seed};
    use crate::reserved::ids;
    use crate::rules::rent::ACCOUNT_OVERHEAD_BYTES;

    /// The Solana runtime.
    pub struct Runtime;

    /// Layout of the runtime's `SolInstruction`.
    #[repr(C)]
    struct Instruction {
        program: *const u8,
        metas: *const u8,
        metas_len: u64,
        data: *const u8,
        data_len: u64,
    }

    /// Layout of the runtime's `SolAccountInfo`.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Info {
        key: *const u8,
        lamports: *const u64,
        data_len: u64,
        data: *const u8,
        owner: *const u8,
        rent_epoch: u64,
        is_signer: bool,
        is_writable: bool,
        is_executable: bool,
    }

    /// Layout of the runtime's `SolSignerSeeds`.
    #[repr(C)]
    struct Signer {
        seeds: *const u8,
        seeds_len: u64,
    }

    impl Info {
        #[inline(always)]
        fn new(account: Account) -> Self {
            Self {
                key: account.key().as_ptr().cast(),
                lamports: account.lamports_ptr(),
                data_len: account.data_len() as u64,
                data: account.data_ptr(),
                owner: account.owner().as_ptr().cast(),
                rent_epoch: 0,
                is_signer: account.is_signer(),
                is_writable: account.is_writable(),
                is_executable: account.is_executable(),
            }
        }
    }

    /// Offset of the Unix time in the clock sysvar. Source: `solana_clock::Clock`.
    const CLOCK_TIMESTAMP_AT: u64 = 32;

    /// Reads a value from a sysvar's data at `offset`.
    #[inline(always)]
    fn sysvar<T: AnyBitPattern>(id: &Pubkey, offset: u64) -> Result<T, BatchError> {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the identifier has 32 bytes, and the runtime writes at most as many bytes as `value`
        // has.
        let code =
            unsafe { sol_get_sysvar(id.as_array().as_ptr(), value.as_mut_ptr().cast(), offset, size_of::<T>() as u64) };
        if code != 0 {
            return Err(BatchError::Runtime(code));
        }
        // SAFETY: on success the runtime has written all bytes, and any bytes are a valid `T`.
        Ok(unsafe { value.assume_init() })
    }

    /// Derives the rate from the minimum of an account without data, which is the rate times the
    /// account's overhead.
    #[cold]
    fn lamports_per_byte_from_minimum() -> Result<u64, BatchError> {
        let rent = Rent::get().map_err(|error| BatchError::Runtime(error.into()))?;
        Ok(rent.minimum_balance(0) / ACCOUNT_OVERHEAD_BYTES)
    }

    impl Host for Runtime {
        #[inline(always)]
        fn now(&self) -> Result<i64, BatchError> {
            let timestamp: [u8; 8] = sysvar(&ids::sysvar::clock::ID, CLOCK_TIMESTAMP_AT)?;
            Ok(i64::from_le_bytes(timestamp))
        }

        #[inline(always)]
        fn lamports_per_byte(&self) -> Result<u64, BatchError> {
            // The sysvar has a rate per byte and year, and the number of years as a float: originally
            // 2, and 1 since SIMD-0194. The bits are compared because floating-point arithmetic would
            // cost more than the whole batch.
            let [rate, years]: [u64; 2] = sysvar(&ids::sysvar::rent::ID, 0)?;
            if years == 1f64.to_bits() {
                Ok(rate)
            } else if years == 2f64.to_bits() {
                Ok(rate.saturating_mul(2))
            } else {
                lamports_per_byte_from_minimum()
            }
        }

        #[inline(always)]
        fn log(&self, event: &[u8]) {
            let parts: [&[u8]; 1] = [event];
            // SAFETY: the runtime reads the slices, which it lays out as a pointer and a length each, as Rust does
            // for this target.
            unsafe { sol_log_data(parts.as_ptr().cast(), parts.len() as u64) }
        }

        #[inline(always)]
        fn call<const N: usize>(&self, call: &Call<N>) -> Result<(), BatchError> {
            let instruction = Instruction {
                program: call.program.as_ptr().cast(),
                metas: call.metas.as_ptr().cast(),
                metas_len: call.metas.len() as u64,
                data: call.data.as_ptr(),
                data_len: call.data.len() as u64,
            };
            let count = call.count.min(N);
            let mut infos = [const { MaybeUninit::<Info>::uninit() }; N];
            for (info, account) in infos.iter_mut().zip(call.accounts).take(count) {
                info.write(Info::new(*account));
            }
            let signer =
                Signer { seeds: call.signer.as_ptr().cast::<Seed>().cast(), seeds_len: call.signer.len() as u64 };
            // SAFETY: the structs are laid out as the runtime reads them and live until it returns.
            // The first `count` infos are initialized, and point into the input.
            let code = unsafe {
                sol_invoke_signed_c(
                    (&raw const instruction).cast(),
                    infos.as_ptr().cast(),
                    count as u64,
                    (&raw const signer).cast(),
                    1,
                )
            };
            if code == 0 { Ok(()) } else { Err(BatchError::Runtime(code)) }
        }
    }
}
