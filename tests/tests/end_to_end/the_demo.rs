//! The demo shows the whole product, says whether every reward is where it should be, and leaves nothing behind.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use williw_tests::ports;
use williw_tests::process;
use williw_tests::wait::{self, Seen};

use crate::fixture::OrFail;

/// A settlement, two starts, and room for a loaded machine.
const DEMO_DEADLINE: Duration = Duration::from_secs(240);

#[test]
fn once_ends_with_0_when_every_reward_is_where_it_should_be() {
    let ports = Ports::free();
    let output = ports.demo(&["--once"]).output().or_fail();
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for word in ["node", "wallet account", "earned", "credited", "paid", "signature", "state", "lisbon-01"] {
        assert!(said.contains(word), "'{word}' is missing:\n{said}");
    }
    ports.assert_nothing_left();
}

#[test]
fn a_signal_ends_it_cleanly_and_leaves_no_process_behind() {
    let ports = Ports::free();
    let log = crate::fixture::directory("demo-signal").join("demo.log");
    let output = std::fs::File::create(&log).or_fail();
    let mut demo = ports.demo(&[]).stdout(output).stderr(Stdio::null()).spawn().or_fail();
    wait::until("the demo to stay up", DEMO_DEADLINE, || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        if let Ok(Some(status)) = demo.try_wait() {
            panic!("it ended ({}):\n{said}", process::describe(status));
        }
        Ok(if said.contains("up until Ctrl-C") { Seen::Done(()) } else { Seen::NotYet(said) })
    })
    .or_fail();
    assert!(ports::is_taken(ports.rpc) && ports::is_taken(ports.api));
    rustix::process::kill_process(Pid::from_child(&demo), Signal::INT).or_fail();
    let status = demo.wait().or_fail();
    assert!(status.success(), "{}", process::describe(status));
    ports.assert_nothing_left();
}

#[test]
fn a_signal_in_the_middle_ends_it_as_interrupted_and_leaves_no_process_behind() {
    let ports = Ports::free();
    let mut demo = ports.demo(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().or_fail();
    ports.wait_until_taken(ports.rpc);
    rustix::process::kill_process(Pid::from_child(&demo), Signal::TERM).or_fail();
    let status = demo.wait().or_fail();
    // 128 and the signal's number.
    assert_eq!(status.code(), Some(143), "{}", process::describe(status));
    ports.assert_nothing_left();
}

#[test]
fn killed_itself_it_takes_the_servers_with_it() {
    let ports = Ports::free();
    let mut demo = ports.demo(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().or_fail();
    ports.wait_until_taken(ports.api);
    demo.kill().or_fail();
    demo.wait().or_fail();
    wait::until("its servers to end", DEMO_DEADLINE, || {
        let left = ports.left();
        Ok(if left.is_empty() { Seen::Done(()) } else { Seen::NotYet(left.join(", ")) })
    })
    .or_fail();
}

#[test]
fn a_taken_port_or_no_port_ends_it_before_anything_starts() {
    let ports = Ports::free();
    let listener = TcpListener::bind(("127.0.0.1", ports.api)).or_fail();
    let output = ports.demo(&["--once"]).output().or_fail();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("port {} is taken", ports.api)) && said.contains("WILLIW_API_PORT"), "{said}");
    assert!(!ports::is_taken(ports.rpc), "the localnet was started");
    drop(listener);

    let output = ports.demo(&["--once"]).env("WILLIW_RPC_PORT", "many").output().or_fail();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("WILLIW_RPC_PORT") && said.contains("many"), "{said}");
}

struct Ports {
    rpc: u16,
    ws: u16,
    api: u16,
}

impl Ports {
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

    fn wait_until_taken(&self, port: u16) {
        wait::until("a server to listen", DEMO_DEADLINE, || {
            Ok(if ports::is_taken(port) { Seen::Done(()) } else { Seen::NotYet(port.to_string()) })
        })
        .or_fail();
    }

    /// What is left of the demo: ports that somebody listens on, and processes that name its folder or its ports.
    fn left(&self) -> Vec<String> {
        let all = [self.rpc, self.ws, self.api];
        let ports = all.iter().filter(|port| ports::is_taken(**port)).map(|port| format!("port {port}"));
        let names = [format!("williw/demo-{}", self.api), format!("--rpc-port\0{}\0", self.rpc)];
        let processes = std::fs::read_dir("/proc").or_fail().flatten().filter_map(|process| {
            let line = std::fs::read(process.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            names.iter().any(|name| line.contains(name)).then(|| line.replace('\0', " "))
        });
        ports.chain(processes).collect()
    }

    fn assert_nothing_left(&self) {
        assert_eq!(self.left(), Vec::<String>::new());
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
