//! Opening private shards: nothing is given that does not fit the manifest.

use super::{
    Identity, MANIFEST, MANIFEST_BYTES_MAX, Manifest, Part, key_path, part_path, plain_hasher, tree,
};
use crate::error::{Error, damaged, disk};
use crate::record::RecordId;
use crate::table::persist;
use age::Decryptor;
use age::secrecy::ExposeSecret;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use terroir_base::Digest;
use terroir_base::sign::PublicKey;

/// Longest line of a part, in bytes: a record of the largest size with every byte escaped.
const LINE_BYTES_MAX: u64 = 160 << 20;
/// Longest file of identities and of a wrapped key, in bytes.
const KEY_BYTES_MAX: u64 = 1 << 16;

/// What came of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The manifest.
    pub manifest: Manifest,
    /// Who signed it.
    pub signer: PublicKey,
    /// The files written, with the place of their part.
    pub files: Vec<(usize, PathBuf)>,
    /// Places of parts whose key is gone; their sealed bytes are as the manifest says.
    pub erased: Vec<usize>,
}

/// The identities in the file `path`, as `age-keygen` writes it.
///
/// Errors: `Disk`, `Locked` for a file without one.
pub fn identities(path: &Path) -> Result<Vec<Identity>, Error> {
    let text = String::from_utf8(small(path)?);
    let wrong =
        || Error::Locked { path: path.to_owned(), what: "is no file of age identities".into() };
    let text = age::secrecy::SecretString::from(text.map_err(|_| wrong())?);
    let lines = text.expose_secret().lines().map(str::trim);
    let keys: Vec<Identity> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.parse().map_err(|_| wrong()))
        .collect::<Result<_, Error>>()?;
    if keys.is_empty() { Err(wrong()) } else { Ok(keys) }
}

/// Opens the parts in `folder` with any of `keys` and writes them into `out`, a JSONL file each.
///
/// Where `node` is told, it must have signed the manifest.
/// A part whose key file is missing is erased: its sealed bytes are checked, and it is named.
/// Errors: `Disk`; `Damaged` for what does not fit the manifest; `Locked` where no identity opens it.
pub fn unseal(
    folder: &Path,
    keys: &[Identity],
    out: &Path,
    node: Option<&PublicKey>,
) -> Result<Opened, Error> {
    let path = folder.join(MANIFEST);
    let size = fs::metadata(&path).map_err(disk(&path))?.len();
    if size > MANIFEST_BYTES_MAX as u64 {
        let what = format!("{size} bytes, at most {MANIFEST_BYTES_MAX} are accepted");
        return Err(damaged(&path, what));
    }
    let bytes = fs::read(&path).map_err(disk(&path))?;
    let (manifest, signer) = Manifest::open(&bytes).map_err(|what| damaged(&path, what))?;
    if let Some(node) = node.filter(|node| **node != signer) {
        return Err(damaged(&path, format!("is signed by {signer}, not {node}")));
    }
    fs::create_dir_all(out).map_err(disk(out))?;
    let mut opened = Opened { manifest, signer, files: Vec::new(), erased: Vec::new() };
    for (place, part) in opened.manifest.parts.iter().enumerate() {
        sealed_fits(&part_path(folder, place), part)?;
        match fs::exists(key_path(folder, place)) {
            Ok(false) => opened.erased.push(place),
            _ => {
                let key = unwrap_key(&key_path(folder, place), keys)?;
                let file = out.join(format!("part-{place:05}.jsonl"));
                write(&part_path(folder, place), part, &key, &file)?;
                opened.files.push((place, file));
            }
        }
    }
    Ok(opened)
}

/// Reads a file that must be short.
fn small(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(disk(path))?;
    file.take(KEY_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(disk(path))?;
    if bytes.len() as u64 > KEY_BYTES_MAX {
        return Err(damaged(path, format!("more than {KEY_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn sealed_fits(path: &Path, part: &Part) -> Result<(), Error> {
    let mut file = File::open(path).map_err(disk(path))?;
    let bytes = file.metadata().map_err(disk(path))?.len();
    if bytes != part.sealed_bytes {
        let what = format!("{bytes} bytes, the manifest says {}", part.sealed_bytes);
        return Err(damaged(path, what));
    }
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher).map_err(disk(path))?;
    let got = Digest(*hasher.finalize().as_bytes());
    if got != part.sealed {
        return Err(damaged(path, format!("digest {got}, the manifest says {}", part.sealed)));
    }
    Ok(())
}

/// Decrypts what `keys` can.
fn decrypt<R: BufRead>(
    path: &Path,
    sealed: R,
    keys: &[Identity],
) -> Result<age::stream::StreamReader<R>, Error> {
    let locked = |what: String| Error::Locked { path: path.to_owned(), what };
    let decryptor = Decryptor::new_buffered(sealed).map_err(|error| locked(error.to_string()))?;
    let keys = keys.iter().map(|key| key as &dyn age::Identity);
    decryptor.decrypt(keys).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => locked("none of the identities opens it".into()),
        error => locked(error.to_string()),
    })
}

/// The secret of a part.
fn unwrap_key(path: &Path, keys: &[Identity]) -> Result<Identity, Error> {
    let wrapped = small(path)?;
    let mut secret = String::new();
    let mut plain = decrypt(path, wrapped.as_slice(), keys)?.take(KEY_BYTES_MAX);
    let wrong = |what: String| damaged(path, what);
    plain.read_to_string(&mut secret).map_err(|error| wrong(error.to_string()))?;
    let secret = age::secrecy::SecretString::from(secret);
    secret.expose_secret().parse().map_err(|_| wrong("holds no key of a part".into()))
}

/// The field that is compared with the manifest.
#[derive(Deserialize)]
struct Line {
    rid: String,
}

fn write(path: &Path, part: &Part, key: &Identity, out: &Path) -> Result<(), Error> {
    let wrong = |what: String| damaged(path, what);
    let sealed = BufReader::new(File::open(path).map_err(disk(path))?);
    let plain = decrypt(path, sealed, std::slice::from_ref(key))?;
    let mut plain = BufReader::new(plain);
    let folder = out.parent().expect("a file has a folder");
    let temp = tempfile::NamedTempFile::new_in(folder).map_err(disk(folder))?;
    let mut file = BufWriter::new(temp);
    let (mut hasher, mut bytes, mut records) = (plain_hasher(key), 0u64, Vec::new());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut plain).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| wrong(error.to_string()))? == 0 {
            break;
        }
        hasher.update(&line);
        bytes += line.len() as u64;
        let told: Line = serde_json::from_slice(&line)
            .map_err(|error| wrong(format!("record {}: {error}", records.len())))?;
        let record: RecordId = told
            .rid
            .parse()
            .map_err(|error| wrong(format!("record {}: {error}", records.len())))?;
        records.push(record);
        file.write_all(&line).map_err(disk(out))?;
    }
    let got = Digest(*hasher.finalize().as_bytes());
    if (got, bytes) != (part.plain, part.plain_bytes) {
        let (plain, told) = (part.plain, part.plain_bytes);
        let what =
            format!("{bytes} plain bytes of digest {got}, the manifest says {told}, {plain}");
        return Err(wrong(what));
    }
    let got = tree(records);
    if got != part.records {
        let (root, told) = (got.root, part.records.root);
        return Err(wrong(format!("records of root {root}, the manifest says {told}")));
    }
    persist(file.into_inner().map_err(|error| disk(out)(error.into_error()))?, out)
}
