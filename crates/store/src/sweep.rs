//! Sweeping: removing what no pin keeps, while nobody is putting.

use crate::error::{Error, disk};
use crate::lock;
use crate::store::Store;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use terroir_base::id::BlobId;

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files removed: blobs no pin keeps, leftovers of crashed puts, quarantined files.
    pub removed: u64,
    /// Their length together.
    pub bytes: u64,
}

impl Store {
    /// Removes every blob that no pin keeps, abandoned temporary files and the quarantine.
    ///
    /// A blob that is mapped stays readable there. Errors: `Busy` while somebody puts, pins or
    /// holds; `Pin` when a pin is damaged. In both cases nothing was removed.
    pub fn sweep(&self) -> Result<Swept, Error> {
        let _alone = lock::try_exclusive(&self.layout.sweep_lock())?;
        // Readers may be moving bad blobs away; they wait.
        let _still = lock::exclusive(&self.layout.move_lock())?;
        let kept: BTreeSet<BlobId> = self.pins()?.into_values().flatten().collect();
        let mut swept = Swept::default();
        for folder in files(&self.layout.blobs())? {
            for path in files(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str());
                let id = name.and_then(|name| name.parse::<BlobId>().ok());
                // A file that is no blob was not put here by a store: leave it to its owner.
                if id.is_some_and(|id| !kept.contains(&id)) {
                    swept.remove(&path)?;
                }
            }
        }
        for folder in [self.layout.temps(), self.layout.quarantine()] {
            for path in files(&folder)? {
                swept.remove(&path)?;
            }
        }
        Ok(swept)
    }
}

impl Swept {
    fn remove(&mut self, path: &Path) -> Result<(), Error> {
        let size = fs::metadata(path).map_err(disk(path))?.len();
        fs::remove_file(path).map_err(disk(path))?;
        self.removed += 1;
        self.bytes += size;
        Ok(())
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(disk(folder))?;
    entries.map(|entry| Ok(entry.map_err(disk(folder))?.path())).collect()
}
