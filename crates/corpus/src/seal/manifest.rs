//! What a folder of private shards holds. Format: `docs/format/sealed.md`.

use crate::envelope;
use crate::merge::Tree;
use crate::record::FIELD_BYTES_MAX;
use crate::version::VersionId;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, MapReader, Value};
use terroir_base::sign::{PublicKey, SecretKey, sign1};

/// Content type of a signed manifest.
pub const CONTENT_TYPE: &str = "application/vnd.terroir.sealed+cbor";
/// Version of the format.
const FORMAT: u64 = 1;
/// Largest signed manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 1 << 24;
/// Most parts, that is, contributors.
pub const PARTS_MAX: usize = 512;
const LIMITS: Limits = Limits { bytes_max: MANIFEST_BYTES_MAX, depth_max: 4, items_max: 1 << 15 };

/// What was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The version whose records these are.
    pub version: VersionId,
    /// Ascending by contributor.
    pub parts: Vec<Part>,
}

/// The records of one contributor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Who gave them; empty for records that name nobody.
    pub contributor: String,
    /// The tree over their ids.
    pub records: Tree,
    /// Digest of the plain bytes, keyed with the part's secret.
    pub plain: Digest,
    /// Plain bytes.
    pub plain_bytes: u64,
    /// BLAKE3 of the encrypted file.
    pub sealed: Digest,
    /// Bytes of the encrypted file.
    pub sealed_bytes: u64,
}

impl Manifest {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&Value::record([
            (1, Value::Uint(FORMAT)),
            (2, Value::bytes(self.version.0.0)),
            (3, Value::array(self.parts.iter().map(Part::to_value))),
        ]))
    }

    /// The manifest with these canonical bytes.
    ///
    /// Errors: what [`cbor::decode`] refuses, and any field that is missing, unknown or too large.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, cbor::Error> {
        let mut map = MapReader::new(cbor::decode(bytes, &LIMITS)?, "manifest")?;
        map.take_version(1, FORMAT)?;
        let manifest = Manifest {
            version: VersionId(map.take_digest(2, "version")?),
            parts: map.take_list(3, "parts", PARTS_MAX, Part::from_value)?,
        };
        map.finish()?;
        Ok(manifest)
    }

    /// The signed bytes.
    pub fn sign(&self, key: &SecretKey) -> Vec<u8> {
        sign1(&self.encode(), key, CONTENT_TYPE)
    }

    /// Opens signed bytes and says who signed them. Whether that is the right one is not asked.
    ///
    /// Errors: in words.
    pub fn open(bytes: &[u8]) -> Result<(Manifest, PublicKey), String> {
        let (payload, signer) = envelope::open(bytes, &LIMITS, CONTENT_TYPE)?;
        let manifest = Manifest::decode(&payload).map_err(|error| error.to_string())?;
        Ok((manifest, signer))
    }
}

impl Part {
    fn to_value(&self) -> Value {
        let Tree { root, leaves } = self.records;
        Value::record([
            (1, Value::Text(self.contributor.clone())),
            (2, Value::array([Value::bytes(root.0), Value::Uint(leaves)])),
            (3, Value::bytes(self.plain.0)),
            (4, Value::Uint(self.plain_bytes)),
            (5, Value::bytes(self.sealed.0)),
            (6, Value::Uint(self.sealed_bytes)),
        ])
    }

    fn from_value(value: Value) -> Result<Part, cbor::Error> {
        let mut map = MapReader::new(value, "part")?;
        let contributor = map.take_text(1, "contributor", FIELD_BYTES_MAX)?;
        let [root, leaves] = map.take(2, "records")?.into_array_n("records")?;
        let part = Part {
            contributor,
            records: Tree { root: root.into_digest("root")?, leaves: leaves.into_uint("leaves")? },
            plain: map.take_digest(3, "plain")?,
            plain_bytes: map.take_uint(4, "plain bytes")?,
            sealed: map.take_digest(5, "sealed")?,
            sealed_bytes: map.take_uint(6, "sealed bytes")?,
        };
        map.finish()?;
        Ok(part)
    }
}
