//! Every case of a plan, without a chain.

use settlement::client::{CreateNetworkArgs, NetworkId, SPL_TOKEN_ID};

use super::*;

const PROGRAM: Pubkey = Pubkey::new_from_array([1; 32]);
const PAYER: Pubkey = Pubkey::new_from_array([2; 32]);
const AUTHORITY: Pubkey = Pubkey::new_from_array([3; 32]);
const ADMIN: Pubkey = Pubkey::new_from_array([4; 32]);
const STRANGER: Pubkey = Pubkey::new_from_array([5; 32]);
const MINT: Pubkey = Pubkey::new_from_array([6; 32]);
const ELF_LEN: usize = 1_000;
const PLENTY: u64 = 100 * LAMPORTS_PER_SOL;
const RENT: Rent = Rent { base: 128 * 1_000, per_byte: 1_000 };

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
    };
    NetworkTerms { id, asset: Asset::Sol, args }
}

fn wanted() -> Wanted {
    Wanted {
        program: PROGRAM,
        program_key: Some(PROGRAM),
        elf_len: ELF_LEN,
        elf_names_program: true,
        max_len: ELF_LEN,
        program_chunks: 7,
        idl: IdlWanted::File { path: "idl.json".to_owned(), packed_len: 500, chunks: 2 },
        payer: PAYER,
        upgrade_authority: AUTHORITY,
        admin: ADMIN,
        network: Some(terms()),
        final_upgrade: None,
        final_admin: None,
        compute_unit_price: 0,
        permitted: Permitted::default(),
    }
}

/// An empty cluster.
fn nothing() -> Facts {
    Facts {
        cluster: Kind::Devnet,
        rent: RENT,
        program: ProgramFacts::Absent { lamports: 0 },
        program_buffer: None,
        idl: IdlFacts::Absent { lamports: 0 },
        idl_buffer: None,
        network: Some(NetworkFacts::Absent),
        mint: None,
        payer_lamports: PLENTY,
        admin_lamports: PLENTY,
    }
}

fn deployed(matches: bool) -> ProgramFacts {
    of(Some(AUTHORITY), matches)
}

/// A program that `authority` may upgrade.
fn of(authority: Option<Pubkey>, matches: bool) -> ProgramFacts {
    let data_lamports = RENT.minimum(UpgradeableLoaderState::size_of_programdata(ELF_LEN));
    ProgramFacts::Deployed { authority, capacity: ELF_LEN, data_lamports, matches, sha256: [0; 32], slot: 9 }
}

fn network() -> NetworkState {
    NetworkState {
        admin: ADMIN,
        pending_admin: None,
        settler: ADMIN,
        guardian: ADMIN,
        mint: None,
        default_threshold: 1,
        per_node_cap: 2,
        per_batch_cap: 3,
        window_limit: 4,
        window_seconds: 5,
        max_pending_age: 6,
        treasury_is_of_earlier_layout: false,
    }
}

/// A cluster with everything.
fn everything() -> Facts {
    Facts {
        program: deployed(true),
        idl: IdlFacts::Published { matches: true, data_len: 500, lamports: PLENTY, mutable: true },
        network: Some(NetworkFacts::There(Box::new(network()))),
        ..nothing()
    }
}

fn steps(wanted: &Wanted, facts: &Facts) -> Vec<Step> {
    let plan = plan(wanted, facts);
    assert_eq!(plan.refusals, [], "refused");
    plan.steps()
}

fn refusals(wanted: &Wanted, facts: &Facts) -> Vec<Refusal> {
    plan(wanted, facts).refusals
}

fn upload_program(create: bool, chunks: usize) -> Step {
    Step::UploadProgram { create, bytes: ELF_LEN, chunks }
}

const UPLOAD_IDL: Step = Step::UploadIdl { create: true, bytes: 500, chunks: 2 };

#[test]
fn an_empty_cluster_gets_program_idl_and_network() {
    let publish = Step::PublishIdl { lamports: RENT.minimum(96 + 500) };
    let create = Step::CreateNetwork { id: terms().id, token_program: None };
    let deploy = Step::DeployProgram { held: 0, max_len: ELF_LEN };
    assert_eq!(steps(&wanted(), &nothing()), [upload_program(true, 7), deploy, UPLOAD_IDL, publish, create]);
}

#[test]
fn what_is_there_already_is_left_alone() {
    assert_eq!(steps(&wanted(), &everything()), []);
    // Without lamports too: nothing is to be paid.
    assert_eq!(steps(&wanted(), &Facts { payer_lamports: 0, admin_lamports: 0, ..everything() }), []);
    // Nobody may be in charge any more, as long as nothing is left to do.
    assert_eq!(steps(&wanted(), &Facts { program: of(None, true), ..everything() }), []);
}

#[test]
fn an_immutable_program_takes_neither_an_idl_nor_an_authority() {
    let immutable = Facts { program: of(None, true), ..everything() };
    let unpublished = Facts { idl: IdlFacts::Absent { lamports: 0 }, ..immutable.clone() };
    assert_eq!(refusals(&wanted(), &unpublished), [Refusal::IdlOfImmutableProgram]);
    let handed = |to| Wanted { final_upgrade: Some(to), ..wanted() };
    let refusal = Refusal::AlreadyImmutable { wanted: STRANGER };
    assert_eq!(refusals(&handed(FinalAuthority::Address(STRANGER)), &immutable), [refusal]);
    assert_eq!(steps(&handed(FinalAuthority::Nobody), &immutable), []);
}

#[test]
fn other_bytes_are_an_upgrade_and_more_of_them_an_extension_before() {
    let facts = Facts { program: deployed(false), ..everything() };
    assert_eq!(steps(&wanted(), &facts), [upload_program(true, 7), Step::UpgradeProgram]);
    let grown = |elf_len| Wanted { elf_len, ..wanted() };
    let extension = |elf_len| {
        steps(&grown(elf_len), &facts).into_iter().find_map(|step| match step {
            Step::ExtendProgram { bytes } => Some(bytes),
            _ => None,
        })
    };
    assert_eq!(extension(ELF_LEN - 1), None);
    assert_eq!(extension(ELF_LEN + 1), Some(MINIMUM_EXTEND_PROGRAM_BYTES));
    assert_eq!(extension(ELF_LEN + 20_000), Some(20_000));
    let order = steps(&grown(ELF_LEN + 1), &facts);
    assert!(matches!(order[..], [Step::UploadProgram { .. }, Step::ExtendProgram { .. }, Step::UpgradeProgram]));
}

#[test]
fn an_interrupted_upload_goes_on_where_it_was() {
    let buffer = |fits, chunks_left, authority| Some(BufferFacts { authority, lamports: 50, fits, chunks_left });
    let with = |program_buffer| Facts { program: deployed(false), program_buffer, ..everything() };
    let half = with(buffer(true, 3, Some(AUTHORITY)));
    assert_eq!(steps(&wanted(), &half), [upload_program(false, 3), Step::UpgradeProgram]);
    let whole = with(buffer(true, 0, Some(AUTHORITY)));
    assert_eq!(steps(&wanted(), &whole), [Step::UpgradeProgram]);
    let of_another_file = with(buffer(false, 9, Some(AUTHORITY)));
    let again = [Step::CloseProgramBuffer, upload_program(true, 7), Step::UpgradeProgram];
    assert_eq!(steps(&wanted(), &of_another_file), again);
    let foreign = with(buffer(true, 0, Some(STRANGER)));
    let refusal = Refusal::BufferNotOurs { authority: Some(STRANGER), ours: AUTHORITY, file: "program-buffer.json" };
    assert_eq!(refusals(&wanted(), &foreign), [refusal]);
    // Not needed any more, it still holds rent.
    let leftover = Facts { program: deployed(true), ..whole };
    assert_eq!(steps(&wanted(), &leftover), [Step::CloseProgramBuffer]);
}

#[test]
fn only_the_program_s_own_key_deploys_it_first() {
    let without = Wanted { program_key: None, ..wanted() };
    assert_eq!(refusals(&without, &nothing()), [Refusal::NoProgramKey { program: PROGRAM }]);
    assert_eq!(refusals(&without, &everything()), []);
    let other = Wanted { program_key: Some(STRANGER), ..wanted() };
    assert_eq!(refusals(&other, &nothing()), [Refusal::OtherProgramKey { found: STRANGER, program: PROGRAM }]);
    let small = Wanted { max_len: ELF_LEN - 1, ..wanted() };
    let refusal = Refusal::MaxLenTooSmall { max_len: ELF_LEN - 1, bytes: ELF_LEN };
    assert_eq!(refusals(&small, &nothing()), [refusal]);
    let otherwise_built = Wanted { elf_names_program: false, ..wanted() };
    assert_eq!(refusals(&otherwise_built, &nothing()), [Refusal::OtherProgramId { program: PROGRAM }]);
}

#[test]
fn an_address_that_cannot_be_used_is_refused() {
    let final_upgrade = Some(FinalAuthority::Address(STRANGER));
    let wanted = Wanted { final_upgrade, ..wanted() };
    let at = |program| refusals(&wanted, &Facts { program, ..nothing() });
    assert_eq!(at(ProgramFacts::Closed), [Refusal::ProgramClosed { program: PROGRAM }]);
    let taken = Refusal::AddressTaken { program: PROGRAM, owner: STRANGER };
    assert_eq!(at(ProgramFacts::Taken { owner: STRANGER }), [taken]);
    // Lamports that anybody sent there are in nobody's way.
    assert_eq!(at(ProgramFacts::Absent { lamports: 5 }), []);
}

#[test]
fn only_the_upgrade_authority_upgrades() {
    let with = |authority| refusals(&wanted(), &Facts { program: of(authority, false), ..everything() });
    let what = "an upgrade";
    assert_eq!(with(Some(STRANGER)), [Refusal::NotUpgradeAuthority { what, authority: STRANGER, ours: AUTHORITY }]);
    assert_eq!(with(None), [Refusal::ProgramImmutable]);
}

#[test]
fn the_localnet_s_address_is_for_local_clusters_only() {
    let wanted = Wanted { program: LOCAL_PROGRAM, program_key: Some(LOCAL_PROGRAM), ..wanted() };
    assert_eq!(refusals(&wanted, &nothing()), [Refusal::PublicProgramKey { program: LOCAL_PROGRAM }]);
    assert_eq!(refusals(&wanted, &Facts { cluster: Kind::Local, ..nothing() }), []);
}

#[test]
fn mainnet_takes_a_yes_and_a_dry_run_does_not() {
    let facts = Facts { cluster: Kind::Mainnet, ..everything() };
    assert_eq!(refusals(&wanted(), &facts), [Refusal::MainnetWithoutYes]);
    for permitted in
        [Permitted { mainnet: true, ..Permitted::default() }, Permitted { dry_run: true, ..Permitted::default() }]
    {
        assert_eq!(refusals(&Wanted { permitted, ..wanted() }, &facts), []);
    }
}

#[test]
fn an_idl_is_only_published_where_it_can_be() {
    let none = Facts { idl: IdlFacts::NoMetadataProgram, ..everything() };
    let plan_without = plan(&wanted(), &none);
    assert_eq!((plan_without.steps(), plan_without.refusals), (Vec::new(), Vec::new()));
    let told = plan_without.sections.iter().find(|section| section.subject == "idl").unwrap();
    assert!(told.found.contains("not on this cluster") && told.found.contains("idl.json"), "{}", told.found);
    // A file that is missing is no matter there, and one elsewhere.
    let (path, reason) = ("idl.json".to_owned(), "gone".to_owned());
    let missing = Wanted { idl: IdlWanted::Missing { path: path.clone(), reason: reason.clone() }, ..wanted() };
    assert_eq!(steps(&missing, &none), []);
    assert_eq!(refusals(&missing, &everything()), [Refusal::NoIdl { path, reason }]);
    assert_eq!(steps(&Wanted { idl: IdlWanted::Unpublished, ..wanted() }, &everything()), []);
}

#[test]
fn another_idl_is_replaced_by_the_upgrade_authority_only() {
    let published = |mutable| IdlFacts::Published { matches: false, data_len: 400, lamports: 3, mutable };
    let facts = Facts { idl: published(true), ..everything() };
    let replace = Step::ReplaceIdl { old_len: 400, lamports: RENT.minimum(96 + 500) - 3 };
    assert_eq!(steps(&wanted(), &facts), [UPLOAD_IDL, replace]);
    let ours = Wanted { upgrade_authority: STRANGER, ..wanted() };
    let what = "publishing the IDL";
    let refusal = Refusal::NotUpgradeAuthority { what, authority: AUTHORITY, ours: STRANGER };
    assert_eq!(refusals(&ours, &facts), [refusal]);
    let immutable = Facts { idl: published(false), ..everything() };
    assert_eq!(refusals(&wanted(), &immutable), [Refusal::IdlImmutable]);
    let begun = Facts { idl: IdlFacts::Unfinished, ..everything() };
    assert_eq!(refusals(&wanted(), &begun), [Refusal::IdlUnfinished]);
}

#[test]
fn a_network_with_other_terms_is_refused_by_each_of_them() {
    let with = |change: fn(&mut NetworkState)| {
        let mut state = network();
        change(&mut state);
        let facts = Facts { network: Some(NetworkFacts::There(Box::new(state))), ..everything() };
        refusals(&wanted(), &facts)
            .into_iter()
            .map(|refusal| match refusal {
                Refusal::OtherTerms { term, .. } => term,
                other => panic!("{other}"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(with(|it| it.admin = STRANGER), ["admin"]);
    assert_eq!(with(|it| it.settler = STRANGER), ["settler"]);
    assert_eq!(with(|it| it.guardian = STRANGER), ["guardian"]);
    assert_eq!(with(|it| it.mint = Some(MINT)), ["asset"]);
    assert_eq!(with(|it| it.default_threshold = 9), ["default_threshold"]);
    assert_eq!(with(|it| it.per_node_cap = 9), ["per_node_cap"]);
    assert_eq!(with(|it| it.per_batch_cap = 9), ["per_batch_cap"]);
    assert_eq!(with(|it| it.window_limit = 9), ["window_limit"]);
    assert_eq!(with(|it| it.window_seconds = 9), ["window_seconds"]);
    assert_eq!(with(|it| it.max_pending_age = 9), ["max_pending_age"]);
    let unreadable = Facts { network: Some(NetworkFacts::Unreadable("old".to_owned())), ..everything() };
    let network = "mine".to_owned();
    assert_eq!(refusals(&wanted(), &unreadable), [Refusal::NetworkUnreadable { network, reason: "old".to_owned() }]);
}

#[test]
fn a_treasury_of_an_earlier_layout_is_migrated_after_the_upgrade() {
    let state = NetworkState { treasury_is_of_earlier_layout: true, ..network() };
    let network = Some(NetworkFacts::There(Box::new(state)));
    let facts = Facts { program: deployed(false), network, ..everything() };
    let all = steps(&wanted(), &facts);
    assert_eq!(all, [upload_program(true, 7), Step::UpgradeProgram, Step::MigrateTreasury]);
    assert!(Step::MigrateTreasury.waits_for(&all[..2]) && !Step::MigrateTreasury.waits_for(&all[..1]));
}

#[test]
fn a_token_network_takes_a_mint_that_the_program_takes() {
    let network = Some(NetworkTerms { asset: Asset::Mint(MINT), ..terms() });
    let wanted = Wanted { network, ..wanted() };
    let with = |mint| Facts { network: Some(NetworkFacts::Absent), mint, ..everything() };
    let mint = |owner, refused: Option<&str>| Some(MintFacts { owner, refused: refused.map(str::to_owned) });
    let create = |token_program| Step::CreateNetwork { id: terms().id, token_program: Some(token_program) };
    for token_program in [SPL_TOKEN_ID, TOKEN_2022_ID] {
        assert_eq!(steps(&wanted, &with(mint(token_program, None))), [create(token_program)]);
    }
    assert_eq!(refusals(&wanted, &with(None)), [Refusal::NoMint { mint: MINT }]);
    let foreign = Refusal::NotAMint { mint: MINT, owner: STRANGER };
    assert_eq!(refusals(&wanted, &with(mint(STRANGER, Some("no mint")))), [foreign]);
    let hooked = Refusal::MintRefused { mint: MINT, reason: "hook".to_owned() };
    assert_eq!(refusals(&wanted, &with(mint(TOKEN_2022_ID, Some("hook")))), [hooked]);
}

#[test]
fn an_admin_is_proposed_once_and_is_the_admin_after_accepting() {
    let wanted = Wanted { final_admin: Some(STRANGER), ..wanted() };
    let with = |state| Facts { network: Some(NetworkFacts::There(Box::new(state))), ..everything() };
    let propose = Step::ProposeAdmin { to: STRANGER };
    assert_eq!(steps(&wanted, &with(network())), [propose]);
    assert_eq!(steps(&wanted, &with(NetworkState { pending_admin: Some(STRANGER), ..network() })), []);
    assert_eq!(steps(&wanted, &with(NetworkState { admin: STRANGER, ..network() })), []);
    let fresh = Facts { network: Some(NetworkFacts::Absent), ..everything() };
    let create = Step::CreateNetwork { id: terms().id, token_program: None };
    assert_eq!(steps(&wanted, &fresh), [create, propose]);
    let nowhere = Wanted { network: None, ..wanted };
    assert_eq!(refusals(&nowhere, &Facts { network: None, ..everything() }), [Refusal::AdminWithoutNetwork]);
}

#[test]
fn the_upgrade_authority_is_handed_on_last_and_taken_away_by_flag_only() {
    let to = |final_upgrade| Wanted { final_upgrade: Some(final_upgrade), ..wanted() };
    let handed = to(FinalAuthority::Address(STRANGER));
    assert_eq!(steps(&handed, &everything()), [Step::SetUpgradeAuthority { to: Some(STRANGER) }]);
    assert_eq!(steps(&handed, &nothing()).last(), Some(&Step::SetUpgradeAuthority { to: Some(STRANGER) }));
    assert_eq!(steps(&to(FinalAuthority::Address(AUTHORITY)), &everything()), []);
    let immutable = to(FinalAuthority::Nobody);
    assert_eq!(refusals(&immutable, &everything()), [Refusal::ImmutableWithoutFlag]);
    let permitted = Permitted { immutable: true, ..Permitted::default() };
    let permitted = Wanted { permitted, ..immutable };
    assert_eq!(steps(&permitted, &everything()), [Step::SetUpgradeAuthority { to: None }]);
    let what = "handing the upgrade authority on";
    let refusal = Refusal::NotUpgradeAuthority { what, authority: AUTHORITY, ours: ADMIN };
    assert_eq!(refusals(&Wanted { upgrade_authority: ADMIN, ..handed }, &everything()), [refusal]);
}

#[test]
fn whoever_pays_must_have_what_it_takes_at_any_time() {
    let plan_of = |facts: &Facts| plan(&wanted(), facts);
    let enough = plan_of(&nothing());
    let program_data = RENT.minimum(UpgradeableLoaderState::size_of_programdata(ELF_LEN));
    let program = RENT.minimum(UpgradeableLoaderState::size_of_program());
    let idl = RENT.minimum(96 + 500);
    // Uploading: payer and buffer, then payer and authority for 7 and 2 chunks. Deploying: payer, program, authority.
    // Publishing: payer and authority. The network: payer and admin. 5,000 lamports a signature.
    let fees = 5_000 * (2 + 7 * 2 + 3 + 2 + 2 * 2 + 2);
    // The IDL's buffer and the IDL are there at once for a moment; what the network's transaction costs comes later.
    assert_eq!(enough.payer_needs, program_data + program + 2 * idl + fees + RENT.base);
    let network = RENT.minimum(settlement::state::Network::SIZE) + RENT.minimum(settlement::state::Treasury::SIZE);
    assert_eq!(enough.admin_needs, network + RENT.base);

    let exact = Facts { payer_lamports: enough.payer_needs, admin_lamports: enough.admin_needs, ..nothing() };
    assert_eq!(plan_of(&exact).refusals, []);
    let (has, needs) = (enough.payer_needs - 1, enough.payer_needs);
    let short = Facts { payer_lamports: has, ..exact.clone() };
    let refusal = Refusal::ShortOfLamports { role: "keys.payer", address: PAYER, has, needs };
    assert!(refusal.to_string().contains("send it 1 more"), "{refusal}");
    assert_eq!(plan_of(&short).refusals, [refusal]);
    let (has, needs) = (enough.admin_needs - 1, enough.admin_needs);
    let short = Facts { admin_lamports: has, ..exact };
    assert_eq!(plan_of(&short).refusals, [Refusal::ShortOfLamports { role: "keys.admin", address: ADMIN, has, needs }]);
}

#[test]
fn a_local_cluster_gives_what_is_missing() {
    let facts = Facts { cluster: Kind::Local, payer_lamports: 0, ..nothing() };
    let plan = plan(&wanted(), &facts);
    assert_eq!(plan.refusals, []);
    assert_eq!(plan.steps()[0], Step::Airdrop { to: PAYER, lamports: LAMPORTS_PER_SOL });
}

#[test]
fn priority_fees_are_reckoned_with() {
    let priced = Wanted { compute_unit_price: 1_000_000, ..wanted() };
    let more = plan(&priced, &nothing()).payer_needs - plan(&wanted(), &nothing()).payer_needs;
    // Up to the IDL's publication: 2 buffers, 7 and 2 chunks, deployment and publication.
    assert_eq!(more, 13 * u64::from(MAX_COMPUTE_UNITS));
}

#[test]
fn what_needs_an_earlier_step_is_not_simulated_before_it() {
    let all = steps(&Wanted { final_admin: Some(STRANGER), ..wanted() }, &nothing());
    let waits: Vec<bool> = all.iter().enumerate().map(|(index, step)| step.waits_for(&all[..index])).collect();
    // Uploads stand by themselves; deployment, publication, network and proposal wait.
    assert_eq!(waits, [false, true, false, true, true, true]);
    let airdrop = Step::Airdrop { to: PAYER, lamports: 1 };
    assert!(upload_program(true, 7).waits_for(&[airdrop]));
}
