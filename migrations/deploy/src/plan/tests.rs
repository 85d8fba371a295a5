//! Plans for all cases, without a chain.

use bytemuck::Zeroable;
use settlement::client::{CreateNetworkArgs, NetworkId, SPL_TOKEN_ID};

use super::*;
use crate::artifacts::{Idl, IdlFile};
use crate::config::SecuritySettings;
use crate::content::PerContent;
use crate::desired::Permissions;
use crate::observed::RentRate;

const PROGRAM: Pubkey = Pubkey::new_from_array([1; 32]);
const PAYER: Pubkey = Pubkey::new_from_array([2; 32]);
const AUTHORITY: Pubkey = Pubkey::new_from_array([3; 32]);
const ADMIN: Pubkey = Pubkey::new_from_array([4; 32]);
const STRANGER: Pubkey = Pubkey::new_from_array([5; 32]);
const MINT: Pubkey = Pubkey::new_from_array([6; 32]);
const ELF_LEN: usize = 1_000;
const IDL_LEN: usize = 500;
const PLENTY: u64 = 100 * LAMPORTS_PER_SOL;
const RENT: RentRate = RentRate { base: 128 * 1_000, lamports_per_byte: 1_000 };
const UPLOAD_PROGRAM: Step = Step::Upload { content: Content::Program, create: true, bytes: ELF_LEN, chunks: 7 };
const UPLOAD_IDL: Step = Step::Upload { content: Content::Idl, create: true, bytes: IDL_LEN, chunks: 2 };
const CONTACT: &str = "email:security@example.org";
const SOURCE_CODE: &str = "https://git.example.org/mine";

fn terms() -> NetworkTerms {
    let id = NetworkId::from_name("mine").unwrap();
    let args = CreateNetworkArgs {
        id: id.0,
        settler: ADMIN,
        guardian: ADMIN,
        default_threshold: 1,
        per_node_cap: 2,
        per_batch_cap: 3,
        window_limit: 4,
        window_seconds: 5,
        max_pending_age: 6,
        max_pause_seconds: 7,
    };
    NetworkTerms { id, creator: ADMIN, asset: Asset::Sol, args }
}

/// Bytecode that contains the program's address and a security.txt, in 7 chunks if it has `ELF_LEN` bytes.
fn elf(len: usize, program: Pubkey, contact: &str) -> Chunks {
    let fields = format!(
        "name\0n\0project_url\0u\0contacts\0{contact}\0policy\0p\0preferred_languages\0en\0source_code\0{SOURCE_CODE}\0"
    );
    let text = format!("=======BEGIN SECURITY.TXT V1=======\0{fields}=======END SECURITY.TXT V1=======\0");
    let mut bytes = [program.as_ref(), text.as_bytes()].concat();
    bytes.resize(len, 9);
    Chunks::new(bytes, ELF_LEN.div_ceil(7))
}

fn idl_file(content: Result<Idl, String>) -> Option<IdlFile> {
    Some(IdlFile { path: "idl.json".to_owned(), content })
}

fn security(contact: &str) -> Option<SecuritySettings> {
    Some(SecuritySettings { contact: contact.to_owned(), source_code: SOURCE_CODE.to_owned() })
}

fn desired() -> Desired {
    let packed = Chunks::new(vec![1; IDL_LEN], IDL_LEN / 2);
    Desired {
        program: PROGRAM,
        program_keypair: Some(PROGRAM),
        elf: elf(ELF_LEN, PROGRAM, CONTACT),
        max_len: ELF_LEN,
        idl: idl_file(Ok(Idl { text: String::new(), packed })),
        security: security(CONTACT),
        payer: PAYER,
        upgrade_authority: AUTHORITY,
        admin: ADMIN,
        network: Some(terms()),
        final_upgrade: None,
        final_admin: None,
        compute_unit_price: 0,
        permissions: Permissions::default(),
    }
}

fn empty_cluster() -> Observed {
    Observed {
        cluster: ClusterKind::Devnet,
        rent: RENT,
        program: ProgramState::Absent { lamports: 0 },
        idl: IdlState::Absent { lamports: 0 },
        buffers: PerContent { program: None, idl: None },
        network: Some(NetworkState::Absent),
        mint: None,
        payer_lamports: PLENTY,
        admin_lamports: PLENTY,
    }
}

/// The deployed bytecode compared with the file's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bytecode {
    Current,
    Outdated,
}

fn deployed(authority: Option<Pubkey>, bytecode: Bytecode) -> ProgramState {
    let data_lamports = RENT.minimum(UpgradeableLoaderState::size_of_programdata(ELF_LEN));
    let matches = bytecode == Bytecode::Current;
    ProgramState::Deployed { authority, capacity: ELF_LEN, data_lamports, matches, sha256: [0; 32], slot: 9 }
}

fn accounts() -> NetworkAccounts {
    let asset_kind = AssetKind::Sol.into();
    let network = Network {
        admin: ADMIN,
        settler: ADMIN,
        guardian: ADMIN,
        asset_kind,
        default_threshold: 1,
        ..Network::zeroed()
    };
    let treasury = Treasury {
        per_node_cap: 2,
        per_batch_cap: 3,
        window_limit: 4,
        window_seconds: 5,
        max_pending_age: 6,
        max_pause_seconds: 7,
        ..Treasury::zeroed()
    };
    NetworkAccounts { network, treasury, needs_migration: false }
}

fn network(change: impl FnOnce(&mut NetworkAccounts)) -> Option<NetworkState> {
    let mut accounts = accounts();
    change(&mut accounts);
    Some(NetworkState::Exists(Box::new(accounts)))
}

/// A cluster in the desired state.
fn complete_cluster() -> Observed {
    Observed {
        program: deployed(Some(AUTHORITY), Bytecode::Current),
        idl: IdlState::Published { matches: true, data_len: IDL_LEN, lamports: PLENTY, mutable: true },
        network: network(|_| {}),
        ..empty_cluster()
    }
}

fn outdated_program() -> Observed {
    Observed { program: deployed(Some(AUTHORITY), Bytecode::Outdated), ..complete_cluster() }
}

fn steps(desired: &Desired, observed: &Observed) -> Vec<Step> {
    let plan = plan(desired, observed);
    assert_eq!(plan.blockers, []);
    plan.steps()
}

fn blockers(desired: &Desired, observed: &Observed) -> Vec<Blocker> {
    plan(desired, observed).blockers
}

fn authority_mismatch(action: &'static str, authority: Pubkey, ours: Pubkey) -> Blocker {
    Blocker::UpgradeAuthorityMismatch { action, authority, ours }
}

#[test]
fn an_empty_cluster_gets_program_idl_and_network() {
    let publish = Step::PublishIdl { lamports: RENT.minimum(96 + IDL_LEN) };
    let create = Step::CreateNetwork { id: terms().id, token_program: None };
    let deploy = Step::DeployProgram { prefunded: 0, max_len: ELF_LEN };
    assert_eq!(steps(&desired(), &empty_cluster()), [UPLOAD_PROGRAM, deploy, UPLOAD_IDL, publish, create]);
}

#[test]
fn the_desired_state_needs_no_steps() {
    let complete = complete_cluster();
    for observed in [
        complete.clone(),
        // No lamports are needed if there is nothing to do.
        Observed { payer_lamports: 0, admin_lamports: 0, ..complete.clone() },
        Observed { program: deployed(None, Bytecode::Current), ..complete },
    ] {
        assert_eq!(steps(&desired(), &observed), []);
    }
}

#[test]
fn an_immutable_program_cannot_get_an_idl_or_an_authority() {
    let immutable = Observed { program: deployed(None, Bytecode::Current), ..complete_cluster() };
    let unpublished = Observed { idl: IdlState::Absent { lamports: 0 }, ..immutable.clone() };
    assert_eq!(blockers(&desired(), &unpublished), [Blocker::IdlOfImmutableProgram]);
    let transfer = |to| Desired { final_upgrade: Some(to), ..desired() };
    let blocker = Blocker::AlreadyImmutable { desired: STRANGER };
    assert_eq!(blockers(&transfer(FinalAuthority::Address(STRANGER)), &immutable), [blocker]);
    assert_eq!(steps(&transfer(FinalAuthority::None), &immutable), []);
}

#[test]
fn other_bytecode_is_upgraded_and_a_longer_one_extends_the_program_first() {
    let observed = outdated_program();
    assert_eq!(steps(&desired(), &observed), [UPLOAD_PROGRAM, Step::UpgradeProgram]);
    let with_len = |len| steps(&Desired { elf: elf(len, PROGRAM, CONTACT), ..desired() }, &observed);
    let extension = |len| {
        with_len(len).into_iter().find_map(|step| match step {
            Step::ExtendProgram { bytes } => Some(bytes),
            _ => None,
        })
    };
    assert_eq!(extension(ELF_LEN - 1), None);
    assert_eq!(extension(ELF_LEN + 1), Some(MINIMUM_EXTEND_PROGRAM_BYTES));
    assert_eq!(extension(ELF_LEN + 20_000), Some(20_000));
    let order = with_len(ELF_LEN + 1);
    assert!(matches!(order[..], [Step::Upload { .. }, Step::ExtendProgram { .. }, Step::UpgradeProgram]));
}

#[test]
fn an_interrupted_upload_is_resumed() {
    let with_buffer = |buffer| {
        let program = Some(buffer);
        Observed { buffers: PerContent { program, idl: None }, ..outdated_program() }
    };
    let resume = Step::Upload { content: Content::Program, create: false, bytes: ELF_LEN, chunks: 3 };
    let close = Step::CloseBuffer(Content::Program);
    let buffer = BufferState { authority: Some(AUTHORITY), lamports: 50, fits: true, missing: 0 };
    let complete = with_buffer(buffer);
    for (observed, expected) in [
        (with_buffer(BufferState { missing: 3, ..buffer }), [resume, Step::UpgradeProgram].as_slice()),
        (complete.clone(), &[Step::UpgradeProgram]),
        // A buffer for other content is closed.
        (
            with_buffer(BufferState { fits: false, missing: 9, ..buffer }),
            &[close, UPLOAD_PROGRAM, Step::UpgradeProgram],
        ),
        // A buffer that is no longer needed still holds rent.
        (Observed { program: deployed(Some(AUTHORITY), Bytecode::Current), ..complete }, &[close]),
    ] {
        assert_eq!(steps(&desired(), &observed), expected);
    }
    let (authority, file) = (Some(STRANGER), "program-buffer.json");
    let blocker = Blocker::BufferAuthorityMismatch { authority, ours: AUTHORITY, file };
    assert_eq!(blockers(&desired(), &with_buffer(BufferState { authority, ..buffer })), [blocker]);
}

#[test]
fn the_first_deployment_requires_program_keypair_and_bytecode() {
    let program = PROGRAM;
    let without_keypair = Desired { program_keypair: None, ..desired() };
    for (desired, blocker) in [
        (without_keypair.clone(), Blocker::ProgramKeypairMissing { program }),
        (
            Desired { program_keypair: Some(STRANGER), ..desired() },
            Blocker::ProgramKeypairMismatch { ours: STRANGER, program },
        ),
        (
            Desired { max_len: ELF_LEN - 1, ..desired() },
            Blocker::MaxLenTooSmall { max_len: ELF_LEN - 1, bytes: ELF_LEN },
        ),
        (Desired { elf: elf(ELF_LEN, STRANGER, CONTACT), ..desired() }, Blocker::ProgramIdMismatch { program }),
    ] {
        assert_eq!(blockers(&desired, &empty_cluster()), [blocker]);
    }
    assert_eq!(blockers(&without_keypair, &complete_cluster()), []);
}

#[test]
fn a_public_cluster_requires_a_security_contact() {
    let unconfigured = Desired { security: None, program_keypair: Some(PROGRAM), ..desired() };
    for (cluster, name) in [
        (ClusterKind::Mainnet, Some("mainnet-beta")),
        (ClusterKind::Testnet, Some("testnet")),
        (ClusterKind::Devnet, Some("devnet")),
        (ClusterKind::Private, None),
        (ClusterKind::Local, None),
    ] {
        let permissions = Permissions { mainnet: true, ..Permissions::default() };
        let desired = Desired { permissions, ..unconfigured.clone() };
        let expected: Vec<Blocker> =
            name.map(|cluster| Blocker::SecurityNotConfigured { cluster }).into_iter().collect();
        for observed in [empty_cluster(), outdated_program()] {
            assert_eq!(blockers(&desired, &Observed { cluster, ..observed }), expected);
        }
        assert_eq!(blockers(&desired, &Observed { cluster, ..complete_cluster() }), [], "nothing is deployed");
    }
}

#[test]
fn the_security_txt_of_the_program_must_be_the_configured_one() {
    let two = "email:a@example.org, link:https://example.org/report";
    assert_eq!(
        blockers(&Desired { elf: elf(ELF_LEN, PROGRAM, two), security: security(two), ..desired() }, &empty_cluster()),
        []
    );
    let without = [PROGRAM.as_ref(), &[9; ELF_LEN - 32]].concat();
    for (elf, found) in [
        (elf(ELF_LEN, PROGRAM, "email:other@example.org"), "contact 'Email: other@example.org' and source code 'https"),
        (Chunks::new(without, 100), "has no security.txt"),
    ] {
        // On a local cluster as well, if it is configured.
        let observed = Observed { cluster: ClusterKind::Local, ..empty_cluster() };
        let blockers = blockers(&Desired { elf, ..desired() }, &observed);
        let [Blocker::SecurityTxtMismatch { .. }] = blockers[..] else { panic!("{blockers:?}") };
        let message = blockers[0].to_string();
        for part in [
            found,
            "WILLIW_SECURITY_CONTACT='email:security@example.org'",
            "WILLIW_SOURCE_CODE='https://git.example.org/mine'",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn an_address_that_cannot_be_used_is_a_blocker() {
    let final_upgrade = Some(FinalAuthority::Address(STRANGER));
    let desired = Desired { final_upgrade, ..desired() };
    let program = PROGRAM;
    for (state, expected) in [
        (ProgramState::Closed, [Blocker::ProgramClosed { program }].as_slice()),
        (ProgramState::OtherAccount { owner: STRANGER }, &[Blocker::AddressInUse { program, owner: STRANGER }]),
        // Anybody can send lamports to the address.
        (ProgramState::Absent { lamports: 5 }, &[]),
    ] {
        assert_eq!(blockers(&desired, &Observed { program: state, ..empty_cluster() }), expected);
    }
}

#[test]
fn only_the_upgrade_authority_can_upgrade() {
    let with = |authority| {
        blockers(&desired(), &Observed { program: deployed(authority, Bytecode::Outdated), ..complete_cluster() })
    };
    assert_eq!(with(Some(STRANGER)), [authority_mismatch("an upgrade", STRANGER, AUTHORITY)]);
    assert_eq!(with(None), [Blocker::ProgramImmutable]);
}

#[test]
fn the_localnet_program_id_is_for_local_clusters_only() {
    let program = LOCALNET_PROGRAM;
    let desired = Desired { program, program_keypair: Some(program), elf: elf(ELF_LEN, program, CONTACT), ..desired() };
    assert_eq!(blockers(&desired, &empty_cluster()), [Blocker::LocalnetProgramId { program }]);
    assert_eq!(blockers(&desired, &Observed { cluster: ClusterKind::Local, ..empty_cluster() }), []);
}

#[test]
fn a_deployment_to_mainnet_must_be_confirmed_but_a_dry_run_need_not() {
    let observed = Observed { cluster: ClusterKind::Mainnet, ..complete_cluster() };
    assert_eq!(blockers(&desired(), &observed), [Blocker::MainnetNotConfirmed]);
    for permissions in [
        Permissions { mainnet: true, ..Permissions::default() },
        Permissions { dry_run: true, ..Permissions::default() },
    ] {
        assert_eq!(blockers(&Desired { permissions, ..desired() }, &observed), []);
    }
}

#[test]
fn an_idl_is_published_only_where_that_is_possible() {
    let impossible = Observed { idl: IdlState::NoMetadataProgram, ..complete_cluster() };
    let plan = plan(&desired(), &impossible);
    assert_eq!((plan.steps(), plan.blockers), (Vec::new(), Vec::new()));
    let section = plan.sections.iter().find(|section| section.title == "idl").unwrap();
    let status = &section.status;
    assert!(status.contains("no Program Metadata program") && status.contains("idl.json"), "{status}");
    // The file is not needed there.
    let missing = Desired { idl: idl_file(Err("not found".to_owned())), ..desired() };
    assert_eq!(steps(&missing, &impossible), []);
    let blocker = Blocker::IdlUnreadable { path: "idl.json".to_owned(), reason: "not found".to_owned() };
    assert_eq!(blockers(&missing, &complete_cluster()), [blocker]);
    assert_eq!(steps(&Desired { idl: None, ..desired() }, &complete_cluster()), []);
}

#[test]
fn another_idl_is_replaced_by_the_upgrade_authority_only() {
    let published = |mutable| {
        let idl = IdlState::Published { matches: false, data_len: 400, lamports: 3, mutable };
        Observed { idl, ..complete_cluster() }
    };
    let replace = Step::ReplaceIdl { old_len: 400, lamports: RENT.minimum(96 + IDL_LEN) - 3 };
    assert_eq!(steps(&desired(), &published(true)), [UPLOAD_IDL, replace]);
    let other_authority = Desired { upgrade_authority: STRANGER, ..desired() };
    let blocker = authority_mismatch("publishing the IDL", AUTHORITY, STRANGER);
    assert_eq!(blockers(&other_authority, &published(true)), [blocker]);
    assert_eq!(blockers(&desired(), &published(false)), [Blocker::IdlImmutable]);
    let incomplete = Observed { idl: IdlState::Incomplete, ..complete_cluster() };
    assert_eq!(blockers(&desired(), &incomplete), [Blocker::IdlIncomplete]);
}

#[test]
fn each_differing_term_of_a_network_is_a_blocker() {
    type Change = fn(&mut NetworkAccounts);
    let changes: [(&str, Change); 11] = [
        ("admin", |it| it.network.admin = STRANGER),
        ("settler", |it| it.network.settler = STRANGER),
        ("guardian", |it| it.network.guardian = STRANGER),
        ("asset", |it| (it.network.asset_kind, it.network.mint) = (1 - u8::from(AssetKind::Sol), MINT)),
        ("default_threshold", |it| it.network.default_threshold = 9),
        ("per_node_cap", |it| it.treasury.per_node_cap = 9),
        ("per_batch_cap", |it| it.treasury.per_batch_cap = 9),
        ("window_limit", |it| it.treasury.window_limit = 9),
        ("window_seconds", |it| it.treasury.window_seconds = 9),
        ("max_pending_age", |it| it.treasury.max_pending_age = 9),
        ("max_pause_seconds", |it| it.treasury.max_pause_seconds = 9),
    ];
    for (expected, change) in changes {
        match &blockers(&desired(), &Observed { network: network(change), ..complete_cluster() })[..] {
            [Blocker::NetworkDiffers { term, .. }] => assert_eq!(*term, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let reason = "old".to_owned();
    let unreadable = Some(NetworkState::Unreadable(reason.clone()));
    let blocker = Blocker::NetworkUnreadable { network: "mine".to_owned(), reason };
    assert_eq!(blockers(&desired(), &Observed { network: unreadable, ..complete_cluster() }), [blocker]);
}

#[test]
fn only_its_creator_can_create_a_network_and_only_once() {
    let desired = Desired { network: Some(NetworkTerms { creator: STRANGER, ..terms() }), ..desired() };
    let blocker = Blocker::CreatorIsNotAdmin { network: "mine".to_owned(), creator: STRANGER, admin: ADMIN };
    assert_eq!(blockers(&desired, &Observed { network: Some(NetworkState::Absent), ..complete_cluster() }), [blocker]);
    assert_eq!(steps(&desired, &complete_cluster()), [], "an existing network with another creator is found");
    let blocker = Blocker::NetworkClosed { network: "mine".to_owned() };
    assert_eq!(blockers(&desired, &Observed { network: Some(NetworkState::Closed), ..complete_cluster() }), [blocker]);
}

#[test]
fn a_treasury_of_an_earlier_layout_is_migrated_after_the_upgrade() {
    let observed = Observed { network: network(|it| it.needs_migration = true), ..outdated_program() };
    let all = steps(&desired(), &observed);
    assert_eq!(all, [UPLOAD_PROGRAM, Step::UpgradeProgram, Step::MigrateTreasury]);
    assert!(Step::MigrateTreasury.depends_on(&all[..2]) && !Step::MigrateTreasury.depends_on(&all[..1]));
}

#[test]
fn a_token_network_requires_a_supported_mint() {
    let desired = Desired { network: Some(NetworkTerms { asset: Asset::Mint(MINT), ..terms() }), ..desired() };
    let with = |mint: Option<(Pubkey, Option<&str>)>| {
        let mint = mint.map(|(owner, reason)| MintState { owner, unsupported: reason.map(str::to_owned) });
        Observed { network: Some(NetworkState::Absent), mint, ..complete_cluster() }
    };
    for token_program in [SPL_TOKEN_ID, TOKEN_2022_ID] {
        let create = Step::CreateNetwork { id: terms().id, token_program: Some(token_program) };
        assert_eq!(steps(&desired, &with(Some((token_program, None)))), [create]);
    }
    for (mint, blocker) in [
        (None, Blocker::MintNotFound { mint: MINT }),
        (Some((STRANGER, Some("not a mint"))), Blocker::NotAMint { mint: MINT, owner: STRANGER }),
        (Some((TOKEN_2022_ID, Some("hook"))), Blocker::UnsupportedMint { mint: MINT, reason: "hook".to_owned() }),
    ] {
        assert_eq!(blockers(&desired, &with(mint)), [blocker]);
    }
}

#[test]
fn an_admin_is_proposed_once_and_becomes_the_admin_by_accepting() {
    let desired = Desired { final_admin: Some(STRANGER), ..desired() };
    let propose = Step::ProposeAdmin { to: STRANGER };
    let create = Step::CreateNetwork { id: terms().id, token_program: None };
    for (network, expected) in [
        (network(|_| {}), [propose].as_slice()),
        (network(|it| it.network.pending_admin = STRANGER), &[]),
        (network(|it| it.network.admin = STRANGER), &[]),
        (Some(NetworkState::Absent), &[create, propose]),
    ] {
        assert_eq!(steps(&desired, &Observed { network, ..complete_cluster() }), expected);
    }
    let without_network = Desired { network: None, ..desired };
    let observed = Observed { network: None, ..complete_cluster() };
    assert_eq!(blockers(&without_network, &observed), [Blocker::AdminWithoutNetwork]);
}

#[test]
fn the_upgrade_authority_is_transferred_last_and_removed_only_if_confirmed() {
    let to = |final_upgrade| Desired { final_upgrade: Some(final_upgrade), ..desired() };
    let transfer = to(FinalAuthority::Address(STRANGER));
    let step = Step::SetUpgradeAuthority { to: Some(STRANGER) };
    assert_eq!(steps(&transfer, &complete_cluster()), [step]);
    assert_eq!(steps(&transfer, &empty_cluster()).last(), Some(&step));
    assert_eq!(steps(&to(FinalAuthority::Address(AUTHORITY)), &complete_cluster()), []);
    let immutable = to(FinalAuthority::None);
    assert_eq!(blockers(&immutable, &complete_cluster()), [Blocker::ImmutableNotConfirmed]);
    let permissions = Permissions { immutable: true, ..Permissions::default() };
    let confirmed = Desired { permissions, ..immutable };
    assert_eq!(steps(&confirmed, &complete_cluster()), [Step::SetUpgradeAuthority { to: None }]);
    let blocker = authority_mismatch("transferring the upgrade authority", AUTHORITY, ADMIN);
    assert_eq!(blockers(&Desired { upgrade_authority: ADMIN, ..transfer }, &complete_cluster()), [blocker]);
}

#[test]
fn payer_and_admin_must_have_the_peak_of_what_they_spend() {
    let plan_of = |observed: &Observed| plan(&desired(), observed);
    let enough = plan_of(&empty_cluster());
    let program_data = RENT.minimum(UpgradeableLoaderState::size_of_programdata(ELF_LEN));
    let program = RENT.minimum(UpgradeableLoaderState::size_of_program());
    let idl = RENT.minimum(96 + IDL_LEN);
    // Signatures at 5,000 lamports. Uploads: payer and buffer, then payer and authority for 7 and 2 chunks. Deployment:
    // payer, program, authority. Publication: payer and authority.
    let fees = 5_000 * (2 + 7 * 2 + 3 + 2 + 2 * 2 + 2);
    // The IDL and its buffer exist at the same time; the network's transaction is paid for after the peak.
    assert_eq!(enough.payer_needs, program_data + program + 2 * idl + fees + RENT.base);
    assert_eq!(enough.admin_needs, RENT.minimum(Network::SIZE) + RENT.minimum(Treasury::SIZE) + RENT.base);

    let exact = Observed { payer_lamports: enough.payer_needs, admin_lamports: enough.admin_needs, ..empty_cluster() };
    assert_eq!(plan_of(&exact).blockers, []);
    let insufficient = |role, address, needs| Blocker::InsufficientLamports { role, address, has: needs - 1, needs };
    let short = Observed { payer_lamports: enough.payer_needs - 1, ..exact.clone() };
    let blocker = insufficient("keys.payer", PAYER, enough.payer_needs);
    assert!(blocker.to_string().contains("send it 1 more"), "{blocker}");
    assert_eq!(plan_of(&short).blockers, [blocker]);
    let short = Observed { admin_lamports: enough.admin_needs - 1, ..exact };
    assert_eq!(plan_of(&short).blockers, [insufficient("keys.admin", ADMIN, enough.admin_needs)]);
}

#[test]
fn missing_lamports_are_airdropped_on_a_local_cluster() {
    let observed = Observed { cluster: ClusterKind::Local, payer_lamports: 0, ..empty_cluster() };
    assert_eq!(steps(&desired(), &observed)[0], Step::Airdrop { to: PAYER, lamports: LAMPORTS_PER_SOL });
}

#[test]
fn priority_fees_are_included() {
    let priced = Desired { compute_unit_price: 1_000_000, ..desired() };
    let more = plan(&priced, &empty_cluster()).payer_needs - plan(&desired(), &empty_cluster()).payer_needs;
    // Transactions up to the IDL's publication: 2 buffers, 7 and 2 chunks, deployment and publication.
    assert_eq!(more, 13 * u64::from(MAX_COMPUTE_UNITS));
}

#[test]
fn a_step_that_depends_on_an_earlier_one_is_not_simulated() {
    let all = steps(&Desired { final_admin: Some(STRANGER), ..desired() }, &empty_cluster());
    let depends: Vec<bool> = all.iter().enumerate().map(|(index, step)| step.depends_on(&all[..index])).collect();
    // Uploads are independent; deployment, publication, network and proposal are not.
    assert_eq!(depends, [false, true, false, true, true, true]);
    assert!(UPLOAD_PROGRAM.depends_on(&[Step::Airdrop { to: PAYER, lamports: 1 }]));
}
