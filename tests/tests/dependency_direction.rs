//! Dependencies point one way: `worker → relay → programs/settlement`, and the engine knows nothing of workerd, of an
//! async runtime or of HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand};
use williw_tests::artifacts::checkout;

/// What the engine must do without, as cargo names it.
const FOREIGN_TO_THE_ENGINE: &[&str] = &[
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
    // databases and clients of a native process
    "rusqlite",
    "solana-client",
    "solana-rpc-client",
];

/// The files of the relay that implement its traits for a native process; everything else is the engine.
const NATIVE_PARTS: &[&str] = &["bin/", "chain/native.rs", "database/remote.rs", "database/sqlite.rs", "native.rs"];

#[test]
fn no_part_depends_on_one_above_it() {
    let metadata =
        MetadataCommand::new().manifest_path(checkout().join("Cargo.toml")).no_deps().exec().expect("cargo metadata");
    let members: BTreeSet<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let depends_on: BTreeMap<String, BTreeSet<String>> = metadata
        .packages
        .iter()
        .map(|package| {
            let below = package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
            let below = below.map(|it| it.name.clone()).filter(|name| members.contains(name));
            (package.name.to_string(), below.collect())
        })
        .collect();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(depends_on["settlement"], set(&[]), "the program depends on nothing of ours");
    assert_eq!(depends_on["williw-relay"], set(&["settlement"]));
    assert!(depends_on["williw-worker"].contains("williw-relay"));
    assert!(depends_on["williw-worker"].is_subset(&set(&["settlement", "williw-relay"])), "{depends_on:?}");
    for (package, below) in &depends_on {
        assert!(!below.contains("williw-worker"), "{package} depends on the Worker");
        assert!(!below.contains("williw-tests"), "{package} depends on the tests");
    }
}

#[test]
fn the_engine_builds_without_workerd_runtime_and_http() {
    for target in [&[][..], &["--target", "wasm32-unknown-unknown"]] {
        let tree = packages_below_the_engine(target);
        assert!(tree.contains("settlement"), "the engine uses the program's client: {tree:?}");
        let found: Vec<_> = FOREIGN_TO_THE_ENGINE.iter().filter(|name| tree.contains(**name)).collect();
        assert!(found.is_empty(), "the engine ({target:?}) depends on {found:?}");
    }
}

#[test]
fn only_the_native_parts_name_what_is_foreign_to_the_engine() {
    let sources = checkout().join("relay/src");
    let mut looked_at = 0;
    for file in rust_files(&sources) {
        let path = file.strip_prefix(&sources).expect("below relay/src").to_string_lossy().into_owned();
        if NATIVE_PARTS.iter().any(|native| path == *native || (native.ends_with('/') && path.starts_with(native))) {
            continue;
        }
        looked_at += 1;
        let text = std::fs::read_to_string(&file).expect("a source file");
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for name in FOREIGN_TO_THE_ENGINE {
                let module = name.replace('-', "_");
                let names_it = [format!("{module}::"), format!("use {module};"), format!("#[{module}")]
                    .iter()
                    .any(|use_of_it| contains_word_start(code, use_of_it));
                assert!(!names_it, "relay/src/{path}:{} names {name}: {line}", index + 1);
            }
        }
    }
    assert!(looked_at > 10, "the engine has moved: only {looked_at} files found");
}

/// Names of the packages that `williw-relay` without its `native` feature is built from.
fn packages_below_the_engine(target: &[&str]) -> BTreeSet<String> {
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

/// Whether `needle` stands in `code` and is not the end of a longer name.
fn contains_word_start(code: &str, needle: &str) -> bool {
    code.match_indices(needle)
        .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | ':')))
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
