//! What a client asks: chat and completion requests, read strictly.
//!
//! For the server. Invariant: whatever could change the answer is either in an [`Ask`] or was
//! refused by name; what cannot is ignored.

mod messages;
mod neutral;

pub use messages::Message;

use crate::Problem;
use crate::json::{Field, Fields};

/// Most strings that end an answer.
pub(crate) const STOPS_MAX: usize = 16;

/// What to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Messages of a chat.
    Chat(Vec<Message>),
    /// Plain text.
    Text(String),
}

/// How to draw tokens, in millionths where the name says `micro`; absent means the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// `temperature`.
    pub temperature_micro: Option<u32>,
    /// `top_k`; 0 keeps all.
    pub top_k: Option<u32>,
    /// `top_p`.
    pub top_p_micro: Option<u32>,
    /// `min_p`.
    pub min_p_micro: Option<u32>,
    /// `repetition_penalty`.
    pub repetition_penalty_micro: Option<u32>,
    /// `seed`.
    pub seed: Option<u64>,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The model wanted.
    pub model: String,
    /// What to continue.
    pub input: Input,
    /// How to draw tokens.
    pub sampling: Sampling,
    /// Most tokens of the answer.
    pub max_tokens: Option<u32>,
    /// Strings that end the answer.
    pub stop: Vec<String>,
    /// Whether the answer comes in chunks.
    pub stream: bool,
    /// `stream_options.include_usage`, where it is given.
    pub include_usage: Option<bool>,
    /// Whether the answer carries what opens its receipt.
    pub opening: bool,
}

impl Ask {
    /// Reads the body of a chat request with at most so many messages.
    ///
    /// Errors: 400 with the field.
    pub fn chat(body: &[u8], messages_max: usize) -> Result<Ask, Problem> {
        let mut fields = Fields::of_body(body)?;
        let model = fields.need("model")?.text()?;
        let input = Input::Chat(messages::read(&fields.need("messages")?, messages_max)?);
        Ask::read(fields, model, input)
    }

    /// Reads the body of a completion request.
    ///
    /// Errors: 400 with the field.
    pub fn completion(body: &[u8]) -> Result<Ask, Problem> {
        let mut fields = Fields::of_body(body)?;
        let model = fields.need("model")?.text()?;
        let input = Input::Text(prompt(&fields.need("prompt")?)?);
        Ask::read(fields, model, input)
    }

    fn read(mut fields: Fields<'_>, model: String, input: Input) -> Result<Ask, Problem> {
        let sampling = Sampling {
            temperature_micro: optional(&mut fields, "temperature", Field::micro)?,
            top_k: optional(&mut fields, "top_k", |field| field.u32(0))?,
            top_p_micro: optional(&mut fields, "top_p", Field::micro)?,
            min_p_micro: optional(&mut fields, "min_p", Field::micro)?,
            repetition_penalty_micro: optional(&mut fields, "repetition_penalty", Field::micro)?,
            seed: optional(&mut fields, "seed", Field::u64)?,
        };
        let ask = Ask {
            model,
            input,
            sampling,
            max_tokens: max_tokens(&mut fields)?,
            stop: optional(&mut fields, "stop", stop)?.unwrap_or_default(),
            stream: optional(&mut fields, "stream", Field::flag)?.unwrap_or(false),
            include_usage: optional(&mut fields, "stream_options", include_usage)?.flatten(),
            opening: optional(&mut fields, "opening", Field::flag)?.unwrap_or(false),
        };
        neutral::check(&mut fields)?;
        neutral::refuse_unknown(fields)?;
        Ok(ask)
    }
}

fn optional<'a, T>(
    fields: &mut Fields<'a>,
    name: &str,
    read: impl FnOnce(&Field<'a>) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    fields.take(name).map(|field| read(&field)).transpose()
}

/// Both spellings mean the same; two that differ are refused.
fn max_tokens(fields: &mut Fields<'_>) -> Result<Option<u32>, Problem> {
    let new = optional(fields, "max_completion_tokens", |field| field.u32(1))?;
    let old = optional(fields, "max_tokens", |field| field.u32(1))?;
    if let (Some(new), Some(old)) = (new, old)
        && new != old
    {
        let message = format!("max_tokens is {old} but max_completion_tokens is {new}");
        return Err(Problem::field("contradiction", "max_tokens", message));
    }
    Ok(new.or(old))
}

fn stop(field: &Field<'_>) -> Result<Vec<String>, Problem> {
    if field.is_text() {
        return Ok(vec![field.text()?]);
    }
    let array = field.array(STOPS_MAX, "a string or an array of strings")?;
    array.map(|text| text.text()).collect()
}

/// A string, or an array with one string in it.
fn prompt(field: &Field<'_>) -> Result<String, Problem> {
    if field.is_text() {
        return field.text();
    }
    let expected = "a string or an array of one string";
    let only = field.array(1, expected)?.next();
    only.ok_or_else(|| field.wrong(expected))?.text()
}

fn include_usage(field: &Field<'_>) -> Result<Option<bool>, Problem> {
    let mut options = field.object()?;
    let wanted = optional(&mut options, "include_usage", Field::flag)?;
    // Padding against traffic analysis: no effect on the answer, and this server adds none.
    optional(&mut options, "include_obfuscation", Field::flag)?;
    neutral::refuse_unknown(options)?;
    Ok(wanted)
}

#[cfg(test)]
mod tests;
