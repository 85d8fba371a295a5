//! Versions of the measured components and of the tools used to measure them.

use std::process::Command;

use williw_tests::HarnessError;
use williw_tests::artifacts::Artifacts;

/// Crates whose versions affect the results.
const CRATES: &[&str] = &["anchor-lang", "litesvm", "solana-rpc-client", "worker"];

/// Name and version of a component.
pub(crate) type Version = (String, String);

/// Reads the versions from `Cargo.lock` and from the tools.
pub(crate) fn read(artifacts: &Artifacts) -> Result<Vec<Version>, HarnessError> {
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
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    versions.push(("machine".to_owned(), format!("{cpus} CPUs, {}", std::env::consts::ARCH)));
    Ok(versions)
}

/// Finds the version of the package `name` in a `Cargo.lock`, where name and version are on consecutive lines.
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
    fn a_package_is_found_by_its_full_name() {
        let lock = "[[package]]\nname = \"worker-sys\"\nversion = \"9.9.9\"\n\n[[package]]\nname = \"worker\"\nversion = \"0.8.7\"\n";
        assert_eq!(locked_version(lock, "worker").as_deref(), Some("0.8.7"));
        assert_eq!(locked_version(lock, "litesvm"), None);
    }
}
