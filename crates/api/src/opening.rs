//! The two files that open a receipt's commitments: what was asked, and what was said.
//!
//! For people who keep a receipt. Invariant: one file per content: reading a file and writing it
//! again gives the same bytes, so every byte of it is checked. Format: `docs/format/opening-files.md`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The file `ID.request.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFile {
    /// The secret of the job, 64 hexadecimal digits.
    pub salt: String,
    /// What was asked.
    pub request: Request,
}

/// The file `ID.answer.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerFile {
    /// What was said.
    pub answer: Answer,
}

/// A request, with everything that decides its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What to continue.
    pub input: Input,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Strings that end it.
    pub stop: Vec<String>,
}

/// What to continue: one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// Messages of a chat.
    Messages(Vec<Message>),
    /// Plain text.
    Text(String),
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// How tokens are drawn; millionths where the name says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// 0 takes the likeliest token.
    pub temperature_micro: u32,
    /// 0 keeps all.
    pub top_k: u32,
    /// 1,000,000 keeps all.
    pub top_p_micro: u32,
    /// 0 keeps all.
    pub min_p_micro: u32,
    /// 1,000,000 changes nothing.
    pub repetition_penalty_micro: u32,
    /// Decimal digits: not every JSON reader keeps 64 bits of a number.
    pub seed: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The words.
    pub text: String,
    /// Every token drawn.
    pub tokens: Vec<u32>,
    /// "stop", "length" or "cancelled".
    pub finish: String,
}

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not the JSON that such a file holds.
    #[error("{problem}")]
    Form {
        /// What the reader says, with line and column.
        problem: String,
    },
    /// The same content, spelled in another way.
    #[error("not in its one spelling, from byte {at} on")]
    Spelling {
        /// The first byte that is not as this program would write it.
        at: usize,
    },
}

impl RequestFile {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(self)
    }

    /// Reads what [`RequestFile::to_bytes`] wrote, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<RequestFile, Refused> {
        read(bytes)
    }
}

impl AnswerFile {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(self)
    }

    /// Reads what [`AnswerFile::to_bytes`] wrote, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<AnswerFile, Refused> {
        read(bytes)
    }
}

/// One line of JSON without spaces, fields in the order in which they stand above.
fn write(file: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(file).expect("text, numbers and lists are always JSON");
    bytes.push(b'\n');
    bytes
}

fn read<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    let file: T = serde_json::from_slice(bytes)
        .map_err(|error| Refused::Form { problem: error.to_string() })?;
    let written = write(&file);
    if written == bytes {
        return Ok(file);
    }
    let same = written.iter().zip(bytes).take_while(|(one, other)| one == other).count();
    Err(Refused::Spelling { at: same })
}

#[cfg(test)]
mod tests;
