//! FineWeb's quality rules: lines that do not end, that are short, that repeat, that are a list.
//!
//! For web text. Names, order and thresholds are those of datatrove 0.10.1. Invariant: a function
//! of the lines, which only line feeds end, and the number of words.

use super::{Facts, Identity, Local, Rule, When};
use crate::error::Error;
use crate::text::class::{TERMINAL, classes};
use crate::text::lines::strip;
use crate::text::{self, Doc};
use serde::Deserialize;

static FACTS: Facts = Facts {
    kind: "fineweb",
    scores: &[
        "lines",
        "terminal_lines",
        "short_lines",
        "chars",
        "repeated_chars",
        "line_feeds",
        "words",
    ],
    rules: &[
        Rule::new("empty", "empty", "lines", When::Less, 1),
        Rule::new("line_punct_thr", "line_punct_ratio", "terminal_lines", When::Less, 120_000)
            .per("lines"),
        Rule::new("short_line_thr", "short_line_ratio", "short_lines", When::More, 670_000)
            .per("lines"),
        Rule::new("char_duplicates_ratio", "char_dup_ratio", "repeated_chars", When::More, 10_000)
            .per("chars"),
        Rule::new("new_line_ratio", "list_ratio", "line_feeds", When::More, 300_000).per("words"),
    ],
    published: "Penedo et al. 2024, arXiv 2406.17557, 3.5; datatrove 0.10.1",
};

/// What changes a score.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// A line of so many characters is still short.
    pub short_line_length: u32,
}

impl Default for Params {
    fn default() -> Params {
        Params { short_line_length: 30 }
    }
}

/// The stage.
pub struct Fineweb {
    params: Params,
}

impl Fineweb {
    /// Errors: never.
    pub fn new(params: &Params) -> Result<Fineweb, Error> {
        Ok(Fineweb { params: params.clone() })
    }
}

impl Local for Fineweb {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        vec![
            ("classes", text::digest().into()),
            ("short_line_length", self.params.short_line_length.into()),
        ]
    }

    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String> {
        let chars = doc.chars();
        let short = self.params.short_line_length as usize;
        let (text, words, repeats) = doc.repeats();
        let lines = text.split('\n').filter(|line| !strip(line).is_empty());
        let (mut ends, mut shorts) = (0, 0);
        for line in lines.clone() {
            ends += i64::from(line.ends_with(|c| classes().of(c) & TERMINAL != 0));
            // No character has more than four bytes, so most lines need no counting.
            shorts += i64::from(line.len() <= 4 * short && line.chars().count() <= short);
        }
        let found = repeats.elements(lines);
        let feeds = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        scores.copy_from_slice(&[
            found.count as i64,
            ends,
            shorts,
            (chars - feeds) as i64,
            found.repeated_chars as i64,
            feeds as i64,
            words.len() as i64,
        ]);
        None
    }
}

#[cfg(test)]
mod tests;
