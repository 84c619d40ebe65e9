//! Fields of OpenAI's requests that this server does nothing with.
//!
//! Invariant: a field is passed over only if the answer would be the same with it supported.

use crate::Problem;
use crate::json::Fields;
use serde_json::Value;

/// Bookkeeping of other servers: no value of these changes an answer.
pub(crate) const IGNORED: [&str; 8] = [
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
];

/// Fields that change answers, with the values that ask for nothing.
const NEUTRAL: [(&str, &[&str]); 22] = [
    ("audio", &[]),
    ("best_of", &["1"]),
    ("echo", &["false"]),
    ("frequency_penalty", &["0"]),
    ("function_call", &["\"none\"", "\"auto\""]),
    ("functions", &["[]"]),
    ("logit_bias", &["{}"]),
    ("logprobs", &["false"]),
    ("modalities", &["[\"text\"]"]),
    ("moderation", &[]),
    ("n", &["1"]),
    ("prediction", &[]),
    ("presence_penalty", &["0"]),
    ("reasoning_effort", &["\"none\""]),
    ("response_format", &["{\"type\":\"text\"}"]),
    ("suffix", &["\"\""]),
    ("tool_choice", &["\"none\"", "\"auto\""]),
    ("tools", &["[]"]),
    ("top_logprobs", &["0"]),
    ("verbosity", &["\"medium\""]),
    ("web_search", &["false"]),
    ("web_search_options", &[]),
];

/// Takes the fields that ask for nothing.
///
/// Errors: `unsupported_field` for one that asks for something.
pub(super) fn check(fields: &mut Fields<'_>) -> Result<(), Problem> {
    for name in IGNORED {
        fields.take(name);
    }
    for (name, values) in NEUTRAL {
        let Some(field) = fields.take(name) else { continue };
        let got = field.value();
        let neutral = values.iter().any(|value| {
            let value = serde_json::from_str(value).ok();
            got.is_some() && (value == got || same_number(&value, &got))
        });
        if !neutral {
            let leave = match values {
                [] => "leave it out".to_owned(),
                _ => format!("leave it out or set it to {}", values.join(" or ")),
            };
            let message = format!("{} is not supported with this value: {leave}", field.path);
            return Err(Problem::field("unsupported_field", field.path, message));
        }
    }
    Ok(())
}

/// Refuses what is left: a mistyped field that is ignored would change the answer unnoticed.
pub(super) fn refuse_unknown(fields: Fields<'_>) -> Result<(), Problem> {
    let Some(field) = fields.rest() else { return Ok(()) };
    let path: String = field.path.chars().take(100).collect();
    let message = format!("{path} is not a field that this server knows");
    Err(Problem::field("unknown_field", path, message))
}

/// Whether a value says nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(array) => array.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn same_number(one: &Option<Value>, other: &Option<Value>) -> bool {
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
    number(one).is_some() && number(one) == number(other)
}
