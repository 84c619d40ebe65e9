//! The manifest of a model: everything that decides its answers, by digest.
//!
//! For the importer, which writes it, and for everyone who names a model. Invariant: one encoding
//! per manifest, so its digest is the model's id. Format: `docs/format/manifest.md`.

use crate::Error;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, MapReader, Value};
use terroir_base::id::{ModelId, ProgramId};

/// Version of the encoding.
const VERSION: u64 = 1;
/// Longest encoding, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 1 << 20;
/// Longest text field, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// Most end-of-text tokens.
pub const EOS_MAX: usize = 16;
/// Most constants.
pub const BLOBS_MAX: usize = 1 << 14;

/// Which trade between speed and fidelity the import made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// 8-bit activations with block exponents.
    Fast,
    /// 16-bit activations and key/value cache.
    High,
}

impl Profile {
    /// The word that people use: "fast" or "high".
    pub fn name(self) -> &'static str {
        match self {
            Profile::Fast => "fast",
            Profile::High => "high",
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Profile, String> {
        match text {
            "fast" => Ok(Profile::Fast),
            "high" => Ok(Profile::High),
            other => Err(format!("unknown profile {other:?}: fast or high")),
        }
    }
}

/// What a model is. Tokens are indices below `vocab`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Name for people; not unique.
    pub name: String,
    /// Family of the network, as its file names it ("llama", "qwen2", ...).
    pub architecture: String,
    /// Numeric profile of the program.
    pub profile: Profile,
    /// Digest of the encoded program.
    pub program: ProgramId,
    /// Digest of the tokenizer blob (`docs/format/tokenizer.md`).
    pub tokenizer: Digest,
    /// Digest of the chat template's UTF-8 text.
    pub template: Option<Digest>,
    /// Longest prompt plus answer, in tokens.
    pub context_max: u32,
    /// Number of tokens.
    pub vocab: u32,
    /// Token that starts a text, where the model has one.
    pub bos: Option<u32>,
    /// Tokens that end an answer: first the one that templates call `eos_token`, then the others,
    /// ascending.
    pub eos: Vec<u32>,
    /// Whether a plain-text prompt starts with `bos`.
    pub add_bos: bool,
    /// SPDX licence expression of the weights, where the file names one.
    pub licence: Option<String>,
    /// Digest of the file that was imported.
    pub source: Digest,
    /// Name and version of the import rules.
    pub importer: String,
    /// Every constant of the program with its length in bytes, ascending by digest.
    pub blobs: Vec<(Digest, u64)>,
}

impl Manifest {
    /// The one encoding of a manifest that passes [`Manifest::check`].
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = vec![
            (0, Value::Uint(VERSION)),
            (1, self.name.as_str().into()),
            (2, self.architecture.as_str().into()),
            (3, Value::Uint(self.profile as u64)),
            (4, self.program.0.into()),
            (5, self.tokenizer.into()),
            (7, self.context_max.into()),
            (8, self.vocab.into()),
            (10, Value::array(self.eos.iter().copied())),
            (11, self.add_bos.into()),
            (13, self.source.into()),
            (14, self.importer.as_str().into()),
            (15, Value::Array(self.blobs.iter().map(blob_value).collect())),
        ];
        fields.extend(self.template.map(|digest| (6, digest.into())));
        fields.extend(self.bos.map(|token| (9, token.into())));
        fields.extend(self.licence.as_deref().map(|licence| (12, licence.into())));
        cbor::encode(&Value::record(fields))
    }

    /// Reads what [`Manifest::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, Error> {
        let limits =
            Limits { bytes_max: MANIFEST_BYTES_MAX, depth_max: 4, items_max: 4 * BLOBS_MAX };
        let manifest = cbor::decode(bytes, &limits)
            .and_then(|value| value.into_map("manifest"))
            .and_then(read)
            .map_err(Error::encoding("manifest"))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The model's id: the digest of the encoding.
    pub fn id(&self) -> ModelId {
        ModelId::of(&self.encode())
    }

    /// Bytes of all constants.
    pub fn weight_bytes(&self) -> u64 {
        self.blobs.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Whether every field is within its limits; `decode` and `Model::load` refuse what is not.
    pub fn check(&self) -> Result<(), Error> {
        for (field, text) in [
            ("name", Some(&self.name)),
            ("architecture", Some(&self.architecture)),
            ("licence", self.licence.as_ref()),
            ("importer", Some(&self.importer)),
        ] {
            let text = text.map_or("", String::as_str);
            if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
                let problem =
                    format!("must be at most {TEXT_BYTES_MAX} bytes without control characters");
                return Err(bad(field, problem));
            }
        }
        if self.context_max == 0 {
            return Err(bad("context_max", "must be at least 1".into()));
        }
        if let Some(token) = self.bos.iter().chain(&self.eos).find(|&&token| token >= self.vocab) {
            return Err(bad("vocab", format!("of {} does not hold token {token}", self.vocab)));
        }
        if self.add_bos && self.bos.is_none() {
            return Err(bad("add_bos", "needs a bos token".into()));
        }
        if let Some((first, others)) = self.eos.split_first()
            && (others.len() >= EOS_MAX
                || others.contains(first)
                || !others.is_sorted_by(|a, b| a < b))
        {
            let rule = format!("at most {EOS_MAX} different tokens, ascending after the first");
            return Err(bad("eos", format!("must be {rule}")));
        }
        if self.blobs.len() > BLOBS_MAX || !self.blobs.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(bad("blobs", format!("must be at most {BLOBS_MAX} blobs, ascending")));
        }
        Ok(())
    }
}

fn bad(field: &'static str, problem: String) -> Error {
    Error::Field { what: "manifest", field, problem }
}

fn blob_value((digest, bytes): &(Digest, u64)) -> Value {
    Value::Array(vec![(*digest).into(), (*bytes).into()])
}

fn read(mut map: MapReader) -> Result<Manifest, cbor::Error> {
    map.take_version(0, VERSION)?;
    let text_max = TEXT_BYTES_MAX;
    let manifest = Manifest {
        name: map.take_text(1, "name", text_max)?,
        architecture: map.take_text(2, "architecture", text_max)?,
        profile: match map.take_uint(3, "profile")? {
            0 => Profile::Fast,
            1 => Profile::High,
            got => {
                return Err(cbor::Error::OutOfRange { field: "profile", max: 1, got });
            }
        },
        program: ProgramId(map.take_digest(4, "program")?),
        tokenizer: map.take_digest(5, "tokenizer")?,
        template: map.take_opt_digest(6, "template")?,
        context_max: map.take_u32(7, "context_max")?,
        vocab: map.take_u32(8, "vocab")?,
        bos: map.take_opt_u32(9, "bos")?,
        eos: map.take_list(10, "eos", EOS_MAX, |token| token.into_u32("eos"))?,
        add_bos: map.take_bool(11, "add_bos")?,
        licence: map.take_opt_text(12, "licence", text_max)?,
        source: map.take_digest(13, "source")?,
        importer: map.take_text(14, "importer", text_max)?,
        blobs: map.take_list(15, "blobs", BLOBS_MAX, read_blob)?,
    };
    map.finish()?;
    Ok(manifest)
}

fn read_blob(value: Value) -> Result<(Digest, u64), cbor::Error> {
    let [digest, bytes] = value.into_array_n("blobs")?;
    Ok((digest.into_digest("blobs")?, bytes.into_uint("blobs")?))
}

#[cfg(test)]
mod tests;
