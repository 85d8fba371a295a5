//! The demo shows the complete product, verifies every balance, and leaves no process behind.

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use williw_tests::ports;
use williw_tests::process;
use williw_tests::wait::{self, Poll};

use crate::fixture::{OrFail, directory};

/// Time for starting the servers and one settlement, with a margin for a loaded machine.
const DEMO_DEADLINE: Duration = Duration::from_secs(240);

#[test]
fn with_once_it_exits_with_0_if_every_balance_is_verified() {
    let ports = DemoPorts::free();
    let output = ports.demo(&["--once"]).output().or_fail();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    for word in ["node", "wallet account", "earned", "credited", "paid", "signature", "state", "lisbon-01"] {
        assert!(text.contains(word), "'{word}' is missing:\n{text}");
    }
    ports.assert_no_leftovers();
}

#[test]
fn a_signal_after_completion_exits_with_0_and_leaves_no_process_behind() {
    let ports = DemoPorts::free();
    let log = directory("demo-signal").join("demo.log");
    let output = std::fs::File::create(&log).or_fail();
    let mut demo = ports.demo(&[]).stdout(output).stderr(Stdio::null()).spawn().or_fail();
    wait::until("the demo to keep running", DEMO_DEADLINE, || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        if let Ok(Some(status)) = demo.try_wait() {
            panic!("the demo exited ({}):\n{text}", process::describe(status));
        }
        Ok(Poll::when(text.contains("press Ctrl-C to stop"), || text.clone()))
    })
    .or_fail();
    assert!(ports::is_in_use(ports.rpc) && ports::is_in_use(ports.api));
    rustix::process::kill_process(Pid::from_child(&demo), Signal::INT).or_fail();
    let status = demo.wait().or_fail();
    assert!(status.success(), "{}", process::describe(status));
    ports.assert_no_leftovers();
}

#[test]
fn a_signal_before_completion_exits_as_interrupted_and_leaves_no_process_behind() {
    let ports = DemoPorts::free();
    let mut demo = ports.spawn_silent_demo();
    ports.wait_until_in_use(ports.rpc);
    rustix::process::kill_process(Pid::from_child(&demo), Signal::TERM).or_fail();
    let status = demo.wait().or_fail();
    // 128 plus the number of SIGTERM.
    assert_eq!(status.code(), Some(143), "{}", process::describe(status));
    ports.assert_no_leftovers();
}

#[test]
fn killing_the_demo_also_ends_its_servers() {
    let ports = DemoPorts::free();
    let mut demo = ports.spawn_silent_demo();
    ports.wait_until_in_use(ports.api);
    demo.kill().or_fail();
    demo.wait().or_fail();
    wait::until("the demo's servers to exit", DEMO_DEADLINE, || {
        let leftovers = ports.leftovers();
        Ok(Poll::when(leftovers.is_empty(), || leftovers.join(", ")))
    })
    .or_fail();
}

#[test]
fn an_invalid_port_or_a_port_in_use_fails_before_anything_is_started() {
    let ports = DemoPorts::free();
    let listener = TcpListener::bind(("127.0.0.1", ports.api)).or_fail();
    let output = ports.demo(&["--once"]).output().or_fail();
    let message = text(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let port_in_use = format!("port {} is already in use", ports.api);
    assert!(message.contains(&port_in_use) && message.contains("WILLIW_API_PORT"), "{message}");
    assert!(!ports::is_in_use(ports.rpc), "the localnet was started");
    drop(listener);

    let output = ports.demo(&["--once"]).env("WILLIW_RPC_PORT", "many").output().or_fail();
    let message = text(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("WILLIW_RPC_PORT") && message.contains("many"), "{message}");
}

/// The ports of one demo, and with them everything that identifies its processes.
struct DemoPorts {
    rpc: u16,
    ws: u16,
    api: u16,
}

impl DemoPorts {
    fn free() -> Self {
        let free = || ports::free().or_fail();
        Self { rpc: free(), ws: free(), api: free() }
    }

    fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_williw-demo"));
        command
            .args(arguments)
            .env("WILLIW_RPC_PORT", self.rpc.to_string())
            .env("WILLIW_WS_PORT", self.ws.to_string())
            .env("WILLIW_API_PORT", self.api.to_string());
        command
    }

    fn spawn_silent_demo(&self) -> Child {
        self.demo(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().or_fail()
    }

    fn wait_until_in_use(&self, port: u16) {
        wait::until("a server to listen", DEMO_DEADLINE, || {
            Ok(Poll::when(ports::is_in_use(port), || format!("port {port} is not in use")))
        })
        .or_fail();
    }

    /// What remains of the demo: ports in use, and processes whose command line contains its directory or its ports.
    fn leftovers(&self) -> Vec<String> {
        let all = [self.rpc, self.ws, self.api];
        let ports = all.iter().filter(|port| ports::is_in_use(**port)).map(|port| format!("port {port}"));
        let patterns = [format!("williw/demo-{}", self.api), format!("--rpc-port\0{}\0", self.rpc)];
        let processes = std::fs::read_dir("/proc").or_fail().flatten().filter_map(|process| {
            let command_line = std::fs::read(process.path().join("cmdline")).ok()?;
            let command_line = String::from_utf8_lossy(&command_line).into_owned();
            let matches = patterns.iter().any(|pattern| command_line.contains(pattern));
            matches.then(|| command_line.replace('\0', " "))
        });
        ports.chain(processes).collect()
    }

    fn assert_no_leftovers(&self) {
        assert_eq!(self.leftovers(), Vec::<String>::new());
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
