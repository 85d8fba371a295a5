//! Servers as child processes: each in a process group of its own, with a log file, and gone when we are.
//!
//! A server may have children of its own (wrangler starts workerd), so it is always the group that is signalled. The
//! kernel sends SIGTERM to a server when the thread that started it ends; therefore one thread, which lives as long
//! as the process, starts them all.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::HarnessError;
use crate::wait::{self, Seen};

/// Lines of a log that an error shows.
const TAIL_LINES: usize = 40;
/// How long a server has to end by itself before it is killed: wrangler takes below 2 s.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// How long the kernel may take to end a killed group.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// The groups that run now, for [`stop_all`].
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// A server in a process group of its own. Dropping it stops it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    group: Pid,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, its output going to the end of the file `log`.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when the log cannot be opened or the program cannot be started.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Self, HarnessError> {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().map_err(HarnessError::io(format!("opening the log {}", log.display())))?;
        let errors = open().map_err(HarnessError::io(format!("opening the log {}", log.display())))?;
        command.stdout(output).stderr(errors);
        let (child, group) = start(command).map_err(HarnessError::io(format!("starting {name}")))?;
        Ok(Self { name: name.to_owned(), child, group, log: log.to_owned() })
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// An error when it has ended.
    ///
    /// # Errors
    /// [`HarnessError::Exited`] with the end of the log.
    pub fn check_running(&mut self) -> Result<(), HarnessError> {
        let status = self.child.try_wait().map_err(HarnessError::io(format!("asking after {}", self.name)))?;
        match status {
            None => Ok(()),
            Some(status) => {
                // What it may have left, before the group's number can be given to others.
                kill_group(self.group);
                running().retain(|group| *group != self.group);
                Err(self.exited(status))
            }
        }
    }

    /// Asks the group to end, and kills what is left after [`STOP_GRACE`].
    pub fn stop(&mut self) {
        stop_group(self.group);
        self.reap();
    }

    /// Kills the whole group at once, as a power cut would.
    pub fn kill(&mut self) {
        kill_group(self.group);
        self.reap();
    }

    fn reap(&mut self) {
        // The group has ended: this takes the exit status and cannot block for long.
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

/// Runs `command` to its end, in a group that ends with us as a server's does; what it printed, and how it ended.
///
/// # Errors
/// When it cannot be started.
pub fn output(mut command: Command) -> std::io::Result<Output> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let (child, group) = start(command)?;
    let output = child.wait_with_output();
    running().retain(|running| *running != group);
    output
}

/// Stops every server of this process: for the end by a signal, where nothing is dropped.
pub fn stop_all() {
    let groups = running().clone();
    for group in groups.iter().rev() {
        stop_group(*group);
    }
    running().retain(|group| !groups.contains(group));
}

/// How a process ended, in words.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The last lines of the file `log`, without those that tell of requests that went well: who waits asks often.
pub fn tail(log: &Path) -> String {
    let text = match std::fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("(the log cannot be read: {error})"),
    };
    let went_well = |line: &&str| line.contains(" 200 OK ") || line.contains("\"status\":200");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !went_well(line)).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Starts `command` in a group of its own, without input, and remembers the group.
fn start(mut command: Command) -> std::io::Result<(Child, Pid)> {
    let parent = rustix::process::getpid();
    command.stdin(Stdio::null()).process_group(0);
    // SAFETY: between fork and exec the closure makes two system calls and nothing else: no allocation, no lock.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
            // The parent may have ended before the signal was asked for.
            if rustix::process::getppid() != Some(parent) {
                return Err(std::io::Error::from(rustix::io::Errno::SRCH));
            }
            Ok(())
        });
    }
    let child = spawn_on_lasting_thread(command)?;
    let group = Pid::from_child(&child);
    running().push(group);
    Ok((child, group))
}

fn running() -> std::sync::MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stop_group(group: Pid) {
    // An error means that the group has ended already.
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
    wait::until("the process group to end", deadline, || {
        Ok(if has_living_member(group) { Seen::NotYet(String::new()) } else { Seen::Done(()) })
    })
}

/// Whether a process of `group` still runs. A zombie does not: it waits for somebody else to take its exit status. But
/// one whose other threads are still ending does, and keeps its ports until they have.
fn has_living_member(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return rustix::process::test_kill_process_group(group).is_ok();
    };
    let group = group.as_raw_nonzero().to_string();
    processes.flatten().any(|process| {
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { return false };
        // "pid (name) state ppid pgrp …", and the number of threads as the 20th; the name may hold spaces and
        // parentheses (proc(5)).
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
        let has_ended = matches!(field(3), "Z" | "X") && matches!(field(20), "0" | "1");
        field(5) == group && !has_ended
    })
}

type Spawned = std::io::Result<Child>;
type SpawnRequest = (Command, Sender<Spawned>);

fn spawn_on_lasting_thread(command: Command) -> Spawned {
    static SPAWNER: OnceLock<Mutex<Sender<SpawnRequest>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (requests, inbox) = channel::<SpawnRequest>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // The asker waits for the answer, so it is always there.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(requests)
    });
    let (answer, spawned) = channel();
    let gone = || std::io::Error::other("the thread that starts processes has ended");
    spawner.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| gone())?;
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
        crate::files::fresh_directory(&directory).unwrap();
        directory.join("log")
    }

    #[test]
    fn the_children_of_a_killed_server_end_with_it() {
        let log = log("kill");
        let mut server = Process::spawn("server", shell("sleep 1000 & sleep 1000 & echo up; wait"), &log).unwrap();
        wait::until("the server", Duration::from_secs(5), || {
            Ok(if tail(&log).contains("up") { Seen::Done(()) } else { Seen::NotYet(tail(&log)) })
        })
        .unwrap();
        let group = server.group;
        assert!(has_living_member(group));
        server.kill();
        assert!(!has_living_member(group));
    }

    #[test]
    fn a_server_outlives_the_thread_that_asked_for_it() {
        let log = log("thread");
        let ping = log.with_file_name("ping");
        let script = format!("while [ ! -e {} ]; do sleep 0.01; done; echo pong; sleep 1000", ping.display());
        let server_log = log.clone();
        let asker = std::thread::spawn(move || {
            (Process::spawn("server", shell(&script), &server_log).unwrap(), rustix::thread::gettid())
        });
        let (mut server, thread) = asker.join().unwrap();
        // Once the kernel has buried the thread, a server that hung on it has its signal and cannot answer any more.
        let grave = format!("/proc/self/task/{}", thread.as_raw_nonzero());
        wait::until("the thread's end", Duration::from_secs(5), || {
            Ok(if Path::new(&grave).exists() { Seen::NotYet(String::new()) } else { Seen::Done(()) })
        })
        .unwrap();
        std::fs::write(&ping, "").unwrap();
        wait::until("the server's answer", Duration::from_secs(5), || {
            server.check_running()?;
            Ok(if tail(&log).contains("pong") { Seen::Done(()) } else { Seen::NotYet(tail(&log)) })
        })
        .unwrap();
    }

    #[test]
    fn a_server_that_ended_is_told_with_the_end_of_its_log() {
        let log = log("exit");
        let mut server = Process::spawn("server", shell("echo no room; exit 3"), &log).unwrap();
        let error = wait::until("the end", Duration::from_secs(5), || {
            Ok(server.check_running().err().map_or(Seen::NotYet(String::new()), Seen::Done))
        })
        .unwrap();
        let text = error.to_string();
        assert!(text.contains("exit code 3") && text.contains("no room"), "{text}");
    }
}
