//! The versions that the numbers belong to.

use std::process::Command;

use williw_tests::HarnessError;
use williw_tests::artifacts::Artifacts;

/// The crates whose version changes the numbers.
const CRATES: &[&str] = &["anchor-lang", "litesvm", "solana-rpc-client", "worker"];

/// A name and its version.
pub type Version = (String, String);

/// Reads the versions of what was measured and of what measured it.
pub fn read(artifacts: &Artifacts) -> Result<Vec<Version>, HarnessError> {
    let mut versions = vec![("williw".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let lock = artifacts.checkout.join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock).map_err(HarnessError::io(format!("reading {}", lock.display())))?;
    for name in CRATES {
        if let Some(version) = locked_version(&lock, name) {
            versions.push(((*name).to_owned(), version));
        }
    }
    versions.push(("rustc".to_owned(), first_line("rustc", &["--version"])?));
    versions.push(("localnet".to_owned(), first_line(&artifacts.localnet.to_string_lossy(), &["--version"])?));
    versions.push(("wrangler".to_owned(), first_line(&artifacts.wrangler.to_string_lossy(), &["--version"])?));
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    versions.push(("machine".to_owned(), format!("{processors} processors, {}", std::env::consts::ARCH)));
    Ok(versions)
}

/// The version of the package `name` in a Cargo.lock, where its name and version stand on two lines.
fn locked_version(lock: &str, name: &str) -> Option<String> {
    let package = format!("name = \"{name}\"\nversion = \"");
    let rest = lock.split_once(&package)?.1;
    rest.split_once('"').map(|(version, _)| version.to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> Result<String, HarnessError> {
    let output =
        Command::new(program).args(arguments).output().map_err(HarnessError::io(format!("starting {program}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_version_is_that_of_the_whole_name() {
        let lock = "[[package]]\nname = \"worker-sys\"\nversion = \"9.9.9\"\n\n[[package]]\nname = \"worker\"\nversion = \"0.8.7\"\n";
        assert_eq!(locked_version(lock, "worker").as_deref(), Some("0.8.7"));
        assert_eq!(locked_version(lock, "litesvm"), None);
    }
}
