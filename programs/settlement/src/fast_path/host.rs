//! What the fast path asks of the runtime.
//!
//! A call to another program passes accounts by their place in the input. The call that carries an
//! event comes after all lamports have moved and passes the event authority alone, whose balance no
//! entry may change (see [`reserved`](crate::reserved)): by then the moves within the instruction
//! add up to nothing, and the runtime's balance check at the call holds whether it counts the other
//! accounts as they are now or as they were.

use super::BatchError;
use super::input::{Account, Key};

/// An account of a call, as the callee gets it. Layout of the runtime's `SolAccountMeta`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Meta<'a> {
    /// Its address.
    pub key: &'a Key,
    /// Whether the callee may write it.
    pub is_writable: bool,
    /// Whether it signs.
    pub is_signer: bool,
}

/// A piece of an address that signs for the program. Layout of the runtime's `SolSignerSeed`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Seed<'a> {
    at: *const u8,
    len: u64,
    bytes: core::marker::PhantomData<&'a [u8]>,
}

impl<'a> Seed<'a> {
    /// A seed of these bytes.
    #[inline(always)]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { at: bytes.as_ptr(), len: bytes.len() as u64, bytes: core::marker::PhantomData }
    }
}

/// A call to another program, or to this one, that takes up to `N` accounts.
pub struct Call<'a, const N: usize> {
    /// The callee.
    pub program: &'a Key,
    /// The callee's accounts.
    pub metas: &'a [Meta<'a>],
    /// Its data.
    pub data: &'a [u8],
    /// Where the callee's accounts are, each once.
    pub accounts: &'a [Account<'a>; N],
    /// How many of them are meant.
    pub count: usize,
    /// Seeds of the address that signs for this program.
    pub signer: &'a [Seed<'a>],
}

/// The runtime, or what stands in for it off the chain.
pub trait Host {
    /// The chain's clock, in Unix seconds.
    fn now(&self) -> Result<i64, BatchError>;

    /// Lamports an account has to hold per byte, for as long as it exists.
    fn lamports_per_byte(&self) -> Result<u64, BatchError>;

    /// Calls a program.
    fn call<const N: usize>(&self, call: &Call<N>) -> Result<(), BatchError>;
}

#[cfg(target_os = "solana")]
pub use on_chain::Runtime;

#[cfg(target_os = "solana")]
mod on_chain {
    use core::mem::MaybeUninit;

    use anchor_lang::prelude::{Pubkey, Rent, SolanaSysvar};
    use bytemuck::AnyBitPattern;
    use solana_define_syscall::definitions::{sol_get_sysvar, sol_invoke_signed_c};

    use super::super::BatchError;
    use super::super::input::Account;
    use super::{Call, Host, Seed};
    use crate::reserved::ids;
    use crate::rules::rent::ACCOUNT_OVERHEAD_BYTES;

    /// The runtime.
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
        fn of(account: Account) -> Self {
            Self {
                key: account.key().as_ptr().cast(),
                lamports: account.lamports_at(),
                data_len: account.data_len() as u64,
                data: account.data_at(),
                owner: account.owner().as_ptr().cast(),
                rent_epoch: 0,
                is_signer: account.is_signer(),
                is_writable: account.is_writable(),
                is_executable: account.is_executable(),
            }
        }
    }

    /// Where the clock sysvar has its Unix time. Source: `solana_clock::Clock`.
    const CLOCK_TIMESTAMP_AT: u64 = 32;

    /// Some plain bytes of a sysvar.
    #[inline(always)]
    fn sysvar<T: AnyBitPattern>(id: &Pubkey, at: u64) -> Result<T, BatchError> {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the runtime writes so many bytes or fails.
        let code =
            unsafe { sol_get_sysvar(id.as_array().as_ptr(), value.as_mut_ptr().cast(), at, size_of::<T>() as u64) };
        // SAFETY: written, and any bytes are a value.
        if code == 0 { Ok(unsafe { value.assume_init() }) } else { Err(BatchError::Runtime(code)) }
    }

    /// What an account without data holds is the rate times its overhead.
    #[cold]
    fn lamports_per_byte_slowly() -> Result<u64, BatchError> {
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
            // The sysvar's rate is per byte and year, and its number of years is a float: 2 from the
            // beginning, 1 since the rate is for good (SIMD-0194). Told by its bits, because
            // arithmetic in floats costs more here than the whole batch.
            let [rate, years]: [u64; 2] = sysvar(&ids::sysvar::rent::ID, 0)?;
            if years == 1f64.to_bits() {
                Ok(rate)
            } else if years == 2f64.to_bits() {
                Ok(rate.saturating_mul(2))
            } else {
                lamports_per_byte_slowly()
            }
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
            for (place, account) in infos.iter_mut().zip(call.accounts).take(count) {
                place.write(Info::of(*account));
            }
            let signer =
                Signer { seeds: call.signer.as_ptr().cast::<Seed>().cast(), seeds_len: call.signer.len() as u64 };
            // SAFETY: structs laid out as the runtime reads them, which live until it returns;
            // `count` infos are written.
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
