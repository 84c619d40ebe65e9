//! The messages of a chat.
//!
//! Invariant: nothing that a message says is dropped: parts that are no text are refused.

use super::neutral;
use crate::Problem;
use crate::json::{Field, Fields};

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// "system", "user" or "assistant".
    pub role: String,
    /// What is said.
    pub content: String,
}

/// Fields that only tool calls and other media use; empty, they say nothing.
const EMPTY: [&str; 6] =
    ["tool_calls", "function_call", "refusal", "audio", "annotations", "images"];

/// Most parts of one message.
const PARTS_MAX: usize = 1 << 10;

pub(super) fn read(field: &Field<'_>, messages_max: usize) -> Result<Vec<Message>, Problem> {
    let messages = field.array(messages_max, "an array")?;
    if messages.len() == 0 {
        let message = format!("{} must have at least one message", field.path);
        return Err(Problem::field("unsupported_value", field.path.as_str(), message));
    }
    messages.map(|message| read_message(message.object()?)).collect()
}

fn read_message(mut fields: Fields<'_>) -> Result<Message, Problem> {
    let role = read_role(&fields.need("role")?)?;
    for name in EMPTY {
        if let Some(field) = fields.take(name)
            && !matches!(field.value().as_ref(), Some(value) if neutral::is_empty(value))
        {
            let message = format!("{} is not supported: only text is", field.path);
            return Err(Problem::field("unsupported_field", field.path, message));
        }
    }
    let content = read_content(&fields.need("content")?)?;
    neutral::refuse_unknown(fields)?;
    Ok(Message { role, content })
}

fn read_role(field: &Field<'_>) -> Result<String, Problem> {
    let role = field.text()?;
    match role.as_str() {
        "system" | "user" | "assistant" => Ok(role),
        // OpenAI's newer word for the same.
        "developer" => Ok("system".to_owned()),
        _ => {
            let roles = "system, developer, user or assistant";
            let message = format!("{} is not supported: it must be {roles}", field.path);
            Err(Problem::field("unsupported_value", field.path.as_str(), message))
        }
    }
}

/// A string, or parts of text, which are joined by line feeds.
fn read_content(field: &Field<'_>) -> Result<String, Problem> {
    if field.is_text() {
        return field.text();
    }
    let array = field.array(PARTS_MAX, "a string or an array of text parts")?;
    let parts = array.map(|part| read_part(part.object()?));
    Ok(parts.collect::<Result<Vec<String>, Problem>>()?.join("\n"))
}

fn read_part(mut fields: Fields<'_>) -> Result<String, Problem> {
    let kind = fields.need("type")?;
    if kind.text()? != "text" {
        let message = format!("{} is not supported: only parts of type text are", kind.path);
        return Err(Problem::field("unsupported_value", kind.path, message));
    }
    let text = fields.need("text")?.text()?;
    neutral::refuse_unknown(fields)?;
    Ok(text)
}
