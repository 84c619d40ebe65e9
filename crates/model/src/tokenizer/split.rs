//! Cutting text into words, before any merging: the patterns that real tokenizers were trained with.
//!
//! Invariant: the words of a text, put together, are the text. `docs/format/tokenizer.md` lists the
//! patterns; classes are those of Unicode 16.

use regex::Regex;
use std::ops::Range;

/// How a byte-level tokenizer cuts text into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pre {
    /// GPT-2: contractions, words, numbers, other signs, each with one space before it.
    Gpt2,
    /// SmolLM, StarCoder: every digit alone, then as GPT-2.
    Smollm,
    /// Qwen 2 to 3: any one sign may start a word, digits alone, line breaks together.
    Qwen2,
    /// Llama 3: as Qwen 2, with digits in threes; a word that is a token is not merged.
    Llama3,
    /// Mistral's Tekken: words end where a capital follows a small letter; digits alone.
    Tekken,
}

const GPT2: &str = r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
const QWEN2: &str = concat!(
    r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])",
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
);
const LLAMA3: &str = concat!(
    r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])",
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
);
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+"
);

impl Pre {
    const ALL: [Pre; 5] = [Pre::Gpt2, Pre::Smollm, Pre::Qwen2, Pre::Llama3, Pre::Tekken];

    /// The name in tokenizer blobs.
    pub fn name(self) -> &'static str {
        match self {
            Pre::Gpt2 => "gpt2",
            Pre::Smollm => "smollm",
            Pre::Qwen2 => "qwen2",
            Pre::Llama3 => "llama3",
            Pre::Tekken => "tekken",
        }
    }

    /// Reads [`Pre::name`].
    pub fn from_name(name: &str) -> Option<Pre> {
        Pre::ALL.into_iter().find(|pre| pre.name() == name)
    }

    /// From GGUF's `tokenizer.ggml.pre`; `None` for a name whose pattern is not known here.
    pub fn from_gguf(name: &str) -> Option<Pre> {
        match name {
            "gpt-2" | "phi-2" | "mpt" | "olmo" | "jais" | "trillion" => Some(Pre::Gpt2),
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" => {
                Some(Pre::Smollm)
            }
            "qwen2" | "deepseek-r1-qwen" | "stablelm2" | "hunyuan" | "megrez" => Some(Pre::Qwen2),
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "pixtral" => Some(Pre::Llama3),
            "tekken" => Some(Pre::Tekken),
            _ => None,
        }
    }

    /// Whether a word that is itself a token is taken whole, without looking at merges.
    pub(super) fn takes_whole_words(self) -> bool {
        matches!(self, Pre::Llama3 | Pre::Tekken)
    }
}

/// A compiled [`Pre`].
#[derive(Debug)]
pub(super) struct Splitter {
    words: Regex,
    digits_first: bool,
    breaks_stay: bool,
}

impl Splitter {
    pub(super) fn new(pre: Pre) -> Splitter {
        let pattern = match pre {
            Pre::Gpt2 | Pre::Smollm => GPT2,
            Pre::Qwen2 => QWEN2,
            Pre::Llama3 => LLAMA3,
            Pre::Tekken => TEKKEN,
        };
        Splitter {
            words: Regex::new(pattern).expect("the pattern is a constant that compiles"),
            digits_first: pre == Pre::Smollm,
            breaks_stay: pattern != GPT2,
        }
    }

    /// Calls `word` with every word of `text`, in order.
    pub(super) fn split<'t>(&self, text: &'t str, word: &mut impl FnMut(&'t str)) {
        if !self.digits_first {
            return self.split_part(text, word);
        }
        // Digits are cut out first, so what stands before one sees the end of the text.
        let mut rest = text;
        while let Some((at, digit)) = rest.char_indices().find(|(_, c)| c.is_numeric()) {
            let end = at + digit.len_utf8();
            self.split_part(&rest[..at], word);
            word(&rest[at..end]);
            rest = &rest[end..];
        }
        self.split_part(rest, word);
    }

    fn split_part<'t>(&self, text: &'t str, word: &mut impl FnMut(&'t str)) {
        let mut at = 0;
        while at < text.len() {
            let found = self.words.find_at(text, at).map_or(at..text.len(), |found| found.range());
            let end = self.give_back(text, found);
            word(&text[at..end]);
            at = end;
        }
    }

    /// The end of the word found at `found`.
    ///
    /// The patterns of the trade end with `\s+(?!\S)|\s+`: of several spaces before a word, the last
    /// belongs to the word. Without look-ahead, matching `\s+` and giving the last one back is the
    /// same. A run that ends in a line break came from `\s*[\r\n]+`, where that is in the pattern.
    fn give_back(&self, text: &str, found: Range<usize>) -> usize {
        let Some(last) = text[found.clone()].chars().next_back() else {
            return found.end;
        };
        let kept = self.breaks_stay && matches!(last, '\r' | '\n');
        let alone = found.len() == last.len_utf8();
        if !last.is_whitespace() || kept || alone || found.end == text.len() {
            found.end
        } else {
            found.end - last.len_utf8()
        }
    }
}

#[cfg(test)]
mod tests;
