//! What is meant for the whole program: where things lie and which kernels run.
//!
//! For `main`, which resolves it once. Invariant: the environment is read here and nowhere else.

use crate::args::Threads;
use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use terroir_model::Isa;
use terroir_node::Home;

/// Most threads of an executor.
const THREADS_MAX: usize = 256;

/// Settings that every command shares.
#[derive(Clone, Debug)]
pub struct Settings {
    home: Option<PathBuf>,
    /// The instruction set whose kernels run.
    pub isa: Isa,
}

impl Settings {
    /// Reads the environment; `home` is what was typed.
    ///
    /// Errors: a `TERROIR_ISA` that is none, or that this machine does not have.
    pub fn resolve(home: Option<PathBuf>) -> Result<Settings> {
        Ok(Settings { home: home.or_else(default_home), isa: isa()? })
    }

    /// Opens the home folder, making it where there is none.
    pub fn open_home(&self) -> Result<Home> {
        let folder = self.folder()?;
        Home::open(folder).with_context(|| format!("cannot open the home {}", folder.display()))
    }

    /// Opens the home folder where there is one. For commands that only look.
    pub fn find_home(&self) -> Result<Option<Home>> {
        let folder = self.folder()?;
        Home::find(folder).with_context(|| format!("cannot open the home {}", folder.display()))
    }

    /// The home folder, where it takes a `--home` or a `TERROIR_HOME` to find it.
    pub fn unusual_home(&self) -> Option<&Path> {
        self.home.as_deref().filter(|home| usual_home().as_deref() != Some(*home))
    }

    /// The home folder.
    pub fn folder(&self) -> Result<&Path> {
        let none = "there is no place for models and receipts: give --home DIR, or set HOME";
        self.home.as_deref().context(none)
    }

    /// The threads that were asked for, or one per core.
    pub fn threads(&self, typed: Threads) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        typed.threads.map_or_else(cores, usize::from).min(THREADS_MAX)
    }
}

fn default_home() -> Option<PathBuf> {
    let ours = env::var_os("TERROIR_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    ours.or_else(usual_home)
}

/// As the XDG base directory specification has it: relative paths there are ignored.
fn usual_home() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")))?;
    Some(data.join("terroir"))
}

fn isa() -> Result<Isa> {
    let Some(text) = env::var_os("TERROIR_ISA").filter(|text| !text.is_empty()) else {
        return Ok(Isa::detect());
    };
    let isa: Isa =
        text.to_string_lossy().parse().map_err(anyhow::Error::msg).context("TERROIR_ISA")?;
    if !isa.available() {
        bail!("TERROIR_ISA: this machine does not have {isa}; unset it to use {}", Isa::detect());
    }
    Ok(isa)
}
