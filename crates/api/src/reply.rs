//! What comes back for a request: whole, or as a stream of chunks.
//!
//! For the server. Invariant: one chunk, the last before the end mark, says how the answer ended
//! and names the receipt; clients that keep only the last such chunk lose nothing.

use crate::opening::{AnswerFile, RequestFile};
use serde::Serialize;

/// The line that ends a stream.
pub const STREAM_END: &str = "data: [DONE]\n\n";

/// Whether the answer is to a chat or continues plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completion,
}

/// What all parts of one answer have in common.
#[derive(Clone, Debug)]
pub struct Head {
    /// Chat or not.
    pub kind: Kind,
    /// A random name of this answer, without its prefix.
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    /// The model's name, as it was asked for.
    pub model: String,
    /// Name of the exact rules that the engine follows.
    pub spec: &'static str,
}

/// Tokens of an answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Usage {
    /// Of the prompt.
    pub prompt_tokens: u32,
    /// Of the answer.
    pub completion_tokens: u32,
    /// Of both.
    pub total_tokens: u64,
    /// More about the prompt.
    pub prompt_tokens_details: PromptDetails,
}

/// Part of [`Usage`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PromptDetails {
    /// Tokens that did not have to be read again.
    pub cached_tokens: u32,
}

impl Usage {
    /// From the three counts.
    pub fn new(prompt_tokens: u32, completion_tokens: u32, cached_tokens: u32) -> Usage {
        Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens: u64::from(prompt_tokens) + u64::from(completion_tokens),
            prompt_tokens_details: PromptDetails { cached_tokens },
        }
    }
}

/// How an answer ended, and its receipt.
#[derive(Clone, Debug)]
pub struct End {
    /// "stop", "length" or "cancelled".
    pub finish: &'static str,
    /// Tokens.
    pub usage: Usage,
    /// What names and opens the receipt.
    pub receipt: Receipt,
}

/// The receipt's part of a reply.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt {
    /// Its id, 64 hexadecimal digits.
    pub receipt: String,
    /// The secret that opens its commitments, 64 hexadecimal digits.
    pub salt: String,
    /// The seed used; given or drawn.
    pub seed: u64,
    /// The contents of the two files that open it, where the request asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opening: Option<Opening>,
}

/// The contents of the two opening files.
#[derive(Clone, Debug, Serialize)]
pub struct Opening {
    /// `ID.request.json`, as text: its bytes count, spelling included.
    pub request: String,
    /// `ID.answer.json`, as text.
    pub answer: String,
}

impl Opening {
    /// From the two files.
    pub fn new(request: &RequestFile, answer: &AnswerFile) -> Opening {
        let text = |bytes| String::from_utf8(bytes).expect("JSON is UTF-8");
        Opening { request: text(request.to_bytes()), answer: text(answer.to_bytes()) }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: &'static str,
    /// For clients that look for the text here.
    #[serde(skip_serializing_if = "Option::is_none")]
    completion: Option<&'a str>,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<&'a Usage>>,
    #[serde(flatten)]
    receipt: Option<&'a Receipt>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl Head {
    /// The whole answer.
    pub fn whole(&self, text: &str, end: &End) -> Vec<u8> {
        let mut body = self.body(false, Some(end));
        let choice = Choice { finish_reason: Some(end.finish), ..EMPTY };
        body.choices.push(match self.kind {
            Kind::Chat => {
                let message = Message { role: Some("assistant"), content: Some(text) };
                Choice { message: Some(message), ..choice }
            }
            Kind::Completion => {
                body.completion = Some(text);
                Choice { text: Some(text), ..choice }
            }
        });
        body.usage = Some(Some(&end.usage));
        to_json(&body)
    }

    /// The first chunk of a stream; completions have none.
    pub fn first(&self, style: Style) -> Option<String> {
        (self.kind == Kind::Chat).then(|| {
            let delta = Message { role: Some("assistant"), content: Some("") };
            self.chunk(style, Some(Choice { delta: Some(delta), ..EMPTY }), None)
        })
    }

    /// A chunk with more text.
    pub fn more(&self, style: Style, text: &str) -> String {
        self.chunk(style, Some(self.piece(Some(text))), None)
    }

    /// The last chunks and the end mark.
    pub fn last(&self, style: Style, end: &End) -> String {
        let choice = Choice { finish_reason: Some(end.finish), ..self.piece(None) };
        let last = self.chunk(style, Some(choice), Some(end));
        let usage = match style {
            Style::Apart => self.chunk(style, None, Some(end)),
            Style::Together | Style::Without => String::new(),
        };
        [&last, &usage, STREAM_END].concat()
    }

    fn piece<'a>(&self, text: Option<&'a str>) -> Choice<'a> {
        match self.kind {
            Kind::Chat => {
                let delta = Message { role: None, content: text };
                Choice { delta: Some(delta), ..EMPTY }
            }
            Kind::Completion => Choice { text: Some(text.unwrap_or("")), ..EMPTY },
        }
    }

    fn chunk(&self, style: Style, choice: Option<Choice<'_>>, end: Option<&End>) -> String {
        let mut body = self.body(true, end);
        let usage = end.map(|end| &end.usage);
        body.usage = match style {
            Style::Together => usage.map(Some),
            Style::Apart => Some(usage.filter(|_| choice.is_none())),
            Style::Without => None,
        };
        body.choices.extend(choice);
        event(&to_json(&body))
    }

    fn body<'a>(&'a self, chunk: bool, end: Option<&'a End>) -> Body<'a> {
        let (prefix, object) = match (self.kind, chunk) {
            (Kind::Chat, false) => ("chatcmpl", "chat.completion"),
            (Kind::Chat, true) => ("chatcmpl", "chat.completion.chunk"),
            (Kind::Completion, _) => ("cmpl", "text_completion"),
        };
        Body {
            id: format!("{prefix}-{}", self.id),
            object,
            created: self.created,
            model: &self.model,
            system_fingerprint: self.spec,
            completion: None,
            choices: Vec::with_capacity(1),
            usage: None,
            receipt: end.map(|end| &end.receipt),
        }
    }
}

const EMPTY: Choice<'static> = Choice {
    index: 0,
    message: None,
    delta: None,
    text: None,
    logprobs: None,
    finish_reason: None,
};

/// Where a stream tells the usage: `stream_options.include_usage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Not asked: in the last chunk, with everything else.
    Together,
    /// Asked for: as OpenAI does, in a chunk of its own after the last, `null` in all others.
    Apart,
    /// Not wanted: nowhere.
    Without,
}

impl Style {
    /// From the field of the request.
    pub fn of(include_usage: Option<bool>) -> Style {
        match include_usage {
            None => Style::Together,
            Some(true) => Style::Apart,
            Some(false) => Style::Without,
        }
    }
}

/// One event of a stream, with the prefix that strict clients look for.
pub fn event(json: &[u8]) -> String {
    format!("data: {}\n\n", String::from_utf8_lossy(json))
}

/// A model as `/v1/models` lists it.
#[derive(Clone, Debug, Serialize)]
pub struct ModelCard {
    /// The name to ask for; it has no slash.
    pub id: String,
    /// Always "model".
    pub object: &'static str,
    /// Unix seconds since which it is served.
    pub created: u64,
    /// Always "terroir".
    pub owned_by: &'static str,
    /// The model's id, which may be asked for too.
    pub digest: String,
    /// Numeric profile: "fast" or "high".
    pub profile: &'static str,
    /// Longest prompt and answer together, in tokens.
    pub context_length: u32,
    /// Licence of the weights, where it is known.
    pub licence: Option<String>,
    /// Public key that signs the receipts, 64 hexadecimal digits.
    pub node: String,
}

/// The body of `/v1/models`.
#[derive(Clone, Debug, Serialize)]
pub struct ModelList {
    /// Always "list".
    pub object: &'static str,
    /// The models.
    pub data: Vec<ModelCard>,
}

/// The JSON of a view.
pub fn to_json(view: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(view).expect("views are text, numbers and lists")
}

#[cfg(test)]
mod tests;
