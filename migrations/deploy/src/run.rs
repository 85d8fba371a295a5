//! One run: read, plan, print, and unless it is a dry run or refused, carry out and read back.

use std::path::{Component, Path, PathBuf};

use solana_loader_v3_interface::get_program_data_address;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use williw_relay::chain::{Chain, Commitment, HttpTransport, JsonRpc, Transport};

use crate::arguments::Arguments;
use crate::carry_out::transaction::room;
use crate::carry_out::upload::chunk_count;
use crate::carry_out::{Buffers, Deployment, Rehearsal, write_program};
use crate::cluster::{Endpoint, Kind};
use crate::config::{self, Asset, Configuration, FinalAuthority};
use crate::content::{self, Idl};
use crate::facts::{self, Facts, IdlFacts, NetworkFacts, ProgramFacts, Question};
use crate::failure::Failure;
use crate::keys::Keys;
use crate::plan::{IdlWanted, Permitted, Plan, Refusal, Wanted, plan};
use crate::program_metadata;
use crate::report::{self, PlanText, sol};
use crate::state::{Kept, State};

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let configuration = Configuration::read(&arguments.config)?;
    let url = arguments.url.as_deref().unwrap_or(&configuration.cluster.url);
    let endpoint = Endpoint::resolve(url, |name| std::env::var(name).ok())?;
    let chain = JsonRpc::new(HttpTransport::new(endpoint.url()));
    let transport = HttpTransport::new(endpoint.url());
    let genesis = chain.genesis_hash().await?;
    let cluster = endpoint.kind(&genesis);
    let state = State::new(configuration.folder(), cluster, &genesis);
    let keys = Keys::load(&configuration, cluster, &state, arguments.dry_run)?;
    let elf = content::bytecode(&configuration.program_file())?;
    let idl = Idl::read(configuration.program.idl.as_deref().map(|path| configuration.path(path)), &settlement::ID)?;
    let (_, packed_idl) = idl.text_and_packed();
    let (payer, authority) = (keys.payer(), keys.upgrade_authority());
    // The chunks' sizes follow from who signs; the addresses' values do not matter.
    let any = Pubkey::default();
    let program_chunk = room(&payer, &write_program(&any, &authority, 0, &[]))?;
    let idl_chunk = room(&payer, &program_metadata::write(&any, &authority, 0, &[]))?;
    let wanted = wanted(arguments, &configuration, &keys, &elf, &idl, [program_chunk, idl_chunk])?;
    let mut deployment = Deployment {
        chain: &chain,
        transport: &transport,
        wanted: &wanted,
        keys: &keys,
        state: &state,
        buffers: Buffers::find(&state)?,
        elf: &elf,
        packed_idl,
        program_chunk,
        idl_chunk,
    };

    let found = look(&deployment, &idl, cluster, Commitment::Confirmed).await?;
    let plan = plan(&wanted, &found);
    let rehearsals =
        if arguments.dry_run && plan.refusals.is_empty() { rehearse(&deployment, &plan).await? } else { Vec::new() };
    report::print(&PlanText {
        cluster: format!("{} ({}), genesis {genesis}", cluster.name(), endpoint.host()),
        plan: &plan,
        rehearsals: &rehearsals,
        payer: payers(&wanted, &found, &plan),
    })?;
    if !plan.refusals.is_empty() {
        return Err(Failure::Refused(plan.refusals));
    }
    if arguments.dry_run {
        let failing = rehearsals.iter().any(|rehearsal| matches!(rehearsal, Rehearsal::Fails(_)));
        return if failing {
            let (step, reason) = ("dry run".to_owned(), "a simulation fails, see above".to_owned());
            Err(Failure::WouldFail { step, reason })
        } else {
            report::print(&"dry run: nothing was sent")
        };
    }
    let mut done = Vec::new();
    for step in plan.steps() {
        done.push(deployment.carry_out(step).await?);
    }
    verify(&deployment, &idl, cluster).await?;
    if done.is_empty() {
        return report::print(&"nothing to do: nothing was sent");
    }
    report::print(&report::transactions(&done, cluster))
}

/// What is wanted, out of configuration, files and keys.
fn wanted(
    arguments: &Arguments,
    configuration: &Configuration,
    keys: &Keys,
    elf: &[u8],
    idl: &Idl,
    [program_chunk, idl_chunk]: [usize; 2],
) -> Result<Wanted, Failure> {
    let network = configuration.network.as_ref().map(|entries| entries.terms(keys.admin())).transpose()?;
    let authorities = &configuration.authorities;
    Ok(Wanted {
        program: settlement::ID,
        program_key: keys.program(),
        elf_len: elf.len(),
        elf_names_program: content::names(elf, &settlement::ID),
        max_len: configuration.program.max_len.unwrap_or(elf.len()),
        program_chunks: chunk_count(elf, program_chunk),
        idl: match idl {
            Idl::Unwanted => IdlWanted::Unpublished,
            Idl::Missing { path, reason } => IdlWanted::Missing { path: tidy(path), reason: reason.clone() },
            Idl::File { path, packed, .. } => {
                IdlWanted::File { path: tidy(path), packed_len: packed.len(), chunks: chunk_count(packed, idl_chunk) }
            }
        },
        payer: keys.payer(),
        upgrade_authority: keys.upgrade_authority(),
        admin: keys.admin(),
        network,
        final_upgrade: authorities.upgrade.as_deref().map(FinalAuthority::parse).transpose()?,
        final_admin: authorities
            .admin
            .as_deref()
            .map(|text| config::address("authorities.admin", text, ""))
            .transpose()?,
        compute_unit_price: configuration.cluster.compute_unit_price,
        permitted: Permitted { mainnet: arguments.yes, immutable: arguments.immutable, dry_run: arguments.dry_run },
    })
}

/// A path for people: `a/../b` is `b`.
fn tidy(path: &Path) -> String {
    let mut tidied = PathBuf::new();
    for component in path.components() {
        let goes_back = component == Component::ParentDir;
        if !(goes_back && matches!(tidied.components().next_back(), Some(Component::Normal(_))) && tidied.pop()) {
            tidied.push(component);
        }
    }
    tidied.display().to_string()
}

/// Reads the chain.
async fn look<C: Chain, T: Transport>(
    deployment: &Deployment<'_, C, T>,
    idl: &Idl,
    cluster: Kind,
    commitment: Commitment,
) -> Result<Facts, Failure> {
    let Wanted { program, payer, admin, network, .. } = *deployment.wanted;
    let (text, packed_idl) = idl.text_and_packed();
    let question = Question {
        program,
        elf: deployment.elf,
        idl: text,
        packed_idl,
        program_buffer: deployment.buffers.program.pubkey(),
        idl_buffer: deployment.buffers.idl.pubkey(),
        program_chunk: deployment.program_chunk,
        idl_chunk: deployment.idl_chunk,
        network: network.map(|terms| terms.id),
        mint: network.and_then(|terms| match terms.asset {
            Asset::Sol => None,
            Asset::Mint(mint) => Some(mint),
        }),
        payer,
        admin,
    };
    Ok(facts::gather(deployment.chain, cluster, &question, commitment).await?)
}

async fn rehearse<C: Chain, T: Transport>(
    deployment: &Deployment<'_, C, T>,
    plan: &Plan,
) -> Result<Vec<Rehearsal>, Failure> {
    let steps = plan.steps();
    let mut rehearsals = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        rehearsals.push(deployment.rehearse(*step, &steps[..index]).await?);
    }
    Ok(rehearsals)
}

/// Who pays, what they have and what it takes.
fn payers(wanted: &Wanted, facts: &Facts, plan: &Plan) -> String {
    let Wanted { payer, admin, .. } = wanted;
    let one = |address: &Pubkey, has, needs| format!("{address} has {}; this takes up to {}", sol(has), sol(needs));
    let mut text = one(payer, facts.payer_lamports, plan.payer_needs);
    if payer != admin && plan.admin_needs > 0 {
        text = format!("{text}\nadmin       {}", one(admin, facts.admin_lamports, plan.admin_needs));
    }
    text
}

/// Reads everything back, finalized, and prints it.
async fn verify<C: Chain, T: Transport>(
    deployment: &Deployment<'_, C, T>,
    idl: &Idl,
    cluster: Kind,
) -> Result<(), Failure> {
    let wanted = deployment.wanted;
    let found = look(deployment, idl, cluster, Commitment::Finalized).await?;
    let rest = plan(wanted, &found);
    let open = rest.refusals.iter().map(Refusal::to_string).chain(rest.steps().iter().map(ToString::to_string)).next();
    if let Some(open) = open {
        return Err(Failure::NotVerified(open));
    }
    // A run that was killed right after its buffer was used could not forget the key.
    for (kept, buffer) in [(Kept::ProgramBuffer, &found.program_buffer), (Kept::IdlBuffer, &found.idl_buffer)] {
        if buffer.is_none() {
            deployment.state.forget(kept)?;
        }
    }
    report::print(&report::facts(&rows(wanted, &found, deployment.elf)))
}

/// What is there in the end.
fn rows(wanted: &Wanted, found: &Facts, elf: &[u8]) -> Vec<(&'static str, String)> {
    let name = |address: Option<Pubkey>| address.map_or_else(|| "nobody".to_owned(), |address| address.to_string());
    let mut rows = vec![("program", wanted.program.to_string())];
    if let ProgramFacts::Deployed { authority, sha256, capacity, .. } = found.program {
        rows.push(("program data", get_program_data_address(&wanted.program).to_string()));
        rows.push(("SHA-256 on the chain", hex::encode(sha256)));
        rows.push(("SHA-256 of the file", hex::encode(facts::sha256(elf))));
        rows.push(("room", format!("{capacity} bytes for {}", elf.len())));
        rows.push(("upgrade authority", name(authority)));
    }
    if let IdlFacts::Published { matches: true, .. } = found.idl {
        rows.push(("IDL", program_metadata::idl_address(&wanted.program).to_string()));
    }
    if let (Some(terms), Some(NetworkFacts::There(state))) = (wanted.network, &found.network) {
        let network = settlement::client::network_address(&terms.id);
        rows.extend([
            ("network", format!("'{}', {network}", terms.id.name())),
            ("treasury", settlement::client::treasury_address(&network).to_string()),
            ("asset", state.mint.map_or_else(|| "SOL".to_owned(), |mint| mint.to_string())),
            ("admin", state.admin.to_string()),
            ("proposed admin", name(state.pending_admin)),
            ("settler", state.settler.to_string()),
            ("guardian", state.guardian.to_string()),
            ("threshold", state.default_threshold.to_string()),
            ("caps by node and batch", format!("{}, {}", state.per_node_cap, state.per_batch_cap)),
            ("window", format!("{} in {} s", state.window_limit, state.window_seconds)),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_without_detours() {
        for (path, shown) in [
            ("migrations/deploy/../../programs/idl.json", "programs/idl.json"),
            ("../../a/./b", "../../a/b"),
            ("/a/../../b", "/../b"),
        ] {
            assert_eq!(tidy(Path::new(path)), shown);
        }
    }
}
