//! The relay's engine without a network: `williw-engine-bench`, built for release, in processes of its own.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use williw_tests::HarnessError;
use williw_tests::artifacts::Artifacts;

use crate::BenchError;

/// A line that `williw-engine-bench` prints.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "measurement", rename_all = "lowercase")]
pub(crate) enum Measurement {
    /// Building and signing full credits.
    Sign { nodes_per_second_per_core: f64 },
    /// Plain statements that write what a settlement writes.
    Bare(Bare),
    /// The engine.
    Settle(Settle),
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Bare {
    pub(crate) nodes: u64,
    pub(crate) rewards_per_node: u64,
    pub(crate) nodes_per_second: f64,
    pub(crate) nodes_per_processor_second: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Settle {
    pub(crate) nodes: u64,
    pub(crate) rewards_per_node: u64,
    pub(crate) nodes_per_second: f64,
    pub(crate) nodes_per_processor_second: f64,
    pub(crate) database_calls_per_3000_nodes: f64,
    pub(crate) rpc_calls_per_3000_nodes: f64,
    pub(crate) longest_write_ms: f64,
    pub(crate) peak_memory_mib: u64,
    pub(crate) idle_call_ms: f64,
}

/// Runs all measurements.
pub(crate) fn measure(artifacts: &Artifacts) -> Result<Vec<Measurement>, BenchError> {
    let program = artifacts.released("williw-engine-bench")?;
    run(&program)
}

fn run(program: &Path) -> Result<Vec<Measurement>, BenchError> {
    let output = Command::new(program)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(HarnessError::io(format!("starting {}", program.display())))?;
    if !output.status.success() {
        return Err(HarnessError::Unexpected(format!("{} failed", program.display())).into());
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| HarnessError::Unexpected(format!("'{line}' is no measurement: {error}")).into())
        })
        .collect()
}
