//! Planning: a pure function from the desired and the observed state to the steps to take.
//!
//! A plan is complete before anything is sent: everything that would stop it halfway is a [`Blocker`].

mod blocker;
mod cost;
mod step;
#[cfg(test)]
mod tests;

use settlement::client::{SPL_TOKEN_ID, TOKEN_2022_ID};
use settlement::rules::token_layout::TOKEN_ACCOUNT_LEN;
use settlement::state::{AssetKind, Network, Treasury};
use solana_loader_v3_interface::instruction::MINIMUM_EXTEND_PROGRAM_BYTES;
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_pubkey::{Pubkey, pubkey};

pub(crate) use blocker::Blocker;
pub(crate) use cost::{Cost, MAX_COMPUTE_UNITS};
pub(crate) use step::Step;

use crate::artifacts::contains_address;
use crate::cluster::ClusterKind;
use crate::config::{Asset, FinalAuthority, NetworkTerms};
use crate::content::{Chunks, Content};
use crate::desired::Desired;
use crate::key_store::StoredKey;
use crate::observed::{BufferState, IdlState, MintState, NetworkAccounts, NetworkState, Observed, ProgramState};
use crate::program_metadata;
use crate::text::sol;
use cost::{PeakSpending, fees};

/// The program's address on local clusters. Its keypair is in the repository.
const LOCALNET_PROGRAM: Pubkey = pubkey!("7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw");

/// An upper bound on the size of a Token-2022 account: 165 bytes, the account type, and the extensions that a mint can
/// require, a few of at most 40 bytes each.
const TOKEN_2022_ACCOUNT_BYTES: usize = 320;

/// Airdrops are rounded up to whole SOL.
const LAMPORTS_PER_SOL: u64 = 1_000_000_000;

/// The part of a plan that concerns the program, the IDL, the network or the authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) status: String,
    pub(crate) steps: Vec<(Step, Cost)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In the order in which they are applied.
    pub(crate) sections: Vec<Section>,
    /// The plan can be applied only if there are none.
    pub(crate) blockers: Vec<Blocker>,
    /// The highest balance that the payer needs at any time, in lamports.
    pub(crate) payer_needs: u64,
    /// The same for the admin, if it is another account.
    pub(crate) admin_needs: u64,
}

impl Plan {
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.sections.iter().flat_map(|section| &section.steps).map(|(step, _)| *step).collect()
    }
}

pub(crate) fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut planner = Planner { desired, observed, sections: Vec::new(), blockers: Vec::new() };
    planner.check_permissions();
    let authority = planner.program();
    planner.idl(authority);
    planner.network();
    planner.authorities(authority);
    planner.finish()
}

struct Planner<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    sections: Vec<Section>,
    blockers: Vec<Blocker>,
}

impl Planner<'_> {
    fn check_permissions(&mut self) {
        let Desired { program, permissions, .. } = *self.desired;
        if self.observed.cluster == ClusterKind::Mainnet && !permissions.mainnet && !permissions.dry_run {
            self.blockers.push(Blocker::MainnetNotConfirmed);
        }
        if program == LOCALNET_PROGRAM && self.observed.cluster != ClusterKind::Local {
            self.blockers.push(Blocker::LocalnetProgramId { program });
        }
    }

    /// Plans the program, and returns its upgrade authority once that is done.
    fn program(&mut self) -> Option<Pubkey> {
        let Desired { program, upgrade_authority: ours, max_len, .. } = *self.desired;
        let elf_len = self.desired.elf.len();
        match self.observed.program {
            ProgramState::Absent { lamports: prefunded } => {
                match self.desired.program_keypair {
                    None => self.blockers.push(Blocker::ProgramKeypairMissing { program }),
                    Some(ours) if ours != program => {
                        self.blockers.push(Blocker::ProgramKeypairMismatch { ours, program });
                    }
                    Some(_) => {}
                }
                if max_len < elf_len {
                    self.blockers.push(Blocker::MaxLenTooSmall { max_len, bytes: elf_len });
                }
                let (mut steps, buffer_rent) = self.program_upload();
                let rent = self
                    .rent(UpgradeableLoaderState::size_of_program())
                    .saturating_sub(prefunded)
                    .saturating_add(self.rent(UpgradeableLoaderState::size_of_programdata(max_len)));
                // The loader returns the buffer's lamports to the payer before it takes the rent.
                let cost = Cost {
                    rent: rent.saturating_sub(buffer_rent),
                    fees: self.fees(1, &[ours, program]),
                    refund: buffer_rent.saturating_sub(rent),
                    ..Cost::default()
                };
                steps.push((Step::DeployProgram { prefunded, max_len }, cost));
                self.section("program", format!("{program} is not deployed"), steps);
                Some(ours)
            }
            ProgramState::Deployed { authority, matches: true, slot, .. } => {
                let status = format!("{program} is up to date, last deployed at slot {slot}");
                let steps = self.close_leftover_buffer(Content::Program);
                self.section("program", status, steps);
                authority
            }
            ProgramState::Deployed { authority, capacity, data_lamports, .. } => {
                match authority {
                    None => self.blockers.push(Blocker::ProgramImmutable),
                    Some(authority) => self.require_upgrade_authority("an upgrade", authority),
                }
                let (mut steps, buffer_rent) = self.program_upload();
                if let Some(bytes) = extension(capacity, elf_len) {
                    let size = UpgradeableLoaderState::size_of_programdata(capacity.saturating_add(bytes as usize));
                    let rent = self.rent(size).saturating_sub(data_lamports);
                    let cost = Cost { rent, fees: self.fees(1, &[]), ..Cost::default() };
                    steps.push((Step::ExtendProgram { bytes }, cost));
                }
                let cost = Cost { fees: self.fees(1, &[ours]), refund: buffer_rent, ..Cost::default() };
                steps.push((Step::UpgradeProgram, cost));
                self.section("program", format!("{program} is deployed with other bytecode"), steps);
                authority
            }
            ProgramState::Closed => {
                self.blockers.push(Blocker::ProgramClosed { program });
                None
            }
            ProgramState::OtherAccount { owner } => {
                self.blockers.push(Blocker::AddressInUse { program, owner });
                None
            }
        }
    }

    fn require_upgrade_authority(&mut self, action: &'static str, authority: Pubkey) {
        let ours = self.desired.upgrade_authority;
        if authority != ours {
            self.blockers.push(Blocker::UpgradeAuthorityMismatch { action, authority, ours });
        }
    }

    /// Checks the bytecode and plans its upload.
    fn program_upload(&mut self) -> (Vec<(Step, Cost)>, u64) {
        let Desired { program, elf, security, .. } = self.desired;
        let cluster = self.observed.cluster;
        if !contains_address(&elf.bytes, program) {
            self.blockers.push(Blocker::ProgramIdMismatch { program: *program });
        }
        match security {
            Some(security) => self.blockers.extend(Blocker::security_txt(&elf.bytes, security)),
            None if cluster.is_public() => {
                self.blockers.push(Blocker::SecurityNotConfigured { cluster: cluster.name() });
            }
            None => {}
        }
        self.upload(Content::Program, elf, self.rent(UpgradeableLoaderState::size_of_buffer(elf.len())))
    }

    /// Plans an upload to a buffer that holds `rent`. Returns the steps, and the buffer's lamports after them.
    fn upload(&mut self, content: Content, chunks: &Chunks, rent: u64) -> (Vec<(Step, Cost)>, u64) {
        let ours = self.desired.upgrade_authority;
        let bytes = chunks.len();
        let mut steps = Vec::new();
        match *self.observed.buffers.get(content) {
            Some(BufferState { authority, .. }) if authority != Some(ours) => {
                let file = StoredKey::Buffer(content).file_name();
                self.blockers.push(Blocker::BufferAuthorityMismatch { authority, ours, file });
            }
            Some(BufferState { fits: true, missing, lamports, .. }) => {
                if missing > 0 {
                    let cost = Cost { fees: self.fees(missing, &[ours]), ..Cost::default() };
                    steps.push((Step::Upload { content, create: false, bytes, chunks: missing }, cost));
                }
                return (steps, lamports);
            }
            Some(_) => steps.extend(self.close_leftover_buffer(content)),
            None => {}
        }
        let missing = chunks.missing_from_new_buffer();
        // The creation of the buffer is signed by the payer and the buffer's own key.
        let creation = fees(1, 2, self.desired.compute_unit_price);
        let fees = creation.saturating_add(self.fees(missing, &[ours]));
        let step = Step::Upload { content, create: true, bytes, chunks: missing };
        steps.push((step, Cost { rent, fees, ..Cost::default() }));
        (steps, rent)
    }

    /// Reclaims the rent of a buffer that is no longer needed.
    fn close_leftover_buffer(&self, content: Content) -> Vec<(Step, Cost)> {
        let ours = self.desired.upgrade_authority;
        let buffer = self.observed.buffers.get(content).filter(|buffer| buffer.authority == Some(ours));
        let cost = |refund| Cost { fees: self.fees(1, &[ours]), refund, ..Cost::default() };
        buffer.map(|buffer| (Step::CloseBuffer(content), cost(buffer.lamports))).into_iter().collect()
    }

    fn idl(&mut self, upgrade_authority: Option<Pubkey>) {
        let Some(file) = &self.desired.idl else {
            return self.section("idl", "not configured, nothing is published".to_owned(), Vec::new());
        };
        let path = &file.path;
        let idl_account = &self.observed.idl;
        if *idl_account == IdlState::NoMetadataProgram {
            let status = format!("cannot be published: the cluster has no Program Metadata program; see {path}");
            return self.section("idl", status, Vec::new());
        }
        let packed = match &file.content {
            Ok(idl) => &idl.packed,
            Err(reason) => {
                let (path, reason) = (path.clone(), reason.clone());
                return self.blockers.push(Blocker::IdlUnreadable { path, reason });
            }
        };
        let address = program_metadata::idl_address(&self.desired.program);
        let rent = self.rent(program_metadata::HEADER_BYTES + packed.len());
        let (status, last, lamports) = match *idl_account {
            IdlState::Published { matches: true, .. } => {
                let steps = self.close_leftover_buffer(Content::Idl);
                return self.section("idl", format!("{path} is published at {address}"), steps);
            }
            IdlState::Published { mutable: false, .. } => return self.blockers.push(Blocker::IdlImmutable),
            IdlState::Published { data_len: old_len, lamports, .. } => {
                let lamports = rent.saturating_sub(lamports);
                (format!("another IDL is published at {address}"), Step::ReplaceIdl { old_len, lamports }, lamports)
            }
            IdlState::Absent { lamports } => {
                let lamports = rent.saturating_sub(lamports);
                (format!("no IDL is published at {address}"), Step::PublishIdl { lamports }, lamports)
            }
            IdlState::Incomplete | IdlState::NoMetadataProgram => return self.blockers.push(Blocker::IdlIncomplete),
        };
        match upgrade_authority {
            Some(authority) => self.require_upgrade_authority("publishing the IDL", authority),
            None if self.is_deployed() => self.blockers.push(Blocker::IdlOfImmutableProgram),
            // The program cannot be deployed, which is a blocker already.
            None => {}
        }
        let (mut steps, refund) = self.upload(Content::Idl, packed, rent);
        let fees = self.fees(1, &[self.desired.upgrade_authority]);
        steps.push((last, Cost { rent: lamports, fees, refund, ..Cost::default() }));
        self.section("idl", status, steps);
    }

    fn network(&mut self) {
        let (Some(terms), Some(state)) = (self.desired.network, &self.observed.network) else { return };
        let name = terms.id.name();
        match state {
            NetworkState::Unreadable(reason) => {
                let reason = reason.clone();
                self.blockers.push(Blocker::NetworkUnreadable { network: name, reason });
            }
            NetworkState::Closed => self.blockers.push(Blocker::NetworkClosed { network: name }),
            NetworkState::Absent if terms.creator != self.desired.admin => {
                let (creator, admin) = (terms.creator, self.desired.admin);
                self.blockers.push(Blocker::CreatorIsNotAdmin { network: name, creator, admin });
            }
            NetworkState::Exists(accounts) => {
                let differing = compare(self.desired, &terms, accounts).into_iter().filter(Term::differs);
                self.blockers.extend(differing.map(|Term { name: term, on_chain, configured }| {
                    Blocker::NetworkDiffers { network: name.clone(), term, on_chain, configured }
                }));
                let mut steps = Vec::new();
                if accounts.needs_migration {
                    steps.push((Step::MigrateTreasury, Cost { fees: self.fees(1, &[]), ..Cost::default() }));
                }
                self.section("network", format!("'{name}' exists"), steps);
            }
            NetworkState::Absent => {
                let (token_program, token_account) = match self.token_program(terms.asset) {
                    Ok(found) => found,
                    Err(blocker) => return self.blockers.push(blocker),
                };
                let rent = [Network::SIZE, Treasury::SIZE]
                    .into_iter()
                    .chain(token_account)
                    .fold(0_u64, |sum, size| sum.saturating_add(self.rent(size)));
                let cost = Cost { admin_rent: rent, fees: self.fees(1, &[self.desired.admin]), ..Cost::default() };
                let step = Step::CreateNetwork { id: terms.id, token_program };
                self.section("network", format!("'{name}' does not exist"), vec![(step, cost)]);
            }
        }
    }

    /// The asset's token program and the size of the treasury's token account; neither for SOL.
    fn token_program(&self, asset: Asset) -> Result<(Option<Pubkey>, Option<usize>), Blocker> {
        let Asset::Mint(mint) = asset else { return Ok((None, None)) };
        let MintState { owner, unsupported } = self.observed.mint.clone().ok_or(Blocker::MintNotFound { mint })?;
        let account_bytes = match owner {
            owner if owner == SPL_TOKEN_ID => TOKEN_ACCOUNT_LEN,
            owner if owner == TOKEN_2022_ID => TOKEN_2022_ACCOUNT_BYTES,
            owner => return Err(Blocker::NotAMint { mint, owner }),
        };
        match unsupported {
            Some(reason) => Err(Blocker::UnsupportedMint { mint, reason }),
            None => Ok((Some(owner), Some(account_bytes))),
        }
    }

    fn authorities(&mut self, upgrade_authority: Option<Pubkey>) {
        let Desired { admin, upgrade_authority: ours, final_admin, final_upgrade, permissions, .. } = *self.desired;
        let mut status = Vec::new();
        let mut steps = Vec::new();
        let propose = |to| (Step::ProposeAdmin { to }, Cost { fees: self.fees(1, &[admin]), ..Cost::default() });
        match (&self.observed.network, final_admin) {
            (None, Some(_)) => self.blockers.push(Blocker::AdminWithoutNetwork),
            (Some(NetworkState::Exists(accounts)), to) => {
                let (current, pending) = (accounts.network.admin, pending_admin(&accounts.network));
                let proposed = pending.map(|next| format!(" ({next} is proposed)")).unwrap_or_default();
                status.push(format!("network admin is {current}{proposed}"));
                steps.extend(to.filter(|to| current != *to && pending != Some(*to)).map(propose));
            }
            (Some(NetworkState::Absent), Some(to)) if to != admin => steps.push(propose(to)),
            _ => {}
        }
        status.push(match (self.is_deployed(), upgrade_authority) {
            (true, Some(authority)) => format!("upgrade authority is {authority}"),
            (true, None) => "the program is immutable".to_owned(),
            (false, _) => format!("upgrade authority will be {ours}"),
        });
        let to = match final_upgrade {
            None => upgrade_authority,
            Some(FinalAuthority::Address(to)) => Some(to),
            Some(FinalAuthority::None) => None,
        };
        if to != upgrade_authority {
            match (upgrade_authority, to) {
                (Some(authority), None) if authority == ours && !permissions.immutable => {
                    self.blockers.push(Blocker::ImmutableNotConfirmed);
                }
                (Some(authority), _) => {
                    self.require_upgrade_authority("transferring the upgrade authority", authority);
                }
                (None, Some(desired)) if self.is_deployed() => {
                    self.blockers.push(Blocker::AlreadyImmutable { desired });
                }
                (None, _) => {}
            }
            let cost = Cost { fees: self.fees(1, &[ours]), ..Cost::default() };
            steps.push((Step::SetUpgradeAuthority { to }, cost));
        }
        self.section("authorities", status.join("; "), steps);
    }

    fn is_deployed(&self) -> bool {
        matches!(self.observed.program, ProgramState::Deployed { .. })
    }

    /// Checks that payer and admin can pay, or plans airdrops on a local cluster.
    fn finish(mut self) -> Plan {
        let Desired { payer, admin, .. } = *self.desired;
        let (mut payer_spending, mut admin_spending) = (PeakSpending::default(), PeakSpending::default());
        for (_, cost) in self.sections.iter().flat_map(|section| &section.steps) {
            let rent = if payer == admin { cost.rent.saturating_add(cost.admin_rent) } else { cost.rent };
            payer_spending.spend(rent.saturating_add(cost.fees), cost.refund);
            if payer != admin {
                admin_spending.spend(cost.admin_rent, 0);
            }
        }
        // The remaining balance must be rent-exempt, or the transaction fails.
        let reserve = self.observed.rent.base;
        let with_reserve = |peak: u64| if peak == 0 { 0 } else { peak.saturating_add(reserve) };
        let (payer_needs, admin_needs) = (with_reserve(payer_spending.peak()), with_reserve(admin_spending.peak()));
        let mut airdrops = Vec::new();
        for (role, address, has, needs) in [
            ("keys.payer", payer, self.observed.payer_lamports, payer_needs),
            ("keys.admin", admin, self.observed.admin_lamports, admin_needs),
        ] {
            if has >= needs {
                continue;
            }
            if self.observed.cluster == ClusterKind::Local {
                let lamports = needs.saturating_sub(has).div_ceil(LAMPORTS_PER_SOL).saturating_mul(LAMPORTS_PER_SOL);
                airdrops.push((Step::Airdrop { to: address, lamports }, Cost::default()));
            } else {
                self.blockers.push(Blocker::InsufficientLamports { role, address, has, needs });
            }
        }
        if !airdrops.is_empty() {
            let status = format!("{payer} has {}", sol(self.observed.payer_lamports));
            self.sections.insert(0, Section { title: "payer", status, steps: airdrops });
        }
        Plan { sections: self.sections, blockers: self.blockers, payer_needs, admin_needs }
    }

    fn section(&mut self, title: &'static str, status: String, steps: Vec<(Step, Cost)>) {
        self.sections.push(Section { title, status, steps });
    }

    fn rent(&self, bytes: usize) -> u64 {
        self.observed.rent.minimum(bytes)
    }

    /// The fees of `transactions` that are signed by the payer and `others`.
    fn fees(&self, transactions: usize, others: &[Pubkey]) -> u64 {
        let mut signers = vec![self.desired.payer];
        signers.extend(others);
        signers.sort_unstable();
        signers.dedup();
        fees(transactions, signers.len(), self.desired.compute_unit_price)
    }
}

/// The bytes by which a program with `capacity` bytes has to be extended for `needed` bytes. The loader's minimum is
/// [`MINIMUM_EXTEND_PROGRAM_BYTES`].
fn extension(capacity: usize, needed: usize) -> Option<u32> {
    let missing = needed.saturating_sub(capacity);
    (missing > 0).then(|| u32::try_from(missing).unwrap_or(u32::MAX).max(MINIMUM_EXTEND_PROGRAM_BYTES))
}

/// The proposed admin of a network.
pub(crate) fn pending_admin(network: &Network) -> Option<Pubkey> {
    (network.pending_admin != Pubkey::default()).then_some(network.pending_admin)
}

/// A term of a network, on the chain and in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) name: &'static str,
    pub(crate) on_chain: String,
    pub(crate) configured: String,
}

impl Term {
    fn differs(&self) -> bool {
        self.on_chain != self.configured
    }
}

/// Compares a network with its configuration.
pub(crate) fn compare(desired: &Desired, terms: &NetworkTerms, accounts: &NetworkAccounts) -> [Term; 11] {
    let NetworkTerms { args, asset, .. } = terms;
    let NetworkAccounts { network, treasury, .. } = accounts;
    let term = |name, on_chain: &dyn ToString, configured: &dyn ToString| Term {
        name,
        on_chain: on_chain.to_string(),
        configured: configured.to_string(),
    };
    let asset_name = |mint: Option<Pubkey>| mint.map_or_else(|| "SOL".to_owned(), |mint| mint.to_string());
    let age = |seconds: u64| if seconds == u64::MAX { "never".to_owned() } else { seconds.to_string() };
    let actual_mint = (network.asset_kind != u8::from(AssetKind::Sol)).then_some(network.mint);
    let desired_mint = match asset {
        Asset::Sol => None,
        Asset::Mint(mint) => Some(*mint),
    };
    // The proposed admin becomes the admin by accepting.
    let admin = desired.final_admin.filter(|admin| *admin == network.admin).unwrap_or(desired.admin);
    [
        term("admin", &network.admin, &admin),
        term("settler", &network.settler, &args.settler),
        term("guardian", &network.guardian, &args.guardian),
        term("asset", &asset_name(actual_mint), &asset_name(desired_mint)),
        term("default_threshold", &network.default_threshold, &args.default_threshold),
        term("per_node_cap", &treasury.per_node_cap, &args.per_node_cap),
        term("per_batch_cap", &treasury.per_batch_cap, &args.per_batch_cap),
        term("window_limit", &treasury.window_limit, &args.window_limit),
        term("window_seconds", &treasury.window_seconds, &args.window_seconds),
        term("max_pending_age", &age(treasury.max_pending_age), &age(args.max_pending_age)),
        term("max_pause_seconds", &treasury.max_pause_seconds, &args.max_pause_seconds),
    ]
}
