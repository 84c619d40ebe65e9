//! Gopher's repetition rules: how much of a document it says more than once.
//!
//! For web text. Names, order and thresholds are those of datatrove 0.10.1. Invariant: a function
//! of the paragraphs, the lines and the words as they stand, upper and lower case apart.

use super::{Facts, Identity, Local, Rule, When};
use crate::error::Error;
use crate::text::lines::{pieces, strip};
use crate::text::repeats::Elements;
use crate::text::{self, Doc, Word};
use serde::Deserialize;

static FACTS: Facts = Facts {
    kind: "gopher_repetition",
    scores: &[
        "chars",
        "paragraphs",
        "dup_paragraphs",
        "dup_paragraph_chars",
        "lines",
        "dup_lines",
        "dup_line_chars",
        "top_2_gram_chars",
        "top_3_gram_chars",
        "top_4_gram_chars",
        "dup_5_gram_chars",
        "dup_6_gram_chars",
        "dup_7_gram_chars",
        "dup_8_gram_chars",
        "dup_9_gram_chars",
        "dup_10_gram_chars",
    ],
    rules: &[
        Rule::new("empty", "empty", "chars", When::Less, 1),
        part("dup_para_frac", "dup_para_frac", "dup_paragraphs", 300_000).per("paragraphs"),
        part("dup_para_char_frac", "dup_para_char_frac", "dup_paragraph_chars", 200_000),
        part("dup_line_frac", "dup_line_frac", "dup_lines", 300_000).per("lines"),
        part("dup_line_char_frac", "dup_line_char_frac", "dup_line_chars", 200_000),
        part("top_2_gram", "top_2_gram", "top_2_gram_chars", 200_000),
        part("top_3_gram", "top_3_gram", "top_3_gram_chars", 180_000),
        part("top_4_gram", "top_4_gram", "top_4_gram_chars", 160_000),
        part("dup_5_grams", "duplicated_5_n_grams", "dup_5_gram_chars", 150_000),
        part("dup_6_grams", "duplicated_6_n_grams", "dup_6_gram_chars", 140_000),
        part("dup_7_grams", "duplicated_7_n_grams", "dup_7_gram_chars", 130_000),
        part("dup_8_grams", "duplicated_8_n_grams", "dup_8_gram_chars", 120_000),
        part("dup_9_grams", "duplicated_9_n_grams", "dup_9_gram_chars", 110_000),
        part("dup_10_grams", "duplicated_10_n_grams", "dup_10_gram_chars", 100_000),
    ],
    published: "Rae et al. 2021, arXiv 2112.11446, Table A1; datatrove 0.10.1",
};

/// More than `threshold` millionths of the characters.
const fn part(
    key: &'static str,
    reason: &'static str,
    score: &'static str,
    threshold: i64,
) -> Rule {
    Rule::new(key, reason, score, When::More, threshold).per("chars")
}

/// Run lengths of which the most frequent run counts.
const TOP: std::ops::RangeInclusive<u8> = 2..=4;
/// Run lengths of which every repeated run counts.
const REPEATED: std::ops::RangeInclusive<u8> = 5..=10;
/// Where the scores of runs start.
const RUNS: usize = 7;

/// Nothing but thresholds can be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {}

/// The stage.
pub struct GopherRepetition;

impl GopherRepetition {
    /// Errors: never.
    pub fn new(_: &Params) -> Result<GopherRepetition, Error> {
        Ok(GopherRepetition)
    }
}

impl Local for GopherRepetition {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        vec![("classes", text::digest().into())]
    }

    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String> {
        scores[0] = doc.chars() as i64;
        let (text, words, repeats) = doc.repeats();
        let paragraphs = repeats.elements(pieces(strip(text), 2));
        let lines = repeats.elements(pieces(text, 1));
        for (at, found) in [(1, paragraphs), (4, lines)] {
            let Elements { count, repeated, repeated_chars } = found;
            let counts = [count, repeated, repeated_chars].map(|count| count as i64);
            scores[at..at + 3].copy_from_slice(&counts);
        }
        if !repeats.pairs(text, words) {
            return None;
        }
        for (length, score) in (*TOP.start()..=*REPEATED.end()).zip(&mut scores[RUNS..]) {
            if length > 2 {
                repeats.longer();
            }
            let run = |start: usize| words.get(start..start + usize::from(length)).map_or(0, chars);
            if TOP.contains(&length) {
                let (start, times) = repeats.top();
                // A document with fewer words has no such run, and the first stands nowhere.
                let spaces = i64::from(length) - 1;
                let found = run(start);
                *score = if found == 0 { 0 } else { (found + spaces) * times as i64 };
            } else {
                repeats.covered(length, |start| *score += run(start));
            }
        }
        None
    }
}

/// The characters of `words`.
fn chars(words: &[Word]) -> i64 {
    words.iter().map(|word| i64::from(word.chars)).sum()
}

#[cfg(test)]
mod tests;
