//! The home of a node: one folder with everything it keeps.
//!
//! For the command line and the server. Invariant: every file in it is replaced as a whole, so any
//! number of processes may use one home, and a crash leaves the old state or the new one.
//! Layout: `docs/format/home.md`.

pub(crate) mod key;
mod models;

use crate::disk::{PUBLIC, lock, read_small, replace};
use crate::error::{Error, disk};
use crate::receipts::Receipts;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_base::id::{BlobId, ModelId};
use terroir_base::sign::SecretKey;
use terroir_model::Model;
use terroir_store::Store;
use terroir_tensor::Bytes;

/// What the file `format` of a home says.
const FORMAT: &[u8] = b"terroir-home-1\n";

/// An open home. Cheap to clone; keeps no file open.
#[derive(Clone, Debug)]
pub struct Home {
    folder: PathBuf,
    store: Store,
}

impl Home {
    /// Opens the home in `folder`, making it where there is none.
    ///
    /// Errors: `HomeVersion`.
    pub fn open(folder: impl AsRef<Path>) -> Result<Home, Error> {
        let folder = folder.as_ref();
        let format = folder.join("format");
        fs::create_dir_all(folder).map_err(disk(folder))?;
        let _alone = lock(&folder.join("home.lock"))?;
        match read_small(&format, FORMAT.len())?.as_deref() {
            Some(FORMAT) => {}
            Some(_) => return Err(Error::HomeVersion { path: format }),
            None => refuse_foreign(folder, &format)?,
        }
        for part in ["receipts", "downloads"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(disk(&part))?;
        }
        let store = Store::open(folder.join("store"))?;
        // Last, so that a crash leaves no half home that looks whole.
        if !format.exists() {
            replace(&format, FORMAT, PUBLIC)?;
        }
        Ok(Home { folder: folder.to_owned(), store })
    }

    /// Opens the home in `folder`; none where none was made. For those who only look.
    ///
    /// Errors: as [`Home::open`].
    pub fn find(folder: impl AsRef<Path>) -> Result<Option<Home>, Error> {
        let made = folder.as_ref().join("format").exists();
        made.then(|| Home::open(folder)).transpose()
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The blobs.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Where fetched files are kept.
    pub fn downloads(&self) -> PathBuf {
        self.folder.join("downloads")
    }

    /// The node's signing key; none before the first use of [`Home::receipts`].
    ///
    /// Errors: `Exposed` when others may read it, `Secrets` when the file holds none.
    pub fn key(&self) -> Result<Option<SecretKey>, Error> {
        key::load(&self.key_file())
    }

    /// The node's receipts; makes the key that signs them where there is none.
    ///
    /// Errors: as [`Home::key`].
    pub fn receipts(&self) -> Result<Receipts, Error> {
        let _alone = lock(&self.folder.join("home.lock"))?;
        let key = match self.key()? {
            Some(key) => key,
            None => key::make(&self.key_file())?,
        };
        Ok(Receipts::new(self.folder.join("receipts"), Arc::new(key)))
    }

    /// The models that have a name here.
    pub fn models(&self) -> Result<BTreeMap<String, ModelId>, Error> {
        models::read(&self.index())
    }

    /// Gives a model a name, in place of the model that had it; durable on return.
    ///
    /// Errors: `ModelName`.
    pub fn name_model(&self, name: &str, id: ModelId) -> Result<(), Error> {
        models::check_name(name)?;
        let _alone = lock(&self.folder.join("home.lock"))?;
        let mut models = self.models()?;
        models.insert(name.to_owned(), id);
        models::write(&self.index(), &models)
    }

    /// Takes every name from a model and gives them back; durable on return. Its blobs stay.
    pub fn forget_model(&self, id: ModelId) -> Result<Vec<String>, Error> {
        let _alone = lock(&self.folder.join("home.lock"))?;
        let (gone, kept): (BTreeMap<_, _>, _) =
            self.models()?.into_iter().partition(|(_, other)| *other == id);
        if !gone.is_empty() {
            models::write(&self.index(), &kept)?;
        }
        Ok(gone.into_keys().collect())
    }

    /// The model of that name, or else the one whose id starts so (at least 6 digits).
    ///
    /// A whole id need not have a name here. Errors: `NoModel`, `AmbiguousModel`.
    pub fn find_model(&self, name_or_id_prefix: &str) -> Result<ModelId, Error> {
        models::find(&self.models()?, name_or_id_prefix)
    }

    /// Loads a model: every blob is mapped from the store, hashed, and found right.
    ///
    /// Errors: `ModelDamaged` for a file that is not as its name says, or that is missing although
    /// the manifest, which names it, is here; `Model` for all else.
    pub fn load_model(&self, id: ModelId) -> Result<Arc<Model>, Error> {
        let mut damaged = None;
        let loaded = Model::load(id, &mut |digest| {
            self.store.map(&BlobId(*digest)).map(|mapped| Arc::new(mapped) as Bytes).map_err(
                |error| {
                    let problem = error.to_string();
                    if is_damage(&error, *digest == id.0) {
                        damaged = Some(problem.clone());
                    }
                    problem
                },
            )
        });
        match (loaded, damaged) {
            (Ok(model), _) => Ok(Arc::new(model)),
            (Err(_), Some(problem)) => Err(Error::ModelDamaged { id, problem }),
            (Err(error), None) => Err(error.into()),
        }
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("node.key")
    }

    fn index(&self) -> PathBuf {
        self.folder.join("models")
    }
}

/// Whether a file that the store does not give was here once.
///
/// A file that was found to be damaged is out of the way since. Without its manifest a model was
/// never here.
fn is_damage(error: &terroir_store::Error, is_manifest: bool) -> bool {
    match error {
        terroir_store::Error::Corrupt { .. } => true,
        terroir_store::Error::Missing { .. } => !is_manifest,
        _ => false,
    }
}

/// Keeps a home from being made in a folder with other people's files.
fn refuse_foreign(folder: &Path, format: &Path) -> Result<(), Error> {
    const OURS: [&str; 6] = ["downloads", "home.lock", "models", "node.key", "receipts", "store"];
    for entry in fs::read_dir(folder).map_err(disk(folder))? {
        let name = entry.map_err(disk(folder))?.file_name();
        let temp = name.to_string_lossy().starts_with(crate::disk::TEMP_PREFIX);
        // Names of ours are there after a crash while the home was made.
        if !temp && !OURS.iter().any(|ours| name == *ours) {
            return Err(Error::HomeVersion { path: format.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
