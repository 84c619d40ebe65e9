//! What is said: the text, its tokens, and why it ends.
//!
//! For everyone who asks, and for receipts, which commit to the encoding. Invariant: one encoding
//! per answer. Format: `docs/format/answer.md`.

use crate::Error;
use terroir_base::cbor::{self, Limits, MapReader, Value};

/// Version of the encoding.
const VERSION: u64 = 1;
/// Longest encoding, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Most tokens.
pub const TOKENS_MAX: usize = 1 << 20;

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finish {
    /// The model ended it, or a stop string came.
    Stop,
    /// It has as many tokens as were asked for.
    Length,
    /// Whoever asked, or the node, broke it off.
    Cancelled,
}

impl Finish {
    /// The word that people use: "stop", "length" or "cancelled".
    pub fn name(self) -> &'static str {
        match self {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::Cancelled => "cancelled",
        }
    }

    /// The number that encodings use.
    pub fn code(self) -> u64 {
        match self {
            Finish::Stop => 0,
            Finish::Length => 1,
            Finish::Cancelled => 2,
        }
    }

    /// Reads [`Finish::code`].
    pub fn from_code(code: u64) -> Option<Finish> {
        [Finish::Stop, Finish::Length, Finish::Cancelled]
            .into_iter()
            .find(|finish| finish.code() == code)
    }
}

impl std::fmt::Display for Finish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Finish {
    type Err = String;

    fn from_str(text: &str) -> Result<Finish, String> {
        [Finish::Stop, Finish::Length, Finish::Cancelled]
            .into_iter()
            .find(|finish| finish.name() == text)
            .ok_or_else(|| format!("unknown finish {text:?}: stop, length or cancelled"))
    }
}

/// What a model said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The words of `tokens`, without special tokens and without the stop string.
    pub text: String,
    /// Every token drawn, the one that ended the answer included.
    pub tokens: Vec<u32>,
    /// Why it ends.
    pub finish: Finish,
}

impl Answer {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&Value::record([
            (0, Value::Uint(VERSION)),
            (1, self.text.as_str().into()),
            (2, Value::array(self.tokens.iter().copied())),
            (3, self.finish.code().into()),
        ]))
    }

    /// Reads what [`Answer::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Answer, Error> {
        let limits =
            Limits { bytes_max: ANSWER_BYTES_MAX, depth_max: 2, items_max: TOKENS_MAX + 16 };
        cbor::decode(bytes, &limits)
            .and_then(|value| value.into_map("answer"))
            .and_then(read)
            .map_err(Error::encoding("answer"))
    }
}

fn read(mut map: MapReader) -> Result<Answer, cbor::Error> {
    map.take_version(0, VERSION)?;
    let answer = Answer {
        text: map.take_text(1, "text", ANSWER_BYTES_MAX)?,
        tokens: map.take_list(2, "tokens", TOKENS_MAX, |token| token.into_u32("tokens"))?,
        finish: {
            let got = map.take_uint(3, "finish")?;
            Finish::from_code(got).ok_or(cbor::Error::OutOfRange {
                field: "finish",
                max: 2,
                got,
            })?
        },
    };
    map.finish()?;
    Ok(answer)
}

#[cfg(test)]
mod tests;
