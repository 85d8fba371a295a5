//! From what is wanted and what is there to what is to be done: a pure function, so that every case can be tried.
//!
//! A plan is complete before anything is sent: whatever would stop it half-way is a refusal here.

mod cost;
mod refusal;
mod step;
#[cfg(test)]
mod tests;

use settlement::client::{SPL_TOKEN_ID, TOKEN_2022_ID};
use settlement::rules::token_layout::TOKEN_ACCOUNT_LEN;
use solana_loader_v3_interface::instruction::MINIMUM_EXTEND_PROGRAM_BYTES;
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_pubkey::{Pubkey, pubkey};

pub use cost::{Cost, MAX_COMPUTE_UNITS};
pub use refusal::Refusal;
pub use step::Step;

use crate::cluster::Kind;
use crate::config::{Asset, FinalAuthority, NetworkTerms};
use crate::facts::{BufferFacts, Facts, IdlFacts, MintFacts, NetworkFacts, NetworkState, ProgramFacts, Rent};
use crate::program_metadata;
use cost::{Purse, fees};

/// The address that local clusters have the program at. Its key is in the repository.
const LOCAL_PROGRAM: Pubkey = pubkey!("7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw");

/// Bytes that a token account of Token-2022 stays below with the extensions that its mint may ask for: 165, the
/// account's type, and a few extensions of at most 40 bytes.
const TOKEN_2022_ACCOUNT_BYTES: usize = 320;

/// An airdrop is rounded up to whole SOL.
const LAMPORTS_PER_SOL: u64 = 1_000_000_000;

/// What is wanted, and who is there to do it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The program's address (`declare_id!`).
    pub program: Pubkey,
    /// Whose key `program.keypair` is.
    pub program_key: Option<Pubkey>,
    /// Bytes of the bytecode.
    pub elf_len: usize,
    /// Whether the bytecode holds the program's address.
    pub elf_names_program: bool,
    /// Bytes to reserve at the first deployment.
    pub max_len: usize,
    /// Transactions that the bytecode takes.
    pub program_chunks: usize,
    /// The IDL.
    pub idl: IdlWanted,
    /// Pays rent and fees.
    pub payer: Pubkey,
    /// May upgrade the program.
    pub upgrade_authority: Pubkey,
    /// Creates the network.
    pub admin: Pubkey,
    /// The network.
    pub network: Option<NetworkTerms>,
    /// Who may upgrade the program at the end; `None` leaves it as it is.
    pub final_upgrade: Option<FinalAuthority>,
    /// Who is proposed as admin at the end.
    pub final_admin: Option<Pubkey>,
    /// Micro-lamports per compute unit.
    pub compute_unit_price: u64,
    /// What the command line permits.
    pub permitted: Permitted,
}

/// The IDL that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdlWanted {
    /// None.
    Unpublished,
    /// The file's.
    File {
        /// Its path, for people.
        path: String,
        /// Bytes of it when packed.
        packed_len: usize,
        /// Transactions that it takes.
        chunks: usize,
    },
    /// The file's, which is not there.
    Missing {
        /// Its path, for people.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },
}

/// What the command line permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permitted {
    /// Mainnet.
    pub mainnet: bool,
    /// To take the upgrade authority away.
    pub immutable: bool,
    /// To plan without permission: nothing will be sent.
    pub dry_run: bool,
}

/// One subject of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Program, IDL, network or authorities.
    pub subject: &'static str,
    /// What is there.
    pub found: String,
    /// What is to be done, in order; empty when nothing is.
    pub steps: Vec<(Step, Cost)>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One for each subject, in the order that it is carried out.
    pub sections: Vec<Section>,
    /// Why it must not be carried out; empty when it may.
    pub refusals: Vec<Refusal>,
    /// The most that the payer lays out at any time.
    pub payer_needs: u64,
    /// The most that the admin lays out, where it is another account.
    pub admin_needs: u64,
}

impl Plan {
    /// All steps, in order.
    pub fn steps(&self) -> Vec<Step> {
        self.sections.iter().flat_map(|section| &section.steps).map(|(step, _)| *step).collect()
    }
}

/// Makes the plan.
pub fn plan(wanted: &Wanted, facts: &Facts) -> Plan {
    let mut draft = Draft { wanted, facts, sections: Vec::new(), refusals: Vec::new() };
    draft.permission();
    let authority = draft.program();
    draft.idl(authority);
    draft.network();
    draft.authorities(authority);
    draft.finish()
}

/// A plan in the making.
struct Draft<'a> {
    wanted: &'a Wanted,
    facts: &'a Facts,
    sections: Vec<Section>,
    refusals: Vec<Refusal>,
}

impl Draft<'_> {
    fn permission(&mut self) {
        let Wanted { program, permitted, .. } = self.wanted;
        if self.facts.cluster == Kind::Mainnet && !permitted.mainnet && !permitted.dry_run {
            self.refusals.push(Refusal::MainnetWithoutYes);
        }
        if *program == LOCAL_PROGRAM && self.facts.cluster != Kind::Local {
            self.refusals.push(Refusal::PublicProgramKey { program: *program });
        }
    }

    /// Returns who may upgrade the program once its steps are done.
    fn program(&mut self) -> Option<Pubkey> {
        let Wanted { program, upgrade_authority: ours, elf_len, max_len, .. } = *self.wanted;
        match self.facts.program {
            ProgramFacts::Absent { lamports: held } => {
                match self.wanted.program_key {
                    None => self.refusals.push(Refusal::NoProgramKey { program }),
                    Some(found) if found != program => {
                        self.refusals.push(Refusal::OtherProgramKey { found, program });
                    }
                    Some(_) => {}
                }
                if max_len < elf_len {
                    self.refusals.push(Refusal::MaxLenTooSmall { max_len, bytes: elf_len });
                }
                let (mut steps, prepaid) = self.program_upload();
                let accounts = self
                    .rent(UpgradeableLoaderState::size_of_program())
                    .saturating_sub(held)
                    .saturating_add(self.rent(UpgradeableLoaderState::size_of_programdata(max_len)));
                // The loader gives the buffer's lamports to the payer before it takes the rent.
                let cost = Cost {
                    rent: accounts.saturating_sub(prepaid),
                    fees: self.fees(1, &[ours, program]),
                    returned: prepaid.saturating_sub(accounts),
                    ..Cost::default()
                };
                steps.push((Step::DeployProgram { held, max_len }, cost));
                self.section("program", format!("{program} is not there"), steps);
                Some(ours)
            }
            ProgramFacts::Deployed { authority, matches: true, slot, .. } => {
                let found = format!("{program} is there with the file's bytes since slot {slot}");
                let steps = self.leftover_program_buffer();
                self.section("program", found, steps);
                authority
            }
            ProgramFacts::Deployed { authority, capacity, data_lamports, .. } => {
                match authority {
                    None => self.refusals.push(Refusal::ProgramImmutable),
                    Some(authority) if authority != ours => {
                        let what = "an upgrade";
                        self.refusals.push(Refusal::NotUpgradeAuthority { what, authority, ours });
                    }
                    Some(_) => {}
                }
                let (mut steps, prepaid) = self.program_upload();
                if let Some(bytes) = growth(capacity, elf_len) {
                    let size = UpgradeableLoaderState::size_of_programdata(capacity.saturating_add(bytes as usize));
                    let rent = self.rent(size).saturating_sub(data_lamports);
                    let cost = Cost { rent, fees: self.fees(1, &[]), ..Cost::default() };
                    steps.push((Step::ExtendProgram { bytes }, cost));
                }
                let cost = Cost { fees: self.fees(1, &[ours]), returned: prepaid, ..Cost::default() };
                steps.push((Step::UpgradeProgram, cost));
                self.section("program", format!("{program} is there with other bytes"), steps);
                authority
            }
            ProgramFacts::Closed => {
                self.refusals.push(Refusal::ProgramClosed { program });
                None
            }
            ProgramFacts::Taken { owner } => {
                self.refusals.push(Refusal::AddressTaken { program, owner });
                None
            }
        }
    }

    /// The steps of the program's upload, and the lamports that are in the buffer then.
    fn program_upload(&mut self) -> (Vec<(Step, Cost)>, u64) {
        let Wanted { program, upgrade_authority, elf_len, program_chunks, .. } = *self.wanted;
        if !self.wanted.elf_names_program {
            self.refusals.push(Refusal::OtherProgramId { program });
        }
        let upload = Upload {
            close: Step::CloseProgramBuffer,
            step: |create, bytes, chunks| Step::UploadProgram { create, bytes, chunks },
            file: "program-buffer.json",
            rent: self.rent(UpgradeableLoaderState::size_of_buffer(elf_len)),
            bytes: elf_len,
            chunks: program_chunks,
        };
        self.upload(upload, self.facts.program_buffer, upgrade_authority)
    }

    fn upload(&mut self, upload: Upload, buffer: Option<BufferFacts>, ours: Pubkey) -> (Vec<(Step, Cost)>, u64) {
        let Upload { close, step, file, rent, bytes, chunks } = upload;
        let mut steps = Vec::new();
        match buffer {
            Some(BufferFacts { authority, .. }) if authority != Some(ours) => {
                self.refusals.push(Refusal::BufferNotOurs { authority, ours, file });
            }
            Some(BufferFacts { fits: true, chunks_left, lamports, .. }) => {
                if chunks_left > 0 {
                    let fees = self.fees(chunks_left, &[ours]);
                    steps.push((step(false, bytes, chunks_left), Cost { fees, ..Cost::default() }));
                }
                return (steps, lamports);
            }
            Some(BufferFacts { lamports, .. }) => {
                let cost = Cost { fees: self.fees(1, &[ours]), returned: lamports, ..Cost::default() };
                steps.push((close, cost));
            }
            None => {}
        }
        // The buffer's own key signs its creation: one signature more than the payer's.
        let creation = fees(1, 2, self.wanted.compute_unit_price);
        let fees = creation.saturating_add(self.fees(chunks, &[ours]));
        steps.push((step(true, bytes, chunks), Cost { rent, fees, ..Cost::default() }));
        (steps, rent)
    }

    /// A buffer that is not needed any more still holds rent.
    fn leftover_program_buffer(&self) -> Vec<(Step, Cost)> {
        self.leftover(self.facts.program_buffer, Step::CloseProgramBuffer)
    }

    fn leftover(&self, buffer: Option<BufferFacts>, close: Step) -> Vec<(Step, Cost)> {
        let ours = self.wanted.upgrade_authority;
        match buffer {
            Some(BufferFacts { authority, lamports, .. }) if authority == Some(ours) => {
                vec![(close, Cost { fees: self.fees(1, &[ours]), returned: lamports, ..Cost::default() })]
            }
            _ => Vec::new(),
        }
    }

    fn idl(&mut self, upgrade_authority: Option<Pubkey>) {
        let (path, packed_len, chunks) = match (&self.wanted.idl, &self.facts.idl) {
            (IdlWanted::Unpublished, _) => {
                return self.section("idl", "the configuration names none to publish".to_owned(), Vec::new());
            }
            (IdlWanted::File { path, .. } | IdlWanted::Missing { path, .. }, IdlFacts::NoMetadataProgram) => {
                let found =
                    format!("the Program Metadata program is not on this cluster; the committed file is {path}");
                return self.section("idl", found, Vec::new());
            }
            (IdlWanted::Missing { path, reason }, _) => {
                let refusal = Refusal::NoIdl { path: path.clone(), reason: reason.clone() };
                self.refusals.push(refusal);
                return;
            }
            (IdlWanted::File { path, packed_len, chunks }, _) => (path.clone(), *packed_len, *chunks),
        };
        let address = program_metadata::idl_address(&self.wanted.program);
        let rent = self.rent(program_metadata::HEADER_BYTES + packed_len);
        let (found, last) = match self.facts.idl {
            IdlFacts::Published { matches: true, .. } => {
                let steps = self.leftover(self.facts.idl_buffer, Step::CloseIdlBuffer);
                return self.section("idl", format!("{path} is published at {address}"), steps);
            }
            IdlFacts::Unfinished => return self.refusals.push(Refusal::IdlUnfinished),
            IdlFacts::Published { mutable: false, .. } => return self.refusals.push(Refusal::IdlImmutable),
            IdlFacts::Published { data_len: old_len, lamports, .. } => {
                let step = Step::ReplaceIdl { old_len, lamports: rent.saturating_sub(lamports) };
                (format!("another one is published at {address}"), step)
            }
            IdlFacts::Absent { lamports } => {
                let step = Step::PublishIdl { lamports: rent.saturating_sub(lamports) };
                (format!("none is published at {address}"), step)
            }
            // Handled above.
            IdlFacts::NoMetadataProgram => return,
        };
        let ours = self.wanted.upgrade_authority;
        match upgrade_authority {
            Some(authority) if authority == ours => {}
            Some(authority) => {
                let what = "publishing the IDL";
                self.refusals.push(Refusal::NotUpgradeAuthority { what, authority, ours });
            }
            None if self.is_deployed() => self.refusals.push(Refusal::IdlOfImmutableProgram),
            // That there can be no program has been said.
            None => {}
        }
        let upload = Upload {
            close: Step::CloseIdlBuffer,
            step: |create, bytes, chunks| Step::UploadIdl { create, bytes, chunks },
            file: "idl-buffer.json",
            rent,
            bytes: packed_len,
            chunks,
        };
        let (mut steps, prepaid) = self.upload(upload, self.facts.idl_buffer, ours);
        let (Step::PublishIdl { lamports } | Step::ReplaceIdl { lamports, .. }) = last else { return };
        let cost = Cost { rent: lamports, fees: self.fees(1, &[ours]), returned: prepaid, ..Cost::default() };
        steps.push((last, cost));
        self.section("idl", found, steps);
    }

    fn network(&mut self) {
        let (Some(terms), Some(facts)) = (self.wanted.network, &self.facts.network) else { return };
        let name = terms.id.name();
        match facts {
            NetworkFacts::Unreadable(reason) => {
                let reason = reason.clone();
                self.refusals.push(Refusal::NetworkUnreadable { network: name, reason });
            }
            NetworkFacts::There(state) => {
                for (term, there, wanted) in differences(self.wanted, &terms, state) {
                    let network = name.clone();
                    self.refusals.push(Refusal::OtherTerms { network, term, there, wanted });
                }
                let mut steps = Vec::new();
                if state.treasury_is_of_earlier_layout {
                    steps.push((Step::MigrateTreasury, Cost { fees: self.fees(1, &[]), ..Cost::default() }));
                }
                self.section("network", format!("'{name}' is there"), steps);
            }
            NetworkFacts::Absent => {
                let (token_program, token_account) = match self.token_program(terms.asset) {
                    Ok(found) => found,
                    Err(refusal) => return self.refusals.push(refusal),
                };
                let rent = [settlement::state::Network::SIZE, settlement::state::Treasury::SIZE]
                    .into_iter()
                    .chain(token_account)
                    .fold(0_u64, |sum, size| sum.saturating_add(self.rent(size)));
                let cost = Cost { admin_rent: rent, fees: self.fees(1, &[self.wanted.admin]), ..Cost::default() };
                let step = Step::CreateNetwork { id: terms.id, token_program };
                self.section("network", format!("'{name}' is not there"), vec![(step, cost)]);
            }
        }
    }

    /// The token program of the asset and the bytes of the treasury's token account; neither for SOL.
    fn token_program(&self, asset: Asset) -> Result<(Option<Pubkey>, Option<usize>), Refusal> {
        match (asset, &self.facts.mint) {
            (Asset::Sol, _) => Ok((None, None)),
            (Asset::Mint(mint), None) => Err(Refusal::NoMint { mint }),
            (Asset::Mint(mint), Some(MintFacts { owner, .. })) if ![SPL_TOKEN_ID, TOKEN_2022_ID].contains(owner) => {
                Err(Refusal::NotAMint { mint, owner: *owner })
            }
            (Asset::Mint(mint), Some(MintFacts { refused: Some(reason), .. })) => {
                Err(Refusal::MintRefused { mint, reason: reason.clone() })
            }
            (Asset::Mint(_), Some(MintFacts { owner, .. })) if *owner == SPL_TOKEN_ID => {
                Ok((Some(*owner), Some(TOKEN_ACCOUNT_LEN)))
            }
            (Asset::Mint(_), Some(MintFacts { owner, .. })) => Ok((Some(*owner), Some(TOKEN_2022_ACCOUNT_BYTES))),
        }
    }

    fn authorities(&mut self, upgrade_authority: Option<Pubkey>) {
        let Wanted { admin, upgrade_authority: ours, final_admin, final_upgrade, permitted, .. } = *self.wanted;
        let mut found = Vec::new();
        let mut steps = Vec::new();
        match (&self.facts.network, final_admin) {
            (None, Some(_)) => self.refusals.push(Refusal::AdminWithoutNetwork),
            (Some(NetworkFacts::There(state)), to) => {
                let proposed = state.pending_admin.map(|next| format!(", and {next} is proposed"));
                found.push(format!("the network's admin is {}{}", state.admin, proposed.unwrap_or_default()));
                let propose = to.filter(|to| state.admin != *to && state.pending_admin != Some(*to));
                steps.extend(propose.map(|to| self.proposal(to)));
            }
            (Some(NetworkFacts::Absent), Some(to)) if to != admin => steps.push(self.proposal(to)),
            _ => {}
        }
        found.push(match (&self.facts.program, upgrade_authority) {
            (ProgramFacts::Deployed { .. }, Some(authority)) => format!("the upgrade authority is {authority}"),
            (ProgramFacts::Deployed { .. }, None) => "the program is immutable".to_owned(),
            _ => format!("the upgrade authority will be {ours}"),
        });
        let to = match final_upgrade {
            None => upgrade_authority,
            Some(FinalAuthority::Address(to)) => Some(to),
            Some(FinalAuthority::Nobody) => None,
        };
        if to != upgrade_authority {
            match upgrade_authority {
                Some(authority) if authority != ours => {
                    let what = "handing the upgrade authority on";
                    self.refusals.push(Refusal::NotUpgradeAuthority { what, authority, ours });
                }
                Some(_) if to.is_none() && !permitted.immutable => self.refusals.push(Refusal::ImmutableWithoutFlag),
                Some(_) => {}
                None => {
                    let wanted = to.filter(|_| self.is_deployed());
                    self.refusals.extend(wanted.map(|wanted| Refusal::AlreadyImmutable { wanted }));
                }
            }
            let cost = Cost { fees: self.fees(1, &[ours]), ..Cost::default() };
            steps.push((Step::SetUpgradeAuthority { to }, cost));
        }
        self.section("authorities", found.join("; "), steps);
    }

    fn is_deployed(&self) -> bool {
        matches!(self.facts.program, ProgramFacts::Deployed { .. })
    }

    fn proposal(&self, to: Pubkey) -> (Step, Cost) {
        let cost = Cost { fees: self.fees(1, &[self.wanted.admin]), ..Cost::default() };
        (Step::ProposeAdmin { to }, cost)
    }

    /// Whether those who pay can.
    fn finish(mut self) -> Plan {
        let Wanted { payer, admin, .. } = *self.wanted;
        let (mut payer_purse, mut admin_purse) = (Purse::default(), Purse::default());
        for (_, cost) in self.sections.iter().flat_map(|section| &section.steps) {
            let rent = if payer == admin { cost.rent.saturating_add(cost.admin_rent) } else { cost.rent };
            payer_purse.spend(rent.saturating_add(cost.fees), cost.returned);
            if payer != admin {
                admin_purse.spend(cost.admin_rent, 0);
            }
        }
        // What is left must be rent-exempt, or the transaction is refused.
        let left_over = self.facts.rent.base;
        let with_rest = |peak: u64| if peak == 0 { 0 } else { peak.saturating_add(left_over) };
        let (payer_needs, admin_needs) = (with_rest(payer_purse.peak()), with_rest(admin_purse.peak()));
        let mut airdrops = Vec::new();
        for (role, address, has, needs) in [
            ("keys.payer", payer, self.facts.payer_lamports, payer_needs),
            ("keys.admin", admin, self.facts.admin_lamports, admin_needs),
        ] {
            if has >= needs {
                continue;
            }
            if self.facts.cluster == Kind::Local {
                let lamports = needs.saturating_sub(has).div_ceil(LAMPORTS_PER_SOL).saturating_mul(LAMPORTS_PER_SOL);
                airdrops.push((Step::Airdrop { to: address, lamports }, Cost::default()));
            } else {
                self.refusals.push(Refusal::ShortOfLamports { role, address, has, needs });
            }
        }
        if !airdrops.is_empty() {
            let found = format!("{payer} has {} lamports", self.facts.payer_lamports);
            self.sections.insert(0, Section { subject: "payer", found, steps: airdrops });
        }
        Plan { sections: self.sections, refusals: self.refusals, payer_needs, admin_needs }
    }

    fn section(&mut self, subject: &'static str, found: String, steps: Vec<(Step, Cost)>) {
        self.sections.push(Section { subject, found, steps });
    }

    fn rent(&self, bytes: usize) -> u64 {
        let rent: Rent = self.facts.rent;
        rent.minimum(bytes)
    }

    /// The fees of `transactions` that the payer and `others` sign.
    fn fees(&self, transactions: usize, others: &[Pubkey]) -> u64 {
        let mut signers = vec![self.wanted.payer];
        signers.extend(others);
        signers.sort_unstable();
        signers.dedup();
        fees(transactions, signers.len(), self.wanted.compute_unit_price)
    }
}

/// An upload to plan.
struct Upload {
    close: Step,
    step: fn(bool, usize, usize) -> Step,
    file: &'static str,
    rent: u64,
    bytes: usize,
    chunks: usize,
}

/// By how much a program with room for `capacity` bytes has to be extended for `needed`; the loader takes no less than
/// [`MINIMUM_EXTEND_PROGRAM_BYTES`] at a time.
fn growth(capacity: usize, needed: usize) -> Option<u32> {
    let missing = needed.saturating_sub(capacity);
    (missing > 0).then(|| u32::try_from(missing).unwrap_or(u32::MAX).max(MINIMUM_EXTEND_PROGRAM_BYTES))
}

/// Terms that the chain has otherwise than the configuration: name, there, wanted.
fn differences(wanted: &Wanted, terms: &NetworkTerms, state: &NetworkState) -> Vec<(&'static str, String, String)> {
    let NetworkTerms { args, asset, .. } = terms;
    let asset_name = |mint: Option<Pubkey>| mint.map_or_else(|| "SOL".to_owned(), |mint| mint.to_string());
    let asked = match asset {
        Asset::Sol => None,
        Asset::Mint(mint) => Some(*mint),
    };
    let pair = |term, there: &dyn ToString, asked: &dyn ToString| (term, there.to_string(), asked.to_string());
    // Once the proposed admin has accepted, it is the admin.
    let admin = if wanted.final_admin == Some(state.admin) { state.admin } else { wanted.admin };
    [
        pair("admin", &state.admin, &admin),
        pair("settler", &state.settler, &args.settler),
        pair("guardian", &state.guardian, &args.guardian),
        pair("asset", &asset_name(state.mint), &asset_name(asked)),
        pair("default_threshold", &state.default_threshold, &args.default_threshold),
        pair("per_node_cap", &state.per_node_cap, &args.per_node_cap),
        pair("per_batch_cap", &state.per_batch_cap, &args.per_batch_cap),
        pair("window_limit", &state.window_limit, &args.window_limit),
        pair("window_seconds", &state.window_seconds, &args.window_seconds),
        pair("max_pending_age", &state.max_pending_age, &args.max_pending_age),
    ]
    .into_iter()
    .filter(|(_, there, asked)| there != asked)
    .collect()
}
