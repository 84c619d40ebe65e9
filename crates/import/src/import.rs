//! A model file into the store: program, constants, tokenizer, template, manifest.
//!
//! Invariant: the id depends on the file's bytes, the profile and [`IMPORTER`] alone; not on paths,
//! machines, threads or what the store already holds. So whoever has all three has the id, and what
//! an earlier import made need not be made again.

use crate::Error;
use crate::data::{Data, FileData};
use crate::decoder::{self, Decoder, Keys, Names, Role};
use crate::gguf;
use crate::progress::Progress;
use crate::safetensors::Folder;
use crate::safetensors::folder::CONFIG;
use crate::tensors::Tensors;
use crate::vocabulary::{self, Words};
use std::path::Path;
use terroir_base::Digest;
use terroir_base::id::{BlobId, ModelId, ProgramId};
use terroir_model::{Manifest, Profile, Tokenizer};
use terroir_store::Store;

/// Name and version of the rules by which files become programs; a change of either changes ids.
pub const IMPORTER: &str = "terroir-import-2";
/// What the name of a model's pin starts with; its id follows.
const PIN: &str = "model-";
/// Longest name or licence taken over from a file, in bytes.
const LABEL_BYTES_MAX: usize = 200;
/// Bytes hashed between two reports of progress.
const STEP_BYTES: usize = 1 << 20;

/// A model that is whole and pinned in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its id.
    pub id: ModelId,
    /// Whether an earlier import of the same file had left it there.
    pub reused: bool,
}

/// Translates the model at `path` into `store` and pins it there.
///
/// `path` is a GGUF file, a `.safetensors` file or index with its companions beside it, or a folder
/// of those. The pin is called as [`pin_name`] says. A model that an earlier import made of the same
/// bytes is taken as it is, once every blob of it was read and found right.
/// Errors: whatever of the file is not understood, by name; nothing is pinned then.
pub fn import(
    path: &Path,
    profile: Profile,
    store: &Store,
    progress: &mut dyn Progress,
) -> Result<Imported, Error> {
    let file =
        if is_folder(path) { open_folder(path, progress)? } else { open_gguf(path, progress)? };
    let _hold = store.hold()?;
    let before = made_before(&file.source, profile, store, progress);
    let reused = before.is_some();
    let (id, blobs) = match before {
        Some(found) => found,
        None => make(file, profile, store, progress)?,
    };
    let id = ModelId(id.0);
    store.pin(&pin_name(id), &blobs)?;
    Ok(Imported { id, reused })
}

/// The pin that keeps all blobs of a model.
pub fn pin_name(id: ModelId) -> String {
    format!("{PIN}{id}")
}

/// The model that was made of the same file before, in the same way, with all its blobs; only if
/// every one of them is still right.
///
/// Only this module makes pins of that name, so what their manifests say of their source is so.
fn made_before(
    source: &Digest,
    profile: Profile,
    store: &Store,
    progress: &mut dyn Progress,
) -> Option<(BlobId, Vec<BlobId>)> {
    // Where a pin is damaged, nothing is known; what is made anew is pinned anew.
    let pins = store.pins().ok()?.into_iter();
    let models =
        pins.filter_map(|(name, blobs)| Some((name.strip_prefix(PIN)?.parse().ok()?, blobs)));
    let (id, blobs) = models.into_iter().find(|(id, _): &(BlobId, _)| {
        let manifest = store.get(id).ok().and_then(|bytes| Manifest::decode(&bytes).ok());
        manifest.is_some_and(|made| {
            made.source == *source && made.profile == profile && made.importer == IMPORTER
        })
    })?;
    let mut done = 0;
    for blob in &blobs {
        done += store.map(blob).ok()?.as_ref().len() as u64;
        progress.update("checking the model that is here", done, None);
    }
    Some((id, blobs))
}

/// Puts the parts of a model into the store: its id, and every blob of it.
fn make(
    file: Opened,
    profile: Profile,
    store: &Store,
    progress: &mut dyn Progress,
) -> Result<(BlobId, Vec<BlobId>), Error> {
    let built = decoder::build(&file.decoder, &file.tensors, profile, store, progress)?;
    let words = &file.words;
    let count = words.vocabulary.tokens.len();
    if count > built.vocab as usize {
        let name = file.decoder.names.weight(Role::Embed, 0);
        let what = format!("{} rows for {count} tokens", built.vocab);
        return Err(Error::Tensor { name, what });
    }
    // What could not be loaded again must not get a name.
    Tokenizer::new(words.vocabulary.clone())?;
    let program = store.put(&built.program.encode())?;
    let tokenizer = store.put(&words.vocabulary.encode())?;
    let template = match &words.template {
        None => None,
        Some(text) => Some(store.put(text.as_bytes())?),
    };
    let manifest = Manifest {
        name: file.name,
        architecture: file.decoder.architecture.clone(),
        profile,
        program: ProgramId(program.0),
        tokenizer: tokenizer.0,
        template: template.map(|id| id.0),
        context_max: file.decoder.positions,
        vocab: built.vocab,
        bos: words.bos,
        eos: words.eos.clone(),
        add_bos: words.add_bos,
        licence: file.licence,
        source: file.source,
        importer: IMPORTER.into(),
        blobs: built.program.constants(),
    };
    manifest.check()?;
    let id = store.put(&manifest.encode())?;
    let constants = manifest.blobs.iter().map(|(digest, _)| BlobId(*digest));
    let parts = [Some(id), Some(program), Some(tokenizer), template].into_iter().flatten();
    Ok((id, parts.chain(constants).collect()))
}

/// A model file, understood.
struct Opened {
    decoder: Decoder,
    tensors: Tensors,
    words: Words,
    name: String,
    licence: Option<String>,
    source: Digest,
}

fn is_folder(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    path.is_dir() || ending == "safetensors" || ending == "json"
}

fn open_gguf(path: &Path, progress: &mut dyn Progress) -> Result<Opened, Error> {
    let data = FileData::open(path)?;
    let header = gguf::read(&data)?;
    let tensors = Tensors { files: vec![Box::new(data) as Box<dyn Data>], places: header.tensors };
    let keys = Keys::new(&header.metadata);
    for key in ["split.count", "split.no"] {
        if keys.opt_u32(key)?.is_some_and(|count| count > 1) {
            return Err(keys.wrong(key, "a model in several files is not read: merge it first"));
        }
    }
    let factors = Names::Ggml.weight(Role::RopeFactors, 0);
    let factors = match tensors.places.get(&factors) {
        None => None,
        Some(place) => Some(tensors.values(&factors, place, 1 << 10)?),
    };
    let decoder = decoder::from_gguf(&keys, factors)?;
    let words = vocabulary::from_gguf(&keys)?;
    let name = label(keys.opt_text("general.name")?);
    let licence = label(keys.opt_text("general.license")?);
    let source = hash(&*tensors.files[0], progress)?;
    let name = name.unwrap_or_else(|| decoder.architecture.clone());
    Ok(Opened { decoder, tensors, words, name, licence, source })
}

fn open_folder(path: &Path, progress: &mut dyn Progress) -> Result<Opened, Error> {
    let folder = Folder::open(path)?;
    let config = folder.companion_path(CONFIG);
    let bytes = folder
        .companion(CONFIG)
        .ok_or_else(|| Error::Companion { path: config.clone(), what: "missing".into() })?;
    let decoder = decoder::from_hub(&config, bytes)?;
    let words = vocabulary::from_hub(&folder)?;
    let source = folder.digest(progress)?;
    // The folder's name is the user's own; the files themselves carry none.
    let name = decoder.architecture.clone();
    Ok(Opened { decoder, tensors: folder.tensors, words, name, licence: None, source })
}

/// A name for people from a file: short, and without control characters.
fn label(text: Option<&str>) -> Option<String> {
    let plain: String = text?.chars().filter(|c| !c.is_control()).collect();
    let end = plain.floor_char_boundary(LABEL_BYTES_MAX);
    let plain = plain[..end].trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

/// BLAKE3 of everything in `data`.
pub(crate) fn hash(data: &dyn Data, progress: &mut dyn Progress) -> Result<Digest, Error> {
    let total = data.len();
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; STEP_BYTES];
    let mut done = 0;
    while done < total {
        let count = (total - done).min(STEP_BYTES as u64) as usize;
        data.read_at(done, &mut buffer[..count])?;
        hasher.update(&buffer[..count]);
        done += count as u64;
        progress.update("hashing the file", done, Some(total));
    }
    Ok(Digest(*hasher.finalize().as_bytes()))
}
