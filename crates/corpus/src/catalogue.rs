//! Where a home keeps its data, and what is there: shards, tables, versions and tags.
//!
//! Everything but the signed logs is plain Parquet that other tools read. Layout:
//! `docs/format/data-folder.md`.

mod lock;

pub(crate) use lock::{NEW_PREFIX, sweep};

use crate::error::{Error, damaged, disk};
use crate::recipe::{Recipe, is_name};
use crate::shard::ShardName;
use crate::stage::{Stage, Work};
use crate::table::persist;
use crate::version::{Version, VersionId};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use terroir_base::Digest;
use terroir_base::cbor;

/// The folder `data` of a home.
#[derive(Clone, Debug)]
pub struct Catalogue {
    folder: PathBuf,
}

/// A version with what is needed to go on from it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its id.
    pub id: VersionId,
    /// What it is.
    pub version: Version,
    /// Its recipe, overrides applied, paths absolute.
    pub recipe: Recipe,
    /// Names of its shards, ascending.
    pub shards: Vec<String>,
    /// Ids of the units it was read from, ascending.
    pub units: Vec<String>,
}

impl Catalogue {
    /// The catalogue in `folder`, which is made when something is written.
    pub fn new(folder: impl Into<PathBuf>) -> Catalogue {
        Catalogue { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file below the folder, with `/` whatever the system has.
    pub fn below(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.folder).unwrap_or(path);
        let parts = below.components().map(|part| part.as_os_str().to_string_lossy());
        parts.collect::<Vec<_>>().join("/")
    }

    /// The entry of the unit `id` in the ingest log.
    pub fn unit(&self, id: &str) -> PathBuf {
        self.units().join(format!("{id}.cose"))
    }

    /// The table of what the unit `id` skipped, where it skipped anything.
    pub fn skips(&self, id: &str) -> PathBuf {
        self.units().join(format!("{id}.skips.parquet"))
    }

    /// Where shards of records are.
    pub fn records(&self) -> PathBuf {
        self.folder.join("records")
    }

    /// The shard `name`.
    pub fn shard(&self, name: &str) -> PathBuf {
        self.records().join(format!("{name}.parquet"))
    }

    /// Where entries of the ingest log are.
    pub fn units(&self) -> PathBuf {
        self.folder.join("units")
    }

    /// The table under `key` over the shard `name`.
    pub fn rows(&self, key: &Digest, name: &str) -> PathBuf {
        self.folder.join("rows").join(short(key)).join(format!("{name}.parquet"))
    }

    /// The keys of the global stage `key` in the shard `name`.
    pub fn keys(&self, key: &Digest, name: &str) -> PathBuf {
        self.folder.join("keys").join(short(key)).join(name)
    }

    /// What the global stage whose tables are kept under `key` found about pairs of records.
    pub fn pairs(&self, key: &Digest) -> PathBuf {
        self.folder.join("keys").join(short(key)).join("pairs")
    }

    /// Where what a pass over the shard `name` finds for `stage` goes.
    pub fn measured(&self, stage: &Stage, name: &str) -> PathBuf {
        match stage.work {
            Work::Local(_) => self.rows(&stage.key, name),
            Work::Global(_) => self.keys(&stage.key, name),
        }
    }

    /// The folder of a version.
    pub fn version(&self, id: &VersionId) -> PathBuf {
        self.folder.join("versions").join(id.to_string())
    }

    /// Every version, ascending by id.
    pub fn versions(&self) -> Result<Vec<VersionId>, Error> {
        let mut ids: Vec<VersionId> = names(&self.folder.join("versions"))?
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// The version that was kept last.
    pub fn latest(&self) -> Result<Option<VersionId>, Error> {
        let when = |id: &VersionId| {
            let path = self.version(id).join("version.cbor");
            fs::metadata(&path).and_then(|data| data.modified()).map_err(disk(&path))
        };
        let mut latest = None;
        for id in self.versions()? {
            latest = latest.max(Some((when(&id)?, id)));
        }
        Ok(latest.map(|(_, id)| id))
    }

    /// Every tag with its version, ascending by name.
    pub fn tags(&self) -> Result<Vec<(String, VersionId)>, Error> {
        let folder = self.folder.join("tags");
        let mut tags = Vec::new();
        for name in names(&folder)?.into_iter().filter(|name| is_name(name)) {
            let path = folder.join(&name);
            let text = fs::read_to_string(&path).map_err(disk(&path))?;
            let id = text.trim_end().parse().map_err(|error| damaged(&path, format!("{error}")))?;
            tags.push((name, id));
        }
        tags.sort_unstable();
        Ok(tags)
    }

    /// Lets `tag` name `id` from now on.
    pub fn tag(&self, tag: &str, id: &VersionId) -> Result<(), Error> {
        if !is_name(tag) {
            return Err(Error::Missing {
                kind: "tag (letters, digits, - _ . only)",
                name: tag.to_owned(),
            });
        }
        write(&self.folder.join("tags").join(tag), format!("{id}\n").as_bytes())
    }

    /// The version that `name` means: an id, at least 6 digits of one, or a tag.
    pub fn find(&self, name: &str) -> Result<Kept, Error> {
        let missing = || Error::Missing { kind: "version", name: name.to_owned() };
        if let Some((_, id)) = self.tags()?.into_iter().find(|(tag, _)| tag == name) {
            return self.open(&id);
        }
        let hex = name.len() >= 6 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let fits = |id: &VersionId| hex && id.to_string().starts_with(name);
        let mut found = self.versions()?.into_iter().filter(fits);
        let id = found.next().ok_or_else(missing)?;
        match found.next() {
            None => self.open(&id),
            Some(_) => Err(Error::Missing {
                kind: "single version that starts with",
                name: name.to_owned(),
            }),
        }
    }

    /// Opens a version and checks that it has the id of its folder.
    pub fn open(&self, id: &VersionId) -> Result<Kept, Error> {
        let folder = self.version(id);
        let path = folder.join("version.cbor");
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::Missing { kind: "version", name: id.to_string() }
            }
            _ => disk(&path)(error),
        })?;
        let version = Version::decode(&bytes).map_err(|error| match error {
            cbor::Error::Version { .. } => {
                let next = "move its folder away and run its recipe again";
                damaged(&path, format!("{error}: {next}"))
            }
            _ => damaged(&path, error.to_string()),
        })?;
        if version.id() != *id {
            return Err(damaged(&path, format!("holds version {}", version.id())));
        }
        let recipe = Recipe::read(&folder.join("recipe.toml"), &[])?;
        let lines = |name: &str| -> Result<Vec<String>, Error> {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).map_err(disk(&path))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        let (shards, units) = (lines("shards")?, lines("units")?);
        let named = shards.iter().all(|name| name.parse::<ShardName>().is_ok());
        if !named || !units.iter().all(|name| name.parse::<Digest>().is_ok()) {
            return Err(damaged(&folder, "its lists of shards and units hold something else"));
        }
        Ok(Kept { id: *id, version, recipe, shards, units })
    }
}

/// A digest as it stands in names of folders.
fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(32).collect()
}

/// The names in `folder`; none where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(disk(folder)(error)),
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(disk(folder))
    };
    entries.map(name).collect()
}

/// Replaces the file `path` as a whole.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().expect("a file has a folder");
    fs::create_dir_all(folder).map_err(disk(folder))?;
    let mut temp = tempfile::NamedTempFile::new_in(folder).map_err(disk(folder))?;
    temp.write_all(bytes).map_err(disk(path))?;
    persist(temp, path)
}
