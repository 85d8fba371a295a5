//! A run: observe, plan and print; then, unless it is a dry run or blocked, apply and verify.

use solana_loader_v3_interface::get_program_data_address;
use solana_pubkey::Pubkey;
use williw_relay::chain::{Chain, Commitment, HttpTransport, JsonRpc};

use crate::apply::{Deployment, Simulated, chunk_size, load_buffers, write_to_buffer};
use crate::arguments::Arguments;
use crate::artifacts::{read_idl, read_program};
use crate::cluster::Endpoint;
use crate::config::Configuration;
use crate::content::{Chunks, Content};
use crate::desired::{Desired, Permissions};
use crate::error::DeployError;
use crate::key_store::{KeyStore, StoredKey};
use crate::keys::{Keys, NewPayer};
use crate::observed::{IdlState, NetworkState, Observed, ProgramState, observe, sha256};
use crate::plan::{Blocker, Plan, compare, pending_admin, plan};
use crate::program_metadata;
use crate::report;
use crate::text::sol;

pub(crate) async fn run(arguments: &Arguments) -> Result<(), DeployError> {
    let configuration = Configuration::read(&arguments.config)?;
    let url = arguments.url.as_deref().unwrap_or(&configuration.cluster.url);
    let endpoint = Endpoint::resolve(url, |name| std::env::var(name).ok())?;
    let transport = || HttpTransport::new(endpoint.url());
    let (chain, transport) = (JsonRpc::new(transport()?), transport()?);
    let genesis = chain.genesis_hash().await?;
    let cluster = endpoint.kind(&genesis);
    let store = KeyStore::new(&configuration.folder, cluster, &genesis);
    let new_payer = if arguments.dry_run { NewPayer::Discard } else { NewPayer::Store };
    let keys = Keys::load(&configuration, cluster, &store, new_payer)?;
    let desired = desired(arguments, &configuration, &keys)?;
    let buffers = load_buffers(&store)?;
    let mut deployment =
        Deployment { chain: &chain, transport: &transport, desired: &desired, keys: &keys, store: &store, buffers };

    let addresses = deployment.buffer_addresses();
    let observed = observe(&chain, cluster, &desired, addresses, Commitment::Confirmed).await?;
    let plan_of = plan(&desired, &observed);
    let blocked = !plan_of.blockers.is_empty();
    let steps = plan_of.steps();
    let simulated = if arguments.dry_run && !blocked { deployment.simulate(&steps).await? } else { Vec::new() };
    let cluster_line = format!("{} ({}), genesis {genesis}", cluster.name(), endpoint.host());
    report::print(&report::plan(&cluster_line, &plan_of, &simulated, &balances(&desired, &observed, &plan_of)))?;
    if blocked {
        return Err(DeployError::Blocked(plan_of.blockers));
    }
    if arguments.dry_run {
        if simulated.iter().any(|result| matches!(result, Simulated::Fails { .. })) {
            let (step, reason) = ("dry run".to_owned(), "a simulation failed, see the plan".to_owned());
            return Err(DeployError::WouldFail { step, reason });
        }
        return report::print("dry run: nothing was sent");
    }

    let mut applied = Vec::new();
    for step in steps {
        applied.push(deployment.apply(step).await?);
    }
    let addresses = deployment.buffer_addresses();
    let observed = observe(&chain, cluster, &desired, addresses, Commitment::Finalized).await?;
    verify(&desired, &observed)?;
    // A run that was killed right after it had used its buffer could not delete the buffer's key.
    for content in [Content::Program, Content::Idl] {
        if observed.buffers.get(content).is_none() {
            store.delete(StoredKey::Buffer(content))?;
        }
    }
    report::print(&report::final_state(&final_state(&desired, &observed)))?;
    if applied.is_empty() {
        return report::print("nothing to do: nothing was sent");
    }
    report::print(&report::applied(&applied, cluster))
}

/// The desired state, from the configuration, the keys and the files.
fn desired(arguments: &Arguments, configuration: &Configuration, keys: &Keys) -> Result<Desired, DeployError> {
    let (payer, upgrade_authority) = (keys.payer(), keys.upgrade_authority());
    let chunk_size = |content| {
        // The size does not depend on the value of the buffer's address.
        chunk_size(&payer, write_to_buffer(content, &Pubkey::default(), &upgrade_authority, 0, &[]))
    };
    let elf = read_program(&configuration.program_file())?;
    let idl_chunk_size = chunk_size(Content::Idl)?;
    let idl = configuration.program.idl.as_ref().map(|path| configuration.path(path));
    let authorities = &configuration.authorities;
    Ok(Desired {
        program: settlement::ID,
        program_keypair: keys.program(),
        max_len: configuration.program.max_len.unwrap_or(elf.len()),
        elf: Chunks::new(elf, chunk_size(Content::Program)?),
        idl: idl.map(|path| read_idl(path, &settlement::ID, idl_chunk_size)).transpose()?,
        security: configuration.security.clone(),
        payer,
        upgrade_authority,
        admin: keys.admin(),
        network: configuration.network.as_ref().map(|settings| settings.terms(keys.admin())),
        final_upgrade: authorities.upgrade,
        final_admin: authorities.admin.map(|address| address.0),
        compute_unit_price: configuration.cluster.compute_unit_price,
        permissions: Permissions { mainnet: arguments.yes, immutable: arguments.immutable, dry_run: arguments.dry_run },
    })
}

/// What payer and admin need and have.
fn balances(desired: &Desired, observed: &Observed, plan: &Plan) -> Vec<(&'static str, String)> {
    let Desired { payer, admin, .. } = desired;
    let line = |address: &Pubkey, needs, has| format!("{address} needs up to {}, has {}", sol(needs), sol(has));
    let mut lines = vec![("payer", line(payer, plan.payer_needs, observed.payer_lamports))];
    if payer != admin && plan.admin_needs > 0 {
        lines.push(("admin", line(admin, plan.admin_needs, observed.admin_lamports)));
    }
    lines
}

/// Checks that nothing is left to do.
fn verify(desired: &Desired, observed: &Observed) -> Result<(), DeployError> {
    let remaining = plan(desired, observed);
    let blockers = remaining.blockers.iter().map(Blocker::to_string);
    match blockers.chain(remaining.steps().iter().map(ToString::to_string)).next() {
        Some(remaining) => Err(DeployError::NotVerified(remaining)),
        None => Ok(()),
    }
}

fn final_state(desired: &Desired, observed: &Observed) -> Vec<(&'static str, String)> {
    let or_none = |address: Option<Pubkey>| address.map_or_else(|| "none".to_owned(), |address| address.to_string());
    let mut rows = vec![("program", desired.program.to_string())];
    if let ProgramState::Deployed { authority, sha256: deployed, capacity, .. } = observed.program {
        rows.extend([
            ("program data", get_program_data_address(&desired.program).to_string()),
            ("SHA-256 on chain", hex::encode(deployed)),
            ("SHA-256 of the file", hex::encode(sha256(&desired.elf.bytes))),
            ("bytes used", format!("{} of {capacity}", desired.elf.len())),
            ("upgrade authority", or_none(authority)),
        ]);
    }
    if let IdlState::Published { matches: true, .. } = observed.idl {
        rows.push(("IDL", program_metadata::idl_address(&desired.program).to_string()));
    }
    if let (Some(terms), Some(NetworkState::Exists(accounts))) = (desired.network, &observed.network) {
        let address = terms.address();
        rows.extend([
            ("network", format!("'{}', {address}", terms.id.name())),
            ("creator", terms.creator.to_string()),
            ("treasury", settlement::client::treasury_address(&address).to_string()),
            ("proposed admin", or_none(pending_admin(&accounts.network))),
        ]);
        rows.extend(compare(desired, &terms, accounts).map(|term| (term.name, term.on_chain)));
    }
    rows
}
