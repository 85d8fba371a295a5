//! The `network show`, `pause`, `unpause` and `set-settler` commands: who controls a network, and its emergency controls.

use std::fmt;

use serde::Serialize;
use settlement::client::{pause_ix, set_settler_ix, treasury_address, unpause_ix};
use settlement::state::{Network, Treasury};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use williw_relay::chain::{AccountData, Chain, Commitment};
use williw_relay::engine::{Asset, NetworkRef};
use williw_relay::signer::Signer;
use williw_relay::transaction::SIGNATURE_FEE_LAMPORTS;

use crate::arguments::{ConnectionArguments, SetSettlerArguments};
use crate::environment;
use crate::error::CliError;
use crate::output::Output;
use crate::shutdown::Shutdown;
use crate::transaction;

/// The result of the commands.
#[derive(Serialize)]
struct Controls {
    network: String,
    address: String,
    treasury: String,
    /// The mint that the network pays in; `None` for SOL.
    mint: Option<String>,
    admin: String,
    settler: String,
    guardian: String,
    paused: bool,
    /// Unix seconds from which owners can withdraw although the network is paused; 0 if that was never restricted.
    withdrawals_held_until: i64,
    /// `None` if nothing had to be changed.
    signature: Option<String>,
}

impl Controls {
    fn new(expected: &NetworkRef, network: &Network, treasury: &Treasury) -> Self {
        Self {
            network: expected.name(),
            address: expected.address().to_string(),
            treasury: treasury_address(&expected.address()).to_string(),
            mint: Asset::of(network).and_then(|asset| asset.mint().map(|mint| mint.mint.to_string())),
            admin: network.admin.to_string(),
            settler: network.settler.to_string(),
            guardian: network.guardian.to_string(),
            paused: treasury.is_paused(),
            withdrawals_held_until: treasury.hold_until,
            signature: None,
        }
    }
}

impl fmt::Display for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "network '{}'", self.network)?;
        writeln!(f, "  address   {}", self.address)?;
        writeln!(f, "  treasury  {}", self.treasury)?;
        writeln!(f, "  pays in   {}", self.mint.as_deref().unwrap_or("SOL"))?;
        writeln!(f, "  admin     {}", self.admin)?;
        writeln!(f, "  settler   {}", self.settler)?;
        writeln!(f, "  guardian  {}", self.guardian)?;
        write!(f, "  state     {}", if self.paused { "paused" } else { "in service" })?;
        match &self.signature {
            Some(signature) => write!(f, "\nchanged in transaction {signature}"),
            None => Ok(()),
        }
    }
}

/// Shows who controls the network, and whether it is paused.
pub(crate) async fn show(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    let chain = environment::cluster(connection)?;
    let expected = environment::network(connection)?;
    let (network, treasury) = read(&chain, &expected).await?;
    let controls = Controls::new(&expected, &network, &treasury);
    output.result(&controls, &controls)
}

/// Stops credits, payouts and registrations. Signed by the guardian or the admin.
pub(crate) async fn pause(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    change(connection, output, |signer, expected, network, treasury| {
        if ![network.admin, network.guardian].contains(&signer) {
            return Err(unauthorized(signer, "the admin or the guardian"));
        }
        Ok((!treasury.is_paused()).then(|| pause_ix(signer, expected.address())))
    })
    .await
}

/// Puts the network back into service. Signed by the admin.
pub(crate) async fn unpause(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    change(connection, output, |signer, expected, network, treasury| {
        require_admin(signer, network)?;
        Ok(treasury.is_paused().then(|| unpause_ix(signer, expected.address())))
    })
    .await
}

/// Gives the settler's role to another key. Signed by the admin.
pub(crate) async fn set_settler(
    connection: &ConnectionArguments,
    arguments: &SetSettlerArguments,
    output: &Output,
) -> Result<(), CliError> {
    change(connection, output, |signer, expected, network, _| {
        require_admin(signer, network)?;
        let is_changed = network.settler != arguments.settler;
        Ok(is_changed.then(|| set_settler_ix(signer, expected.address(), arguments.settler)))
    })
    .await
}

/// Sends the instruction that `decide` returns, if any, and shows the network afterwards.
async fn change(
    connection: &ConnectionArguments,
    output: &Output,
    decide: impl FnOnce(Pubkey, &NetworkRef, &Network, &Treasury) -> Result<Option<Instruction>, CliError>,
) -> Result<(), CliError> {
    let chain = environment::cluster(connection)?;
    let expected = environment::network(connection)?;
    let key = environment::secret_key()?;
    let (network, treasury) = read(&chain, &expected).await?;
    let Some(instruction) = decide(key.address(), &expected, &network, &treasury)? else {
        let controls = Controls::new(&expected, &network, &treasury);
        return output.result(&controls, &controls);
    };
    super::require_funds(&chain, key.address(), SIGNATURE_FEE_LAMPORTS).await?;
    let mut shutdown = Shutdown::listen()?;
    let signature = transaction::send(&chain, &key, &[instruction], &mut shutdown).await?;
    let (network, treasury) = read(&chain, &expected).await?;
    let controls = Controls { signature: Some(signature.to_string()), ..Controls::new(&expected, &network, &treasury) };
    output.result(&controls, &controls)
}

async fn read<C: Chain>(chain: &C, expected: &NetworkRef) -> Result<(Network, Treasury), CliError> {
    let address = expected.address();
    let addresses = [settlement::ID, address, treasury_address(&address)];
    let response = chain.accounts(&addresses, AccountData::Full, Commitment::Confirmed, 0).await?;
    let [program, network, treasury] = response.accounts.as_slice() else {
        return Err(CliError::Internal("the RPC node returned the wrong number of accounts".to_owned()));
    };
    super::require_program(program.as_ref())?;
    let network = super::require_network(expected, network.as_ref())?;
    let data = treasury.as_ref().filter(|treasury| treasury.owner == settlement::ID).map(|treasury| &treasury.data);
    let treasury = data.map(|data| Treasury::decode(data)).transpose().ok().flatten().ok_or_else(|| {
        CliError::Rejected(format!(
            "the treasury of network '{}' cannot be decoded: use the matching version of williw-relay",
            expected.name()
        ))
    })?;
    Ok((network, treasury))
}

fn require_admin(signer: Pubkey, network: &Network) -> Result<(), CliError> {
    if signer == network.admin { Ok(()) } else { Err(unauthorized(signer, "the admin")) }
}

fn unauthorized(signer: Pubkey, role: &str) -> CliError {
    CliError::Rejected(format!(
        "the signer {signer} is not {role} of the network; nothing was sent: set SOLANA_PRIVATE_KEY to the right keypair"
    ))
}
