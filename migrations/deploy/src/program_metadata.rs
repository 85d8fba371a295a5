//! The Program Metadata program's wire format: where explorers and Anchor look for a program's IDL.
//!
//! Format: <https://github.com/solana-program/program-metadata>, `idl.json` and `program/src` (1.0.1); its Rust client is
//! not on crates.io. Only what publishing an IDL takes is here, and nothing here talks to a cluster.
//!
//! An IDL is up to tens of kilobytes, so it is written into a buffer of its own first, in as many transactions as that
//! takes; one last transaction then creates or changes the metadata account as a whole.

use std::io::Read as _;

use flate2::Compression as Level;
use flate2::read::{GzDecoder, ZlibDecoder, ZlibEncoder};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::{Pubkey, pubkey};
use solana_sdk_ids::{system_program, sysvar};
use solana_system_interface::instruction::create_account;

/// The program's address, the same on every cluster that has it.
pub const ID: Pubkey = pubkey!("ProgM6JCCvbYkfKqJYHePx4xxSUSqJp7rh8Lyv7nk7S");

/// Bytes in front of the data, of a metadata account and of a buffer alike.
pub const HEADER_BYTES: usize = 96;

/// The most bytes that an account can grow by in one instruction (Agave's `MAX_PERMITTED_DATA_INCREASE`).
const MAX_GROWTH_BYTES: usize = 10_240;

/// Which metadata it is: "idl", zero padded.
const SEED: [u8; 16] = *b"idl\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The most that an IDL on the chain is unpacked to: as much as an account can hold.
const MAX_UNPACKED_BYTES: u64 = 10 * 1024 * 1024;

/// Instructions, by their first byte.
mod tag {
    pub const WRITE: u8 = 0;
    pub const INITIALIZE: u8 = 1;
    pub const SET_AUTHORITY: u8 = 2;
    pub const SET_DATA: u8 = 3;
    pub const TRIM: u8 = 5;
    pub const CLOSE: u8 = 6;
    pub const ALLOCATE: u8 = 7;
    pub const EXTEND: u8 = 8;
}

const DISCRIMINATOR_BUFFER: u8 = 1;
const DISCRIMINATOR_METADATA: u8 = 2;
const ENCODING_UTF8: u8 = 1;
const COMPRESSION_NONE: u8 = 0;
const COMPRESSION_GZIP: u8 = 1;
const COMPRESSION_ZLIB: u8 = 2;
const FORMAT_JSON: u8 = 1;
const SOURCE_DIRECT: u8 = 0;

/// How the data is to be read: UTF-8 JSON, zlib, in the account itself. What the program's own client writes.
const READING: [u8; 4] = [ENCODING_UTF8, COMPRESSION_ZLIB, FORMAT_JSON, SOURCE_DIRECT];

/// Where the IDL of `program` is that its upgrade authority vouches for.
pub fn idl_address(program: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[program.as_ref(), &SEED], &ID).0
}

/// An IDL as it goes into the account: its text, compressed by zlib.
///
/// # Errors
/// None that memory would not cause; the encoder's are passed on.
pub fn pack(text: &str) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    ZlibEncoder::new(text.as_bytes(), Level::best()).read_to_end(&mut packed)?;
    Ok(packed)
}

/// What is at an IDL's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdlAccount {
    /// An IDL.
    Published {
        /// Its text; `None` when it is somewhere else, or in a form that is no text.
        text: Option<String>,
        /// Bytes of its data.
        data_len: usize,
        /// Whether it can be changed.
        mutable: bool,
    },
    /// A buffer that somebody has begun to fill.
    Unfinished,
    /// Neither.
    Unknown,
}

impl IdlAccount {
    /// Reads an account of the Program Metadata program.
    pub fn decode(data: &[u8]) -> Self {
        let Some((header, content)) = data.split_at_checked(HEADER_BYTES) else { return Self::Unknown };
        match header {
            [DISCRIMINATOR_BUFFER, ..] => Self::Unfinished,
            [DISCRIMINATOR_METADATA, rest @ ..] => {
                // program 32, authority 32 (zero: none), mutable, canonical, seed 16, then how to read the data.
                let reading = rest.get(82..86).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
                Self::Published {
                    text: reading.and_then(|reading| unpack(reading, content)),
                    data_len: content.len(),
                    mutable: rest.get(64).is_some_and(|mutable| *mutable != 0),
                }
            }
            _ => Self::Unknown,
        }
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

/// The authority of a buffer; `None` when the account is none.
pub fn buffer_authority(data: &[u8]) -> Option<Pubkey> {
    if data.first() != Some(&DISCRIMINATOR_BUFFER) || data.len() < HEADER_BYTES {
        return None;
    }
    data.get(33..65).and_then(|bytes| Pubkey::try_from(bytes).ok())
}

/// Creates the buffer for `data_len` bytes, whose key signs, and hands it to `authority`.
pub fn create_buffer(
    payer: &Pubkey,
    buffer: &Pubkey,
    authority: &Pubkey,
    lamports: u64,
    data_len: usize,
) -> Vec<Instruction> {
    let hand_over = [&[tag::SET_AUTHORITY, 1], authority.as_ref()].concat();
    vec![
        create_account(payer, buffer, lamports, (HEADER_BYTES + data_len) as u64, &ID),
        build(
            vec![AccountMeta::new(*buffer, false), signer(buffer), absent(), absent(), system()],
            vec![tag::ALLOCATE],
        ),
        build(vec![AccountMeta::new(*buffer, false), signer(buffer), absent(), absent()], hand_over),
    ]
}

/// Writes `bytes` into the buffer at `offset` of its data.
pub fn write(buffer: &Pubkey, authority: &Pubkey, offset: u32, bytes: &[u8]) -> Instruction {
    let data = [&[tag::WRITE], offset.to_le_bytes().as_slice(), bytes].concat();
    build(vec![AccountMeta::new(*buffer, false), signer(authority), absent()], data)
}

/// Closes the buffer; its lamports go to `recipient`.
pub fn close_buffer(buffer: &Pubkey, authority: &Pubkey, recipient: &Pubkey) -> Instruction {
    let accounts = vec![
        AccountMeta::new(*buffer, false),
        signer(authority),
        absent(),
        absent(),
        AccountMeta::new(*recipient, false),
    ];
    build(accounts, vec![tag::CLOSE])
}

/// The program whose IDL it is, and who vouches for it.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The program.
    pub program: Pubkey,
    /// Its ProgramData account.
    pub program_data: Pubkey,
    /// Its upgrade authority, who signs.
    pub authority: Pubkey,
}

impl Subject {
    fn metadata(&self) -> AccountMeta {
        AccountMeta::new(idl_address(&self.program), false)
    }

    fn proof(&self) -> [AccountMeta; 2] {
        [AccountMeta::new_readonly(self.program, false), AccountMeta::new_readonly(self.program_data, false)]
    }

    /// Publishes the `data_len` bytes of `buffer`, for the first time, and closes the buffer. The metadata account must
    /// hold its rent already.
    pub fn create(&self, buffer: &Pubkey, data_len: usize, recipient: &Pubkey) -> Vec<Instruction> {
        let [program, program_data] = self.proof();
        let allocate = build(
            vec![self.metadata(), signer(&self.authority), program.clone(), program_data.clone(), system()],
            [&[tag::ALLOCATE], SEED.as_slice()].concat(),
        );
        let copy = build(
            vec![self.metadata(), signer(&self.authority), AccountMeta::new_readonly(*buffer, false)],
            [&[tag::WRITE], 0_u32.to_le_bytes().as_slice()].concat(),
        );
        let initialize = build(
            vec![self.metadata(), signer(&self.authority), program, program_data, system()],
            [&[tag::INITIALIZE], SEED.as_slice(), &READING].concat(),
        );
        let mut all = vec![allocate];
        all.extend(self.extend(data_len));
        all.extend([copy, initialize, close_buffer(buffer, &self.authority, recipient)]);
        all
    }

    /// Replaces the published IDL, of `old_len` bytes, by the `new_len` bytes of `buffer`, and closes the buffer. What a
    /// shorter one no longer needs of its rent goes to `recipient`.
    pub fn update(&self, buffer: &Pubkey, old_len: usize, new_len: usize, recipient: &Pubkey) -> Vec<Instruction> {
        let [program, program_data] = self.proof();
        let mut all = self.extend(new_len.saturating_sub(old_len));
        all.push(build(
            vec![
                self.metadata(),
                signer(&self.authority),
                AccountMeta::new_readonly(*buffer, false),
                program.clone(),
                program_data.clone(),
            ],
            [&[tag::SET_DATA], READING.as_slice()].concat(),
        ));
        all.push(close_buffer(buffer, &self.authority, recipient));
        if new_len < old_len {
            let recipient = AccountMeta::new(*recipient, false);
            let rent = AccountMeta::new_readonly(sysvar::rent::ID, false);
            let accounts = vec![self.metadata(), signer(&self.authority), program, program_data, recipient, rent];
            all.push(build(accounts, vec![tag::TRIM]));
        }
        all
    }

    /// What it takes for the metadata account to grow by `bytes` where one instruction may not grow it so much.
    fn extend(&self, bytes: usize) -> Vec<Instruction> {
        if bytes <= MAX_GROWTH_BYTES {
            return Vec::new();
        }
        let [program, program_data] = self.proof();
        let mut all = Vec::new();
        let mut left = bytes;
        while left > 0 {
            let step = left.min(MAX_GROWTH_BYTES);
            // The step is at most 10,240.
            let length = u16::try_from(step).unwrap_or(u16::MAX).to_le_bytes();
            let accounts = vec![self.metadata(), signer(&self.authority), program.clone(), program_data.clone()];
            all.push(build(accounts, [&[tag::EXTEND], length.as_slice()].concat()));
            left -= step;
        }
        all
    }
}

fn build(accounts: Vec<AccountMeta>, data: Vec<u8>) -> Instruction {
    Instruction { program_id: ID, accounts, data }
}

fn signer(address: &Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(*address, true)
}

/// In the place of an account that is left out.
fn absent() -> AccountMeta {
    AccountMeta::new_readonly(ID, false)
}

fn system() -> AccountMeta {
    AccountMeta::new_readonly(system_program::ID, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Pubkey = Pubkey::new_from_array([1; 32]);
    const PROGRAM_DATA: Pubkey = Pubkey::new_from_array([2; 32]);
    const AUTHORITY: Pubkey = Pubkey::new_from_array([3; 32]);
    const BUFFER: Pubkey = Pubkey::new_from_array([4; 32]);
    const PAYER: Pubkey = Pubkey::new_from_array([5; 32]);
    const SUBJECT: Subject = Subject { program: PROGRAM, program_data: PROGRAM_DATA, authority: AUTHORITY };

    fn keys(instruction: &Instruction) -> Vec<(Pubkey, bool, bool)> {
        instruction.accounts.iter().map(|meta| (meta.pubkey, meta.is_signer, meta.is_writable)).collect()
    }

    fn published(reading: [u8; 4], content: &[u8]) -> Vec<u8> {
        let header: Vec<u8> = [
            &[DISCRIMINATOR_METADATA],
            PROGRAM.as_ref(),
            &[0; 32],
            &[1, 1],
            &SEED,
            &reading,
            &u32::try_from(content.len()).unwrap().to_le_bytes(),
            &[0; 5],
        ]
        .concat();
        assert_eq!(header.len(), HEADER_BYTES);
        [header.as_slice(), content].concat()
    }

    #[test]
    fn an_idl_reads_back_from_its_account() {
        let text = r#"{"address": "…", "instructions": []}"#;
        let packed = pack(text).unwrap();
        let expected = IdlAccount::Published { text: Some(text.to_owned()), data_len: packed.len(), mutable: true };
        assert_eq!(IdlAccount::decode(&published(READING, &packed)), expected);
        let plain = [ENCODING_UTF8, COMPRESSION_NONE, FORMAT_JSON, SOURCE_DIRECT];
        let IdlAccount::Published { text: found, .. } = IdlAccount::decode(&published(plain, text.as_bytes())) else {
            panic!("published")
        };
        assert_eq!(found.as_deref(), Some(text));
    }

    #[test]
    fn what_is_no_text_in_the_account_is_no_idl_of_ours() {
        let text_of = |reading, content: &[u8]| match IdlAccount::decode(&published(reading, content)) {
            IdlAccount::Published { text, .. } => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(text_of([ENCODING_UTF8, COMPRESSION_NONE, FORMAT_JSON, 1], b"https://a.example"), None);
        assert_eq!(text_of(READING, b"no zlib"), None);
        assert_eq!(IdlAccount::decode(&[DISCRIMINATOR_METADATA; 95]), IdlAccount::Unknown);
        assert_eq!(IdlAccount::decode(&[0; 96]), IdlAccount::Unknown);
        let buffer = [&[DISCRIMINATOR_BUFFER], [0; 32].as_slice(), AUTHORITY.as_ref(), &[0; 31]].concat();
        assert_eq!(IdlAccount::decode(&buffer), IdlAccount::Unfinished);
        assert_eq!(buffer_authority(&buffer), Some(AUTHORITY));
        assert_eq!(buffer_authority(&published(READING, b"x")), None);
    }

    /// The bytes and the order of accounts that the program's own `idl.json` documents.
    #[test]
    fn instructions_are_as_the_program_documents_them() {
        let [create, allocate, hand_over] = create_buffer(&PAYER, &BUFFER, &AUTHORITY, 7, 10).try_into().unwrap();
        assert_eq!((create.program_id, create.data.len()), (system_program::ID, 52));
        assert_eq!((allocate.data.as_slice(), hand_over.data.len()), ([7].as_slice(), 34));
        assert_eq!(hand_over.data[..2], [2, 1]);
        let own = [(BUFFER, false, true), (BUFFER, true, false), (ID, false, false), (ID, false, false)];
        assert_eq!(keys(&hand_over), own);
        assert_eq!(keys(&allocate), [own.as_slice(), &[(system_program::ID, false, false)]].concat());

        let write = write(&BUFFER, &AUTHORITY, 258, b"ab");
        assert_eq!(write.data, [0, 2, 1, 0, 0, b'a', b'b']);
        assert_eq!(keys(&write), [(BUFFER, false, true), (AUTHORITY, true, false), (ID, false, false)]);

        let idl = idl_address(&PROGRAM);
        let subject =
            [(idl, false, true), (AUTHORITY, true, false), (PROGRAM, false, false), (PROGRAM_DATA, false, false)];
        let with_system = [subject.as_slice(), &[(system_program::ID, false, false)]].concat();
        let [allocate, copy, initialize, close] = SUBJECT.create(&BUFFER, 10_240, &PAYER).try_into().unwrap();
        assert_eq!(allocate.data, [&[7], SEED.as_slice()].concat());
        assert_eq!(keys(&allocate), with_system);
        assert_eq!(copy.data, [0, 0, 0, 0, 0]);
        assert_eq!(keys(&copy), [(idl, false, true), (AUTHORITY, true, false), (BUFFER, false, false)]);
        assert_eq!(initialize.data, [&[1], SEED.as_slice(), &[1, 2, 1, 0]].concat());
        assert_eq!(keys(&initialize), with_system);
        assert_eq!(close.data, [6]);
        let closed = [(BUFFER, false, true), (AUTHORITY, true, false), (ID, false, false), (ID, false, false)];
        assert_eq!(keys(&close), [closed.as_slice(), &[(PAYER, false, true)]].concat());

        let [set, _close, trim] = SUBJECT.update(&BUFFER, 20, 10, &PAYER).try_into().unwrap();
        assert_eq!(set.data, [3, 1, 2, 1, 0]);
        let set_keys =
            [subject[0], subject[1], (BUFFER, false, false), (PROGRAM, false, false), (PROGRAM_DATA, false, false)];
        assert_eq!(keys(&set), set_keys);
        assert_eq!(trim.data, [5]);
        let trimmed = [(PAYER, false, true), (sysvar::rent::ID, false, false)];
        assert_eq!(keys(&trim), [subject.as_slice(), &trimmed].concat());
    }

    #[test]
    fn a_long_idl_grows_its_account_in_steps() {
        let lengths = |all: Vec<Instruction>| -> Vec<u16> {
            let extends = all.into_iter().filter(|it| it.data[0] == tag::EXTEND);
            extends.map(|it| u16::from_le_bytes([it.data[1], it.data[2]])).collect()
        };
        assert_eq!(lengths(SUBJECT.create(&BUFFER, 10_241, &PAYER)), [10_240, 1]);
        assert_eq!(lengths(SUBJECT.update(&BUFFER, 10, 10_250, &PAYER)), [0_u16; 0]);
        assert_eq!(lengths(SUBJECT.update(&BUFFER, 10, 30_000, &PAYER)), [10_240, 10_240, 9_510]);
        assert_eq!(SUBJECT.update(&BUFFER, 10, 11, &PAYER).len(), 2);
    }
}
