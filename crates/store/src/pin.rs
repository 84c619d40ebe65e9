//! Pins: names that keep blobs from being swept. One small file each, replaced as a whole.
//!
//! A pin file carries a digest of itself, so a damaged one stops a sweep, never misleads it.
//! Format: `docs/format/store.md`.

use crate::error::{Error, disk};
use crate::layout::sync_folder;
use crate::store::Store;
use crate::temp::Temp;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, Value};
use terroir_base::id::BlobId;

/// The most blobs that one pin keeps.
pub(crate) const IDS_MAX: usize = 1 << 20;
/// The longest pin name, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// The version written into a pin file.
const VERSION: u64 = 1;
/// A blob's id takes 34 bytes and is one item.
const LIMITS: Limits =
    Limits { bytes_max: IDS_MAX * 34 + 256, depth_max: 2, items_max: IDS_MAX + 16 };

impl Store {
    /// Keeps these blobs under `name`, in place of what it kept before; durable on return.
    ///
    /// Errors: `Missing` when a blob is not there, `PinName`. Panics: above 2^20 blobs.
    pub fn pin(&self, name: &str, ids: &[BlobId]) -> Result<(), Error> {
        let path = self.layout.pin(check_name(name)?);
        let ids: BTreeSet<BlobId> = ids.iter().copied().collect();
        assert!(ids.len() <= IDS_MAX, "a pin keeps at most {IDS_MAX} blobs");
        let _hold = self.hold()?;
        for id in &ids {
            self.size(id)?;
        }
        let mut temp = Temp::new(&self.layout.temps())?;
        temp.write(&encode(name, &ids))?;
        temp.finish(&path)
    }

    /// Forgets a pin; its blobs stay until the next sweep. Works on a damaged pin too.
    ///
    /// Errors: `NoPin` when there is none.
    pub fn unpin(&self, name: &str) -> Result<(), Error> {
        let path = self.layout.pin(check_name(name)?);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(&self.layout.pins()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::NoPin { name: name.to_owned() })
            }
            Err(error) => Err(disk(&path)(error)),
        }
    }

    /// Every pin with the blobs it keeps, both in order.
    ///
    /// Errors: `Pin` when one is damaged.
    pub fn pins(&self) -> Result<BTreeMap<String, Vec<BlobId>>, Error> {
        let folder = self.layout.pins();
        let mut pins = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(disk(&folder))? {
            let path = entry.map_err(disk(&folder))?.path();
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                // Unpinned by somebody since the folder was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(disk(&path)(error)),
            };
            let (name, ids) =
                decode(&path, &bytes).map_err(|why| Error::Pin { path: path.clone(), why })?;
            pins.insert(name, ids);
        }
        Ok(pins)
    }
}

/// Names are file names, on every system: no separators, nothing hidden, nothing long.
fn check_name(name: &str) -> Result<&str, Error> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let inner = !name.starts_with('.') && !name.ends_with('.');
    match (1..=NAME_BYTES_MAX).contains(&name.len()) && inner && name.bytes().all(letters) {
        true => Ok(name),
        false => Err(Error::PinName { name: name.to_owned() }),
    }
}

fn seal(name: &str, ids: &[u8]) -> Digest {
    Digest::derive("terroir-store 2026-11 pin", &[name.as_bytes(), ids])
}

fn encode(name: &str, ids: &BTreeSet<BlobId>) -> Vec<u8> {
    let joined: Vec<u8> = ids.iter().flat_map(|id| id.0.0).collect();
    let seal = seal(name, &joined);
    cbor::encode(&Value::record([
        (1, VERSION.into()),
        (2, name.into()),
        (3, Value::array(ids.iter().map(|id| id.0))),
        (4, seal.into()),
    ]))
}

fn decode(path: &Path, bytes: &[u8]) -> Result<(String, Vec<BlobId>), String> {
    let (version, name, ids, sealed) = read(bytes).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("version {version}, expected {VERSION}"));
    }
    let joined: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
    if seal(&name, &joined) != sealed {
        return Err("its digest does not fit its content".to_owned());
    }
    if !ids.is_sorted_by(|one, next| one < next) {
        return Err("its blobs are repeated or out of order".to_owned());
    }
    if path.file_name().is_none_or(|file| file != name.as_str()) {
        return Err(format!("it is the file of pin {name:?}"));
    }
    Ok((name, ids.into_iter().map(BlobId).collect()))
}

fn read(bytes: &[u8]) -> Result<(u64, String, Vec<Digest>, Digest), cbor::Error> {
    let mut fields = cbor::decode(bytes, &LIMITS)?.into_map("pin")?;
    let version = fields.take_uint(1, "version")?;
    let name = fields.take_text(2, "name", NAME_BYTES_MAX)?;
    let ids = fields.take_array(3, "blobs", IDS_MAX)?;
    let ids = ids.into_iter().map(|id| id.into_digest("blob")).collect::<Result<_, _>>()?;
    let sealed = fields.take_digest(4, "seal")?;
    fields.finish()?;
    Ok((version, name, ids, sealed))
}
