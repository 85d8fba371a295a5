//! Carries a plan out, step by step. Each step leaves the chain in a state from which the next plan goes on.

pub mod transaction;
pub mod upload;

use serde_json::json;
use settlement::client::{
    TokenAsset, create_network_ix, create_token_network_ix, migrate_treasury_ix, network_address, propose_admin_ix,
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
use williw_relay::chain::{AccountData, Chain, Commitment, Transport};

use crate::config::{Asset, NetworkTerms};
use crate::failure::Failure;
use crate::keys::Keys;
use crate::plan::{Step, Wanted};
use crate::program_metadata::{self, Subject};
use crate::state::{Kept, State};
use transaction::{Keyring, POLL, Patience, Sender, explain};
use upload::Upload;

/// How many polls an airdrop of a local cluster may take.
const AIRDROP_POLLS: u32 = 150;

/// A step that was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which.
    pub step: Step,
    /// Its transactions, in order.
    pub signatures: Vec<Signature>,
}

/// What a simulation of a step said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// It would succeed with so many compute units.
    Succeeds(u64),
    /// It would fail.
    Fails(String),
    /// It cannot be simulated before an earlier step is done.
    Waits,
    /// There is nothing to simulate.
    NotATransaction,
}

/// All that carrying out takes.
pub struct Deployment<'a, C, T> {
    /// The cluster.
    pub chain: &'a C,
    /// The way to the cluster, for what is no part of the engine's view of it.
    pub transport: &'a T,
    /// What is wanted.
    pub wanted: &'a Wanted,
    /// Who signs.
    pub keys: &'a Keys,
    /// Where the buffers' keys are kept.
    pub state: &'a State,
    /// The buffers' keys.
    pub buffers: Buffers,
    /// The bytecode.
    pub elf: &'a [u8],
    /// The IDL as it is written.
    pub packed_idl: &'a [u8],
    /// Bytes of the program that one transaction writes.
    pub program_chunk: usize,
    /// Bytes of the IDL that one transaction writes.
    pub idl_chunk: usize,
}

/// The keys of the buffers: those of an interrupted run, or new ones.
pub struct Buffers {
    /// The program's.
    pub program: Keypair,
    /// The IDL's.
    pub idl: Keypair,
}

impl Buffers {
    /// Those that an earlier run kept, or new ones, which are only kept once they are used.
    ///
    /// # Errors
    /// [`Failure::State`].
    pub fn find(state: &State) -> Result<Self, Failure> {
        Ok(Self {
            program: state.find(Kept::ProgramBuffer)?.unwrap_or_else(Keypair::new),
            idl: state.find(Kept::IdlBuffer)?.unwrap_or_else(Keypair::new),
        })
    }
}

impl<C: Chain, T: Transport> Deployment<'_, C, T> {
    fn sender(&self) -> Sender<'_, C> {
        let Wanted { payer, compute_unit_price, .. } = *self.wanted;
        Sender { chain: self.chain, payer, compute_unit_price }
    }

    fn subject(&self) -> Subject {
        let Wanted { program, upgrade_authority: authority, .. } = *self.wanted;
        Subject { program, program_data: get_program_data_address(&program), authority }
    }

    /// Does the step.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn carry_out(&mut self, step: Step) -> Result<Done, Failure> {
        tracing::info!("{step}");
        let signatures = match step {
            Step::Airdrop { to, lamports } => vec![self.airdrop(to, lamports).await?],
            Step::UploadProgram { create, .. } => self.upload_program(step, create).await?,
            Step::UploadIdl { create, .. } => self.upload_idl(step, create).await?,
            single => {
                let instructions = self.instructions(single).await?;
                vec![self.sender().send(&step.to_string(), &instructions, &self.keyring()).await?]
            }
        };
        match step {
            Step::CloseProgramBuffer | Step::DeployProgram { .. } | Step::UpgradeProgram => {
                self.state.forget(Kept::ProgramBuffer)?;
                self.buffers.program = Keypair::new();
            }
            Step::CloseIdlBuffer | Step::PublishIdl { .. } | Step::ReplaceIdl { .. } => {
                self.state.forget(Kept::IdlBuffer)?;
                self.buffers.idl = Keypair::new();
            }
            _ => {}
        }
        Ok(Done { step, signatures })
    }

    /// Simulates the step, which comes after the `earlier` ones.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn rehearse(&self, step: Step, earlier: &[Step]) -> Result<Rehearsal, Failure> {
        if step.waits_for(earlier) {
            return Ok(Rehearsal::Waits);
        }
        let instructions = match step {
            Step::Airdrop { .. } => return Ok(Rehearsal::NotATransaction),
            Step::UploadProgram { create: true, .. } => self.create_program_buffer().await?,
            Step::UploadProgram { create: false, .. } => {
                vec![self.write_program(0, &self.elf[..1.min(self.elf.len())])]
            }
            Step::UploadIdl { create: true, .. } => self.create_idl_buffer().await?,
            Step::UploadIdl { create: false, .. } => {
                vec![self.write_idl(0, &self.packed_idl[..1.min(self.packed_idl.len())])]
            }
            single => self.instructions(single).await?,
        };
        let simulation = self.sender().simulate(&instructions).await?;
        Ok(match simulation.error {
            Some(error) => Rehearsal::Fails(explain(&error)),
            None => Rehearsal::Succeeds(simulation.units_consumed),
        })
    }

    fn terms(&self) -> Result<NetworkTerms, Failure> {
        self.wanted.network.ok_or_else(|| Failure::Internal("there are no terms of a network".to_owned()))
    }

    /// Everybody who may have to sign.
    fn keyring(&self) -> Keyring<'_> {
        Keyring::new(self.keys.all())
    }

    /// The instructions of a step of one transaction.
    async fn instructions(&self, step: Step) -> Result<Vec<Instruction>, Failure> {
        let Wanted { program, payer, upgrade_authority: authority, admin, .. } = *self.wanted;
        let program_buffer = self.buffers.program.pubkey();
        let idl_buffer = self.buffers.idl.pubkey();
        let to_idl = |lamports| system::transfer(&payer, &program_metadata::idl_address(&program), lamports);
        Ok(match step {
            Step::Airdrop { .. } | Step::UploadProgram { .. } | Step::UploadIdl { .. } => {
                return Err(Failure::Internal(format!("'{step}' is no single transaction")));
            }
            Step::CloseProgramBuffer => {
                vec![loader::close_any(&program_buffer, &payer, Some(&authority), None, false)]
            }
            Step::ExtendProgram { bytes } => vec![loader::extend_program(&program, Some(&payer), bytes)],
            Step::DeployProgram { held, max_len } => self.deploy(held, max_len).await?,
            Step::UpgradeProgram => vec![loader::upgrade(&program, &program_buffer, &authority, &payer, true)],
            Step::CloseIdlBuffer => vec![program_metadata::close_buffer(&idl_buffer, &authority, &payer)],
            Step::PublishIdl { lamports } => {
                let mut all = vec![to_idl(lamports)];
                all.extend(self.subject().create(&idl_buffer, self.packed_idl.len(), &payer));
                all
            }
            Step::ReplaceIdl { old_len, lamports } => {
                let mut all = vec![to_idl(lamports)];
                all.extend(self.subject().update(&idl_buffer, old_len, self.packed_idl.len(), &payer));
                all
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
            Step::MigrateTreasury => vec![migrate_treasury_ix(network_address(&self.terms()?.id))],
            Step::ProposeAdmin { to } => vec![propose_admin_ix(admin, network_address(&self.terms()?.id), to)],
            Step::SetUpgradeAuthority { to } => {
                vec![loader::set_upgrade_authority(&program, &authority, to.as_ref())]
            }
        })
    }

    /// Creates the program's account and makes the buffer the program.
    async fn deploy(&self, held: u64, max_len: usize) -> Result<Vec<Instruction>, Failure> {
        let Wanted { program, payer, upgrade_authority: authority, .. } = *self.wanted;
        let size = UpgradeableLoaderState::size_of_program() as u64;
        let rent = self.chain.minimum_balance(size).await?;
        let buffer = self.buffers.program.pubkey();
        let mut all = loader::deploy_with_max_program_len(&payer, &program, &buffer, &authority, rent, max_len, true)
            .map_err(|error| Failure::Internal(format!("the deployment cannot be put together: {error}")))?;
        if held > 0 {
            // create_account refuses an address with lamports, which anybody can send there.
            let by_hand = [
                system::transfer(&payer, &program, rent.saturating_sub(held)),
                system::allocate(&program, size),
                system::assign(&program, &bpf_loader_upgradeable::ID),
            ];
            all.splice(..1, by_hand);
        }
        Ok(all)
    }

    async fn upload_program(&self, step: Step, create: bool) -> Result<Vec<Signature>, Failure> {
        let mut signatures = Vec::new();
        let keys = self.keyring();
        if create {
            self.state.keep(Kept::ProgramBuffer, &self.buffers.program)?;
            let instructions = self.create_program_buffer().await?;
            let keys = keys.with(&self.buffers.program);
            signatures.push(self.sender().send(&step.to_string(), &instructions, &keys).await?);
        }
        let upload = Upload {
            name: "program",
            buffer: self.buffers.program.pubkey(),
            header: UpgradeableLoaderState::size_of_buffer_metadata(),
            content: self.elf,
            chunk: self.program_chunk,
            write: &|offset, bytes| self.write_program(offset, bytes),
        };
        signatures.extend(upload.carry_out(&self.sender(), &keys).await?);
        Ok(signatures)
    }

    async fn create_program_buffer(&self) -> Result<Vec<Instruction>, Failure> {
        let Wanted { payer, upgrade_authority, .. } = *self.wanted;
        let size = UpgradeableLoaderState::size_of_buffer(self.elf.len()) as u64;
        let rent = self.chain.minimum_balance(size).await?;
        let buffer = self.buffers.program.pubkey();
        loader::create_buffer(&payer, &buffer, &upgrade_authority, rent, self.elf.len())
            .map_err(|error| Failure::Internal(format!("the buffer cannot be put together: {error}")))
    }

    fn write_program(&self, offset: u32, bytes: &[u8]) -> Instruction {
        write_program(&self.buffers.program.pubkey(), &self.wanted.upgrade_authority, offset, bytes)
    }

    async fn upload_idl(&self, step: Step, create: bool) -> Result<Vec<Signature>, Failure> {
        let mut signatures = Vec::new();
        let keys = self.keyring();
        if create {
            self.state.keep(Kept::IdlBuffer, &self.buffers.idl)?;
            let instructions = self.create_idl_buffer().await?;
            let keys = keys.with(&self.buffers.idl);
            signatures.push(self.sender().send(&step.to_string(), &instructions, &keys).await?);
        }
        let upload = Upload {
            name: "idl",
            buffer: self.buffers.idl.pubkey(),
            header: program_metadata::HEADER_BYTES,
            content: self.packed_idl,
            chunk: self.idl_chunk,
            write: &|offset, bytes| self.write_idl(offset, bytes),
        };
        signatures.extend(upload.carry_out(&self.sender(), &keys).await?);
        Ok(signatures)
    }

    async fn create_idl_buffer(&self) -> Result<Vec<Instruction>, Failure> {
        let Wanted { payer, upgrade_authority, .. } = *self.wanted;
        let len = self.packed_idl.len();
        let rent = self.chain.minimum_balance((program_metadata::HEADER_BYTES + len) as u64).await?;
        Ok(program_metadata::create_buffer(&payer, &self.buffers.idl.pubkey(), &upgrade_authority, rent, len))
    }

    fn write_idl(&self, offset: u32, bytes: &[u8]) -> Instruction {
        program_metadata::write(&self.buffers.idl.pubkey(), &self.wanted.upgrade_authority, offset, bytes)
    }

    /// Lamports from a local cluster, which gives them to whoever asks.
    async fn airdrop(&self, to: Pubkey, lamports: u64) -> Result<Signature, Failure> {
        let mut patience = Patience::default();
        let before = self.balance(to, &mut patience).await?;
        let refused = |reason: String| Failure::WouldFail { step: "the airdrop".to_owned(), reason };
        let answer = self.transport.call("requestAirdrop", json!([to.to_string(), lamports])).await;
        let signature = answer.map_err(|error| refused(format!("{error:?}")))?;
        let signature = signature
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| refused("the answer is no signature".to_owned()))?;
        for _ in 0..AIRDROP_POLLS {
            if self.balance(to, &mut patience).await? >= before.saturating_add(lamports) {
                return Ok(signature);
            }
            tokio::time::sleep(POLL).await;
        }
        Err(Failure::Expired { step: "the airdrop".to_owned(), signature })
    }

    async fn balance(&self, address: Pubkey, patience: &mut Patience) -> Result<u64, Failure> {
        loop {
            let read = self.chain.accounts(&[address], AccountData::Omitted, Commitment::Finalized).await;
            if let Some(read) = patience.answer(read)? {
                return Ok(read.accounts.into_iter().flatten().next().map_or(0, |account| account.lamports));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Writes bytes of the program at `offset` into the loader's buffer.
pub fn write_program(buffer: &Pubkey, authority: &Pubkey, offset: u32, bytes: &[u8]) -> Instruction {
    loader::write(buffer, authority, offset, bytes.to_vec())
}
