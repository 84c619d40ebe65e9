//! What is said to people: data on stdout, everything else on stderr.

use anyhow::{Context, Result};
use datafusion::arrow::json::ArrayWriter;
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::{Value, json};
use std::fmt::{self, Display};
use std::io::{ErrorKind, IsTerminal, Write, stdout};
use std::sync::{Mutex, PoisonError};
use terroir_cluster::sql::Table;
use terroir_corpus::run::Progress;

/// Whoever read stdout has gone away: a reason to stop, not a failure.
#[derive(Clone, Copy, Debug)]
pub struct Closed;

impl Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of stdout has gone away")
    }
}

impl std::error::Error for Closed {}

/// Prints lines of data.
pub fn data(text: impl Display) -> Result<()> {
    let mut out = stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Closed.into()),
        done => done.context("cannot write to stdout"),
    }
}

/// Says what a run does now.
pub fn progress(progress: Progress) {
    if let Progress::Begin { what, steps } = progress {
        eprintln!("{what} ({steps})");
    }
}

/// Prints an answer.
pub fn table(table: &Table, json: bool) -> Result<()> {
    if json {
        let mut writer = ArrayWriter::new(Vec::new());
        writer.write_batches(&table.batches.iter().collect::<Vec<_>>())?;
        writer.finish()?;
        let rows = writer.into_inner();
        let rows: Value = if rows.is_empty() { json!([]) } else { serde_json::from_slice(&rows)? };
        let columns: Vec<&str> = table.schema.fields().iter().map(|f| f.name().as_str()).collect();
        return data(format_args!(
            "{:#}",
            json!({ "columns": columns, "rows": rows, "more": table.more })
        ));
    }
    let text = pretty_format_batches_with_schema(table.schema.clone(), &table.batches)?.to_string();
    // A terminal obeys control characters, and texts of records hold anything.
    match stdout().is_terminal() {
        true => data(text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}"))?,
        false => data(text)?,
    }
    if table.more {
        eprintln!("there are more rows: --rows N shows more");
    }
    Ok(())
}

/// The last line of it; an executor whose scheduler is gone says the same many times a second.
struct Stderr(Mutex<String>);

impl Log for Stderr {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = format!("{}: {}", record.target(), record.args());
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != line {
            eprintln!("{}: {line}", record.level().as_str().to_lowercase());
            *last = line;
        }
    }

    fn flush(&self) {}
}

/// Lets what the engine says reach stderr: warnings, and all of it where `verbose`.
pub fn listen(verbose: bool) {
    static SAID: Stderr = Stderr(Mutex::new(String::new()));
    log::set_max_level(if verbose { LevelFilter::Info } else { LevelFilter::Warn });
    log::set_logger(&SAID).expect("nobody else set a logger");
}
