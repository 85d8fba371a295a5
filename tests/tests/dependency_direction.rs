//! Dependency rules: `worker → relay → programs/settlement`, and the engine does not depend on workerd, an async runtime
//! or HTTP.
#![allow(clippy::expect_used, reason = "a test that encounters something unexpected fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand};
use williw_tests::artifacts::checkout;

/// Crates that the engine must not depend on.
const FORBIDDEN_IN_ENGINE: &[&str] = &[
    // workerd
    "worker",
    "worker-sys",
    // async runtimes
    "async-std",
    "smol",
    "tokio",
    // HTTP
    "axum",
    "http",
    "http-body",
    "hyper",
    "reqwest",
    "tower",
    "ureq",
    // native databases and RPC clients
    "rusqlite",
    "solana-client",
    "solana-rpc-client",
];

/// Files of the relay that implement its traits for native processes. All other files belong to the engine.
const NATIVE_FILES: &[&str] = &["bin/", "chain/native.rs", "database/remote.rs", "database/sqlite.rs"];

#[test]
fn crates_depend_only_on_lower_layers() {
    let metadata =
        MetadataCommand::new().manifest_path(checkout().join("Cargo.toml")).no_deps().exec().expect("cargo metadata");
    let members: BTreeSet<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let dependencies: BTreeMap<String, BTreeSet<String>> = metadata
        .packages
        .iter()
        .map(|package| {
            let direct = package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
            let direct = direct.map(|it| it.name.clone()).filter(|name| members.contains(name));
            (package.name.to_string(), direct.collect())
        })
        .collect();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(dependencies["settlement"], set(&[]), "the program depends on no other crate of the workspace");
    assert_eq!(dependencies["williw-relay"], set(&["settlement"]));
    assert!(dependencies["williw-worker"].contains("williw-relay"));
    assert!(dependencies["williw-worker"].is_subset(&set(&["settlement", "williw-relay"])), "{dependencies:?}");
    for (package, direct) in &dependencies {
        assert!(!direct.contains("williw-worker"), "{package} depends on the Worker");
        assert!(!direct.contains("williw-tests"), "{package} depends on the test harness");
    }
}

#[test]
fn the_engine_does_not_depend_on_workerd_an_async_runtime_or_http() {
    for target in [&[][..], &["--target", "wasm32-unknown-unknown"]] {
        let tree = engine_dependencies(target);
        assert!(tree.contains("settlement"), "the engine uses the program's client library: {tree:?}");
        let found: Vec<_> = FORBIDDEN_IN_ENGINE.iter().filter(|name| tree.contains(**name)).collect();
        assert!(found.is_empty(), "the engine ({target:?}) depends on {found:?}");
    }
}

#[test]
fn only_native_files_use_crates_forbidden_in_the_engine() {
    let sources = checkout().join("relay/src");
    let mut checked = 0;
    for file in rust_files(&sources) {
        let path = file.strip_prefix(&sources).expect("a path below relay/src").to_string_lossy().into_owned();
        if NATIVE_FILES.iter().any(|native| path == *native || (native.ends_with('/') && path.starts_with(native))) {
            continue;
        }
        checked += 1;
        let text = std::fs::read_to_string(&file).expect("a source file");
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for name in FORBIDDEN_IN_ENGINE {
                let module = name.replace('-', "_");
                let is_used = [format!("{module}::"), format!("use {module};"), format!("#[{module}")]
                    .iter()
                    .any(|pattern| contains_word_start(code, pattern));
                assert!(!is_used, "relay/src/{path}:{} uses {name}: {line}", index + 1);
            }
        }
    }
    assert!(checked > 10, "only {checked} engine files found: have they moved?");
}

/// Names of all direct and transitive dependencies of `williw-relay` without its `native` feature.
fn engine_dependencies(target: &[&str]) -> BTreeSet<String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(checkout())
        .args(["tree", "--offline", "-p", "williw-relay", "--no-default-features", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .args(target)
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Whether `code` contains `needle` other than as the end of a longer path or identifier.
fn contains_word_start(code: &str, needle: &str) -> bool {
    code.match_indices(needle)
        .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | ':')))
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a source directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
