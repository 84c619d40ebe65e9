//! stdout is data, stderr is talk: the two ways to say something, and reading what was asked.
//!
//! Invariant: data goes through [`data`] and [`json`] only, whose errors reach `main`, so that a
//! closed pipe ends the program quietly; talk never fails.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use std::fmt::{self, Display};
use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::path::Path;

/// Whoever read stdout has gone away: a reason to stop, not a failure.
#[derive(Clone, Copy, Debug)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of stdout has gone away")
    }
}

impl std::error::Error for Closed {}

/// Prints one line of data, or several.
///
/// Errors: [`Closed`], or what the disk behind stdout says.
pub fn data(text: impl Display) -> Result<()> {
    piece(format_args!("{text}\n"))
}

/// Prints a piece of a line, so that it is seen at once. Errors: as [`data`].
pub fn piece(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Closed.into()),
        done => done.context("cannot write to stdout"),
    }
}

/// Prints a JSON value, indented.
pub fn json(value: &Value) -> Result<()> {
    data(format_args!("{value:#}"))
}

/// Prints a piece of what a model said. On a terminal, which obeys control characters, they are
/// replaced; elsewhere every byte is kept. Errors: as [`data`].
pub fn said(text: &str) -> Result<()> {
    if !io::stdout().is_terminal() {
        return piece(text);
    }
    let control = |c: char| c.is_control() && c != '\n' && c != '\t';
    piece(text.replace(control, "\u{fffd}"))
}

/// Says a line to the person.
pub fn talk(text: impl Display) {
    // Nobody listens: then nothing is lost.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error with what to do about it, in the order in which people read.
pub fn advise(error: impl Into<anyhow::Error>, advice: impl Display) -> anyhow::Error {
    anyhow!("{:#}; {advice}", error.into())
}

/// Asks for a line that does not appear while it is typed. Errors: where no terminal listens.
pub fn ask_hidden(question: &str) -> Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let terminal = io::stdin();
    let before = tcgetattr(&terminal).context("stdin is no terminal")?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    // Nobody listens: then nothing is lost.
    let _ = write!(io::stderr().lock(), "{question}");
    tcsetattr(&terminal, OptionalActions::Flush, &hidden).context("cannot hide what is typed")?;
    let mut line = String::new();
    let read = terminal.lock().read_line(&mut line);
    tcsetattr(&terminal, OptionalActions::Flush, &before).context("cannot show what is typed")?;
    talk("");
    read.context("cannot read what is typed")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The text in a file; `-` is stdin.
pub fn read_text(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).context("cannot read text from stdin")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
