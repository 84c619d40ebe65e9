//! C4's rules: lines that are not prose are taken out, and documents that have too little left.
//!
//! For web text. Names, order and thresholds are those of datatrove 0.10.1. Invariant: the new text
//! and the counts are functions of the lines one by one; which documents are dropped is for the
//! rules, so the new text is made for those as well.

use super::{Facts, Identity, Local, Rule, When};
use crate::error::Error;
use crate::text::class::{DIGIT, classes};
use crate::text::lines::{has_words, is_space, lines, sentences, strip};
use crate::text::{self, Doc};
use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memchr;
use serde::Deserialize;
use std::borrow::Cow;

static FACTS: Facts = Facts {
    kind: "c4",
    scores: &[
        "lines",
        "long_word_lines",
        "open_lines",
        "few_word_lines",
        "javascript_lines",
        "policy_lines",
        "lorem_ipsum_lines",
        "curly_bracket_lines",
        "kept_lines",
        "sentences",
    ],
    rules: &[
        Rule::new("filter_lorem_ipsum", "lorem_ipsum", "lorem_ipsum_lines", When::More, 0),
        Rule::new("filter_curly_bracket", "curly_bracket", "curly_bracket_lines", When::More, 0),
        Rule::new("min_num_sentences", "too_few_sentences", "sentences", When::Less, 5),
    ],
    published: "Raffel et al. 2020, JMLR 21(140), 2.2; datatrove 0.10.1",
};

/// What changes a text or a score.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Take marks of citations, as in encyclopedias, out of lines.
    pub remove_citations: bool,
    /// Take out lines that do not end in a terminal punctuation mark or a quotation mark.
    pub filter_no_terminal_punct: bool,
    /// Take out lines with fewer words.
    pub min_words_per_line: u32,
    /// Take out lines with a word of more characters.
    pub max_word_length: u32,
    /// Take out lines that mention JavaScript.
    pub filter_javascript: bool,
    /// Take out lines that mention terms of use, cookies or privacy policies.
    pub filter_policy: bool,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            remove_citations: true,
            filter_no_terminal_punct: true,
            min_words_per_line: 3,
            max_word_length: 1000,
            filter_javascript: true,
            filter_policy: true,
        }
    }
}

/// What becomes of a line, in the order of the scores that count it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    LongWord = 1,
    Open = 2,
    FewWords = 3,
    Javascript = 4,
    Policy = 5,
    Kept = 8,
}

/// Where phrases and brackets that condemn the document are counted.
const LOREM_IPSUM: usize = 6;
const CURLY_BRACKET: usize = 7;
const SENTENCES: usize = 9;

/// What a phrase says about its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    LoremIpsum,
    Javascript,
    Policy,
}

/// Lower-case phrases. Letter K has a twin, the sign of the unit kelvin, that is k in lower case.
const PHRASES: &[(&str, Topic)] = &[
    ("lorem ipsum", Topic::LoremIpsum),
    ("javascript", Topic::Javascript),
    ("terms of use", Topic::Policy),
    ("privacy policy", Topic::Policy),
    ("cookie policy", Topic::Policy),
    ("uses cookies", Topic::Policy),
    ("use of cookies", Topic::Policy),
    ("use cookies", Topic::Policy),
    ("coo\u{212a}ie policy", Topic::Policy),
    ("uses coo\u{212a}ies", Topic::Policy),
    ("use of coo\u{212a}ies", Topic::Policy),
    ("use coo\u{212a}ies", Topic::Policy),
];

/// The stage.
pub struct C4 {
    params: Params,
    phrases: AhoCorasick,
}

impl C4 {
    /// Errors: never.
    pub fn new(params: &Params) -> Result<C4, Error> {
        let phrases = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(PHRASES.iter().map(|(phrase, _)| phrase))
            .expect("a few short phrases are within all limits");
        Ok(C4 { params: params.clone(), phrases })
    }
}

impl Local for C4 {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        let params = &self.params;
        vec![
            ("classes", text::digest().into()),
            ("remove_citations", params.remove_citations.into()),
            ("filter_no_terminal_punct", params.filter_no_terminal_punct.into()),
            ("min_words_per_line", params.min_words_per_line.into()),
            ("max_word_length", params.max_word_length.into()),
            ("filter_javascript", params.filter_javascript.into()),
            ("filter_policy", params.filter_policy.into()),
        ]
    }

    fn edits(&self) -> bool {
        true
    }

    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String> {
        let (text, lowered) = doc.lowered();
        // What most texts do not have at all is not looked for in each line. Phrases have no line
        // breaks.
        let phrases = self.phrases.is_match(lowered);
        let citations = self.params.remove_citations && memchr(b'[', text.as_bytes()).is_some();
        let mut kept = String::with_capacity(text.len());
        for line in lines(text) {
            scores[0] += 1;
            let line = strip(line);
            let few = !has_words(line, self.params.min_words_per_line as usize);
            let long = has_long_word(line, self.params.max_word_length as usize);
            let line = match citations {
                true => without_citations(line),
                false => Cow::Borrowed(line),
            };
            // A phrase may have had a citation in it.
            let search = phrases || matches!(line, Cow::Owned(_));
            let fate = match long {
                true => Fate::LongWord,
                false => self.judge(&line, few, search, scores),
            };
            scores[fate as usize] += 1;
            if fate == Fate::Kept {
                scores[SENTENCES] += sentences(&line) as i64;
                if scores[Fate::Kept as usize] > 1 {
                    kept.push('\n');
                }
                kept.push_str(&line);
            }
        }
        let kept = strip(&kept);
        (kept != text).then(|| kept.to_owned())
    }
}

impl C4 {
    /// What becomes of a line, once citations are out of it.
    fn judge(&self, line: &str, few_words: bool, search: bool, scores: &mut [i64]) -> Fate {
        let ends = line.ends_with(['.', '?', '!', '"', '\'']) && !line.ends_with("...");
        if self.params.filter_no_terminal_punct && !ends {
            return Fate::Open;
        }
        if few_words {
            return Fate::FewWords;
        }
        let topics = if search { self.topics(line) } else { [false; 3] };
        scores[LOREM_IPSUM] += i64::from(topics[Topic::LoremIpsum as usize]);
        if self.params.filter_javascript && topics[Topic::Javascript as usize] {
            return Fate::Javascript;
        }
        scores[CURLY_BRACKET] += i64::from(memchr(b'{', line.as_bytes()).is_some());
        if self.params.filter_policy && topics[Topic::Policy as usize] {
            return Fate::Policy;
        }
        Fate::Kept
    }

    /// Which topics the phrases of `line` have.
    fn topics(&self, line: &str) -> [bool; 3] {
        let mut topics = [false; 3];
        let line = line.to_ascii_lowercase();
        for found in self.phrases.find_iter(&line) {
            topics[PHRASES[found.pattern().as_usize()].1 as usize] = true;
        }
        topics
    }
}

/// Whether a word of `line`, as spaces divide it, has more than `most` characters.
fn has_long_word(line: &str, most: usize) -> bool {
    // Few lines are long enough to look at.
    line.len() > most && line.split(is_space).any(|word| word.chars().count() > most)
}

/// `line` without `[12]`, `[]`, `[edit]` and `[citation needed]`.
fn without_citations(line: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = line;
    let mut from = 0;
    while let Some(found) = memchr(b'[', &rest.as_bytes()[from..]) {
        let open = from + found;
        let inside = &rest[open + 1..];
        let plain = ["edit]", "citation needed]"].iter().find(|mark| inside.starts_with(**mark));
        let number = inside.find(|c| classes().of(c) & DIGIT == 0);
        let number = number.filter(|at| inside[*at..].starts_with(']')).map(|at| at + 1);
        match plain.map(|mark| mark.len()).or(number) {
            Some(length) => {
                out.push_str(&rest[..open]);
                rest = &inside[length..];
                from = 0;
            }
            None => from = open + 1,
        }
    }
    match rest.len() == line.len() {
        true => Cow::Borrowed(line),
        false => Cow::Owned(out + rest),
    }
}

#[cfg(test)]
mod tests;
