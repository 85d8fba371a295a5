//! Locates build artifacts and tools, so that missing ones are reported before anything is started.

use std::path::{Path, PathBuf};

use crate::{HarnessError, localnet};

/// Paths of the artifacts built from this checkout and of the tools that run them.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// Root directory of the checkout.
    pub checkout: PathBuf,
    /// Cargo's target directory, below which the harness writes all its files.
    pub target: PathBuf,
    /// The program's bytecode (`settlement.so`).
    pub program: PathBuf,
    /// The `williw-relay` binary.
    pub relay: PathBuf,
    /// The library that shifts a process's clock, for tests. Not necessarily built.
    pub clock_shim: PathBuf,
    /// The Worker's entry module (`index.js`).
    pub worker: PathBuf,
    /// The `williw-localnet` binary.
    pub localnet: PathBuf,
    /// Cloudflare's `wrangler` command.
    pub wrangler: PathBuf,
}

impl Artifacts {
    /// Locates all artifacts and tools.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] with the command that provides the missing item.
    pub fn find() -> Result<Self, HarnessError> {
        let checkout = checkout();
        let profile_directory = profile_directory()?;
        let target = match profile_directory.parent() {
            Some(target) => target.to_owned(),
            None => profile_directory.clone(),
        };
        Ok(Self {
            program: built(&target.join("deploy/settlement.so"), "the program's bytecode", "run 'make program'")?,
            relay: built(&profile_directory.join("williw-relay"), "the relay", "run 'cargo build -p williw-relay'")?,
            clock_shim: profile_directory.join("examples/libclock_shim.so"),
            worker: built(&checkout.join("worker/build/index.js"), "the Worker", "run 'make worker'")?,
            localnet: tool(&localnet::command_name())?,
            wrangler: tool("wrangler")?,
            checkout,
            target,
        })
    }

    /// Path of a program that was built for release, for benchmarks.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] with the command that builds it.
    pub fn released(&self, name: &str) -> Result<PathBuf, HarnessError> {
        built(&self.target.join("release").join(name), &format!("the release build of '{name}'"), "run 'make bench'")
    }
}

/// Returns the root directory of the checkout that this crate was compiled from.
pub fn checkout() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// Returns the directory of the current build profile. Cargo places test binaries one level deeper, in `deps`.
fn profile_directory() -> Result<PathBuf, HarnessError> {
    let this = std::env::current_exe().map_err(HarnessError::io("determining the path of the current executable"))?;
    let mut directory = this.parent().unwrap_or(&this);
    if directory.ends_with("deps") {
        directory = directory.parent().unwrap_or(directory);
    }
    Ok(directory.to_owned())
}

fn built(path: &Path, what: &str, remedy: &str) -> Result<PathBuf, HarnessError> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    Err(HarnessError::Missing { what: format!("{what} ({})", path.display()), remedy: remedy.to_owned() })
}

fn tool(name: &str) -> Result<PathBuf, HarnessError> {
    std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| HarnessError::Missing {
            what: format!("the tool '{name}'"),
            remedy: "run 'toolchain/setup.sh', then '. toolchain/env.sh' in this shell".to_owned(),
        })
}
