//! Python environments, made once and kept in the cache.
//!
//! For the chores that meet published Python packages. Invariant: an environment is named by the
//! list of packages in it, so a changed list makes a new one and two checkouts never disturb each
//! other.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::place::Place;
use crate::shell;

/// What the client tests install.
pub const CLIENTS: &[&str] = &["openai==3.54.0", "opengradient==1.1.4"];

/// What tries the JSON-RPC of a chain installs.
pub const WALLETS: &[&str] = &["web3==8.0.0", "eth-account==0.14.0", "trie==4.0.0", "rlp==5.0.0"];

/// What the benches install.
pub const BENCH: &[&str] = &["xllamacpp==2026.10.11549", "gguf==0.19.0", "numpy==2.4.6"];

/// What the bench of the data chain installs.
pub const CORPUS: &[&str] = &["datatrove[processing]==0.10.1", "orjson==3.13.0", "xxhash==3.8.2"];

/// An environment's interpreter.
pub struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// Finds or makes the environment with the given packages.
    ///
    /// Errors: when `python3` has no `venv` module, or a package cannot be installed.
    pub fn with(place: &Place, packages: &[&str]) -> Result<Python> {
        let folder = place.cache.join("python").join(name(packages));
        let interpreter = folder.join("bin").join("python");
        let ready = folder.join("ready");
        if !ready.is_file() {
            install(&folder, &interpreter, packages)?;
            fs::write(&ready, packages.join("\n"))
                .with_context(|| format!("cannot write {}", ready.display()))?;
        }
        Ok(Python { interpreter })
    }

    /// A command that runs one of xtask's scripts.
    pub fn script(&self, place: &Place, script: &str) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(place.script(script));
        command
    }
}

fn install(folder: &Path, interpreter: &Path, packages: &[&str]) -> Result<()> {
    shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))
        .context("python3 with its venv module is needed (on Debian: python3-venv)")?;
    let mut pip = Command::new(interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    shell::run(&mut pip)
}

fn name(packages: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    packages.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
