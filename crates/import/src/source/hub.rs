//! `hf:` sources: files of a model hub, through the crate `hf-hub` and its cache layout.
//!
//! The endpoint and the user's token are taken as that crate takes them (`HF_ENDPOINT`, the token
//! file in `HF_HOME`). Invariant: names that the hub sends are checked before they become paths, and
//! a file that the hub names by its SHA-256 has that SHA-256.

use super::{Source, copy};
use crate::Error;
use crate::progress::Progress;
use crate::safetensors::folder::{COMPANIONS, INDEX, shards_of};
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use terroir_base::hex;

/// Attempts after the first, with growing waits between them.
const RETRIES: usize = 4;

/// See [`super::fetch`]; `endpoint` replaces the usual one.
pub(super) fn fetch(
    source: &Source,
    downloads: &Path,
    endpoint: Option<String>,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Error> {
    let Source::HuggingFace { org, repo, rev, file } = source else {
        panic!("{source} is not a hub's file");
    };
    let folder = std::path::absolute(downloads.join("hub"))
        .map_err(|source| Error::Io { path: downloads.to_owned(), source })?;
    let mut builder = ApiBuilder::from_env().with_cache_dir(folder.clone());
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let api = builder
        .with_retries(RETRIES)
        .build()
        .map_err(|error| Error::Download { what: source.to_string(), why: error.to_string() })?;
    let id = Repo::with_revision(format!("{org}/{repo}"), RepoType::Model, rev.clone());
    let name = format!("hf:{org}/{repo}@{rev}");
    let hub = Hub { cache: Cache::new(folder).repo(id.clone()), repo: api.repo(id), api, name };
    hub.fetch(file, progress)
}

struct Hub {
    api: Api,
    repo: ApiRepo,
    cache: CacheRepo,
    name: String,
}

impl Hub {
    /// A file, and for safetensors what belongs to it; the file itself comes last, the shards after
    /// their index.
    fn fetch(&self, file: &str, progress: &mut dyn Progress) -> Result<PathBuf, Error> {
        let (folder, last) = file.rsplit_once('/').unwrap_or(("", file));
        let beside = |name: &str| {
            if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
        };
        let is_weights = last.ends_with(".safetensors") || last == INDEX;
        if is_weights && self.cache.get(file).is_none() {
            for companion in COMPANIONS {
                self.get_optional(&beside(companion), progress)?;
            }
        }
        let path = self.get(file, progress)?;
        if last == INDEX {
            for shard in shards_of(&path)? {
                self.get(&beside(&shard), progress)?;
            }
        }
        Ok(path)
    }

    fn get(&self, file: &str, progress: &mut dyn Progress) -> Result<PathBuf, Error> {
        let what = format!("{}/{file}", self.name);
        let path = match self.cache.get(file) {
            Some(path) => path,
            None => self.download(file, &what, progress)?,
        };
        check_hash(&what, &path)?;
        Ok(path)
    }

    /// As `get`; a file that the repository does not have is no error.
    fn get_optional(&self, file: &str, progress: &mut dyn Progress) -> Result<(), Error> {
        match self.api.metadata(&self.repo.url(file)) {
            Err(ApiError::RequestError(error))
                if matches!(*error, ureq::Error::StatusCode(404)) =>
            {
                Ok(())
            }
            _ => self.get(file, progress).map(|_| ()),
        }
    }

    fn download(
        &self,
        file: &str,
        what: &str,
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, Error> {
        let fail = |why: String| Error::Download { what: what.into(), why };
        let metadata =
            self.api.metadata(&self.repo.url(file)).map_err(|error| fail(error.to_string()))?;
        for (header, text) in [("etag", metadata.etag()), ("commit", metadata.commit_hash())] {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(fail(format!("the hub's {header} {text:?} is not letters and digits")));
            }
        }
        let bar = Bar { progress, what, at: (0, 0) };
        self.repo.download_with_progress(file, bar).map_err(|error| fail(error.to_string()))
    }
}

/// Large files are stored under the name of their SHA-256.
fn check_hash(what: &str, path: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let stored = fs::canonicalize(path).map_err(io)?;
    let name = stored.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if hex::decode::<32>(&name).is_none() {
        return Ok(());
    }
    let mut hasher = Sha256::new();
    let mut file = fs::File::open(&stored).map_err(io)?;
    copy::hash(&mut file, &mut hasher).map_err(io)?;
    let got = hex::encode(&hasher.finalize());
    if got == name {
        return Ok(());
    }
    fs::remove_file(&stored).and_then(|()| fs::remove_file(path)).map_err(io)?;
    Err(Error::Hash { what: what.into(), expected: name, got })
}

/// Passes progress on.
struct Bar<'a> {
    progress: &'a mut dyn Progress,
    what: &'a str,
    at: (usize, usize),
}

impl hf_hub::api::Progress for Bar<'_> {
    fn init(&mut self, size: usize, _filename: &str) {
        self.at = (0, size);
    }

    fn update(&mut self, size: usize) {
        self.at.0 += size;
        self.progress.update(self.what, self.at.0 as u64, Some(self.at.1 as u64));
    }

    fn finish(&mut self) {}
}

#[cfg(test)]
mod tests;
