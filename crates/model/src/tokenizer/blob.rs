//! The bytes of a vocabulary: deterministic CBOR, hashed into the model's id.
//!
//! Invariant: `decode` accepts exactly what `encode` writes. Format: `docs/format/tokenizer.md`.

use super::split::Pre;
use super::vocabulary::{
    MERGES_MAX, Scheme, TOKEN_BYTES_MAX, TOKENS_MAX, TokenKind, Vocabulary, bad,
};
use crate::Error;
use terroir_base::cbor::{self, Limits, MapReader, Value};

/// Version of the encoding.
const VERSION: u64 = 1;
/// Longest encoding, in bytes.
pub const TOKENIZER_BYTES_MAX: usize = 64 << 20;

impl Vocabulary {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let tokens = self.tokens.iter().map(|token| Value::bytes(token.as_slice()));
        let kinds: Vec<u8> = self.kinds.iter().map(|kind| kind.code()).collect();
        let mut fields = vec![
            (0, Value::Uint(VERSION)),
            (1, Value::Array(tokens.collect())),
            (2, Value::bytes(kinds)),
        ];
        fields.extend(self.unknown.map(|token| (3, token.into())));
        match &self.scheme {
            Scheme::ByteLevel { pre, merges } => {
                let merges = merges.iter().flat_map(|&(left, right)| [left, right]);
                fields.push((4, pre.name().into()));
                fields.push((5, Value::bytes(words(merges))));
            }
            Scheme::Scored { ranks, space_prefix } => {
                fields.push((6, Value::bytes(words(ranks.iter().copied()))));
                fields.push((7, (*space_prefix).into()));
            }
        }
        cbor::encode(&Value::record(fields))
    }

    /// Reads what [`Vocabulary::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Vocabulary, Error> {
        let limits =
            Limits { bytes_max: TOKENIZER_BYTES_MAX, depth_max: 2, items_max: TOKENS_MAX + 32 };
        let raw = cbor::decode(bytes, &limits)
            .and_then(|value| value.into_map("tokenizer"))
            .and_then(read)
            .map_err(Error::encoding("tokenizer"))?;
        let kinds = raw.kinds.iter().map(|&code| {
            TokenKind::from_code(code)
                .ok_or_else(|| bad("kinds", format!("hold {code}, which no kind has")))
        });
        let vocabulary = Vocabulary {
            tokens: raw.tokens,
            kinds: kinds.collect::<Result<_, _>>()?,
            scheme: raw.scheme.map_err(|name| bad("pre", format!("{name:?} is unknown")))?,
            unknown: raw.unknown,
        };
        vocabulary.check()?;
        Ok(vocabulary)
    }
}

/// A vocabulary whose names are not understood yet.
struct Raw {
    tokens: Vec<Vec<u8>>,
    kinds: Vec<u8>,
    scheme: Result<Scheme, String>,
    unknown: Option<u32>,
}

fn read(mut map: MapReader) -> Result<Raw, cbor::Error> {
    map.take_version(0, VERSION)?;
    let token = |token: Value| token.into_bytes("tokens", TOKEN_BYTES_MAX);
    let raw = Raw {
        tokens: map.take_list(1, "tokens", TOKENS_MAX, token)?,
        kinds: map.take_bytes(2, "kinds", TOKENS_MAX)?,
        unknown: map.take_opt_u32(3, "unknown")?,
        scheme: match map.take_opt_text(4, "pre", 32)? {
            Some(name) => {
                let merges = map.take_bytes(5, "merges", 8 * MERGES_MAX)?;
                let merges = from_words("merges", &merges, 2)?;
                let merges = merges.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
                Pre::from_name(&name).map(|pre| Scheme::ByteLevel { pre, merges }).ok_or(name)
            }
            None => {
                let ranks = map.take_bytes(6, "ranks", 4 * TOKENS_MAX)?;
                let ranks = from_words("ranks", &ranks, 1)?;
                Ok(Scheme::Scored { ranks, space_prefix: map.take_bool(7, "space_prefix")? })
            }
        },
    };
    map.finish()?;
    Ok(raw)
}

fn words(numbers: impl Iterator<Item = u32>) -> Vec<u8> {
    numbers.flat_map(u32::to_le_bytes).collect()
}

/// Little-endian numbers, in whole groups of `each`.
fn from_words(field: &'static str, bytes: &[u8], each: usize) -> Result<Vec<u32>, cbor::Error> {
    let (got, size) = (bytes.len(), 4 * each);
    if !got.is_multiple_of(size) {
        let expected = got.next_multiple_of(size);
        return Err(cbor::Error::WrongLength { field, expected, got });
    }
    let word = |four: &[u8]| u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    Ok(bytes.chunks_exact(4).map(word).collect())
}
