//! Takes named files and folders out of a Python wheel, which is a ZIP archive.
//!
//! Invariant: names inside the archive choose what is read, never where it is written.

use super::copy;
use crate::Error;
use crate::progress::{Progress, Silent};
use crate::safetensors::folder::{COMPANIONS, INDEX, shards_of};
use std::fs::File;
use std::path::{Component, Path};

/// Largest file that is taken out, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 38;
/// Most files of a folder that is taken out, and most bytes of them together.
const FOLDER_FILES_MAX: usize = 1 << 20;
const FOLDER_BYTES_MAX: u64 = 1 << 36;

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
    /// `file` is a path in the wheel, or its last parts if only one path ends so; or a folder in the
    /// wheel, of which all files are taken. `target` itself is written last.
    pub(super) fn extract(
        &mut self,
        file: &str,
        target: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let inside = self.inside(file)?;
        if !inside.is_empty() {
            return self.take_folder(file, &inside, target, progress);
        }
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

    /// Paths of the files below `folder`, in the order of their names.
    ///
    /// Errors: a path that leads outside, too many files.
    fn inside(&self, folder: &str) -> Result<Vec<String>, Error> {
        let start = format!("{folder}/");
        let names = self.archive.file_names().flatten();
        let names = names.filter(|name| name.starts_with(&start) && !name.ends_with('/'));
        let mut inside: Vec<String> = names.map(|name| name.into_owned()).collect();
        if inside.len() > FOLDER_FILES_MAX {
            let count = inside.len();
            return Err(
                self.error(format!("{count} files in {folder}, at most {FOLDER_FILES_MAX}"))
            );
        }
        inside.sort_unstable();
        let leads_out = |name: &&String| {
            !Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
        };
        match inside.iter().find(leads_out) {
            Some(name) => Err(self.error(format!("the path {name:?} leads outside"))),
            None => Ok(inside),
        }
    }

    fn take_folder(
        &mut self,
        folder: &str,
        files: &[String],
        target: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let parent = target.parent().expect("a folder of ours has one");
        let io = |source| Error::Io { path: target.to_owned(), source };
        std::fs::create_dir_all(parent).map_err(io)?;
        let draft = tempfile::tempdir_in(parent).map_err(io)?;
        let mut room = FOLDER_BYTES_MAX;
        for (done, file) in files.iter().enumerate() {
            let what = format!("unpacking {folder} from {}", self.name);
            progress.update(&what, done as u64, Some(files.len() as u64));
            let path = draft.path().join(&file[folder.len() + 1..]);
            let inner = path.parent().expect("it is in the draft");
            std::fs::create_dir_all(inner).map_err(io)?;
            let mut entry = self.entry(file)?;
            let bytes = entry.size();
            let mut target = File::create_new(&path).map_err(io)?;
            copy::pour(&mut entry, bytes, (&mut target, &path), &what, &mut Silent)?;
            drop(entry);
            room = room.checked_sub(bytes).ok_or_else(|| {
                self.error(format!("{folder} has more than {FOLDER_BYTES_MAX} bytes"))
            })?;
        }
        // All of it is on disk before it has its name.
        copy::sync_below(draft.path())?;
        std::fs::rename(draft.keep(), target).map_err(io)?;
        copy::sync_folder(parent)
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
        let what = format!("unpacking {inner} from {}", self.name);
        let mut entry = self.entry(inner)?;
        let bytes = entry.size();
        copy::to_new_file(&mut entry, bytes, target, &what, progress)
    }

    /// The file `inner`, of a size that is taken out.
    fn entry(&mut self, inner: &str) -> Result<zip::read::ZipFile<'_, File>, Error> {
        let wheel = self.name.clone();
        let fail = |why: String| Error::Archive { what: wheel.clone(), why };
        let entry =
            self.archive.by_name(inner).map_err(|error| fail(format!("{inner}: {error}")))?;
        let bytes = entry.size();
        if !entry.is_file() {
            return Err(fail(format!("{inner} is not a file")));
        }
        if bytes > FILE_BYTES_MAX {
            return Err(fail(format!("{inner} has {bytes} bytes, at most {FILE_BYTES_MAX}")));
        }
        Ok(entry)
    }

    fn error(&self, why: String) -> Error {
        Error::Archive { what: self.name.clone(), why }
    }
}

#[cfg(test)]
mod tests;
