//! Gopher's quality rules: how long a document and its words are, and what they are made of.
//!
//! For web text, first in most chains. Names, order and thresholds are those of datatrove 0.10.1.
//! Invariant: a function of the words, the lines and the counts of three marks.

use super::{Facts, Identity, Local, Rule, When};
use crate::error::Error;
use crate::text::lines::{lines, strip_end, strip_start};
use crate::text::{self, Doc, Word};
use memchr::{memchr_iter, memmem};
use serde::Deserialize;
use terroir_base::cbor::Value;
use xxhash_rust::xxh3::xxh3_64;

static FACTS: Facts = Facts {
    kind: "gopher_quality",
    scores: &[
        "words",
        "plain_words",
        "plain_chars",
        "hashes",
        "ellipses",
        "lines",
        "bullet_lines",
        "ellipsis_lines",
        "letter_words",
        "stop_words",
    ],
    rules: &[
        Rule::new("min_doc_words", "gopher_short_doc", "plain_words", When::Less, 50),
        Rule::new("max_doc_words", "gopher_long_doc", "plain_words", When::More, 100_000),
        Rule::new(
            "min_avg_word_length",
            "gopher_below_avg_threshold",
            "plain_chars",
            When::Less,
            3_000_000,
        )
        .per("plain_words"),
        Rule::new(
            "max_avg_word_length",
            "gopher_above_avg_threshold",
            "plain_chars",
            When::More,
            10_000_000,
        )
        .per("plain_words"),
        Rule::new("max_symbol_word_ratio", "gopher_too_many_hashes", "hashes", When::More, 100_000)
            .per("words"),
        Rule::new(
            "max_symbol_word_ratio",
            "gopher_too_many_ellipsis",
            "ellipses",
            When::More,
            100_000,
        )
        .per("words"),
        Rule::new(
            "max_bullet_lines_ratio",
            "gopher_too_many_bullets",
            "bullet_lines",
            When::More,
            900_000,
        )
        .per("lines"),
        Rule::new(
            "max_ellipsis_lines_ratio",
            "gopher_too_many_end_ellipsis",
            "ellipsis_lines",
            When::More,
            300_000,
        )
        .per("lines"),
        Rule::new(
            "max_non_alpha_words_ratio",
            "gopher_below_alpha_threshold",
            "letter_words",
            When::Less,
            800_000,
        )
        .per("words"),
        Rule::new("min_stop_words", "gopher_enough_stop_words", "stop_words", When::Less, 2),
    ],
    published: "Rae et al. 2021, arXiv 2112.11446, A1.1; datatrove 0.10.1",
};

/// Most stop words, one bit each.
const STOP_WORDS_MAX: usize = 64;

/// What changes a score.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Words of which a document must have some, matched as they stand; at most 64.
    pub stop_words: Vec<String>,
}

impl Default for Params {
    fn default() -> Params {
        let words = ["the", "be", "to", "of", "and", "that", "have", "with"];
        Params { stop_words: words.map(str::to_owned).to_vec() }
    }
}

/// The stage.
pub struct GopherQuality {
    params: Params,
    stop: StopWords,
}

impl GopherQuality {
    /// Errors: `Recipe` for more than 64 stop words.
    pub fn new(params: &Params) -> Result<GopherQuality, Error> {
        let count = params.stop_words.len();
        if count > STOP_WORDS_MAX {
            let what = format!("{count} words, at most {STOP_WORDS_MAX} are counted");
            return Err(Error::Recipe { key: "stop_words".to_owned(), what });
        }
        Ok(GopherQuality { params: params.clone(), stop: StopWords::new(&params.stop_words) })
    }
}

impl Local for GopherQuality {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        let words = Value::array(self.params.stop_words.iter().map(String::as_str));
        vec![("classes", text::digest().into()), ("stop_words", words)]
    }

    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String> {
        let (text, words) = doc.split();
        let (mut plain, mut chars, mut letters) = (0, 0, 0);
        let mut stops = [0_u64; SLOTS_MAX / 64];
        for word in words {
            plain += i64::from(!word.punctuation);
            chars += if word.punctuation { 0 } else { i64::from(word.chars) };
            letters += i64::from(word.letters);
            let slot = self.stop.slot(word.folded);
            let found = self.stop.slots[slot] == word.folded && !word.cased;
            stops[slot / 64] |= u64::from(found) << (slot % 64);
        }
        let stops = stops.iter().map(|found| found.count_ones()).sum::<u32>();
        let capitals = self.stop.capitals(text, words);
        let ellipses = memmem::find_iter(text.as_bytes(), "...").count()
            + memmem::find_iter(text.as_bytes(), "…").count();
        let (mut all, mut bullets, mut trailing) = (0, 0, 0);
        for line in lines(text) {
            all += 1;
            bullets += i64::from(strip_start(line).starts_with(['•', '-']));
            let end = strip_end(line);
            trailing += i64::from(end.ends_with("...") || end.ends_with('…'));
        }
        scores.copy_from_slice(&[
            words.len() as i64,
            plain,
            chars,
            memchr_iter(b'#', text.as_bytes()).count() as i64,
            ellipses as i64,
            all,
            bullets,
            trailing,
            letters,
            i64::from(stops) + capitals,
        ]);
        None
    }
}

/// Most slots of the table of stop words.
const SLOTS_MAX: usize = 4096;

/// A short list of words, to be found among many.
struct StopWords {
    /// Hashes of those in lower case, each at its slot. No other hash of the table belongs where it
    /// stands.
    slots: Vec<u64>,
    /// Where the bits of a hash that say its slot start: such that no two words have the same.
    shift: u32,
    /// Those with capitals.
    cased: Vec<String>,
}

impl StopWords {
    fn new(given: &[String]) -> StopWords {
        let (lower, mut cased): (Vec<String>, Vec<String>) =
            given.iter().cloned().partition(|word| word.to_lowercase() == *word);
        cased.sort();
        cased.dedup();
        let mut hashes: Vec<u64> = lower.iter().map(|word| xxh3_64(word.as_bytes())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        // Room for the square of the words, so that few shifts are tried.
        let count = (hashes.len() * hashes.len()).next_power_of_two().clamp(2, SLOTS_MAX);
        let shifts = (0..u64::BITS - count.ilog2()).map(|shift| {
            let mut slots = vec![0; count];
            slots[0] = u64::MAX;
            let table = StopWords { slots, shift, cased: cased.clone() };
            hashes.iter().try_fold(table, |mut table, hash| {
                let slot = table.slot(*hash);
                let free = table.slot(table.slots[slot]) != slot;
                table.slots[slot] = *hash;
                free.then_some(table)
            })
        });
        shifts.flatten().next().expect("64 hashes find 4096 slots under one of 52 shifts")
    }

    fn slot(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize & (self.slots.len() - 1)
    }

    /// How many of the words with capitals stand among `words`.
    fn capitals(&self, text: &str, words: &[Word]) -> i64 {
        let stands =
            |stop: &&String| words.iter().any(|word| word.cased && word.of(text) == **stop);
        self.cased.iter().filter(stands).count() as i64
    }
}

#[cfg(test)]
mod tests;
