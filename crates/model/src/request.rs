//! What is asked: the input, how to sample, how long, and where to stop.
//!
//! For everyone who asks, and for receipts, which commit to the encoding. Invariant: one encoding
//! per request; two requests with one encoding have one answer. Format: `docs/format/request.md`.

use crate::Error;
use terroir_base::cbor::{self, Limits, MapReader, Value};

/// Name of the rules that lead from a request to the tokens of its prompt, and from tokens to text:
/// `docs/spec/template.md`, `docs/format/tokenizer.md`, `docs/format/request.md`.
pub const TEXT_VERSION: &str = "terroir-text-1";
/// Version of the encoding.
const VERSION: u64 = 1;
/// Longest encoding, in bytes; so also the longest text.
pub const REQUEST_BYTES_MAX: usize = 8 << 20;
/// Most messages of a chat.
pub const MESSAGES_MAX: usize = 1 << 14;
/// Longest role, in bytes.
pub const ROLE_BYTES_MAX: usize = 64;
/// Most stop strings.
pub const STOPS_MAX: usize = 16;
/// Longest stop string, in bytes.
pub const STOP_BYTES_MAX: usize = 256;
/// One, in the fixed-point form of [`Sampling`].
pub const MICRO: u32 = 1_000_000;
/// Largest temperature and largest repetition penalty: 100.
pub const MICRO_MAX: u32 = 100 * MICRO;

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks: "system", "user", "assistant", or what the template knows.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// What to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Messages, put into words by the model's chat template.
    Chat(Vec<Message>),
    /// Plain text, continued as it stands; special tokens in it are plain text.
    Text(String),
}

/// How the next token is drawn (`docs/spec/sampling.md`). Fractions are in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// 0 takes the most likely token; 1,000,000 draws from the model's own distribution.
    pub temperature_micro: u32,
    /// Keep this many of the most likely tokens; 0 keeps all.
    pub top_k: u32,
    /// Keep the most likely tokens that together have this share; 1,000,000 keeps all.
    pub top_p_micro: u32,
    /// Keep tokens at least this fraction as likely as the most likely one; 0 keeps all.
    pub min_p_micro: u32,
    /// Tokens that occurred become this much less likely; 1,000,000 changes nothing.
    pub repetition_penalty_micro: u32,
    /// Names the random stream.
    pub seed: u64,
}

impl Sampling {
    /// Takes the most likely token every time.
    pub const GREEDY: Sampling = Sampling {
        temperature_micro: 0,
        top_k: 0,
        top_p_micro: MICRO,
        min_p_micro: 0,
        repetition_penalty_micro: MICRO,
        seed: 0,
    };

    /// Whether every field is within its limits.
    pub fn check(&self) -> Result<(), Error> {
        let within = |field, got: u32, least: u32, most: u32| {
            let problem = || format!("must be between {least} and {most} millionths, got {got}");
            if (least..=most).contains(&got) { Ok(()) } else { Err(bad(field, problem())) }
        };
        within("temperature", self.temperature_micro, 0, MICRO_MAX)?;
        within("top_p", self.top_p_micro, 0, MICRO)?;
        within("min_p", self.min_p_micro, 0, MICRO)?;
        within("repetition_penalty", self.repetition_penalty_micro, MICRO / 100, MICRO_MAX)
    }

    /// The record, for encodings that hold one.
    pub fn to_value(&self) -> Value {
        Value::record([
            (1, Value::from(self.temperature_micro)),
            (2, self.top_k.into()),
            (3, self.top_p_micro.into()),
            (4, self.min_p_micro.into()),
            (5, self.repetition_penalty_micro.into()),
            (6, self.seed.into()),
        ])
    }

    /// Reads what [`Sampling::to_value`] made; [`Sampling::check`] is the caller's.
    pub fn from_map(mut map: MapReader) -> Result<Sampling, cbor::Error> {
        let sampling = Sampling {
            temperature_micro: map.take_u32(1, "temperature")?,
            top_k: map.take_u32(2, "top_k")?,
            top_p_micro: map.take_u32(3, "top_p")?,
            min_p_micro: map.take_u32(4, "min_p")?,
            repetition_penalty_micro: map.take_u32(5, "repetition_penalty")?,
            seed: map.take_uint(6, "seed")?,
        };
        map.finish()?;
        Ok(sampling)
    }
}

/// One question to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to continue.
    pub input: Input,
    /// How to draw tokens.
    pub sampling: Sampling,
    /// Most tokens of the answer; at least 1.
    pub max_tokens: u32,
    /// Strings that end the answer and are not part of it.
    pub stop: Vec<String>,
}

impl Request {
    /// The one encoding of a request that passes [`Request::check`].
    pub fn encode(&self) -> Vec<u8> {
        let input = match &self.input {
            Input::Chat(messages) => {
                (1, Value::Array(messages.iter().map(message_value).collect()))
            }
            Input::Text(text) => (2, text.as_str().into()),
        };
        cbor::encode(&Value::record([
            (0, Value::Uint(VERSION)),
            input,
            (3, self.sampling.to_value()),
            (4, self.max_tokens.into()),
            (5, Value::array(self.stop.iter().map(String::as_str))),
        ]))
    }

    /// Reads what [`Request::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Request, Error> {
        let items_max = 4 * MESSAGES_MAX;
        let limits = Limits { bytes_max: REQUEST_BYTES_MAX, depth_max: 4, items_max };
        let request = cbor::decode(bytes, &limits)
            .and_then(|value| value.into_map("request"))
            .and_then(read)
            .map_err(Error::encoding("request"))?;
        request.check()?;
        Ok(request)
    }

    /// Whether every field is within its limits; `decode` and `Batch::admit` refuse what is not.
    pub fn check(&self) -> Result<(), Error> {
        let text_bytes = match &self.input {
            Input::Text(text) => text.len(),
            Input::Chat(messages) => {
                if messages.is_empty() || messages.len() > MESSAGES_MAX {
                    let got = messages.len();
                    let problem = format!("must be 1 to {MESSAGES_MAX} messages, got {got}");
                    return Err(bad("messages", problem));
                }
                if let Some(long) = messages.iter().find(|m| m.role.len() > ROLE_BYTES_MAX) {
                    let got = long.role.len();
                    let problem = format!("must be at most {ROLE_BYTES_MAX} bytes, got {got}");
                    return Err(bad("role", problem));
                }
                messages.iter().map(|message| message.content.len()).sum()
            }
        };
        // Half the encoding: the other half is more than roles, stops and lengths can take.
        if text_bytes > REQUEST_BYTES_MAX / 2 {
            let most = REQUEST_BYTES_MAX / 2;
            return Err(bad("input", format!("must be at most {most} bytes, got {text_bytes}")));
        }
        if self.max_tokens == 0 {
            return Err(bad("max_tokens", "must be at least 1, got 0".into()));
        }
        if self.stop.len() > STOPS_MAX {
            let got = self.stop.len();
            return Err(bad("stop", format!("must be at most {STOPS_MAX} strings, got {got}")));
        }
        if let Some(stop) = self.stop.iter().find(|s| s.is_empty() || s.len() > STOP_BYTES_MAX) {
            let got = stop.len();
            return Err(bad(
                "stop",
                format!("must be 1 to {STOP_BYTES_MAX} bytes each, got {got}"),
            ));
        }
        self.sampling.check()
    }
}

fn bad(field: &'static str, problem: String) -> Error {
    Error::Field { what: "request", field, problem }
}

fn message_value(message: &Message) -> Value {
    Value::array([message.role.as_str(), message.content.as_str()])
}

fn read(mut map: MapReader) -> Result<Request, cbor::Error> {
    map.take_version(0, VERSION)?;
    let input = match map.take_opt_array(1, "messages", MESSAGES_MAX)? {
        Some(messages) => {
            Input::Chat(messages.into_iter().map(read_message).collect::<Result<_, _>>()?)
        }
        None => Input::Text(map.take_text(2, "text", REQUEST_BYTES_MAX)?),
    };
    let request = Request {
        input,
        sampling: Sampling::from_map(map.take_map(3, "sampling")?)?,
        max_tokens: map.take_u32(4, "max_tokens")?,
        stop: map.take_list(5, "stop", STOPS_MAX, |stop| stop.into_text("stop", STOP_BYTES_MAX))?,
    };
    map.finish()?;
    Ok(request)
}

fn read_message(value: Value) -> Result<Message, cbor::Error> {
    let [role, content] = value.into_array_n("message")?;
    Ok(Message {
        role: role.into_text("role", ROLE_BYTES_MAX)?,
        content: content.into_text("content", REQUEST_BYTES_MAX)?,
    })
}

#[cfg(test)]
mod tests;
