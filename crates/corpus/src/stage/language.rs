//! The language of a text, by a fastText model such as lid.176.
//!
//! For corpora of mixed languages. The recipe names the model file and its digest; the model is read
//! into integers, so a score is the same on every machine (`docs/guide/stages.md` says how far it is
//! from fastText's own). Nothing faster stands in front of it: `whichlang` knows few languages and
//! would change the labels of the rest, and `chars` is faster by far at a known agreement.
//! Invariant: a function of the model's bytes, the parameters and the text.

mod cursor;
mod file;
mod model;

use super::{Facts, Identity, Local, Rule, When, given};
use crate::error::Error;
use crate::recipe::wrong;
use crate::text::Doc;
use model::Model;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use terroir_base::Digest;
use terroir_base::cbor::Value;

static FACTS: Facts = Facts {
    kind: "language",
    scores: &["language", "score", "allowed"],
    rules: &[
        Rule::new("languages", "language", "allowed", When::Less, 1),
        Rule::new("language_threshold", "language_score", "score", When::Less, 650_000),
    ],
    published: "Joulin et al. 2016, arXiv 1612.03651; Penedo et al. 2024, arXiv 2406.17557, 3.3",
};

/// The model, and which languages are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// A supervised fastText model, `.bin` or `.ftz`.
    pub path: PathBuf,
    /// Its BLAKE3 digest, 64 hexadecimal digits.
    pub digest: String,
    /// Labels that are allowed, as the model names them; all where none is given.
    pub languages: Vec<String>,
    /// How many characters are looked at; all where this is 0.
    pub chars: u32,
}

/// The stage.
pub struct Language {
    model: Model,
    digest: Digest,
    /// Places of the allowed labels among the model's; all where there are none.
    allowed: BTreeSet<usize>,
    languages: BTreeSet<String>,
    chars: usize,
}

impl Language {
    /// Errors: `Disk`; `Source` for a file that is no model, with the byte; `Recipe` for another digest
    /// than the file's and for a language that the model does not know.
    pub fn new(params: &Params) -> Result<Language, Error> {
        let (bytes, digest) = given::read(&params.path, &params.digest, file::FILE_BYTES_MAX)?;
        Language::read(&bytes, digest, params)
    }

    /// Of the bytes of a model, which have that digest. Errors: `Source`, `Recipe`.
    pub fn read(bytes: &[u8], digest: Digest, params: &Params) -> Result<Language, Error> {
        let model = file::read(bytes).map_err(|fault| Error::Source {
            file: params.path.display().to_string(),
            offset: fault.at as u64,
            record: 0,
            what: format!("no fastText model: {}", fault.what),
        })?;
        let place = |language: &String| {
            let place = model.labels().iter().position(|label| label == language);
            place.ok_or_else(|| {
                let labels = model.labels().join(", ");
                wrong("languages", format!("the model has no {language:?}; it has {labels}"))
            })
        };
        let allowed = params.languages.iter().map(place).collect::<Result<_, Error>>()?;
        let languages = params.languages.iter().cloned().collect();
        Ok(Language { model, digest, allowed, languages, chars: params.chars as usize })
    }
}

impl Local for Language {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        vec![
            ("model", self.digest.into()),
            ("languages", Value::array(self.languages.iter().map(String::as_str))),
            ("chars", (self.chars as u64).into()),
        ]
    }

    fn says(&self, score: &str, value: i64) -> Option<String> {
        (score == "language").then(|| unpack(value))
    }

    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String> {
        let text = doc.text();
        let end = match self.chars {
            0 => text.len(),
            chars => text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at),
        };
        if let Some(guess) = self.model.guess(&text[..end]) {
            let allowed = self.allowed.is_empty() || self.allowed.contains(&guess.label);
            let label = &self.model.labels()[guess.label];
            scores.copy_from_slice(&[pack(label), guess.millionths, i64::from(allowed)]);
        }
        None
    }
}

/// A label as a number: its bytes, at most eight of ASCII, the first one on top.
fn pack(label: &str) -> i64 {
    label.bytes().fold(0, |packed, byte| packed << 8 | i64::from(byte))
}

fn unpack(packed: i64) -> String {
    let bytes = packed.to_be_bytes();
    let label = bytes.iter().skip_while(|byte| **byte == 0);
    label.map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests;
