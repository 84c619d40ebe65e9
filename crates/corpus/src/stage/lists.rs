//! Lists of what is not wanted: domains, URLs, words of URLs and words of texts.
//!
//! For block lists that are published as files, one entry a line, `#` before a remark. The rules for
//! URLs are those of datatrove 0.10.1, but that a domain stands for everything below it; the rule
//! for words is that of C4. Invariant: the digests of the files are in the stage's identity.

mod address;
mod file;

use super::{Facts, Identity, Local, Rule, When};
use crate::error::Error;
use crate::text::class::{WORD, classes};
use crate::text::{self, Doc};
use address::Address;
use aho_corasick::AhoCorasick;
use file::{File, List, Phrases};
use serde::Deserialize;
use std::path::PathBuf;
use terroir_base::Digest;
use terroir_base::cbor::Value;

static FACTS: Facts = Facts {
    kind: "lists",
    scores: &["domains", "urls", "url_words", "soft_url_words", "url_subwords", "words"],
    rules: &[
        Rule::new("domains", "domain", "domains", When::More, 0),
        Rule::new("urls", "url", "urls", When::More, 0),
        Rule::new("banned_words", "hard_blacklisted", "url_words", When::More, 0),
        Rule::new("soft_word_threshold", "soft_blacklisted", "soft_url_words", When::AtLeast, 2),
        Rule::new("banned_subwords", "blacklisted_subword", "url_subwords", When::More, 0),
        Rule::new("badwords", "document_removed_with_badwords", "words", When::More, 0),
    ],
    published: "Penedo et al. 2023, arXiv 2306.01116, G.1; Raffel et al. 2020; datatrove 0.10.1",
};

/// The files. A list that is not given forbids nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Domains: a host is on the list with everything below it.
    pub domains: Option<PathBuf>,
    /// Whole URLs, as they stand.
    pub urls: Option<PathBuf>,
    /// Words of URLs.
    pub url_words: Option<PathBuf>,
    /// Words of URLs that are bad only in company.
    pub soft_url_words: Option<PathBuf>,
    /// Parts of URLs, anywhere between their letters and digits.
    pub url_subwords: Option<PathBuf>,
    /// Words and phrases of texts.
    pub words: Option<PathBuf>,
    /// Find `words` inside of others too, for scripts that do not divide words.
    pub words_inside: bool,
}

/// The stage.
pub struct Lists {
    domains: List,
    urls: List,
    url_words: List,
    soft_url_words: List,
    url_subwords: Phrases,
    words: Phrases,
    words_inside: bool,
}

impl Lists {
    /// Errors: `Disk` for a file that cannot be read, `Recipe` for one that is not UTF-8 or has more
    /// entries than can be searched for at a time.
    pub fn new(params: &Params) -> Result<Lists, Error> {
        let list = |key, path: &Option<PathBuf>, fold| {
            File::read(key, path.as_deref(), fold).map(File::list)
        };
        let phrases = |key, path: &Option<PathBuf>, fold| {
            File::read(key, path.as_deref(), fold)?.phrases(key)
        };
        Ok(Lists {
            domains: list("domains", &params.domains, file::host)?,
            urls: list("urls", &params.urls, file::same)?,
            url_words: list("url_words", &params.url_words, file::joined)?,
            soft_url_words: list("soft_url_words", &params.soft_url_words, file::joined)?,
            url_subwords: phrases("url_subwords", &params.url_subwords, file::joined)?,
            words: phrases("words", &params.words, file::lowered)?,
            words_inside: params.words_inside,
        })
    }

    /// How often a listed word stands in `text`, all in lower case.
    fn count(&self, phrases: &AhoCorasick, text: &str) -> usize {
        let word = |c: Option<char>| c.is_some_and(|c| classes().of(c) & WORD != 0);
        let apart = |found: &aho_corasick::Match| {
            self.words_inside
                || !word(text[..found.start()].chars().next_back())
                    && !word(text[found.end()..].chars().next())
        };
        phrases.find_overlapping_iter(text).filter(apart).count()
    }
}

impl Local for Lists {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        let value = |digest: Option<Digest>| digest.map_or(Value::Null, Value::from);
        vec![
            ("classes", text::digest().into()),
            ("domains", value(self.domains.digest)),
            ("urls", value(self.urls.digest)),
            ("url_words", value(self.url_words.digest)),
            ("soft_url_words", value(self.soft_url_words.digest)),
            ("url_subwords", value(self.url_subwords.digest)),
            ("words", value(self.words.digest)),
            ("words_inside", self.words_inside.into()),
        ]
    }

    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String> {
        let address = Address::of(doc.url());
        let words = address.words();
        let among = |list: &List| words.iter().filter(|word| list.has(word)).count() as i64;
        scores[0] = address.domains().filter(|domain| self.domains.has(domain)).count() as i64;
        scores[1] = i64::from(self.urls.has(doc.url()));
        scores[2] = among(&self.url_words);
        scores[3] = among(&self.soft_url_words);
        if let Some(subwords) = &self.url_subwords.automaton {
            scores[4] = subwords.find_overlapping_iter(&address.joined()).count() as i64;
        }
        if let Some(phrases) = &self.words.automaton {
            let (text, lowered) = doc.lowered();
            scores[5] = match text.is_ascii() {
                true => self.count(phrases, lowered),
                false => self.count(phrases, &text.to_lowercase()),
            } as i64;
        }
        None
    }
}

#[cfg(test)]
mod tests;
