//! Starts, configures and stops surfpool's core.

use std::{net::Ipv4Addr, time::Duration};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};
use surfpool_core::{
    runloops::start_local_surfnet_runloop,
    surfnet::{
        locker::SurfnetSvmLocker,
        svm::{SurfnetSvm, SurfnetSvmConfig},
    },
};
use surfpool_types::{
    BlockProductionMode, RpcConfig, SimnetCommand, SimnetConfig, SimnetEvent, SurfpoolConfig, SvmFeatureConfig,
};
use tokio::runtime::Runtime;

use williw_localnet_common::{
    LocalnetArguments, LocalnetError,
    ports::Ports,
    shutdown::{Shutdown, spawn},
    values::{Airdrop, Program},
};

/// How long to wait for a clean stop before the process exits anyway. State is in memory, so nothing is lost.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// Whether to log the network's activity to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    Verbose,
}

/// A running network.
pub(crate) struct Network {
    svm: SurfnetSvmLocker,
    runtime: Runtime,
    events: Receiver<SimnetEvent>,
    commands: Sender<SimnetCommand>,
    /// Receives the result of the network's main loop when the loop ends.
    ended: Receiver<Result<(), String>>,
    ports: Ports,
}

impl Network {
    /// Starts the network and returns once its RPC server responds.
    ///
    /// # Errors
    /// When a port is already in use or surfpool does not start.
    pub(crate) fn start(arguments: &LocalnetArguments) -> Result<Self, LocalnetError> {
        let ports = Ports::choose(arguments.rpc_port, arguments.ws_port)?;
        let simnet = SimnetConfig {
            offline_mode: true,
            remote_rpc_url: None,
            slot_time: arguments.slot_ms,
            block_production_mode: BlockProductionMode::Clock,
            // It would execute every transaction a second time.
            instruction_profiling_enabled: false,
            ..SimnetConfig::default()
        };
        let (svm, events, geyser_events) = SurfnetSvm::new(SurfnetSvmConfig {
            surfnet_id: simnet.surfnet_id.clone(),
            slot_time: simnet.slot_time,
            instruction_profiling_enabled: simnet.instruction_profiling_enabled,
            max_profiles: simnet.max_profiles,
            log_bytes_limit: simnet.log_bytes_limit,
            feature_config: SvmFeatureConfig::default(),
            skip_blockhash_check: false,
        })
        .map_err(|error| LocalnetError::Start(error.to_string()))?;
        let config = SurfpoolConfig {
            simnets: vec![simnet],
            rpc: RpcConfig {
                bind_host: Ipv4Addr::LOCALHOST.to_string(),
                bind_port: ports.rpc,
                ws_port: ports.ws,
                ..RpcConfig::default()
            },
            ..SurfpoolConfig::default()
        };

        let runtime = Runtime::new().map_err(LocalnetError::Thread)?;
        let svm = SurfnetSvmLocker::new(svm);
        let (commands, received_commands) = unbounded();
        let (end, ended) = bounded(1);
        let (handle, for_rpc, locker) = (runtime.handle().clone(), commands.clone(), svm.clone());
        spawn("surfnet", move || {
            let run = start_local_surfnet_runloop(locker, config, for_rpc, received_commands, geyser_events);
            let _ = end.send(handle.block_on(run).map_err(|error| error.to_string()));
        })?;

        let network = Self { svm, runtime, events, commands, ended, ports };
        network.wait_until_started()?;
        Ok(network)
    }

    fn wait_until_started(&self) -> Result<(), LocalnetError> {
        loop {
            select! {
                recv(self.events) -> event => match event {
                    Ok(SimnetEvent::CoreStarted(_)) => return Ok(()),
                    Ok(SimnetEvent::Aborted(reason)) => return Err(LocalnetError::Start(reason)),
                    Ok(_) => {}
                    Err(_) => return Err(LocalnetError::Start("its event channel was closed".to_owned())),
                },
                recv(self.ended) -> result => return Err(LocalnetError::Start(reason(result.ok()))),
            }
        }
    }

    /// Deploys an upgradeable program. As on any cluster, it can be invoked from the next slot on.
    ///
    /// # Errors
    /// When the file is not a program that this network can run.
    pub(crate) fn deploy(&self, program: Program) -> Result<(), LocalnetError> {
        let Program { id, path, elf } = program;
        let rejected = |reason: String| LocalnetError::ProgramRejected { id, path: path.clone(), reason };
        self.runtime
            .block_on(self.svm.write_program(id, None, 0, &elf, &None))
            .map_err(|error| rejected(error.to_string()))?;
        // write_program does not report a program that fails to load. Setting its account again loads it again.
        self.svm
            .with_svm_writer(move |svm| match svm.get_account(&id)? {
                Some(account) => svm.set_account(&id, account).map(|()| true),
                None => Ok(false),
            })
            .map_err(|error| error.to_string())
            .and_then(|found| if found { Ok(()) } else { Err("its account was not written".to_owned()) })
            .map_err(rejected)
    }

    /// Mints lamports to an account.
    ///
    /// # Errors
    /// When the amount is zero or would leave the account below the rent-exempt minimum.
    pub(crate) fn airdrop(&self, airdrop: &Airdrop) -> Result<(), LocalnetError> {
        let Airdrop { account, lamports } = *airdrop;
        let result = match self.svm.airdrop(&account, lamports) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failed)) => Err(failed.err.to_string()),
            Err(error) => Err(error.to_string()),
        };
        result.map_err(|reason| LocalnetError::Airdrop { account, lamports, reason })
    }

    /// The ports that the network listens on.
    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    /// Serves until `shutdown` fires, then stops.
    ///
    /// # Errors
    /// When the network stops unexpectedly.
    pub(crate) fn serve(self, shutdown: &Shutdown, verbosity: Verbosity) -> Result<(), LocalnetError> {
        let mut events = self.events.clone();
        loop {
            select! {
                recv(shutdown.receiver()) -> _ => return self.stop(),
                recv(self.ended) -> result => return Err(LocalnetError::Stopped(reason(result.ok()))),
                recv(events) -> event => match event {
                    Ok(event) if verbosity == Verbosity::Verbose => {
                        if let Some(line) = describe(event) {
                            eprintln!("williw-localnet: {line}");
                        }
                    }
                    Ok(_) => {}
                    // `ended` follows.
                    Err(_) => events = never(),
                },
            }
        }
    }

    fn stop(self) -> Result<(), LocalnetError> {
        // A main loop that has already ended, or does not respond, counts as stopped.
        if self.commands.send(SimnetCommand::Terminate(None)).is_ok() {
            let _ = self.ended.recv_timeout(STOP_TIMEOUT);
        }
        self.runtime.shutdown_background();
        Ok(())
    }
}

/// The line that `--verbose` logs for an event, if any. Without `--verbose`, only the sender of a transaction learns
/// that it failed.
fn describe(event: SimnetEvent) -> Option<String> {
    match event {
        SimnetEvent::ErrorLog(_, message)
        | SimnetEvent::WarnLog(_, message)
        | SimnetEvent::InfoLog(_, message)
        | SimnetEvent::DebugLog(_, message) => Some(message),
        SimnetEvent::TransactionProcessed(_, transaction, failed) => {
            let outcome = failed.map_or_else(|| "succeeded".to_owned(), |error| format!("failed: {error}"));
            Some(format!("{} {outcome}, {} CU", transaction.signature, transaction.compute_units_consumed))
        }
        _ => None,
    }
}

fn reason(result: Option<Result<(), String>>) -> String {
    match result {
        Some(Err(error)) => error,
        Some(Ok(())) => "no reason given".to_owned(),
        None => "its main loop panicked".to_owned(),
    }
}
