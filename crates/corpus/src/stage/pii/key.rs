//! Secret keys and tokens whose makers gave them a shape to be known by.
//!
//! Invariant: what was read for one prefix is not read again for the next.

use super::{before, byte, is_word, run};
use aho_corasick::{AhoCorasick, MatchKind};
use std::ops::Range;

/// What may stand behind a prefix.
#[derive(Clone, Copy)]
enum Body {
    /// Letters and digits.
    Plain,
    /// Capitals and digits.
    Capital,
    /// Hexadecimal digits.
    Hex,
    /// Letters, digits, `_` and `-`.
    Url,
    /// The same and `.`.
    Dotted,
    /// A JSON Web Token (RFC 7519): three parts with dots between them, two of them JSON.
    Token,
    /// A private key in text (RFC 7468), up to the line that ends it.
    Text,
}

/// A shape: the prefix, what is behind it, and the least and greatest length of that in bytes.
type Shape = (&'static str, Body, usize, usize);

const SHAPES: &[Shape] = &[
    ("AKIA", Body::Capital, 16, 16),
    ("ASIA", Body::Capital, 16, 16),
    ("AIza", Body::Url, 35, 35),
    ("AGE-SECRET-KEY-1", Body::Capital, 58, 58),
    ("SG.", Body::Dotted, 40, 100),
    ("dop_v1_", Body::Hex, 64, 64),
    ("eyJ", Body::Token, 20, 16_384),
    ("ghp_", Body::Plain, 36, 255),
    ("gho_", Body::Plain, 36, 255),
    ("ghu_", Body::Plain, 36, 255),
    ("ghs_", Body::Plain, 36, 255),
    ("ghr_", Body::Plain, 36, 255),
    ("github_pat_", Body::Url, 40, 255),
    ("glpat-", Body::Url, 20, 255),
    ("hf_", Body::Plain, 30, 64),
    ("npm_", Body::Plain, 36, 36),
    ("pypi-", Body::Url, 50, 1024),
    ("rk_live_", Body::Plain, 16, 255),
    ("shpat_", Body::Hex, 32, 32),
    ("sk-ant-", Body::Url, 24, 255),
    ("sk-proj-", Body::Url, 24, 255),
    ("sk-", Body::Plain, 32, 255),
    ("sk_live_", Body::Plain, 16, 255),
    ("xoxa-", Body::Url, 20, 255),
    ("xoxb-", Body::Url, 20, 255),
    ("xoxp-", Body::Url, 20, 255),
    ("xoxr-", Body::Url, 20, 255),
    ("xoxs-", Body::Url, 20, 255),
    ("ya29.", Body::Url, 20, 1024),
    ("-----BEGIN ", Body::Text, 40, 65_536),
];

/// Fewest different bytes of a real key: what examples have instead of one repeats itself.
const DISTINCT_MIN: u32 = 8;

/// What finds the prefixes.
pub fn prefixes() -> AhoCorasick {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(SHAPES.iter().map(|shape| shape.0))
        .expect("a few short prefixes are within all limits")
}

/// All keys, in order.
pub fn all(bytes: &[u8], prefixes: &AhoCorasick) -> impl Iterator<Item = Range<usize>> {
    let mut read = 0;
    prefixes.find_iter(bytes).filter_map(move |found| {
        let (start, body) = (found.start(), found.end());
        let (_, kind, least, most) = SHAPES[found.pattern().as_usize()];
        let left = before(bytes, start);
        let apart = matches!(kind, Body::Text) || !is_word(left) && left != b'-';
        if start < read || !apart {
            return None;
        }
        let length = kind.length(&bytes[body..]);
        read = body + length;
        let fits = (least..=most).contains(&length) && !is_word(byte(bytes, read));
        (fits && kind.is_real(&bytes[body..read])).then_some(start..read)
    })
}

impl Body {
    fn has(self, byte: u8) -> bool {
        match self {
            Body::Plain => byte.is_ascii_alphanumeric(),
            Body::Capital => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Body::Hex => byte.is_ascii_hexdigit(),
            Body::Url => byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
            Body::Dotted | Body::Token => byte.is_ascii_alphanumeric() || b"_-.".contains(&byte),
            // Base64, headers with a colon and a comma, and the name of the key.
            Body::Text => byte.is_ascii_alphanumeric() || b"+/=:, \t\r\n".contains(&byte),
        }
    }

    /// How many bytes at the start of `bytes` belong to it.
    fn length(self, bytes: &[u8]) -> usize {
        let length = run(bytes, |byte| self.has(*byte));
        match self {
            Body::Text => text(bytes),
            // The end of a sentence is not the token's.
            Body::Dotted | Body::Token => length - usize::from(bytes[..length].ends_with(b".")),
            _ => length,
        }
    }

    /// Whether `body` can be a key and is not what stands for one in an example.
    fn is_real(self, body: &[u8]) -> bool {
        let shaped = match self {
            Body::Token => {
                let mut parts = body.split(|byte| *byte == b'.');
                let json = parts.nth(1).is_some_and(|part| part.starts_with(b"eyJ"));
                json && parts.next().is_some_and(|part| part.len() >= 16) && parts.next().is_none()
            }
            Body::Text => body.windows(11).take(16).any(|part| part == b"PRIVATE KEY"),
            _ => true,
        };
        let mut distinct = 0_u128;
        body.iter().for_each(|byte| distinct |= 1 << (byte & 0x7f));
        shaped && distinct.count_ones() >= DISTINCT_MIN && body.iter().any(u8::is_ascii_digit)
    }
}

/// The length of a private key in text behind `-----BEGIN `, up to the end of its last line; none
/// where it has no last line. What was read until then has no other prefix in it.
fn text(bytes: &[u8]) -> usize {
    let inside = |byte: &u8| Body::Text.has(*byte);
    let label = run(bytes, inside);
    let body = label + run(&bytes[label..], |byte| *byte == b'-');
    let last = body + run(&bytes[body..], inside);
    if !bytes[last..].starts_with(b"-----END ") {
        return 0;
    }
    let name = last + 9 + run(&bytes[last + 9..], inside);
    name + run(&bytes[name..], |byte| *byte == b'-')
}

/// A key of each shape, as short as may be.
#[cfg(test)]
pub fn samples() -> Vec<String> {
    let sample = |(prefix, body, least, _): &Shape| {
        let symbols = match body {
            Body::Capital => "A1B2C3D4E5F6G7H8",
            Body::Hex => "0123456789abcdef",
            Body::Token => "hbGc1.eyJzdWIiOi.1234567890abcdef",
            Body::Text => "PRIVATE KEY-----\n0123+/=\n-----END PRIVATE KEY-----",
            Body::Plain | Body::Url | Body::Dotted => "a1B2c3D4e5F6g7H8",
        };
        let length = if matches!(body, Body::Token | Body::Text) { symbols.len() } else { *least };
        prefix.chars().chain(symbols.chars().cycle().take(length)).collect()
    };
    SHAPES.iter().map(sample).collect()
}
