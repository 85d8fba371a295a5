//! Where the built parts are. Looked for before anything is started, so that what is missing is said first.

use std::path::{Path, PathBuf};

use crate::{HarnessError, localnet};

/// The parts that were built for this checkout, and the tools that run them.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// The root of the checkout.
    pub checkout: PathBuf,
    /// Cargo's target directory: everything that is written goes below it.
    pub target: PathBuf,
    /// The program's bytecode.
    pub program: PathBuf,
    /// The relay's binary.
    pub relay: PathBuf,
    /// The Worker's entry module.
    pub worker: PathBuf,
    /// The localnet's binary.
    pub localnet: PathBuf,
    /// Cloudflare's command line tool.
    pub wrangler: PathBuf,
}

impl Artifacts {
    /// Finds all of them.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] with how to bring the missing one.
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
            worker: built(&checkout.join("worker/build/index.js"), "the Worker", "run 'make worker'")?,
            localnet: tool(&localnet::command_name())?,
            wrangler: tool("wrangler")?,
            checkout,
            target,
        })
    }
}

/// The root of the checkout that this was compiled from.
pub fn checkout() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// Cargo puts all binaries of a profile side by side, and those of tests one folder deeper.
fn profile_directory() -> Result<PathBuf, HarnessError> {
    let this = std::env::current_exe().map_err(HarnessError::io("asking for the path of this program"))?;
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
            remedy: "run toolchain/setup.sh, then '. toolchain/env.sh' in this shell".to_owned(),
        })
}
