//! What a run shows on a terminal, and what it does not show elsewhere.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::process::{PATIENCE, Relay};
use crate::rpc::{Cluster, Rpc};
use crate::status::relay_with_a_reward;

/// How the bar of the only settlement begins.
const BAR: &str = "settlement 1 [";

/// A pseudo terminal, and what is written to it.
struct Terminal {
    end: OwnedFd,
    written: Receiver<Vec<u8>>,
    all: String,
}

impl Terminal {
    fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let other = openpt(flags).unwrap();
        grantpt(&other).unwrap();
        unlockpt(&other).unwrap();
        let end = ioctl_tiocgptpeer(&other, flags).unwrap();
        // No line is as long as to be wrapped.
        tcsetwinsize(&end, Winsize { ws_row: 50, ws_col: 500, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let (sender, written) = channel();
        let mut other = File::from(other);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error is the end: nobody has the terminal any more.
            while let Ok(count @ 1..) = other.read(&mut bytes) {
                let _ = sender.send(bytes[..count].to_vec());
            }
        });
        Self { end, written, all: String::new() }
    }

    /// Runs the command on the terminal, with its first read of the chain answered once `text` was shown. Returns all that it has
    /// written.
    fn run(mut self, relay: &Relay, cluster: Cluster, arguments: &[&str], text: &str) -> String {
        let ((asked, is_asked), (allow, allowed)) = (channel(), channel());
        let rpc = Rpc::start(Cluster { gate: Some((asked, allowed)), ..cluster });
        let mut command = relay.command(arguments);
        let stdio = || Stdio::from(self.end.try_clone().unwrap());
        let mut child = command.env("SOLANA_RPC_URL", &rpc.url).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        is_asked.recv_timeout(PATIENCE).unwrap();
        while !self.all.contains(text) {
            self.all += &String::from_utf8(self.written.recv_timeout(PATIENCE).expect(text)).unwrap();
        }
        allow.send(()).unwrap();
        assert!(child.wait().unwrap().success(), "{}", self.all);
        drop((command, self.end));
        loop {
            match self.written.recv_timeout(PATIENCE) {
                Ok(bytes) => self.all += &String::from_utf8(bytes).unwrap(),
                Err(RecvTimeoutError::Disconnected) => return self.all,
                Err(RecvTimeoutError::Timeout) => panic!("the terminal is still in use: {}", self.all),
            }
        }
    }
}

/// The lines that a terminal shows in the end, after what was written moved its cursor and cleared lines.
fn shown(written: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![String::new()], 0_usize, 0_usize);
    let mut characters = written.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), String::new());
            }
            '\x1b' => {
                assert_eq!(characters.next(), Some('['), "{written:?}");
                let mut number = String::new();
                while let Some(digit) = characters.next_if(|next| next.is_ascii_digit() || *next == ';') {
                    number.push(digit);
                }
                match (characters.next().unwrap(), number.as_str()) {
                    ('m', _) => {}
                    ('K', "2") => lines[row].clear(),
                    ('A', count) => row -= count.parse::<usize>().unwrap_or(1),
                    (other, _) => panic!("an unknown sequence '{other}': {written:?}"),
                }
            }
            character => {
                let line = &mut lines[row];
                let rest: String = line.chars().skip(column + 1).collect();
                let mut begin: String = line.chars().chain(std::iter::repeat(' ')).take(column).collect();
                begin.push(character);
                *line = begin + &rest;
                column += 1;
            }
        }
    }
    lines
}

fn is_log_line(line: &str) -> bool {
    line.starts_with("20") && line.contains("INFO")
}

#[tokio::test]
async fn a_terminal_shows_progress_below_whole_lines_and_nothing_of_it_in_the_end() {
    let relay = relay_with_a_reward().await.with("TERM", "xterm-256color");
    let written = Terminal::open().run(&relay, Cluster::default(), &["run"], "0/1 nodes, 0 batches in flight");
    assert!(written.contains(BAR), "{written:?}");
    assert!(written.contains("\x1b[32m"), "the log has colours: {written:?}");
    let lines = shown(&written);
    assert!(lines.iter().all(|line| !line.contains(BAR) && !line.contains("0/1 nodes")), "{lines:#?}");
    let logged: Vec<&String> = lines.iter().filter(|line| line.contains("INFO")).collect();
    assert!(logged.len() > 5, "{lines:#?}");
    assert!(logged.iter().all(|line| is_log_line(line)), "a torn line: {lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("settlement 1: done")), "{lines:#?}");
}

#[tokio::test]
async fn without_colours_the_bar_stays_and_a_terminal_without_a_cursor_gets_plain_lines() {
    let relay = relay_with_a_reward().await.with("TERM", "xterm").with("NO_COLOR", "1");
    let written = Terminal::open().run(&relay, Cluster::default(), &["run"], "0/1 nodes");
    assert!(shown(&written).iter().any(|line| is_log_line(line)), "{written:?}");
    let has_colour = written.split("\x1b[").skip(1).any(|text| {
        text.find(|one: char| !one.is_ascii_digit() && one != ';').is_some_and(|end| text[end..].starts_with('m'))
    });
    assert!(!has_colour, "{written:?}");

    for (terminal, arguments) in [("dumb", &["run"][..]), ("xterm", &["run", "--log-format", "json"])] {
        let relay = relay_with_a_reward().await.with("TERM", terminal);
        let written = Terminal::open().run(&relay, Cluster::default(), arguments, "");
        assert!(!written.contains('\x1b') && !written.contains(BAR), "{arguments:?}: {written:?}");
        assert!(written.contains("settlement 1: done"), "{written:?}");
    }
}

#[tokio::test]
async fn files_and_pipes_get_no_control_characters() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("TERM", "xterm").with("SOLANA_RPC_URL", &rpc.url);
    let result = relay.run(&["run"]);
    assert_eq!(result.exit_code, 0, "{}", result.stderr);
    let written = result.stdout + &result.stderr;
    assert!(!written.contains(|one: char| one.is_control() && one != '\n'), "{written:?}");
    assert!(!written.contains(BAR), "{written}");
}
