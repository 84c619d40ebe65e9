//! A manifest with its tokens on disk, read with every digest checked.
//!
//! For whoever trains. Invariant: no token leaves before its whole sequence has the digest that its
//! leaf fixes, and the leaves the root that was signed.

use super::index::{Index, manifest};
use super::manifest::ManifestId;
use super::pack::{table_path, tokens_path};
use super::sequence::{self, Place, Sequence};
use crate::catalogue::Catalogue;
use crate::error::{Error, damaged, disk};
use crate::record::RecordId;
use crate::tree::{Proof, SaltKey, prove};
use crate::version::VersionId;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The folder of all manifests.
pub fn folder(catalogue: &Catalogue) -> PathBuf {
    catalogue.folder().join("training")
}

/// Every manifest, ascending, with the version that it was made of.
///
/// Errors: `Disk`, `Damaged`.
pub fn manifests(catalogue: &Catalogue) -> Result<Vec<(ManifestId, VersionId)>, Error> {
    let folder = folder(catalogue);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(disk(&folder)(error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.map_err(disk(&folder))?.path();
        // Folders under way have other names.
        let named = path.file_name().and_then(|name| name.to_str()?.parse::<ManifestId>().ok());
        if let Some(id) = named {
            all.push((id, manifest(&path)?.0.version));
        }
    }
    all.sort_unstable();
    Ok(all)
}

/// The folder of the manifest that `name` means: its id, or at least 6 digits of it.
pub fn find(catalogue: &Catalogue, name: &str) -> Result<PathBuf, Error> {
    let folder = folder(catalogue);
    let missing = || Error::Missing { kind: "manifest", name: name.to_owned() };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
        Err(error) => return Err(disk(&folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let id = entry.map_err(disk(&folder))?.file_name().to_string_lossy().into_owned();
        if id.parse::<ManifestId>().is_ok() && name.len() >= 6 && id.starts_with(name) {
            found.push(folder.join(id));
        }
    }
    match found.len() {
        0 => Err(missing()),
        1 => Ok(found.remove(0)),
        _ => {
            let kind = "single manifest that starts with";
            Err(Error::Missing { kind, name: name.to_owned() })
        }
    }
}

/// A manifest and its tokens.
pub struct Training {
    folder: PathBuf,
    index: Index,
    files: Vec<File>,
}

impl Deref for Training {
    type Target = Index;

    fn deref(&self) -> &Index {
        &self.index
    }
}

impl Training {
    /// Opens the folder `at`: the table of sequences leads to the root in the manifest.
    ///
    /// Holds 32 bytes a stored sequence. Errors: `Disk`, `Damaged` with what differs.
    pub fn open(at: &Path, salt: &SaltKey) -> Result<Training, Error> {
        let index = Index::open(at, salt)?;
        let open = |source| {
            let path = tokens_path(at, source);
            File::open(&path).map_err(disk(&path))
        };
        let files = index.sources().map(open).collect::<Result<_, Error>>()?;
        Ok(Training { folder: at.to_owned(), index, files })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends the tokens of the sequence `place`, as they are stored, to `out`.
    ///
    /// Errors: `Disk`; `Damaged` naming the file and the sequence.
    pub fn tokens(&self, place: Place, out: &mut Vec<u8>) -> Result<(), Error> {
        let bytes = self.manifest().shape.sequence_bytes();
        let path = || tokens_path(&self.folder, place.source);
        let missing = || Error::Missing { kind: "sequence", name: format!("{place:?}") };
        let file = self.files.get(place.source as usize).ok_or_else(missing)?;
        let start = out.len();
        let offset = place.sequence.saturating_mul(bytes as u64);
        out.resize(start + bytes, 0);
        // Several threads may read at once, so no position is kept.
        file.read_exact_at(&mut out[start..], offset).map_err(|error| disk(&path())(error))?;
        self.check(place, &out[start..]).map_err(|what| {
            let Place { sequence, .. } = place;
            let end = offset + bytes as u64;
            let what = format!("sequence {sequence} (bytes {offset} to {end}) {what}");
            damaged(&path(), what)
        })
    }

    /// Appends the tokens of batch `batch` of `size` sequences; none for a batch after the last.
    ///
    /// Errors: those of [`Training::tokens`].
    pub fn batch(&self, batch: u64, size: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        let places = self.order().batch(batch, size);
        places.into_iter().try_for_each(|place| self.tokens(place, out))
    }

    /// The stored sequences that have tokens of `record`.
    ///
    /// Errors: those of reading the tables.
    pub fn with(&self, record: RecordId) -> Result<BTreeSet<Place>, Error> {
        let mut places = BTreeSet::new();
        for row in self.rows()? {
            let (place, row) = row?;
            if row.spans.iter().any(|span| span.record == record) {
                places.insert(place);
            }
        }
        Ok(places)
    }

    /// Shows that the sequences `places` are what they are: the parts of each, and a proof that leads
    /// from their leaves to the root in the manifest.
    ///
    /// Errors: `Missing`, and those of reading the tables.
    pub fn show(
        &self,
        places: &BTreeSet<Place>,
        salt: &SaltKey,
    ) -> Result<(Vec<Sequence>, Proof), Error> {
        let mut found = Vec::new();
        for row in self.rows()? {
            let (place, row) = row?;
            if places.contains(&place) {
                found.push(row);
            }
        }
        if found.len() < places.len() {
            let name = format!("for {} of the places", places.len() - found.len());
            return Err(Error::Missing { kind: "sequence", name });
        }
        let leaf = |(place, row): (Place, Sequence)| {
            let key = place.key();
            (key, row.body(&salt.salt(&key)))
        };
        let leaves = || Ok(self.rows()?.map(|row| row.map(leaf)));
        let keys: Vec<[u8; 12]> = places.iter().map(Place::key).collect();
        let keys: Vec<&[u8]> = keys.iter().map(<[u8; 12]>::as_slice).collect();
        Ok((found, prove(leaves, &keys)?.1))
    }

    /// Every stored sequence, ascending by place.
    fn rows(
        &self,
    ) -> Result<impl Iterator<Item = Result<(Place, Sequence), Error>> + use<>, Error> {
        let tables: Vec<_> = self
            .sources()
            .map(|source| Ok((source, sequence::read(&table_path(&self.folder, source))?)))
            .collect::<Result<_, Error>>()?;
        Ok(tables.into_iter().flat_map(|(source, rows)| {
            (0..).zip(rows).map(move |(sequence, row)| Ok((Place { source, sequence }, row?)))
        }))
    }
}
