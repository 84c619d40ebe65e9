//! Runs other programs and says how that went.
//!
//! For every chore. Invariant: a program that fails ends the chore, with its command line in the
//! error, and talk goes to stderr so that stdout stays data.

use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Runs a named step and prints how long it took.
///
/// Errors: the step's own, with the name in front.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("\n=== {name}");
    let start = Instant::now();
    let done = work().with_context(|| format!("step \"{name}\" failed"))?;
    eprintln!("=== {name}: ok, {:.1} s", start.elapsed().as_secs_f64());
    Ok(done)
}

/// Runs a command with the terminal attached, and prints its line first.
///
/// Errors: when it cannot start, or its exit status is not 0.
pub fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", line(command));
    let status = command.status().with_context(|| format!("cannot start: {}", line(command)))?;
    if !status.success() {
        bail!("{status}: {}", line(command));
    }
    Ok(())
}

/// Runs a command and gives its stdout as text; stderr stays attached to the terminal.
///
/// Errors: when it cannot start, its exit status is not 0, or stdout is not UTF-8.
pub fn text(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        bail!("{}: {}", output.status, line(command));
    }
    String::from_utf8(output.stdout).with_context(|| format!("not UTF-8 from: {}", line(command)))
}

/// Whether a program is there and answers the given arguments with exit status 0.
pub fn answers(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command line as a person would type it, for messages.
pub fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

fn capture(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start: {}", line(command)))
}
