//! From tokens to what is said: text grows token by token and ends at a stop string.
//!
//! For batches, which stream it, and for replay, which repeats it. Invariant: text and finish depend
//! on the tokens and the request alone; nothing handed out is ever taken back.

use crate::{Detokenizer, Finish, Model, Request, Tokenizer};

/// The text of one answer so far.
#[derive(Clone, Debug)]
pub(crate) struct Speech {
    detokenizer: Detokenizer,
    text: String,
    /// Bytes of `text` that were handed out.
    said: usize,
    stops: Vec<String>,
    max_tokens: usize,
    tokens: usize,
}

impl Speech {
    pub(crate) fn new(request: &Request) -> Speech {
        Speech {
            detokenizer: Detokenizer::default(),
            text: String::new(),
            said: 0,
            stops: request.stop.clone(),
            max_tokens: request.max_tokens as usize,
            tokens: 0,
        }
    }

    /// Takes a token; says whether it ends the answer.
    pub(crate) fn hear(&mut self, model: &Model, token: u32) -> Option<Finish> {
        self.tokens += 1;
        if model.ends(token) {
            self.end();
            return Some(Finish::Stop);
        }
        if self.speak(&model.tokenizer, token) {
            return Some(Finish::Stop);
        }
        if self.tokens == self.max_tokens {
            self.end();
            return Some(Finish::Length);
        }
        None
    }

    /// Appends a token's text; cuts at the first stop string and says whether there was one.
    fn speak(&mut self, tokenizer: &Tokenizer, token: u32) -> bool {
        let before = self.text.len();
        self.detokenizer.push(tokenizer, token, &mut self.text);
        let found = self.stops.iter().filter_map(|stop| {
            // A stop string that was complete before would have ended the answer then.
            let from = self.text.floor_char_boundary((before + 1).saturating_sub(stop.len()));
            self.text[from..].find(stop).map(|at| from + at)
        });
        let cut = found.min();
        if let Some(cut) = cut {
            self.text.truncate(cut);
            self.detokenizer = Detokenizer::default();
        }
        cut.is_some()
    }

    /// Ends an answer whose tokens are all there, or that was cancelled.
    pub(crate) fn end(&mut self) {
        self.detokenizer.finish(&mut self.text);
    }

    /// The text that is new and cannot become part of a stop string; all of it once `finished`.
    pub(crate) fn news(&mut self, finished: bool) -> String {
        let held =
            if finished { 0 } else { self.stops.iter().map(|s| self.held(s)).max().unwrap_or(0) };
        let end = self.text.len() - held;
        let news = self.text[self.said..end].to_owned();
        self.said = end;
        news
    }

    /// Length of the longest end of the text that starts `stop`.
    fn held(&self, stop: &str) -> usize {
        let unsaid = &self.text[self.said..];
        let longest = (stop.len() - 1).min(unsaid.len());
        let starts = (1..=longest).rev().filter_map(|length| stop.get(..length));
        starts.into_iter().find(|start| unsaid.ends_with(start)).map_or(0, str::len)
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests;
