//! The shapes of bodies.

use crate::ask::STOPS_MAX;
use serde_json::{Map, Value, json};

/// A reference to a shape.
pub(super) fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Sixty-four hexadecimal digits.
pub(super) fn digest() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})
}

/// Every shape by its name.
pub(super) fn all() -> Value {
    let mut all = Map::new();
    for (name, shape) in [
        ("Problem", problem()),
        ("Health", object(json!({"status": {"const": "ok"}}), &["status"])),
        ("Model", model()),
        ("ModelList", list()),
        ("Message", message()),
        ("Usage", usage()),
        ("Opening", opening()),
        ("ChatRequest", request("messages", messages())),
        ("CompletionRequest", request("prompt", prompt())),
        ("ChatAnswer", answer("chat.completion", "message", message_shape(), false)),
        ("ChatChunk", answer("chat.completion.chunk", "delta", message_shape(), true)),
        ("CompletionAnswer", completion_answer()),
        ("CompletionChunk", answer("text_completion", "text", string(), true)),
    ] {
        all.insert(name.to_owned(), shape);
    }
    Value::Object(all)
}

fn problem() -> Value {
    let error = json!({
        "message": string(),
        "type": {"enum": [
            "invalid_request_error", "authentication_error", "rate_limit_error", "server_error",
        ]},
        "param": {"type": ["string", "null"], "description": "The field at fault."},
        "code": string(),
    });
    object(json!({"error": object(error, &["message", "type", "param", "code"])}), &["error"])
}

fn model() -> Value {
    let fields = json!({
        "id": string(),
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"const": "terroir"},
        "digest": digest(),
        "profile": {"enum": ["fast", "high"]},
        "context_length": {"type": "integer"},
        "licence": {"type": ["string", "null"]},
        "node": node(),
    });
    object(fields, &["id", "object", "created", "owned_by", "digest", "node"])
}

fn node() -> Value {
    let mut key = digest();
    key["description"] = json!("Public key (Ed25519) of the node: it signs every receipt.");
    key
}

fn list() -> Value {
    let data = json!({"type": "array", "items": named("Model")});
    object(json!({"object": {"const": "list"}, "data": data}), &["object", "data"])
}

fn message() -> Value {
    let part = object(json!({"type": {"const": "text"}, "text": string()}), &["type", "text"]);
    let fields = json!({
        "role": {"enum": ["system", "developer", "user", "assistant"]},
        "content": {"oneOf": [string(), {"type": "array", "items": part}]},
    });
    object(fields, &["role", "content"])
}

fn messages() -> Value {
    json!({"type": "array", "minItems": 1, "items": named("Message")})
}

fn prompt() -> Value {
    json!({"oneOf": [
        {"type": "string"},
        {"type": "array", "items": string(), "minItems": 1, "maxItems": 1},
    ]})
}

/// Fields that mean nothing here are not listed; all others that OpenAI knows are refused by name.
fn request(input: &str, shape: Value) -> Value {
    let number = |default: f64, maximum: f64, what: &str| {
        let description = format!("{what} Rounded to millionths, halves to even.");
        json!({
            "type": ["number", "null"], "minimum": 0, "maximum": maximum,
            "default": default, "description": description,
        })
    };
    let length = json!({"type": ["integer", "null"], "minimum": 1});
    let seed = "Names the random stream. Drawn, and told in the reply, where it is absent.";
    let usage = "Absent: in the last chunk. True: in a chunk of its own. False: nowhere.";
    let stop = json!({"type": "array", "items": string(), "maxItems": STOPS_MAX});
    let opening = "Whether the reply carries the files that open its receipt.";
    let fields = json!({
        "model": {"type": "string", "description": "A name or an id that /v1/models lists."},
        input: shape,
        "max_tokens": length,
        "max_completion_tokens": length,
        "temperature": number(1.0, 100.0, "0 takes the likeliest token."),
        "top_p": number(1.0, 1.0, "Share of the likeliest tokens that are kept."),
        "min_p": number(0.0, 1.0, "Least likelihood, as a share of the largest."),
        "top_k": {"type": ["integer", "null"], "minimum": 0, "default": 0},
        "repetition_penalty": number(1.0, 100.0, "At least 0.01; 1 changes nothing."),
        "seed": {"type": ["integer", "null"], "minimum": 0, "description": seed},
        "stop": {"oneOf": [{"type": ["string", "null"]}, stop]},
        "stream": {"type": ["boolean", "null"], "default": false},
        "stream_options": {"type": ["object", "null"], "properties": {
            "include_usage": {"type": ["boolean", "null"], "description": usage},
        }},
        "opening": {"type": ["boolean", "null"], "default": false, "description": opening},
    });
    object(fields, &["model", input])
}

fn usage() -> Value {
    let integer = json!({"type": "integer"});
    let fields = json!({
        "prompt_tokens": integer,
        "completion_tokens": integer,
        "total_tokens": integer,
        "prompt_tokens_details": object(json!({"cached_tokens": integer}), &["cached_tokens"]),
    });
    object(fields, &["prompt_tokens", "completion_tokens", "total_tokens"])
}

fn opening() -> Value {
    let file = |name: &str| {
        let description = format!("Content of {name}, byte for byte.");
        json!({"type": "string", "description": description})
    };
    let fields = json!({"request": file("ID.request.json"), "answer": file("ID.answer.json")});
    object(fields, &["request", "answer"])
}

fn message_shape() -> Value {
    object(json!({"role": {"const": "assistant"}, "content": string()}), &[])
}

fn completion_answer() -> Value {
    let mut shape = answer("text_completion", "text", string(), false);
    shape["properties"]["completion"] =
        json!({"type": "string", "description": "The same text, for clients that look here."});
    shape
}

fn answer(kind: &str, content: &str, shape: Value, chunk: bool) -> Value {
    let finish = match chunk {
        true => json!({"enum": ["stop", "length", "cancelled", null]}),
        false => json!({"enum": ["stop", "length", "cancelled"]}),
    };
    let choice = json!({
        "index": {"const": 0},
        content: shape,
        "logprobs": {"type": "null"},
        "finish_reason": finish,
    });
    let salt = "The secret that opens the receipt's commitments; the node does not keep it.";
    let fields = json!({
        "id": string(),
        "object": {"const": kind},
        "created": {"type": "integer"},
        "model": string(),
        "system_fingerprint": {"type": "string", "description": "Name of the exact rules."},
        "choices": {"type": "array", "items": object(choice, &["index", "finish_reason"])},
        "usage": {"oneOf": [named("Usage"), {"type": "null"}]},
        "receipt": {"type": "string", "description": "Id of the receipt."},
        "salt": {"type": "string", "description": salt},
        "seed": {"type": "integer"},
        "opening": named("Opening"),
    });
    match chunk {
        true => object(fields, &["id", "object", "created", "model", "choices"]),
        false => object(
            fields,
            &["id", "object", "created", "model", "choices", "usage", "receipt", "salt", "seed"],
        ),
    }
}

fn string() -> Value {
    json!({"type": "string"})
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required})
}
