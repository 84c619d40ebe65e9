//! Members as processes that outlive the command that started them.

use crate::error::{Error, disk};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Last lines of a log that are shown.
const LINES: usize = 5;

/// A member that was started just now.
pub(super) struct Child {
    child: std::process::Child,
    log: PathBuf,
}

impl Child {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did, with the end of its log.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
        Some(format!("{status}:\n{last}"))
    }
}

/// Where the member in `folder` says what it does.
pub(super) fn log(folder: &Path) -> PathBuf {
    folder.join("log.txt")
}

/// The file by which a member is started, and known again.
fn config(folder: &Path) -> PathBuf {
    folder.join("node.toml")
}

/// Starts the member in `folder`. Errors: `Disk`.
pub(super) fn start(program: &Path, folder: &Path) -> Result<Child, Error> {
    let log = log(folder);
    let file = OpenOptions::new().create(true).append(true).open(&log).map_err(disk(&log))?;
    let other = file.try_clone().map_err(disk(&log))?;
    let child = Command::new(program)
        .args(["node", "run", "--config"])
        .arg(config(folder))
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(other)
        // What ends the command that starts it, such as Ctrl-C, is not for it.
        .process_group(0)
        .spawn()
        .map_err(disk(program))?;
    Ok(Child { child, log })
}

/// How a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It runs the member.
    Runs,
    /// It runs nothing any more and still holds its files and ports.
    Ends,
    /// It is gone, or another's: numbers of processes are given again.
    Gone,
}

/// Whether `pid` runs the member in `folder`.
pub(super) fn standing(pid: u32, folder: &Path) -> Standing {
    let Ok(words) = fs::read(format!("/proc/{pid}/cmdline")) else { return Standing::Gone };
    let config = config(folder);
    if words.split(|byte| *byte == 0).any(|word| word == config.as_os_str().as_encoded_bytes()) {
        return Standing::Runs;
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field of proc_pid_stat(5) is the program's name in parentheses, the third the state.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.bytes().next());
    // Its first thread may be gone while others still hold what it had.
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    let gone = matches!(state, None | Some(b'Z' | b'X')) && threads <= 1;
    match words.is_empty() && !gone {
        true => Standing::Ends,
        false => Standing::Gone,
    }
}

pub(super) fn runs(pid: u32, folder: &Path) -> bool {
    standing(pid, folder) == Standing::Runs
}

pub(super) fn ask_to_end(pid: u32) {
    signal(pid, Signal::TERM);
}

pub(super) fn end(pid: u32) {
    signal(pid, Signal::KILL);
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended in between.
        let _ = kill_process(pid, signal);
    }
}
