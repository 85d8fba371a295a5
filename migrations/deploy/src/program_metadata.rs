//! The wire format of the Program Metadata program, where explorers and Anchor look up a program's IDL.
//!
//! Specification: `idl.json` and `program/src` (1.0.1) in <https://github.com/solana-program/program-metadata>. Its Rust
//! client is not on crates.io. This module has only what the publication of an IDL requires.
//!
//! An IDL can be tens of kilobytes long. It is uploaded to a buffer account in as many transactions as necessary; then
//! one transaction creates or updates the metadata account as a whole.

use std::io::Read as _;

use flate2::Compression as Level;
use flate2::read::{GzDecoder, ZlibDecoder, ZlibEncoder};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::{Pubkey, pubkey};
use solana_sdk_ids::{system_program, sysvar};
use solana_system_interface::instruction::create_account;

/// The program's address on every cluster.
pub(crate) const ID: Pubkey = pubkey!("ProgM6JCCvbYkfKqJYHePx4xxSUSqJp7rh8Lyv7nk7S");

/// The number of bytes that precede the data, in metadata and buffer accounts alike.
pub(crate) const HEADER_BYTES: usize = 96;

/// The bytes by which an account can grow in one instruction (Agave's `MAX_PERMITTED_DATA_INCREASE`).
const MAX_GROWTH_BYTES: usize = 10_240;

/// The seed of IDLs, padded with zeros.
const SEED: [u8; 16] = *b"idl\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The maximum number of bytes that a published IDL is unpacked to: the maximum size of an account.
const MAX_UNPACKED_BYTES: u64 = 10 * 1024 * 1024;

/// The first byte of each instruction.
mod tag {
    pub(super) const WRITE: u8 = 0;
    pub(super) const INITIALIZE: u8 = 1;
    pub(super) const SET_AUTHORITY: u8 = 2;
    pub(super) const SET_DATA: u8 = 3;
    pub(super) const TRIM: u8 = 5;
    pub(super) const CLOSE: u8 = 6;
    pub(super) const ALLOCATE: u8 = 7;
    pub(super) const EXTEND: u8 = 8;
}

const DISCRIMINATOR_BUFFER: u8 = 1;
const DISCRIMINATOR_METADATA: u8 = 2;
const ENCODING_UTF8: u8 = 1;
const COMPRESSION_NONE: u8 = 0;
const COMPRESSION_GZIP: u8 = 1;
const COMPRESSION_ZLIB: u8 = 2;
const FORMAT_JSON: u8 = 1;
const SOURCE_DIRECT: u8 = 0;

/// The encoding, compression, format and source of the data, as the program's own client writes IDLs.
const DATA_FORMAT: [u8; 4] = [ENCODING_UTF8, COMPRESSION_ZLIB, FORMAT_JSON, SOURCE_DIRECT];

/// The address of the canonical IDL of `program`, which only its upgrade authority can write.
pub(crate) fn idl_address(program: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[program.as_ref(), &SEED], &ID).0
}

/// Compresses an IDL for the account.
pub(crate) fn pack(text: &str) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    ZlibEncoder::new(text.as_bytes(), Level::best()).read_to_end(&mut packed)?;
    Ok(packed)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedIdl {
    /// `None` if the account refers to data stored elsewhere, or its data is not text.
    pub(crate) text: Option<String>,
    pub(crate) data_len: usize,
    pub(crate) mutable: bool,
}

impl PublishedIdl {
    /// Decodes a metadata account; `None` for buffers and everything else.
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        let (header, content) = data.split_at_checked(HEADER_BYTES)?;
        // discriminator 1, program 32, authority 32 (or zeros), mutable 1, canonical 1, seed 16, data format 4
        if header.first() != Some(&DISCRIMINATOR_METADATA) {
            return None;
        }
        let format = header.get(83..87).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        Some(Self {
            text: format.and_then(|format| unpack(format, content)),
            data_len: content.len(),
            mutable: header.get(65).is_some_and(|mutable| *mutable != 0),
        })
    }
}

fn unpack([encoding, compression, _, source]: [u8; 4], content: &[u8]) -> Option<String> {
    if encoding != ENCODING_UTF8 || source != SOURCE_DIRECT {
        return None;
    }
    let mut text = String::new();
    let read = match compression {
        COMPRESSION_NONE => content.take(MAX_UNPACKED_BYTES).read_to_string(&mut text),
        COMPRESSION_GZIP => GzDecoder::new(content).take(MAX_UNPACKED_BYTES).read_to_string(&mut text),
        COMPRESSION_ZLIB => ZlibDecoder::new(content).take(MAX_UNPACKED_BYTES).read_to_string(&mut text),
        _ => return None,
    };
    read.is_ok().then_some(text)
}

/// The authority of a buffer; `None` if the account is not a buffer.
pub(crate) fn buffer_authority(data: &[u8]) -> Option<Pubkey> {
    if data.first() != Some(&DISCRIMINATOR_BUFFER) || data.len() < HEADER_BYTES {
        return None;
    }
    data.get(33..65).and_then(|bytes| Pubkey::try_from(bytes).ok())
}

/// Creates a buffer for `data_len` bytes, signed by its keypair, and transfers it to `authority`.
pub(crate) fn create_buffer(
    payer: &Pubkey,
    buffer: &Pubkey,
    authority: &Pubkey,
    lamports: u64,
    data_len: usize,
) -> Vec<Instruction> {
    let own = [writable(buffer), signer(buffer), omitted(), omitted()];
    vec![
        create_account(payer, buffer, lamports, (HEADER_BYTES + data_len) as u64, &ID),
        instruction(&[own.as_slice(), &[system()]].concat(), &[&[tag::ALLOCATE]]),
        instruction(&own, &[&[tag::SET_AUTHORITY, 1], authority.as_ref()]),
    ]
}

/// Writes `bytes` to the buffer at `offset` of its data.
pub(crate) fn write(buffer: &Pubkey, authority: &Pubkey, offset: u32, bytes: &[u8]) -> Instruction {
    let accounts = [writable(buffer), signer(authority), omitted()];
    instruction(&accounts, &[&[tag::WRITE], &offset.to_le_bytes(), bytes])
}

/// Closes the buffer and transfers its lamports to `recipient`.
pub(crate) fn close_buffer(buffer: &Pubkey, authority: &Pubkey, recipient: &Pubkey) -> Instruction {
    let accounts = [writable(buffer), signer(authority), omitted(), omitted(), writable(recipient)];
    instruction(&accounts, &[&[tag::CLOSE]])
}

/// A program's canonical IDL, which its upgrade authority publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CanonicalIdl {
    pub(crate) program: Pubkey,
    pub(crate) program_data: Pubkey,
    /// The program's upgrade authority, which signs.
    pub(crate) authority: Pubkey,
}

impl CanonicalIdl {
    /// The metadata account and its authority.
    fn metadata(&self) -> [AccountMeta; 2] {
        [writable(&idl_address(&self.program)), signer(&self.authority)]
    }

    /// The accounts that prove who the upgrade authority is.
    fn program(&self) -> [AccountMeta; 2] {
        [readonly(&self.program), readonly(&self.program_data)]
    }

    /// Publishes the first IDL, of `data_len` bytes, from `buffer` and closes the buffer. The metadata account must
    /// hold its rent already.
    pub(crate) fn create(&self, buffer: &Pubkey, data_len: usize, recipient: &Pubkey) -> Vec<Instruction> {
        let accounts = [self.metadata().as_slice(), &self.program(), &[system()]].concat();
        let copy_accounts = [self.metadata().as_slice(), &[readonly(buffer)]].concat();
        let mut all = vec![instruction(&accounts, &[&[tag::ALLOCATE], &SEED])];
        all.extend(self.extend(data_len));
        all.extend([
            instruction(&copy_accounts, &[&[tag::WRITE], &0_u32.to_le_bytes()]),
            instruction(&accounts, &[&[tag::INITIALIZE], &SEED, &DATA_FORMAT]),
            close_buffer(buffer, &self.authority, recipient),
        ]);
        all
    }

    /// Replaces the published IDL, of `old_len` bytes, with the `new_len` bytes of `buffer` and closes the buffer. The
    /// rent that a shorter IDL no longer needs is transferred to `recipient`.
    pub(crate) fn update(
        &self,
        buffer: &Pubkey,
        old_len: usize,
        new_len: usize,
        recipient: &Pubkey,
    ) -> Vec<Instruction> {
        let mut all = self.extend(new_len.saturating_sub(old_len));
        let accounts = [self.metadata().as_slice(), &[readonly(buffer)], &self.program()].concat();
        all.push(instruction(&accounts, &[&[tag::SET_DATA], &DATA_FORMAT]));
        all.push(close_buffer(buffer, &self.authority, recipient));
        if new_len < old_len {
            let refund = [writable(recipient), readonly(&sysvar::rent::ID)];
            let accounts = [self.metadata(), self.program(), refund].concat();
            all.push(instruction(&accounts, &[&[tag::TRIM]]));
        }
        all
    }

    /// Extends the metadata account by `bytes`, if that is more than one instruction can do implicitly.
    fn extend(&self, bytes: usize) -> Vec<Instruction> {
        let accounts = [self.metadata(), self.program()].concat();
        let first = if bytes > MAX_GROWTH_BYTES { 0 } else { bytes };
        let steps = (first..bytes).step_by(MAX_GROWTH_BYTES).map(|done| (bytes - done).min(MAX_GROWTH_BYTES));
        // A step is at most 10,240.
        let lengths = steps.map(|step| u16::try_from(step).unwrap_or(u16::MAX).to_le_bytes());
        lengths.map(|length| instruction(&accounts, &[&[tag::EXTEND], &length])).collect()
    }
}

fn instruction(accounts: &[AccountMeta], data: &[&[u8]]) -> Instruction {
    Instruction { program_id: ID, accounts: accounts.to_vec(), data: data.concat() }
}

fn writable(address: &Pubkey) -> AccountMeta {
    AccountMeta::new(*address, false)
}

fn readonly(address: &Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(*address, false)
}

fn signer(address: &Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(*address, true)
}

/// The placeholder for an optional account.
fn omitted() -> AccountMeta {
    readonly(&ID)
}

fn system() -> AccountMeta {
    readonly(&system_program::ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Pubkey = Pubkey::new_from_array([1; 32]);
    const PROGRAM_DATA: Pubkey = Pubkey::new_from_array([2; 32]);
    const AUTHORITY: Pubkey = Pubkey::new_from_array([3; 32]);
    const BUFFER: Pubkey = Pubkey::new_from_array([4; 32]);
    const PAYER: Pubkey = Pubkey::new_from_array([5; 32]);
    const IDL: CanonicalIdl = CanonicalIdl { program: PROGRAM, program_data: PROGRAM_DATA, authority: AUTHORITY };

    fn keys(instruction: &Instruction) -> Vec<(Pubkey, bool, bool)> {
        instruction.accounts.iter().map(|meta| (meta.pubkey, meta.is_signer, meta.is_writable)).collect()
    }

    fn published(format: [u8; 4], content: &[u8]) -> Vec<u8> {
        let len = u32::try_from(content.len()).unwrap().to_le_bytes();
        let parts: [&[u8]; 8] =
            [&[DISCRIMINATOR_METADATA], PROGRAM.as_ref(), &[0; 32], &[1, 1], &SEED, &format, &len, &[0; 5]];
        let header = parts.concat();
        assert_eq!(header.len(), HEADER_BYTES);
        [header.as_slice(), content].concat()
    }

    fn text(format: [u8; 4], content: &[u8]) -> Option<String> {
        let idl = PublishedIdl::decode(&published(format, content)).unwrap();
        assert!(idl.mutable && idl.data_len == content.len());
        idl.text
    }

    #[test]
    fn an_idl_is_decoded_from_its_account() {
        let idl = r#"{"address": "…", "instructions": []}"#;
        assert_eq!(text(DATA_FORMAT, &pack(idl).unwrap()).as_deref(), Some(idl));
        let plain = [ENCODING_UTF8, COMPRESSION_NONE, FORMAT_JSON, SOURCE_DIRECT];
        assert_eq!(text(plain, idl.as_bytes()).as_deref(), Some(idl));
    }

    #[test]
    fn accounts_without_text_are_recognized() {
        assert_eq!(text([ENCODING_UTF8, COMPRESSION_NONE, FORMAT_JSON, 1], b"https://a.example"), None);
        assert_eq!(text(DATA_FORMAT, b"not zlib"), None);
        assert_eq!(PublishedIdl::decode(&[DISCRIMINATOR_METADATA; 95]), None);
        assert_eq!(PublishedIdl::decode(&[0; 96]), None);
        let buffer = [&[DISCRIMINATOR_BUFFER], [0; 32].as_slice(), AUTHORITY.as_ref(), &[0; 31]].concat();
        assert_eq!(PublishedIdl::decode(&buffer), None);
        assert_eq!(buffer_authority(&buffer), Some(AUTHORITY));
        assert_eq!(buffer_authority(&published(DATA_FORMAT, b"x")), None);
    }

    /// Data and accounts as documented in the program's `idl.json`.
    #[test]
    fn instructions_match_the_programs_own_idl() {
        let [create, allocate, transfer] = create_buffer(&PAYER, &BUFFER, &AUTHORITY, 7, 10).try_into().unwrap();
        assert_eq!((create.program_id, create.data.len()), (system_program::ID, 52));
        assert_eq!((allocate.data.as_slice(), transfer.data.len()), ([7].as_slice(), 34));
        assert_eq!(transfer.data[..2], [2, 1]);
        let own = [(BUFFER, false, true), (BUFFER, true, false), (ID, false, false), (ID, false, false)];
        assert_eq!(keys(&transfer), own);
        assert_eq!(keys(&allocate), [own.as_slice(), &[(system_program::ID, false, false)]].concat());

        let write = write(&BUFFER, &AUTHORITY, 258, b"ab");
        assert_eq!(write.data, [0, 2, 1, 0, 0, b'a', b'b']);
        assert_eq!(keys(&write), [(BUFFER, false, true), (AUTHORITY, true, false), (ID, false, false)]);

        let idl = idl_address(&PROGRAM);
        let canonical =
            [(idl, false, true), (AUTHORITY, true, false), (PROGRAM, false, false), (PROGRAM_DATA, false, false)];
        let with_system = [canonical.as_slice(), &[(system_program::ID, false, false)]].concat();
        let [allocate, copy, initialize, close] = IDL.create(&BUFFER, 10_240, &PAYER).try_into().unwrap();
        assert_eq!(allocate.data, [&[7], SEED.as_slice()].concat());
        assert_eq!(keys(&allocate), with_system);
        assert_eq!(copy.data, [0, 0, 0, 0, 0]);
        assert_eq!(keys(&copy), [(idl, false, true), (AUTHORITY, true, false), (BUFFER, false, false)]);
        assert_eq!(initialize.data, [&[1], SEED.as_slice(), &[1, 2, 1, 0]].concat());
        assert_eq!(keys(&initialize), with_system);
        assert_eq!(close.data, [6]);
        let closed = [(BUFFER, false, true), (AUTHORITY, true, false), (ID, false, false), (ID, false, false)];
        assert_eq!(keys(&close), [closed.as_slice(), &[(PAYER, false, true)]].concat());

        let [set, _, trim] = IDL.update(&BUFFER, 20, 10, &PAYER).try_into().unwrap();
        assert_eq!(set.data, [3, 1, 2, 1, 0]);
        let set_keys =
            [canonical[0], canonical[1], (BUFFER, false, false), (PROGRAM, false, false), (PROGRAM_DATA, false, false)];
        assert_eq!(keys(&set), set_keys);
        assert_eq!(trim.data, [5]);
        let trimmed = [(PAYER, false, true), (sysvar::rent::ID, false, false)];
        assert_eq!(keys(&trim), [canonical.as_slice(), &trimmed].concat());
    }

    #[test]
    fn the_account_of_a_long_idl_is_extended_in_steps() {
        let lengths = |all: Vec<Instruction>| -> Vec<u16> {
            let extends = all.into_iter().filter(|it| it.data[0] == tag::EXTEND);
            extends.map(|it| u16::from_le_bytes([it.data[1], it.data[2]])).collect()
        };
        assert_eq!(lengths(IDL.create(&BUFFER, 10_241, &PAYER)), [10_240, 1]);
        assert_eq!(lengths(IDL.update(&BUFFER, 10, 10_250, &PAYER)), [0_u16; 0]);
        assert_eq!(lengths(IDL.update(&BUFFER, 10, 30_000, &PAYER)), [10_240, 10_240, 9_510]);
        assert_eq!(IDL.update(&BUFFER, 10, 11, &PAYER).len(), 2);
    }
}
