//! The pages of docs/runbooks, whose commands are run as they are written.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use williw_tests::files;
use williw_tests::process::{describe, run_to_exit};

use super::Scenario;
use crate::fixture::{OrFail, artifacts, localnet};

/// The indentation of a command, at least.
const INDENTATION: &str = "    ";

/// A page, and an operator who follows it: in a folder with the keys `admin.json`, `guardian.json` and `settler.json`, and with
/// the settings of `run`.
pub(super) struct Runbook<'a> {
    scenario: &'a Scenario,
    page: &'static str,
    /// The commands of each step, by its number; 0 for those that belong to no step.
    steps: BTreeMap<u32, Vec<String>>,
    /// The steps that were run.
    done: RefCell<BTreeSet<u32>>,
    rpc_urls: String,
}

/// What the operator knows: what stands for a placeholder of the page.
pub(super) type Known<'a> = (&'a str, &'a str);

impl<'a> Runbook<'a> {
    pub(super) fn open(scenario: &'a Scenario, page: &'static str) -> Self {
        let path = artifacts().checkout.join("docs/runbooks").join(page);
        let text = std::fs::read_to_string(&path).or_fail();
        let (mut steps, mut step) = (BTreeMap::<u32, Vec<String>>::new(), 0);
        for line in text.lines() {
            if let Some((number, _)) = line.split_once(". ")
                && let Ok(number) = number.parse()
            {
                step = number;
            } else if line.starts_with('#') {
                step = 0;
            } else if let Some(command) = line.strip_prefix(INDENTATION) {
                steps.entry(step).or_default().push(command.trim_start().to_owned());
            }
        }
        assert!(!steps.is_empty(), "{page} has no commands");
        let keys = scenario.keys();
        if !keys.join("guardian.json").exists() {
            // The admin is the guardian as well.
            files::write_keypair(&keys, "guardian", scenario.network.relay_cli.admin_keypair()).or_fail();
        }
        Self { scenario, page, steps, done: RefCell::default(), rpc_urls: localnet().url().to_owned() }
    }

    /// The same with these RPC nodes.
    pub(super) fn with_rpc_urls(self, rpc_urls: &str) -> Self {
        Self { rpc_urls: rpc_urls.to_owned(), ..self }
    }

    /// Runs the commands of a step, and asserts their exit codes, which are given in the order of the commands. Returns what they
    /// have printed.
    #[track_caller]
    pub(super) fn run(&self, step: u32, known: &[Known<'_>], exit_codes: &[i32]) -> String {
        let commands = self.steps.get(&step);
        let commands = commands.unwrap_or_else(|| panic!("{}: step {step} has no commands", self.page));
        self.done.borrow_mut().insert(step);
        let (mut exports, mut outputs) = (String::new(), Vec::new());
        for command in commands {
            let command = known.iter().fold(command.clone(), |command, (name, value)| command.replace(name, value));
            if command.starts_with("export ") {
                exports.push_str(&command);
                exports.push('\n');
                continue;
            }
            let output = self.shell(&format!("{exports}{command}"));
            outputs.push((command, output));
        }
        let codes: Vec<_> = outputs.iter().map(|(_, output)| output.status.code()).collect();
        let printed: String = outputs.iter().map(|(command, output)| shown(command, output)).collect();
        let expected: Vec<_> = exit_codes.iter().copied().map(Some).collect();
        assert_eq!(codes, expected, "{}, step {step}:\n{printed}", self.page);
        printed
    }

    /// Asserts that every command of the page was run, except for those of the steps `others`.
    #[track_caller]
    pub(super) fn close(self, others: &[u32]) {
        let done = self.done.into_inner();
        let left = self.steps.keys().filter(|step| !done.contains(step) && !others.contains(step));
        assert_eq!(left.count(), 0, "{}: only {done:?} were run", self.page);
    }

    fn shell(&self, script: &str) -> Output {
        let network = &self.scenario.network;
        let programs = artifacts().relay.parent().unwrap_or(Path::new("")).to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path))).or_fail();
        let relay = network.command(&[]);
        let mut shell = Command::new("sh");
        shell.args(["-ec", script]).current_dir(self.scenario.keys()).env_clear();
        shell.envs(relay.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("PATH", path).env("SOLANA_RPC_URL", &self.rpc_urls);
        run_to_exit(shell).or_fail()
    }
}

fn shown(command: &str, output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = describe(output.status);
    format!("$ {command}\n{}{}({status})\n", text(&output.stdout), text(&output.stderr))
}
