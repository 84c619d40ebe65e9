//! A folder as model hubs lay it out: weights in one file or in shards, and JSON beside them.
//!
//! For the importer. Invariant: the weights are exactly those that the index names, and every file
//! that was read is part of the source digest.

use super::read;
use crate::data::FileData;
use crate::json::{self, Object};
use crate::progress::Progress;
use crate::tensors::Tensors;
use crate::{Error, hash};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use terroir_base::Digest;

/// Most files that the weights may be spread over.
pub const SHARDS_MAX: usize = 1024;
/// Longest JSON file beside the weights, in bytes.
pub const COMPANION_BYTES_MAX: u64 = 1 << 26;
/// Says which file holds which tensor.
pub const INDEX: &str = "model.safetensors.index.json";
/// The weights, when they are one file.
pub const WEIGHTS: &str = "model.safetensors";
/// The network's shape.
pub const CONFIG: &str = "config.json";
/// How text becomes tokens.
pub const TOKENIZER: &str = "tokenizer.json";
/// Special tokens and, often, the chat template.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// The tokens that end an answer.
pub const GENERATION_CONFIG: &str = "generation_config.json";
/// The chat template, when it has a file of its own.
pub const TEMPLATE: &str = "chat_template.jinja";
/// Every file beside the weights that says something about the model.
pub const COMPANIONS: [&str; 5] =
    [CONFIG, TOKENIZER, TOKENIZER_CONFIG, GENERATION_CONFIG, TEMPLATE];

/// An opened folder.
pub struct Folder {
    /// All weights.
    pub tensors: Tensors,
    companions: BTreeMap<&'static str, Vec<u8>>,
    path: PathBuf,
    index: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: Object<String>,
}

impl Folder {
    /// Opens a folder, a `.safetensors` file in one, or the index of one.
    ///
    /// Errors: [`Error::Companion`] for the index and the JSON files, [`Error::Header`] for a
    /// shard, [`Error::Io`].
    pub fn open(path: &Path) -> Result<Folder, Error> {
        let is_index = path.file_name().is_some_and(|name| name == INDEX);
        let (folder, single) = if path.is_dir() {
            (path, None)
        } else {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            (parent.unwrap_or(Path::new(".")), (!is_index).then(|| path.to_owned()))
        };
        let index_path = folder.join(INDEX);
        let mut index = None;
        let tensors = match single {
            Some(single) => open_single(&single)?,
            None if index_path.is_file() => {
                let (bytes, map) = read_index(&index_path)?;
                let opened = open_shards(folder, &index_path, &map)?;
                index = Some(bytes);
                opened
            }
            None => open_single(&folder.join(WEIGHTS))?,
        };
        let mut companions = BTreeMap::new();
        for name in COMPANIONS {
            let path = folder.join(name);
            if path.is_file() {
                companions.insert(name, json::read_file(&path, COMPANION_BYTES_MAX)?);
            }
        }
        Ok(Folder { tensors, companions, path: folder.to_owned(), index })
    }

    /// The bytes of a companion, if the folder has it.
    pub fn companion(&self, name: &'static str) -> Option<&[u8]> {
        self.companions.get(name).map(Vec::as_slice)
    }

    /// Where a companion stands or would stand.
    pub fn companion_path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// One digest for all that was read: names of the files inside the folder, and their contents.
    pub fn digest(&self, progress: &mut dyn Progress) -> Result<Digest, Error> {
        let mut parts: BTreeMap<String, Digest> = BTreeMap::new();
        for (name, bytes) in &self.companions {
            parts.insert((*name).to_owned(), Digest::of(bytes));
        }
        if let Some(bytes) = &self.index {
            parts.insert(INDEX.to_owned(), Digest::of(bytes));
        }
        // Told by order, not by name: a single file may have been renamed.
        for (place, data) in self.tensors.files.iter().enumerate() {
            parts.insert(format!("weights {place:04}"), hash(&**data, progress)?);
        }
        let parts: Vec<&[u8]> =
            parts.iter().flat_map(|(name, digest)| [name.as_bytes(), &digest.0[..]]).collect();
        Ok(Digest::derive("terroir 2026-11 safetensors folder", &parts))
    }
}

fn open_single(path: &Path) -> Result<Tensors, Error> {
    let data = FileData::open(path)?;
    let places = read(&data, 0)?;
    Ok(Tensors { files: vec![Box::new(data)], places })
}

fn open_shards(
    folder: &Path,
    index_path: &Path,
    map: &BTreeMap<String, String>,
) -> Result<Tensors, Error> {
    let fail = |what: String| Error::Companion { path: index_path.to_owned(), what };
    let names: BTreeSet<&str> = map.values().map(String::as_str).collect();
    let mut tensors = Tensors { files: Vec::new(), places: BTreeMap::new() };
    for (file, name) in names.into_iter().enumerate() {
        let data = FileData::open(&folder.join(name))?;
        for (tensor, place) in read(&data, file)? {
            if map.get(&tensor).map(String::as_str) != Some(name) {
                return Err(fail(format!("tensor {tensor} stands in {name}, not so in the index")));
            }
            tensors.places.insert(tensor, place);
        }
        tensors.files.push(Box::new(data));
    }
    match map.iter().find(|(tensor, _)| !tensors.places.contains_key(*tensor)) {
        Some((tensor, file)) => Err(fail(format!("tensor {tensor} is not in {file}"))),
        None => Ok(tensors),
    }
}

/// An index's bytes, and the file of each tensor: plain names, not too many.
fn read_index(path: &Path) -> Result<(Vec<u8>, BTreeMap<String, String>), Error> {
    let fail = |what: String| Error::Companion { path: path.to_owned(), what };
    let bytes = json::read_file(path, COMPANION_BYTES_MAX)?;
    let Index { weight_map: Object(map) } = json::parse(path, &bytes)?;
    let names: BTreeSet<&String> = map.values().collect();
    if let Some(name) = names.iter().find(|name| !is_plain_name(name)) {
        return Err(fail(format!("shard {name:?} is not a plain file name")));
    }
    if names.is_empty() || names.len() > SHARDS_MAX {
        return Err(fail(format!("{} shards, allowed are 1 to {SHARDS_MAX}", names.len())));
    }
    Ok((bytes, map))
}

/// The shards that an index names, for whoever must fetch them; each a plain file name.
///
/// Errors: [`Error::Companion`].
pub(crate) fn shards_of(index_path: &Path) -> Result<BTreeSet<String>, Error> {
    Ok(read_index(index_path)?.1.into_values().collect())
}

/// Whether a name from an index stays inside its folder.
fn is_plain_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(std::path::Component::Normal(_)));
    plain && parts.next().is_none() && !name.contains(['/', '\\', '\0', ':'])
}
