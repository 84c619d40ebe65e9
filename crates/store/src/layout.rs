//! Which file lies where in a store, and how a folder becomes one.
//!
//! No other module builds a path.

use crate::error::{Error, disk};
use crate::lock;
use crate::temp::Temp;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use terroir_base::id::BlobId;

/// What the file `format` of a store says.
const FORMAT: &[u8] = b"terroir-store-1\n";
/// Everything in the root folder of a store.
const NAMES: [&str; 7] =
    ["blobs", "format", "move.lock", "pins", "quarantine", "sweep.lock", "temp"];

/// The paths of one store.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Makes the folders that are missing; an empty or new folder becomes a store.
    pub(crate) fn open(root: &Path) -> Result<Layout, Error> {
        let layout = Layout { root: root.to_owned() };
        let format = root.join("format");
        match fs::read(&format) {
            Ok(found) if found == FORMAT => layout.make_folders()?,
            Ok(_) => return Err(Error::Version { path: format }),
            Err(error) if error.kind() == ErrorKind::NotFound => layout.found(&format)?,
            Err(error) => return Err(disk(&format)(error)),
        }
        Ok(layout)
    }

    /// Turns an empty folder into a store. The format file comes last: a crash leaves no half store.
    fn found(&self, format: &Path) -> Result<(), Error> {
        fs::create_dir_all(&self.root).map_err(disk(&self.root))?;
        for entry in fs::read_dir(&self.root).map_err(disk(&self.root))? {
            let name = entry.map_err(disk(&self.root))?.file_name();
            // Names of ours are there after a crash, or while another process does the same.
            if !NAMES.iter().any(|ours| name == *ours) {
                return Err(Error::Version { path: format.to_owned() });
            }
        }
        let _hold = lock::hold(&self.sweep_lock())?;
        self.make_folders()?;
        let mut temp = Temp::new(&self.temps())?;
        temp.write(FORMAT)?;
        temp.finish(format)
    }

    fn make_folders(&self) -> Result<(), Error> {
        for folder in [self.blobs(), self.temps(), self.pins(), self.quarantine()] {
            fs::create_dir_all(&folder).map_err(disk(&folder))?;
        }
        Ok(())
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Blobs are spread over 256 folders by their first byte.
    pub(crate) fn blob(&self, id: &BlobId) -> PathBuf {
        let name = id.to_string();
        self.blobs().join(&name[..2]).join(name)
    }

    pub(crate) fn temps(&self) -> PathBuf {
        self.root.join("temp")
    }

    pub(crate) fn pins(&self) -> PathBuf {
        self.root.join("pins")
    }

    pub(crate) fn pin(&self, name: &str) -> PathBuf {
        self.pins().join(name)
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Shared by whoever puts or holds, exclusive to a sweep.
    pub(crate) fn sweep_lock(&self) -> PathBuf {
        self.root.join("sweep.lock")
    }

    /// Exclusive to whoever moves a file into or out of the place of a blob.
    pub(crate) fn move_lock(&self) -> PathBuf {
        self.root.join("move.lock")
    }
}

/// Makes a name that was created, replaced or removed in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk(folder))
}
