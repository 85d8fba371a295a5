//! Generates instructions from arbitrary bytes: mostly valid ones, with a few things wrong.

use anchor_lang::prelude::Pubkey;
use anchor_lang::{Discriminator, InstructionData};
use arbitrary::{Arbitrary, Result, Unstructured};
use bytemuck::Zeroable;
use settlement::client::{BatchHeader, SPL_TOKEN_ID, TOKEN_2022_ID, event_authority};
use settlement::state::{AssetKind, ClosedNode, DestinationSource, Network, NodeWallet, Treasury};
use solana_sdk_ids::{bpf_loader, bpf_loader_upgradeable, incinerator, native_loader, system_program, sysvar};

use super::layout::Account;

/// An instruction and the state of the chain.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// All existing accounts.
    pub(crate) accounts: Vec<Account>,
    /// The instruction's accounts, as indexes into `accounts`.
    pub(crate) list: Vec<usize>,
    pub(crate) data: Vec<u8>,
    /// The current time in Unix seconds.
    pub(crate) now: i64,
    pub(crate) lamports_per_byte: u64,
    pub(crate) asset: AssetKind,
}

const MINT_KEY: Pubkey = Pubkey::new_from_array([0x11; 32]);
const NETWORK_KEY: Pubkey = Pubkey::new_from_array([0x22; 32]);
const OTHER_NETWORK_KEY: Pubkey = Pubkey::new_from_array([0x23; 32]);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Credit,
    Settle,
    Payout,
}

impl Case {
    pub(crate) const SETTLER: usize = 0;
    pub(crate) const NETWORK: usize = 1;
    pub(crate) const TREASURY: usize = 2;
    pub(crate) const EVENT_AUTHORITY: usize = 3;
    pub(crate) const PROGRAM: usize = 4;
    pub(crate) const VAULT: usize = 5;
    pub(crate) const MINT: usize = 6;
    pub(crate) const TOKEN_PROGRAM: usize = 7;

    /// Generates a case from a fuzzer's bytes.
    pub(crate) fn generate(bytes: &[u8]) -> Result<Self> {
        Generator(Unstructured::new(bytes)).case()
    }
}

struct Generator<'a>(Unstructured<'a>);

impl Generator<'_> {
    /// Returns `true` in about one of `cases` calls.
    fn one_in(&mut self, cases: u16) -> Result<bool> {
        self.0.ratio(1, cases)
    }

    /// An amount: mostly a realistic one, sometimes one at the edge of the integers.
    fn amount(&mut self) -> Result<u64> {
        Ok(match self.0.int_in_range(0..=15)? {
            0 => 0,
            1 => 1,
            2..=9 => self.0.int_in_range(0..=5_000_000)?,
            10..=12 => self.0.int_in_range(0..=1 << 40)?,
            13 => u64::MAX - self.0.int_in_range(0..=2)?,
            _ => self.0.arbitrary()?,
        })
    }

    /// A limit: mostly one that has no effect.
    fn limit(&mut self) -> Result<u64> {
        if self.one_in(3)? { self.amount() } else { Ok(u64::MAX) }
    }

    /// A wallet's or treasury's totals: (credited, paid).
    fn totals(&mut self) -> Result<(u64, u64)> {
        let (paid, pending) = (self.amount()?, self.amount()?);
        if self.one_in(64)? { Ok((paid, pending)) } else { Ok((paid.saturating_add(pending), paid)) }
    }

    fn case(mut self) -> Result<Case> {
        let kind = *self.0.choose(&[Kind::Credit, Kind::Settle, Kind::Settle, Kind::Payout])?;
        let asset = *self.0.choose(&[AssetKind::Sol, AssetKind::Sol, AssetKind::SplToken, AssetKind::Token2022])?;
        let now = if self.one_in(16)? { self.0.arbitrary()? } else { self.0.int_in_range(0..=4_000_000_000)? };
        let lamports_per_byte = *self.0.choose(&[6_960, 6_960, 6_960, 3_480, 13_920, 0, u64::MAX])?;
        let nodes = match self.0.int_in_range(0..=15)? {
            0 => self.0.int_in_range(0..=64)?,
            1 => 30,
            2..=5 => 1,
            _ => self.0.int_in_range(1..=6)?,
        };
        let mut case = Case { accounts: vec![], list: vec![], data: vec![], now, lamports_per_byte, asset };
        self.named_accounts(&mut case)?;
        let first_wallet = case.accounts.len();
        for node in 0..nodes {
            self.node(&mut case, node)?;
        }
        self.unrelated_accounts(&mut case)?;
        self.instruction(&mut case, kind, first_wallet, usize::from(nodes))?;
        self.corrupt(&mut case)?;
        // Anyone can give the program an account of any size, but only with zeros in it: a wallet's size with data
        // that isn't a wallet's is a state that nobody can produce.
        for account in &mut case.accounts {
            let is_ours = account.owner == settlement::ID && account.data.len() == NodeWallet::SIZE;
            if is_ours && !account.data.starts_with(NodeWallet::DISCRIMINATOR) {
                account.data.fill(0);
            }
        }
        // The total supply is below 2^64 lamports.
        let mut left = u64::MAX;
        for account in &mut case.accounts {
            account.lamports = account.lamports.min(left);
            left -= account.lamports;
            // An account without lamports does not exist.
            if account.lamports == 0 {
                account.owner = system_program::ID;
                account.data.clear();
                account.is_executable = false;
            }
        }
        Ok(case)
    }

    fn named_accounts(&mut self, case: &mut Case) -> Result<()> {
        let token_program = if case.asset == AssetKind::Token2022 { TOKEN_2022_ID } else { SPL_TOKEN_ID };
        let settler = Pubkey::new_from_array([0x33; 32]);
        let vault = Pubkey::new_from_array([0x44; 32]);
        let (credited_total, paid_total) = self.totals()?;
        let held = if self.one_in(4)? { self.amount()? } else { u64::MAX - 1 };
        let recorded = if self.one_in(4)? { self.amount()?.min(held) } else { held };
        let treasury = Treasury {
            version: if self.one_in(64)? { self.0.arbitrary()? } else { Treasury::VERSION },
            bump: self.0.arbitrary()?,
            paused: if self.one_in(32)? { self.0.arbitrary()? } else { 0 },
            asset_kind: if self.one_in(64)? { self.0.arbitrary()? } else { case.asset.into() },
            network: if self.one_in(64)? { OTHER_NETWORK_KEY } else { NETWORK_KEY },
            settler,
            mint: MINT_KEY,
            token_account: vault,
            per_node_cap: self.limit()?,
            per_batch_cap: self.limit()?,
            window_limit: self.limit()?,
            window_seconds: self.0.int_in_range(0..=100_000)?,
            window_used: self.amount()?,
            window_updated_at: if self.one_in(8)? { self.0.arbitrary()? } else { case.now },
            max_pending_age: self.limit()?,
            default_threshold: 1,
            credited_total,
            paid_total,
            batch_sequence: self.amount()?,
            token_balance: recorded,
            hold_until: self.0.arbitrary()?,
            max_pause_seconds: self.0.arbitrary()?,
            history_hash: self.0.arbitrary()?,
            history_count: self.amount()?,
            ..Zeroable::zeroed()
        };
        let funds = if self.one_in(4)? { self.amount()? } else { 1 << 50 };
        let mut mint = vec![0; 82];
        mint[44] = self.0.arbitrary()?;
        mint[45] = 1;
        let loader = if self.0.arbitrary()? { bpf_loader_upgradeable::ID } else { bpf_loader::ID };
        let vault_data = self.token_account(&Pubkey::new_from_array([0x55; 32]), held)?;
        case.accounts = vec![
            account(settler, system_program::ID, 1 << 30).signing(),
            account(NETWORK_KEY, settlement::ID, 1 << 30).with_data(bytes_of(&Network::zeroed())),
            account(Pubkey::new_from_array([0x55; 32]), settlement::ID, funds)
                .with_data(bytes_of(&treasury))
                .writable(),
            account(event_authority(), system_program::ID, 0),
            account(settlement::ID, bpf_loader_upgradeable::ID, 1).executable(),
            account(vault, token_program, 1 << 30).with_data(vault_data).writable(),
            account(MINT_KEY, token_program, 1 << 30).with_data(mint),
            account(token_program, loader, 1).executable(),
        ];
        Ok(())
    }

    /// Adds a wallet and its destination.
    fn node(&mut self, case: &mut Case, node: u8) -> Result<()> {
        let is_sol = case.asset == AssetKind::Sol;
        let key = |mark: u8| {
            let mut key = [mark; 32];
            key[0] = node;
            Pubkey::new_from_array(key)
        };
        let (wallet_key, owner_key, account_key) = (key(0x66), key(0x77), key(0x88));
        let (credited_total, paid_total) = self.totals()?;
        let wallet = NodeWallet {
            version: if self.one_in(64)? { self.0.arbitrary()? } else { NodeWallet::VERSION },
            network: if self.one_in(32)? { OTHER_NETWORK_KEY } else { NETWORK_KEY },
            owner: owner_key,
            destination: account_key,
            destination_source: match self.0.int_in_range(0..=15)? {
                0 => self.0.arbitrary()?,
                1 | 2 => DestinationSource::Admin.into(),
                3..=6 => DestinationSource::Owner.into(),
                _ => DestinationSource::Default.into(),
            },
            credited_total,
            paid_total,
            threshold: self.amount()?,
            oldest_unpaid_at: if self.one_in(8)? { self.0.arbitrary()? } else { case.now },
            last_sequence: if self.one_in(4)? { self.amount()? } else { 0 },
            ..Zeroable::zeroed()
        };
        let rent = case.lamports_per_byte.saturating_mul(128 + NodeWallet::SIZE as u64);
        let lamports = match self.0.int_in_range(0..=7)? {
            0 => self.amount()?,
            1 => rent,
            // The rent of the time before the rate rose.
            2 => rent / 2,
            3 => (rent / 2).saturating_add(if is_sol { wallet.pending() } else { 0 }),
            _ => rent.saturating_add(if is_sol { wallet.pending() } else { 0 }).saturating_add(self.amount()?),
        };
        let owner = if self.one_in(64)? { system_program::ID } else { settlement::ID };
        case.accounts.push(account(wallet_key, owner, lamports).with_data(bytes_of(&wallet)).writable());

        let destination = if is_sol {
            let owner = match self.0.int_in_range(0..=63)? {
                0 => sysvar::ID,
                1 => native_loader::ID,
                2 => settlement::ID,
                3 => SPL_TOKEN_ID,
                4 => look_alike(&system_program::ID),
                _ => system_program::ID,
            };
            let len = if self.one_in(16)? { self.0.int_in_range(0..=300)? } else { 0 };
            let lamports = match self.0.int_in_range(0..=7)? {
                0 => 0,
                1 => 1,
                2..=3 => self.amount()?,
                _ => 1 << 30,
            };
            account(account_key, owner, lamports).with_data(vec![0; len]).writable()
        } else {
            let token_program = case.accounts[Case::TOKEN_PROGRAM].key;
            let owner = if self.one_in(32)? { system_program::ID } else { token_program };
            let holder = if self.one_in(8)? { wallet_key } else { owner_key };
            let held = self.amount()?;
            account(account_key, owner, 1 << 30).with_data(self.token_account(&holder, held)?).writable()
        };
        case.accounts.push(destination);
        Ok(())
    }

    fn token_account(&mut self, owner: &Pubkey, amount: u64) -> Result<Vec<u8>> {
        let mut data = vec![0; 165];
        let mint = if self.one_in(64)? { NETWORK_KEY } else { MINT_KEY };
        data[..32].copy_from_slice(mint.as_array());
        data[32..64].copy_from_slice(owner.as_array());
        data[64..72].copy_from_slice(&amount.to_le_bytes());
        data[108] = if self.one_in(32)? { self.0.int_in_range(0..=3)? } else { 1 };
        if self.one_in(16)? {
            // Extensions, valid and malformed.
            data.push(2);
            let extensions = [&[8, 0, 1, 0, 1][..], &[7, 0, 0, 0], &[2, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0], &[8, 0, 9]];
            for _ in 0..self.0.int_in_range(0..=2)? {
                data.extend(*self.0.choose(&extensions)?);
            }
        }
        Ok(data)
    }

    /// Adds accounts that the instruction should not be able to use.
    fn unrelated_accounts(&mut self, case: &mut Case) -> Result<()> {
        let other = Treasury { version: Treasury::VERSION, network: OTHER_NETWORK_KEY, ..Zeroable::zeroed() };
        let lookalike =
            NodeWallet { version: NodeWallet::VERSION, network: NETWORK_KEY, credited_total: 9, ..Zeroable::zeroed() };
        let key = |mark: u8| Pubkey::new_from_array([mark; 32]);
        case.accounts.extend([
            account(key(0x90), settlement::ID, 1 << 40).with_data(bytes_of(&other)).writable(),
            account(key(0x91), settlement::ID, 1 << 30)
                .with_data(bytes_of(&ClosedNode { total: 7, network: NETWORK_KEY }))
                .writable(),
            account(OTHER_NETWORK_KEY, settlement::ID, 1 << 30).with_data(bytes_of(&Network::zeroed())).writable(),
            account(key(0x93), system_program::ID, 1 << 30).with_data(bytes_of(&lookalike)).writable(),
            account(sysvar::clock::ID, sysvar::ID, 1).with_data(vec![0; 40]),
            account(incinerator::ID, system_program::ID, 1 << 30).writable(),
            account(key(0x94), system_program::ID, 0).writable(),
        ]);
        Ok(())
    }

    fn instruction(&mut self, case: &mut Case, kind: Kind, first_wallet: usize, nodes: usize) -> Result<()> {
        let has_pairs = kind != Kind::Credit;
        let network = if self.one_in(32)? { self.0.choose_index(case.accounts.len())? } else { Case::NETWORK };
        let mut named = match kind {
            Kind::Credit | Kind::Settle => vec![Case::SETTLER, network, Case::TREASURY],
            Kind::Payout => vec![network, Case::TREASURY, Case::EVENT_AUTHORITY, Case::PROGRAM],
        };
        if has_pairs && case.asset != AssetKind::Sol {
            named.extend([Case::VAULT, Case::MINT, Case::TOKEN_PROGRAM]);
        }
        case.list = named;
        let is_regular = self.0.ratio(2, 3)?;
        let entries = if is_regular { nodes } else { self.0.int_in_range(0..=nodes + 2)? };
        let mut targets = vec![];
        for entry in 0..entries {
            let node = if is_regular || nodes == 0 { entry } else { self.0.choose_index(nodes)? };
            let wallet = (first_wallet + 2 * node).min(case.accounts.len() - 2);
            let credited = case.accounts[wallet].data.get(8 + core::mem::offset_of!(NodeWallet, credited_total)..);
            let credited = credited.and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes));
            targets.push(match self.0.int_in_range(0..=7)? {
                0 => self.amount()?,
                _ => credited.saturating_add(self.amount()?),
            });
            let indexes = [wallet, wallet + 1];
            for &index in if has_pairs { &indexes[..] } else { &indexes[..1] } {
                let is_wrong = !is_regular && self.one_in(8)?;
                let index = if is_wrong { self.0.choose_index(case.accounts.len())? } else { index };
                case.list.push(index);
            }
        }
        let batch = BatchHeader { batch_id: self.0.arbitrary()?, records_root: [6; 32] };
        case.data = match kind {
            Kind::Credit => settlement::instruction::Credit { batch, targets }.data(),
            Kind::Settle => settlement::instruction::Settle { batch, targets }.data(),
            Kind::Payout => settlement::instruction::Payout {}.data(),
        };
        Ok(())
    }

    /// Corrupts the case in a few places, in ways that the runtime would not reject.
    fn corrupt(&mut self, case: &mut Case) -> Result<()> {
        if self.0.ratio(1, 2)? {
            return Ok(());
        }
        for _ in 0..self.0.int_in_range(1..=3)? {
            let index = self.0.choose_index(case.accounts.len())?;
            match self.0.int_in_range(0..=12)? {
                0 => case.accounts[index].is_writable ^= true,
                1 => case.accounts[index].is_signer ^= true,
                2 => case.accounts[index].is_executable ^= true,
                3 => case.accounts[index].lamports = self.amount()?,
                4 => {
                    let owners = [settlement::ID, system_program::ID, SPL_TOKEN_ID, look_alike_program()];
                    case.accounts[index].owner = *self.0.choose(&owners)?;
                }
                5 => {
                    let len = self.0.int_in_range(0..=600)?;
                    case.accounts[index].data.resize(len, 0);
                }
                6 | 7 => {
                    let data = &mut case.accounts[index].data;
                    if !data.is_empty() {
                        let at = self.0.choose_index(data.len())?;
                        data[at] = self.0.arbitrary()?;
                    }
                }
                8 => drop(case.list.pop()),
                9 => case.list.push(index),
                10 => {
                    // Up to the maximum number of accounts that the runtime allows.
                    let more = self.0.int_in_range(0..=255 - case.list.len().min(255))?;
                    case.list.extend(std::iter::repeat_n(index, more));
                }
                11 => {
                    let place = self.0.choose_index(case.list.len().max(1))?;
                    if let Some(listed) = case.list.get_mut(place) {
                        *listed = index;
                    }
                }
                _ => {
                    let len = self.0.int_in_range(0..=case.data.len() + 9)?;
                    match self.0.int_in_range(0..=2)? {
                        0 => case.data.resize(len, 0),
                        1 => case.data = Vec::arbitrary(&mut self.0)?,
                        _ => {
                            if let Some(byte) = case.data.get_mut(len) {
                                *byte = self.0.arbitrary()?;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// A program whose address begins with the same 8 bytes as this program's.
pub(crate) fn look_alike_program() -> Pubkey {
    look_alike(&settlement::ID)
}

/// An address that begins with the same 8 bytes.
fn look_alike(address: &Pubkey) -> Pubkey {
    let mut bytes = address.to_bytes();
    bytes[8..].fill(0x5a);
    Pubkey::new_from_array(bytes)
}

fn account(key: Pubkey, owner: Pubkey, lamports: u64) -> Account {
    Account { key, owner, lamports, data: vec![], is_signer: false, is_writable: false, is_executable: false }
}

impl Account {
    fn with_data(self, data: Vec<u8>) -> Self {
        Self { data, ..self }
    }

    fn writable(self) -> Self {
        Self { is_writable: true, ..self }
    }

    fn signing(self) -> Self {
        Self { is_signer: true, ..self }
    }

    fn executable(self) -> Self {
        Self { is_executable: true, ..self }
    }
}

fn bytes_of<T: bytemuck::Pod + Discriminator>(account: &T) -> Vec<u8> {
    [T::DISCRIMINATOR, bytemuck::bytes_of(account)].concat()
}
