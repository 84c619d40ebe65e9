//! One process at a time writes into a data folder, and it clears away what killed ones left.
//!
//! Invariant: only names that nothing finished has are removed.

use super::Catalogue;
use crate::error::{Error, disk};
use crate::shard::TEMP_PREFIX;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// How folders are called that have no name of their own yet.
pub(crate) const NEW_PREFIX: &str = ".new-";
/// Folders with files and folders that are written.
const WRITTEN: [&str; 5] = ["records", "units", "versions", "training", "tags"];
/// Folders with such folders.
const NESTED: [&str; 2] = ["rows", "keys"];

impl Catalogue {
    /// Takes the folder for this process until the file is dropped, and clears away what processes
    /// that are gone left unfinished. `busy` is called where another one has it, before waiting.
    ///
    /// Errors: `Disk`.
    pub fn lock(&self, busy: impl FnOnce()) -> Result<File, Error> {
        fs::create_dir_all(&self.folder).map_err(disk(&self.folder))?;
        let path = self.folder.join("lock");
        let alone = File::create(&path).map_err(disk(&path))?;
        if alone.try_lock().is_err() {
            busy();
            alone.lock().map_err(disk(&path))?;
        }
        let mut folders: Vec<PathBuf> = WRITTEN.map(|name| self.folder.join(name)).into();
        for nested in NESTED.map(|name| self.folder.join(name)) {
            folders.extend(super::names(&nested)?.iter().map(|name| nested.join(name)));
        }
        folders.iter().try_for_each(|folder| sweep(folder))?;
        Ok(alone)
    }
}

/// Removes what has the name of something unfinished from `folder`; only one process may work there.
pub(crate) fn sweep(folder: &Path) -> Result<(), Error> {
    for name in super::names(folder)? {
        let path = folder.join(&name);
        if name.starts_with(NEW_PREFIX) && path.is_dir() {
            fs::remove_dir_all(&path).map_err(disk(&path))?;
        } else if name.starts_with(TEMP_PREFIX) && path.is_file() {
            fs::remove_file(&path).map_err(disk(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfinished_goes_and_the_rest_stays() {
        let home = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::new(home.path());
        let at = |name: &str| home.path().join(name);
        let finished = ["versions/ab/version.cbor", "records/x.parquet", "rows/k/x.parquet"];
        let unfinished = [
            "versions/.new-a/verdicts/x.parquet",
            "training/.new-b/tokens-00000.bin",
            "records/.tmpA",
            "rows/k/.tmpB",
            "keys/k/.tmpC",
        ];
        for name in finished.iter().chain(&unfinished) {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), b"x").unwrap();
        }
        let lock = catalogue.lock(|| panic!("nobody has it")).unwrap();
        assert!(finished.iter().all(|name| at(name).exists()));
        assert!(unfinished.iter().all(|name| !at(name).exists()));
        assert!(!at("versions/.new-a").exists() && !at("training/.new-b").exists());
        // Somebody else waits, and clears away nothing meanwhile.
        fs::create_dir(at("training/.new-c")).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || catalogue.lock(|| tell.send(()).unwrap()));
        told.recv().unwrap();
        assert!(at("training/.new-c").exists());
        drop(lock);
        waiting.join().unwrap().unwrap();
        assert!(!at("training/.new-c").exists());
    }
}
