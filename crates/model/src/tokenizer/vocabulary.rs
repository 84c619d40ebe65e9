//! The vocabulary of a tokenizer: what its blob says, and how GGUF's lists become it.
//!
//! For the importer. Invariant: tokens are held as the bytes that they stand for, never in the
//! spelling of a file format, and scores only as ranks, so no float reaches a digest.

use super::split::Pre;
use crate::Error;

/// Most tokens.
pub const TOKENS_MAX: usize = 1 << 20;
/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 1 << 12;
/// Most merges.
pub const MERGES_MAX: usize = 1 << 21;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A piece of text.
    Normal,
    /// Stands for text that no other token can spell.
    Unknown,
    /// Steers the model; found in text only where templates put it, never printed.
    Control,
    /// Found in any text before everything else, printed as it stands.
    UserDefined,
    /// Never made from text.
    Unused,
    /// One byte, for text that no piece can spell.
    Byte,
}

impl TokenKind {
    /// The number in blobs, and in GGUF's `tokenizer.ggml.token_type`.
    pub fn code(self) -> u8 {
        match self {
            TokenKind::Normal => 1,
            TokenKind::Unknown => 2,
            TokenKind::Control => 3,
            TokenKind::UserDefined => 4,
            TokenKind::Unused => 5,
            TokenKind::Byte => 6,
        }
    }

    /// Reads [`TokenKind::code`].
    pub fn from_code(code: u8) -> Option<TokenKind> {
        use TokenKind::{Byte, Control, Normal, Unknown, Unused, UserDefined};
        [Normal, Unknown, Control, UserDefined, Unused, Byte]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    /// Whether merging may make it.
    pub(super) fn is_piece(self) -> bool {
        matches!(self, TokenKind::Normal | TokenKind::UserDefined)
    }
}

/// How pieces of text become tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Text is cut into words; inside a word, bytes are merged by rank.
    ByteLevel {
        /// How text is cut into words.
        pre: Pre,
        /// Pairs of tokens that merge, best first.
        merges: Vec<(u32, u32)>,
    },
    /// Characters are merged into the best-scored token, over the whole text.
    Scored {
        /// Rank of each token: 0 is the best score; equal scores have equal ranks.
        ranks: Vec<u32>,
        /// Whether text starts with one more space.
        space_prefix: bool,
    },
}

/// Everything that a tokenizer knows. The index of a token is its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// The bytes that each token stands for; for control tokens, their name.
    pub tokens: Vec<Vec<u8>>,
    /// What each token is for.
    pub kinds: Vec<TokenKind>,
    /// How text becomes tokens.
    pub scheme: Scheme,
    /// The token for what cannot be spelled.
    pub unknown: Option<u32>,
}

impl Vocabulary {
    /// From the lists of a GGUF file whose `tokenizer.ggml.model` is "gpt2".
    ///
    /// `types` may be empty: then every token is normal. `merges` are "left right" in the byte-level
    /// alphabet of GPT-2, as are the normal tokens.
    pub fn byte_level(
        pre: Pre,
        tokens: &[String],
        types: &[u8],
        merges: &[String],
        unknown: Option<u32>,
    ) -> Result<Vocabulary, Error> {
        let kinds = kinds_of(tokens, types)?;
        let bytes: Vec<Vec<u8>> = tokens
            .iter()
            .zip(&kinds)
            .map(|(token, kind)| {
                match kind {
                    TokenKind::Normal => spelled(token),
                    _ => None,
                }
                .unwrap_or_else(|| token.as_bytes().to_vec())
            })
            .collect();
        let ids = super::Index::new(tokens.iter().map(String::as_bytes), |_| true);
        let find = |index: usize, part: &str| {
            let id = ids.get(part.as_bytes());
            id.ok_or_else(|| bad("merges", format!("{index} names {part:?}, which is no token")))
        };
        let merges = merges.iter().enumerate().map(|(index, merge)| {
            // The first character may itself be a space in files that are not byte-level.
            let cut = merge.char_indices().skip(1).find(|&(_, c)| c == ' ');
            let (at, _) = cut.ok_or_else(|| bad("merges", format!("{index} has no space")))?;
            Ok((find(index, &merge[..at])?, find(index, &merge[at + 1..])?))
        });
        let scheme = Scheme::ByteLevel { pre, merges: merges.collect::<Result<_, Error>>()? };
        let vocabulary = Vocabulary { tokens: bytes, kinds, scheme, unknown };
        vocabulary.check()?;
        Ok(vocabulary)
    }

    /// From the lists of a GGUF file whose `tokenizer.ggml.model` is "llama".
    ///
    /// Spaces are spelled U+2581 there, bytes `<0x41>`. Of `scores` only the order is kept.
    pub fn scored(
        tokens: &[String],
        types: &[u8],
        scores: &[f32],
        space_prefix: bool,
        unknown: Option<u32>,
    ) -> Result<Vocabulary, Error> {
        let kinds = kinds_of(tokens, types)?;
        if scores.len() != tokens.len() || scores.iter().any(|score| score.is_nan()) {
            let problem = format!("must be {} numbers, got {}", tokens.len(), scores.len());
            return Err(bad("scores", problem));
        }
        let bytes = tokens.iter().zip(&kinds).map(|(token, kind)| match kind {
            TokenKind::Byte => byte_named(token)
                .map(|byte| vec![byte])
                .ok_or_else(|| bad("tokens", format!("{token:?} should name a byte like <0x41>"))),
            _ => Ok(token.replace(super::SPACE_MARK, " ").into_bytes()),
        });
        let bytes = bytes.collect::<Result<Vec<_>, Error>>()?;
        // Adding zero makes -0 equal to 0 in the total order.
        let mut distinct: Vec<f32> = scores.iter().map(|score| score + 0.0).collect();
        distinct.sort_by(|a, b| b.total_cmp(a));
        distinct.dedup();
        let rank = |score: &f32| distinct.partition_point(|other| other > score) as u32;
        let scheme = Scheme::Scored { ranks: scores.iter().map(rank).collect(), space_prefix };
        let vocabulary = Vocabulary { tokens: bytes, kinds, scheme, unknown };
        vocabulary.check()?;
        Ok(vocabulary)
    }

    /// Whether the parts fit each other and their limits.
    pub fn check(&self) -> Result<(), Error> {
        let count = self.tokens.len();
        if count == 0 || count > TOKENS_MAX {
            return Err(bad("tokens", format!("must be 1 to {TOKENS_MAX}, got {count}")));
        }
        if self.kinds.len() != count {
            return Err(bad("kinds", format!("must be {count}, got {}", self.kinds.len())));
        }
        for (id, (token, kind)) in self.tokens.iter().zip(&self.kinds).enumerate() {
            let longest = if *kind == TokenKind::Byte { 1 } else { TOKEN_BYTES_MAX };
            if token.is_empty() && kind.is_piece() || token.len() > longest {
                let got = token.len();
                return Err(bad("tokens", format!("{id} has {got} bytes, must be 1 to {longest}")));
            }
        }
        let outside = |id: u32| id as usize >= count;
        if self.unknown.is_some_and(outside) {
            return Err(bad("unknown", format!("must be below {count}")));
        }
        match &self.scheme {
            Scheme::ByteLevel { merges, .. } => {
                if merges.len() > MERGES_MAX {
                    let got = merges.len();
                    return Err(bad("merges", format!("must be at most {MERGES_MAX}, got {got}")));
                }
                let lost = merges.iter().position(|&(a, b)| outside(a) || outside(b));
                lost.map_or(Ok(()), |at| Err(bad("merges", format!("{at} names no token"))))
            }
            Scheme::Scored { ranks, .. } if ranks.len() != count => {
                Err(bad("ranks", format!("must be {count}, got {}", ranks.len())))
            }
            Scheme::Scored { .. } => Ok(()),
        }
    }
}

pub(super) fn bad(field: &'static str, problem: String) -> Error {
    Error::Field { what: "tokenizer", field, problem }
}

fn kinds_of(tokens: &[String], types: &[u8]) -> Result<Vec<TokenKind>, Error> {
    if types.is_empty() {
        return Ok(vec![TokenKind::Normal; tokens.len()]);
    }
    let unknown = |code: u8| bad("types", format!("hold {code}, which no token type has"));
    types.iter().map(|&code| TokenKind::from_code(code).ok_or_else(|| unknown(code))).collect()
}

/// The byte that a character of GPT-2's byte-level alphabet stands for.
///
/// Printable bytes of Latin-1 stand for themselves; the other 68, in order, are written as
/// U+0100 and following.
fn byte_of(c: char) -> Option<u8> {
    let itself = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(c) {
        code @ 0..0x100 => Some(code as u8).filter(|&byte| itself(byte)),
        code => (0..=255).filter(|&byte| !itself(byte)).nth((code - 0x100) as usize),
    }
}

/// The bytes of a token written in the byte-level alphabet.
fn spelled(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

/// The byte that `<0x41>` names.
fn byte_named(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}
