//! The folder of a member: its keys, its settings, its chain. Layout: `docs/format/member.md`.

use super::secrets::Secrets;
use super::settings::{BYTES_MAX, Settings};
use crate::chain::Error as ChainError;
use crate::disk::{PUBLIC, lock, read_small, replace};
use crate::error::{Error, disk};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use terroir_ledger::{Genesis, genesis};

/// The name of a file of settings, where nobody says another.
const CONFIG: &str = "node.toml";

/// A folder that was made for a member.
pub struct Folder {
    path: PathBuf,
    /// The name of the file of settings in it.
    config: OsString,
}

impl Folder {
    /// Makes the folder `path` with keys, where there are none.
    ///
    /// Errors: `Disk`, those of the keys.
    pub fn make(path: &Path) -> Result<(Folder, Secrets), Error> {
        fs::create_dir_all(path).map_err(disk(path))?;
        // Two that make keys at once must not each tell of its own.
        let _alone = lock(&path.join("folder.lock"))?;
        let secrets = Secrets::make(path)?;
        Ok((Folder { path: path.to_owned(), config: CONFIG.into() }, secrets))
    }

    /// Makes the folder `path` for one that follows others: it needs no keys.
    ///
    /// Errors: `Disk`.
    pub fn without_keys(path: &Path) -> Result<Folder, Error> {
        fs::create_dir_all(path).map_err(disk(path))?;
        Ok(Folder { path: path.to_owned(), config: CONFIG.into() })
    }

    /// The folder that the file `path` lies in, which says how its member runs. A link is the file.
    ///
    /// Errors: `Disk` where there is no such file.
    pub fn of(path: &Path) -> Result<Folder, Error> {
        let found = fs::metadata(path).map_err(disk(path))?;
        let (Some(folder), Some(name), false) = (path.parent(), path.file_name(), found.is_dir())
        else {
            return Err(disk(path)(std::io::ErrorKind::IsADirectory.into()));
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let folder = fs::canonicalize(folder).map_err(disk(folder))?;
        Ok(Folder { path: folder, config: name.to_owned() })
    }

    /// Writes how the member runs, and where its chain begins. Settings that are there already stay as
    /// somebody made them: a validator that is told to follow would stop voting.
    ///
    /// Errors: `Chain` where no chain begins with `genesis`; `Settings` where there are others; `Disk`.
    pub fn write(&self, settings: &Settings, genesis: &str) -> Result<(), Error> {
        Genesis::parse(genesis).and_then(|one| one.begin()).map_err(ChainError::from)?;
        let text = toml::to_string(settings).expect("settings are TOML");
        let _alone = lock(&self.path.join("folder.lock"))?;
        if read_small(&self.config(), BYTES_MAX)?.is_some_and(|kept| kept != text.as_bytes()) {
            let problem = "is there already and says something else: change it, or take it away";
            return Err(Error::Settings { path: self.config(), problem: problem.to_owned() });
        }
        replace(&self.path.join(&settings.genesis), genesis.as_bytes(), PUBLIC)?;
        replace(&self.config(), text.as_bytes(), PUBLIC)
    }

    /// The file of settings.
    pub fn config(&self) -> PathBuf {
        self.path.join(&self.config)
    }

    /// How the member runs. Errors: `Disk`, `Settings`.
    pub fn settings(&self) -> Result<Settings, Error> {
        let path = self.config();
        Settings::parse(&path, &text(&path, BYTES_MAX)?)
    }

    /// The text of the genesis file. Errors: `Disk`, `Settings`.
    pub fn genesis(&self, settings: &Settings) -> Result<String, Error> {
        text(&self.path.join(&settings.genesis), genesis::BYTES_MAX)
    }

    /// The keys. Errors: those of reading them.
    pub(super) fn secrets(&self) -> Result<Secrets, Error> {
        Secrets::load(&self.path)
    }

    pub(super) fn chain(&self) -> PathBuf {
        self.path.join("chain.redb")
    }

    pub(super) fn consensus(&self) -> PathBuf {
        self.path.join("consensus")
    }

    pub(super) fn evidence(&self) -> PathBuf {
        self.path.join("evidence")
    }
}

fn text(path: &Path, bytes_max: usize) -> Result<String, Error> {
    let problem = |problem: String| Error::Settings { path: path.to_owned(), problem };
    let bytes = read_small(path, bytes_max)?.ok_or_else(|| problem("no such file".into()))?;
    if bytes.len() > bytes_max {
        return Err(problem(format!("is longer than {bytes_max} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| problem(error.to_string()))
}
