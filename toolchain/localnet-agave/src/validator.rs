//! Configures, starts and stops Agave's test validator.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use agave_feature_set::FEATURE_NAMES;
use crossbeam_channel::bounded;
use solana_account::AccountSharedData;
use solana_faucet::faucet::{Faucet, run_faucet};
use solana_keypair::Keypair;
use solana_net_utils::SocketAddrSpace;
use solana_pubkey::Pubkey;
use solana_rpc::rpc::JsonRpcConfig;
use solana_sdk_ids::{bpf_loader_upgradeable, system_program};
use solana_signer::Signer;
use solana_test_validator::{TestValidator, TestValidatorGenesis, UpgradeableProgramInfo};
use tempfile::TempDir;
use williw_localnet_common::{
    LocalnetArguments, LocalnetError,
    ports::{Ports, free_port},
    shutdown::{Shutdown, spawn},
    values::Airdrop,
};

/// How long to wait for a clean stop before the process exits anyway.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Ticks per second of Agave's default proof-of-history configuration: 64 in a slot of 400 ms.
const TICKS_PER_SECOND: u64 = 160;

/// Old ledger data is purged above this number of shreds, so that a long run does not fill the disk.
const MAX_LEDGER_SHREDS: u64 = 10_000;

/// A running validator. Its ledger is in a temporary directory.
pub(crate) struct Network {
    validator: TestValidator,
    ledger: TempDir,
    ports: Ports,
}

impl Network {
    /// Starts the validator and its faucet, and returns once the RPC server responds.
    ///
    /// # Errors
    /// When an argument is invalid, a port is already in use or the validator does not start.
    pub(crate) fn start(arguments: &LocalnetArguments, deactivated: &[Pubkey]) -> Result<Self, LocalnetError> {
        if let Some(unknown) = deactivated.iter().find(|feature| !FEATURE_NAMES.contains_key(*feature)) {
            return Err(LocalnetError::UnknownFeature(*unknown));
        }
        let ports = Ports::choose_adjacent(arguments.rpc_port, arguments.ws_port)?;
        let ledger = tempfile::Builder::new().prefix("williw-localnet-agave.").tempdir();
        let ledger = ledger.map_err(LocalnetError::Ledger)?;
        let mint = Keypair::new();
        let faucet = start_faucet(mint.insecure_clone())?;

        let mut genesis = TestValidatorGenesis::default();
        genesis
            .ledger_path(ledger.path())
            .rpc_port(ports.rpc)
            // 0 picks a free port of Agave's range, so that two localnets can run at the same time.
            .gossip_port(0)
            .faucet_addr(Some(faucet))
            .ticks_per_slot((arguments.slot_ms * TICKS_PER_SECOND).div_ceil(1000))
            .deactivate_features(deactivated)
            .rpc_config(JsonRpcConfig {
                enable_rpc_transaction_history: true,
                enable_extended_tx_metadata_storage: true,
                faucet_addr: Some(faucet),
                ..JsonRpcConfig::default_for_test()
            });
        genesis.max_ledger_shreds = Some(MAX_LEDGER_SHREDS);
        for Airdrop { account, lamports } in &arguments.airdrop {
            let minimum = genesis.rent.minimum_balance(0);
            if *lamports < minimum {
                let reason = format!("the account would not be rent-exempt, which takes {minimum} lamports");
                return Err(LocalnetError::Airdrop { account: *account, lamports: *lamports, reason });
            }
            genesis.add_account(*account, AccountSharedData::new(*lamports, 0, &system_program::ID));
        }
        let programs = arguments.program.iter().map(|program| UpgradeableProgramInfo {
            program_id: program.id,
            loader: bpf_loader_upgradeable::ID,
            upgrade_authority: mint.pubkey(),
            program_path: program.path.clone(),
        });
        genesis.add_upgradeable_programs_with_path(&programs.collect::<Vec<_>>());

        let validator = genesis
            .start_with_mint_address(mint.pubkey(), SocketAddrSpace::new(true))
            .map_err(|error| LocalnetError::Start(error.to_string()))?;
        Ok(Self { validator, ledger, ports })
    }

    /// The ports that the validator listens on.
    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    /// Serves until `shutdown` fires, then stops.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(crate) fn serve(self, shutdown: &Shutdown) -> Result<(), LocalnetError> {
        // An error means that the sender is gone, so no signal could stop this process: stop as well.
        let _ = shutdown.receiver().recv();
        let Self { validator, ledger, .. } = self;
        let (stop, stopped) = bounded(1);
        spawn("stop", move || {
            drop(validator);
            let _ = stop.send(());
        })?;
        let _ = stopped.recv_timeout(STOP_TIMEOUT);
        // Threads that are still running may recreate files: what is left is in the temporary directory.
        let _ = ledger.close();
        Ok(())
    }
}

/// Starts the faucet behind `requestAirdrop` on a free port of 127.0.0.1, and returns its address.
fn start_faucet(mint: Keypair) -> Result<SocketAddr, LocalnetError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LocalnetError::Thread)?;
    let (listening, started) = bounded(1);
    spawn("faucet", move || {
        let faucet = Arc::new(Mutex::new(Faucet::new(mint, None, None, None)));
        runtime.block_on(run_faucet(faucet, address, Some(listening)));
    })?;
    match started.recv() {
        Ok(Ok(address)) => Ok(address),
        Ok(Err(reason)) => Err(LocalnetError::Start(format!("the faucet failed: {reason}"))),
        Err(_) => Err(LocalnetError::Start("the faucet's thread ended".to_owned())),
    }
}
