//! Tokens back to text, one at a time.
//!
//! Invariant: every piece handed out is whole UTF-8, and the pieces together are the lossy reading
//! of all bytes: each malformed run becomes one U+FFFD, as in [`String::from_utf8_lossy`].

use super::Tokenizer;

/// Turns a stream of tokens into text without ever cutting a character.
#[derive(Clone, Debug, Default)]
pub struct Detokenizer {
    /// The start of a character whose end has not come yet; at most 3 bytes between calls.
    pending: Vec<u8>,
}

impl Detokenizer {
    /// Appends to `text` what has become readable with `token`.
    pub fn push(&mut self, tokenizer: &Tokenizer, token: u32, text: &mut String) {
        self.pending.extend_from_slice(tokenizer.printed(token));
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, broken) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).expect("checked up to here"));
                    rest = broken;
                    let Some(skip) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[skip..];
                }
            }
        }
        self.pending.drain(..self.pending.len() - rest.len());
    }

    /// Appends what a character without an end reads as, and starts anew.
    pub fn finish(&mut self, text: &mut String) {
        if !self.pending.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            self.pending.clear();
        }
    }
}
