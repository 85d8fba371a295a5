//! The network itself: surfpool's core, started, filled and stopped.

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

use crate::{
    arguments::Arguments,
    shared::{
        error::LocalnetError,
        ports::choose_ports,
        shutdown::{Shutdown, spawn},
        values::{Airdrop, Program},
    },
};

/// How long a stop may take before the process ends without waiting any longer. State is in memory: nothing is lost.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// A running network.
pub struct Network {
    svm: SurfnetSvmLocker,
    runtime: Runtime,
    events: Receiver<SimnetEvent>,
    commands: Sender<SimnetCommand>,
    /// Gets the result of the network's main loop when that ends.
    ended: Receiver<Result<(), String>>,
    rpc_port: u16,
    ws_port: u16,
}

impl Network {
    /// Starts the network and returns when its RPC answers.
    ///
    /// # Errors
    /// When a port is taken or surfpool does not start.
    pub fn start(arguments: &Arguments) -> Result<Self, LocalnetError> {
        let (rpc_port, ws_port) = choose_ports(arguments.rpc_port, arguments.ws_port)?;
        let simnet = SimnetConfig {
            offline_mode: true,
            remote_rpc_url: None,
            slot_time: arguments.slot_ms,
            block_production_mode: BlockProductionMode::Clock,
            // Costs a second execution of every transaction.
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
                bind_port: rpc_port,
                ws_port,
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

        let network = Self { svm, runtime, events, commands, ended, rpc_port, ws_port };
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
                    Err(_) => return Err(LocalnetError::Start("it went away".to_owned())),
                },
                recv(self.ended) -> result => return Err(LocalnetError::Start(reason(result.ok()))),
            }
        }
    }

    /// Deploys an upgradeable program. It can be called from the next slot on, as on any cluster.
    ///
    /// # Errors
    /// When the file is not a program that this network can run.
    pub fn deploy(&self, program: Program) -> Result<(), LocalnetError> {
        let Program { id, path, elf } = program;
        let rejected = |reason: String| LocalnetError::ProgramRejected { id, path: path.clone(), reason };
        self.runtime
            .block_on(self.svm.write_program(id, None, 0, &elf, &None))
            .map_err(|error| rejected(error.to_string()))?;
        // write_program keeps quiet about a program that does not load. Setting its account again loads it again.
        self.svm
            .with_svm_writer(move |svm| match svm.get_account(&id)? {
                Some(account) => svm.set_account(&id, account).map(|()| true),
                None => Ok(false),
            })
            .map_err(|error| error.to_string())
            .and_then(|found| if found { Ok(()) } else { Err("its account was not written".to_owned()) })
            .map_err(rejected)
    }

    /// Creates lamports on an account.
    ///
    /// # Errors
    /// When the amount is zero or would leave the account below the rent-exempt minimum.
    pub fn airdrop(&self, airdrop: &Airdrop) -> Result<(), LocalnetError> {
        let Airdrop { account, lamports } = *airdrop;
        let result = match self.svm.airdrop(&account, lamports) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failed)) => Err(failed.err.to_string()),
            Err(error) => Err(error.to_string()),
        };
        result.map_err(|reason| LocalnetError::Airdrop { account, lamports, reason })
    }

    /// The ports of JSON-RPC and WebSocket.
    pub fn ports(&self) -> (u16, u16) {
        (self.rpc_port, self.ws_port)
    }

    /// Serves until `shutdown` says to stop, then stops.
    ///
    /// # Errors
    /// When the network ends by itself.
    pub fn serve(self, shutdown: &Shutdown, verbose: bool) -> Result<(), LocalnetError> {
        let mut events = self.events.clone();
        loop {
            select! {
                recv(shutdown.receiver()) -> _ => return self.stop(),
                recv(self.ended) -> result => return Err(LocalnetError::Stopped(reason(result.ok()))),
                recv(events) -> event => match event {
                    Ok(event) if verbose => {
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
        // A main loop that is gone already, or that does not answer, is as good as stopped.
        if self.commands.send(SimnetCommand::Terminate(None)).is_ok() {
            let _ = self.ended.recv_timeout(STOP_TIMEOUT);
        }
        self.runtime.shutdown_background();
        Ok(())
    }
}

/// What `--verbose` prints. Without it a failed transaction is only told to who sent it.
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
        Some(Ok(())) => "without a reason".to_owned(),
        None => "its main loop panicked".to_owned(),
    }
}
