//! Applies a plan step by step. After each step, the chain is in a state from which the next plan can resume.

mod transaction;
mod upload;

use serde_json::json;
use settlement::client::{
    TokenAsset, create_network_ix, create_token_network_ix, migrate_treasury_ix, propose_admin_ix,
};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_loader_v3_interface::{get_program_data_address, instruction as loader};
use solana_pubkey::Pubkey;
use solana_sdk_ids::bpf_loader_upgradeable;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_system_interface::instruction as system;
use williw_relay::chain::{AccountData, Chain, Commitment, RpcError, Transport};

use crate::config::{Asset, ConfigError, NetworkTerms};
use crate::content::{Chunks, Content, PerContent};
use crate::desired::Desired;
use crate::error::DeployError;
use crate::key_store::{KeyStore, StoredKey};
use crate::keys::Keys;
use crate::observed::header_bytes;
use crate::plan::Step;
use crate::program_metadata::{self, CanonicalIdl};
use transaction::{POLL_INTERVAL, Retries, Sender, describe};
use upload::Upload;

pub(crate) use transaction::chunk_size;

/// The number of polls after which an airdrop on a local cluster is given up.
const AIRDROP_POLLS: u32 = 150;

/// A step that was applied, with its transactions in order.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    pub(crate) step: Step,
    pub(crate) signatures: Vec<Signature>,
}

/// The result of simulating a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Simulated {
    Succeeds {
        compute_units: u64,
    },
    Fails {
        reason: String,
    },
    /// Cannot be simulated before an earlier step has been applied.
    DependsOnEarlierStep,
    /// An airdrop, which is not a transaction that the payer signs.
    NotATransaction,
}

pub(crate) struct Deployment<'a, C, T> {
    pub(crate) chain: &'a C,
    /// For airdrops, which [`Chain`] does not offer.
    pub(crate) transport: &'a T,
    pub(crate) desired: &'a Desired,
    pub(crate) keys: &'a Keys,
    pub(crate) store: &'a KeyStore,
    /// The keypairs of the upload buffers.
    pub(crate) buffers: PerContent<Keypair>,
}

/// The buffers' keypairs of an interrupted run, or new ones, which are stored as soon as they are used.
pub(crate) fn load_buffers(store: &KeyStore) -> Result<PerContent<Keypair>, ConfigError> {
    let load = |content| store.load(StoredKey::Buffer(content)).map(|key| key.unwrap_or_else(Keypair::new));
    Ok(PerContent { program: load(Content::Program)?, idl: load(Content::Idl)? })
}

/// The instruction that writes `bytes` at `offset` of a buffer's content.
pub(crate) fn write_to_buffer(
    content: Content,
    buffer: &Pubkey,
    authority: &Pubkey,
    offset: u32,
    bytes: &[u8],
) -> Instruction {
    match content {
        Content::Program => loader::write(buffer, authority, offset, bytes.to_vec()),
        Content::Idl => program_metadata::write(buffer, authority, offset, bytes),
    }
}

fn describe_rpc_error(error: RpcError) -> String {
    match error {
        RpcError::Unreachable(reason) | RpcError::InvalidResponse(reason) => reason,
        RpcError::RateLimited { .. } => "the node limits the rate of requests".to_owned(),
        RpcError::ErrorResponse { code, message } => format!("{message} (code {code})"),
    }
}

impl<C: Chain, T: Transport> Deployment<'_, C, T> {
    pub(crate) async fn apply(&mut self, step: Step) -> Result<Applied, DeployError> {
        tracing::info!("{step}");
        let signatures = match step {
            Step::Airdrop { to, lamports } => vec![self.airdrop(to, lamports).await?],
            Step::Upload { content, create, .. } => self.upload(step, content, create).await?,
            single => {
                let instructions = self.instructions(single).await?;
                vec![self.sender().send(&step.to_string(), &instructions, &self.keys.all()).await?]
            }
        };
        match step {
            Step::CloseBuffer(Content::Program) | Step::DeployProgram { .. } | Step::UpgradeProgram => {
                self.store.delete(StoredKey::Buffer(Content::Program))?;
                self.buffers.program = Keypair::new();
            }
            Step::CloseBuffer(Content::Idl) | Step::PublishIdl { .. } | Step::ReplaceIdl { .. } => {
                self.store.delete(StoredKey::Buffer(Content::Idl))?;
                self.buffers.idl = Keypair::new();
            }
            _ => {}
        }
        Ok(Applied { step, signatures })
    }

    /// Simulates all steps that do not depend on earlier ones.
    pub(crate) async fn simulate(&self, steps: &[Step]) -> Result<Vec<Simulated>, DeployError> {
        let mut all = Vec::new();
        let mut earlier = Vec::new();
        for step in steps {
            all.push(self.simulate_step(*step, &earlier).await?);
            earlier.push(*step);
        }
        Ok(all)
    }

    async fn simulate_step(&self, step: Step, earlier: &[Step]) -> Result<Simulated, DeployError> {
        if step.depends_on(earlier) {
            return Ok(Simulated::DependsOnEarlierStep);
        }
        let instructions = match step {
            Step::Airdrop { .. } => return Ok(Simulated::NotATransaction),
            Step::Upload { content, create: true, .. } => self.create_buffer(content).await?,
            Step::Upload { content, create: false, .. } => {
                let first_byte = self.chunks(content)?.bytes.get(..1).unwrap_or_default();
                vec![self.write(content, 0, first_byte)]
            }
            single => self.instructions(single).await?,
        };
        let simulation = self.sender().simulate(&instructions).await?;
        Ok(match simulation.error {
            Some(error) => Simulated::Fails { reason: describe(&error) },
            None => Simulated::Succeeds { compute_units: simulation.units_consumed },
        })
    }

    pub(crate) fn buffer_addresses(&self) -> PerContent<Pubkey> {
        PerContent { program: self.buffers.program.pubkey(), idl: self.buffers.idl.pubkey() }
    }

    fn sender(&self) -> Sender<'_, C> {
        let Desired { payer, compute_unit_price, .. } = *self.desired;
        Sender { chain: self.chain, payer, compute_unit_price }
    }

    fn terms(&self) -> Result<NetworkTerms, DeployError> {
        self.desired.network.ok_or_else(|| DeployError::Internal("no network is configured".to_owned()))
    }

    fn chunks(&self, content: Content) -> Result<&Chunks, DeployError> {
        match content {
            Content::Program => Ok(&self.desired.elf),
            Content::Idl => {
                let idl = self.desired.idl();
                Ok(&idl.ok_or_else(|| DeployError::Internal("no IDL is configured".to_owned()))?.packed)
            }
        }
    }

    /// The instructions of a step that is a single transaction.
    async fn instructions(&self, step: Step) -> Result<Vec<Instruction>, DeployError> {
        let Desired { program, payer, upgrade_authority: authority, admin, .. } = *self.desired;
        let buffers = self.buffer_addresses();
        let idl = CanonicalIdl { program, program_data: get_program_data_address(&program), authority };
        let fund_idl = |lamports| system::transfer(&payer, &program_metadata::idl_address(&program), lamports);
        Ok(match step {
            Step::Airdrop { .. } | Step::Upload { .. } => {
                return Err(DeployError::Internal(format!("'{step}' is not a single transaction")));
            }
            Step::CloseBuffer(Content::Program) => {
                vec![loader::close_any(&buffers.program, &payer, Some(&authority), None, false)]
            }
            Step::CloseBuffer(Content::Idl) => vec![program_metadata::close_buffer(&buffers.idl, &authority, &payer)],
            Step::ExtendProgram { bytes } => vec![loader::extend_program(&program, Some(&payer), bytes)],
            Step::DeployProgram { prefunded, max_len } => self.deploy(prefunded, max_len).await?,
            Step::UpgradeProgram => vec![loader::upgrade(&program, &buffers.program, &authority, &payer, true)],
            Step::PublishIdl { lamports } => {
                let len = self.chunks(Content::Idl)?.len();
                [vec![fund_idl(lamports)], idl.create(&buffers.idl, len, &payer)].concat()
            }
            Step::ReplaceIdl { old_len, lamports } => {
                let len = self.chunks(Content::Idl)?.len();
                [vec![fund_idl(lamports)], idl.update(&buffers.idl, old_len, len, &payer)].concat()
            }
            Step::CreateNetwork { token_program, .. } => {
                let terms = self.terms()?;
                match (terms.asset, token_program) {
                    (Asset::Mint(mint), Some(token_program)) => {
                        vec![create_token_network_ix(admin, terms.args, &TokenAsset { mint, token_program })]
                    }
                    (Asset::Sol | Asset::Mint(_), _) => vec![create_network_ix(admin, terms.args)],
                }
            }
            Step::MigrateTreasury => vec![migrate_treasury_ix(self.terms()?.address())],
            Step::ProposeAdmin { to } => vec![propose_admin_ix(admin, self.terms()?.address(), to)],
            Step::SetUpgradeAuthority { to } => {
                vec![loader::set_upgrade_authority(&program, &authority, to.as_ref())]
            }
        })
    }

    /// Creates the program's account and deploys the buffer to it.
    async fn deploy(&self, prefunded: u64, max_len: usize) -> Result<Vec<Instruction>, DeployError> {
        let Desired { program, payer, upgrade_authority: authority, .. } = *self.desired;
        let size = UpgradeableLoaderState::size_of_program() as u64;
        let rent = self.chain.minimum_balance(size).await?;
        let buffer = self.buffers.program.pubkey();
        let mut all = loader::deploy_with_max_program_len(&payer, &program, &buffer, &authority, rent, max_len, true)
            .map_err(|error| DeployError::Internal(format!("cannot build the deployment: {error}")))?;
        if prefunded > 0 {
            // The system program's create_account fails for an address that already holds lamports.
            let create = [
                system::transfer(&payer, &program, rent.saturating_sub(prefunded)),
                system::allocate(&program, size),
                system::assign(&program, &bpf_loader_upgradeable::ID),
            ];
            all.splice(..1, create);
        }
        Ok(all)
    }

    async fn upload(&self, step: Step, content: Content, create: bool) -> Result<Vec<Signature>, DeployError> {
        let keypair = self.buffers.get(content);
        let mut keys = self.keys.all();
        let mut signatures = Vec::new();
        if create {
            self.store.save(StoredKey::Buffer(content), keypair)?;
            let instructions = self.create_buffer(content).await?;
            keys.push(keypair);
            signatures.push(self.sender().send(&step.to_string(), &instructions, &keys).await?);
        }
        let write = |offset: u32, bytes: &[u8]| self.write(content, offset, bytes);
        let chunks = self.chunks(content)?;
        let upload = Upload { content, chunks, buffer: keypair.pubkey(), write: &write };
        signatures.extend(upload.run(&self.sender(), &keys).await?);
        Ok(signatures)
    }

    async fn create_buffer(&self, content: Content) -> Result<Vec<Instruction>, DeployError> {
        let Desired { payer, upgrade_authority: authority, .. } = *self.desired;
        let buffer = self.buffers.get(content).pubkey();
        let len = self.chunks(content)?.len();
        let rent = self.chain.minimum_balance((header_bytes(content) + len) as u64).await?;
        match content {
            Content::Program => loader::create_buffer(&payer, &buffer, &authority, rent, len)
                .map_err(|error| DeployError::Internal(format!("cannot build the buffer's creation: {error}"))),
            Content::Idl => Ok(program_metadata::create_buffer(&payer, &buffer, &authority, rent, len)),
        }
    }

    fn write(&self, content: Content, offset: u32, bytes: &[u8]) -> Instruction {
        let buffer = self.buffers.get(content).pubkey();
        write_to_buffer(content, &buffer, &self.desired.upgrade_authority, offset, bytes)
    }

    /// Requests lamports from a local cluster's faucet, and waits for them.
    async fn airdrop(&self, to: Pubkey, lamports: u64) -> Result<Signature, DeployError> {
        let step = || "airdrop".to_owned();
        let failed = |reason: String| DeployError::WouldFail { step: step(), reason };
        let mut retries = Retries::default();
        let before = self.balance(to, &mut retries).await?;
        let response = self.transport.call("requestAirdrop", json!([to.to_string(), lamports])).await;
        let response = response.map_err(|error| failed(describe_rpc_error(error)))?;
        let signature = response.as_str().and_then(|text| text.parse().ok());
        let signature = signature.ok_or_else(|| failed("the response is not a signature".to_owned()))?;
        for _ in 0..AIRDROP_POLLS {
            if self.balance(to, &mut retries).await? >= before.saturating_add(lamports) {
                return Ok(signature);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Err(DeployError::Expired { step: step(), signature })
    }

    async fn balance(&self, address: Pubkey, retries: &mut Retries) -> Result<u64, DeployError> {
        loop {
            let read = self.chain.accounts(&[address], AccountData::Omitted, Commitment::Finalized, 0).await;
            if let Some(read) = retries.check(read)? {
                return Ok(read.accounts.into_iter().flatten().next().map_or(0, |account| account.lamports));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}
