//! Servers as child processes, each with its own process group and log file. They never outlive this process.
//!
//! Signals are always sent to the whole group, because a server may have children of its own (wrangler starts
//! workerd). The kernel sends SIGTERM to a server when the thread that spawned it exits, so all servers are spawned by
//! one thread that lives as long as this process.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::HarnessError;
use crate::wait::{self, Poll};

/// Number of log lines included in an error.
const TAIL_LINES: usize = 40;
/// Time a server has to exit after SIGTERM before it is killed. wrangler needs less than 2 s.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// Time the kernel may take to end a killed process group.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// All running process groups, for [`stop_all`].
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// A server in its own process group. Dropping it stops the group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    group: Pid,
    log: PathBuf,
}

impl Process {
    /// Starts `command` and appends its output to the file `log`.
    ///
    /// # Errors
    /// [`HarnessError::Io`] if the log cannot be opened or the program cannot be started.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Self, HarnessError> {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().map_err(HarnessError::io(format!("opening the log {}", log.display())))?;
        let errors = open().map_err(HarnessError::io(format!("opening the log {}", log.display())))?;
        command.stdout(output).stderr(errors);
        let (child, group) = start(command).map_err(HarnessError::io(format!("starting {name}")))?;
        Ok(Self { name: name.to_owned(), child, group, log: log.to_owned() })
    }

    /// Path of the log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of the log. See [`tail`].
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Returns an error if the server has exited.
    ///
    /// # Errors
    /// [`HarnessError::Exited`] with the last lines of the log.
    pub fn check_running(&mut self) -> Result<(), HarnessError> {
        let status = self.child.try_wait().map_err(HarnessError::io(format!("checking {}", self.name)))?;
        match status {
            None => Ok(()),
            Some(status) => {
                // End the server's remaining children before the kernel can reuse the group id.
                kill_group(self.group);
                running().retain(|group| *group != self.group);
                Err(self.exited(status))
            }
        }
    }

    /// Waits until the process has exited, and returns its exit status.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`] after `deadline`.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, HarnessError> {
        let status = wait::until(&format!("{} to exit", self.name), deadline, || {
            let status = self.child.try_wait().map_err(HarnessError::io(format!("checking {}", self.name)))?;
            Ok(status.map_or_else(|| Poll::Pending(tail(&self.log)), Poll::Ready))
        })?;
        kill_group(self.group);
        running().retain(|group| *group != self.group);
        Ok(status)
    }

    /// Sends SIGTERM to the group, and SIGKILL if it is still running after [`STOP_GRACE`].
    pub fn stop(&mut self) {
        stop_group(self.group);
        self.reap();
    }

    /// Sends SIGKILL to the whole group, simulating a power failure.
    pub fn kill(&mut self) {
        kill_group(self.group);
        self.reap();
    }

    fn reap(&mut self) {
        // The group has ended, so this only collects the exit status and does not block.
        let _ = self.child.wait();
        running().retain(|group| *group != self.group);
    }

    fn exited(&self, status: ExitStatus) -> HarnessError {
        HarnessError::Exited {
            name: self.name.clone(),
            status: describe(status),
            log: self.log.clone(),
            tail: self.log_tail(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if running().contains(&self.group) {
            self.stop();
        }
    }
}

/// Runs `command` until it exits, and requires success. Like a server, it does not outlive this process.
///
/// # Errors
/// [`HarnessError::Io`] if it cannot be started, [`HarnessError::Command`] if it fails.
pub fn run_to_success(command: Command) -> Result<Output, HarnessError> {
    let command_line = command_line(&command);
    let output = run_to_exit(command)?;
    if output.status.success() {
        return Ok(output);
    }
    Err(HarnessError::Command {
        command: command_line,
        status: describe(output.status),
        output: format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    })
}

/// Runs `command` until it exits, whatever its exit status. Like a server, it does not outlive this process.
///
/// # Errors
/// [`HarnessError::Io`] if it cannot be started.
pub fn run_to_exit(command: Command) -> Result<Output, HarnessError> {
    let program = program_name(&command);
    output(command).map_err(HarnessError::io(format!("starting {program}")))
}

fn command_line(command: &Command) -> String {
    // Secrets are passed through the environment or files, never as arguments.
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program_name(command)).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn program_name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn output(mut command: Command) -> std::io::Result<Output> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let (child, group) = start(command)?;
    let output = child.wait_with_output();
    running().retain(|running| *running != group);
    output
}

/// Stops every server started by this process. Used when a signal ends the process and no destructors run.
pub fn stop_all() {
    let groups = running().clone();
    for group in groups.iter().rev() {
        stop_group(*group);
    }
    running().retain(|group| !groups.contains(group));
}

/// Describes how a process ended: its exit code or the signal that ended it.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Returns the last lines of the file `log`, omitting successful requests, which polling produces in large numbers.
pub fn tail(log: &Path) -> String {
    let text = match std::fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("(the log cannot be read: {error})"),
    };
    let is_successful_request = |line: &&str| line.contains(" 200 OK ") || line.contains("\"status\":200");
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.trim().is_empty() && !is_successful_request(line)).collect();
    lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
}

/// Starts `command` in its own process group with an empty stdin, and registers the group in [`RUNNING`].
fn start(mut command: Command) -> std::io::Result<(Child, Pid)> {
    let parent = rustix::process::getpid();
    command.stdin(Stdio::null()).process_group(0);
    // SAFETY: the closure runs between fork and exec and only makes two async-signal-safe system calls. It does not
    // allocate or take a lock.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
            // The parent may have exited before the death signal was registered.
            if rustix::process::getppid() != Some(parent) {
                return Err(std::io::Error::from(rustix::io::Errno::SRCH));
            }
            Ok(())
        });
    }
    let child = spawn_on_permanent_thread(command)?;
    let group = Pid::from_child(&child);
    running().push(group);
    Ok((child, group))
}

fn running() -> std::sync::MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stop_group(group: Pid) {
    // An error means that the group has already ended.
    let _ = rustix::process::kill_process_group(group, Signal::TERM);
    if wait_for_end(group, STOP_GRACE).is_err() {
        kill_group(group);
    }
}

fn kill_group(group: Pid) {
    let _ = rustix::process::kill_process_group(group, Signal::KILL);
    let _ = wait_for_end(group, KILL_DEADLINE);
}

fn wait_for_end(group: Pid, deadline: Duration) -> Result<(), HarnessError> {
    wait::until("the process group to end", deadline, || Ok(Poll::when(!has_running_member(group), String::new)))
}

/// Whether any process in `group` is still running. A zombie with a single thread has ended and only waits for its exit
/// status to be collected. A zombie whose other threads are still exiting counts as running, because it keeps its ports
/// open until they have exited.
fn has_running_member(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return rustix::process::test_kill_process_group(group).is_ok();
    };
    let group = group.as_raw_nonzero().to_string();
    processes.flatten().any(|process| {
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { return false };
        // "pid (name) state ppid pgrp …", with the number of threads in field 20 (proc(5)). The name may contain
        // spaces and parentheses.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
        let has_ended = matches!(field(3), "Z" | "X") && matches!(field(20), "0" | "1");
        field(5) == group && !has_ended
    })
}

type Spawned = std::io::Result<Child>;
type SpawnRequest = (Command, Sender<Spawned>);

fn spawn_on_permanent_thread(command: Command) -> Spawned {
    static SPAWNER: OnceLock<Mutex<Sender<SpawnRequest>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (requests, inbox) = channel::<SpawnRequest>();
        std::thread::spawn(move || {
            for (mut command, result) in inbox {
                // The receiver waits for this result, so it is always connected.
                let _ = result.send(command.spawn());
            }
        });
        Mutex::new(requests)
    });
    let (result, spawned) = channel();
    let gone = || std::io::Error::other("the thread that spawns processes has exited");
    spawner.lock().unwrap_or_else(PoisonError::into_inner).send((command, result)).map_err(|_| gone())?;
    spawned.recv().map_err(|_| gone())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn log(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("williw-process-{}-{name}", std::process::id()));
        crate::files::create_empty_directory(&directory).unwrap();
        directory.join("log")
    }

    #[test]
    fn killing_a_server_also_kills_its_children() {
        let log = log("kill");
        let mut server = Process::spawn("server", shell("sleep 1000 & sleep 1000 & echo up; wait"), &log).unwrap();
        wait::until("the server to start", Duration::from_secs(5), || {
            Ok(Poll::when(tail(&log).contains("up"), || tail(&log)))
        })
        .unwrap();
        let group = server.group;
        assert!(has_running_member(group));
        server.kill();
        assert!(!has_running_member(group));
    }

    #[test]
    fn a_server_outlives_the_thread_that_requested_it() {
        let log = log("thread");
        let ping = log.with_file_name("ping");
        let script = format!("while [ ! -e {} ]; do sleep 0.01; done; echo pong; sleep 1000", ping.display());
        let server_log = log.clone();
        let requester = std::thread::spawn(move || {
            (Process::spawn("server", shell(&script), &server_log).unwrap(), rustix::thread::gettid())
        });
        let (mut server, thread) = requester.join().unwrap();
        // Once the kernel has removed the thread, a server spawned by it would have received its death signal and could
        // not respond anymore.
        let thread_entry = format!("/proc/self/task/{}", thread.as_raw_nonzero());
        wait::until("the thread to exit", Duration::from_secs(5), || {
            Ok(Poll::when(!Path::new(&thread_entry).exists(), String::new))
        })
        .unwrap();
        std::fs::write(&ping, "").unwrap();
        wait::until("the server to respond", Duration::from_secs(5), || {
            server.check_running()?;
            Ok(Poll::when(tail(&log).contains("pong"), || tail(&log)))
        })
        .unwrap();
    }

    #[test]
    fn an_exited_server_is_reported_with_the_last_lines_of_its_log() {
        let log = log("exit");
        let mut server = Process::spawn("server", shell("echo no room; exit 3"), &log).unwrap();
        let error = wait::until("the server to exit", Duration::from_secs(5), || {
            Ok(server.check_running().err().map_or(Poll::Pending(String::new()), Poll::Ready))
        })
        .unwrap();
        let text = error.to_string();
        assert!(text.contains("exit code 3") && text.contains("no room"), "{text}");
    }
}
