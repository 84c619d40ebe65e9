//! The description of the HTTP contract for machines (OpenAPI 3.1).
//!
//! Invariant: its paths are those of [`Route::ALL`], because it is made from that list.

mod schema;

use crate::{Method, Route};
use serde_json::{Map, Value, json};

/// The document; the same for every server of this version.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in Route::ALL {
        let method = match route.method() {
            Method::Get => "get",
            Method::Post => "post",
        };
        let mut operation = operation(route);
        operation["operationId"] = json!(format!("{route:?}").to_lowercase());
        if route.needs_key() {
            operation["security"] = json!([{}, {"key": []}]);
        }
        paths.insert(route.path().to_owned(), json!({ method: operation }));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Terroir",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
            "description": "OpenAI-compatible answers with receipts that can be checked offline."
        },
        "paths": paths,
        "components": {
            "schemas": schema::all(),
            "responses": {"Problem": json_response("What went wrong.", "Problem")},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        }
    })
}

fn operation(route: Route) -> Value {
    match route {
        Route::Models => json!({
            "summary": "The models that answer here.",
            "responses": responses(json_response("The list.", "ModelList"), &[401]),
        }),
        Route::Model => json!({
            "summary": "One model, by its name or its id.",
            "parameters": [parameter("model", json!({"type": "string"}))],
            "responses": responses(json_response("The model.", "Model"), &[400, 401, 404]),
        }),
        Route::Chat => json!({
            "summary": "The next message of a chat.",
            "requestBody": request("ChatRequest"),
            "responses": responses(answer("ChatAnswer", "ChatChunk"), ANSWER_PROBLEMS),
        }),
        Route::Completions => json!({
            "summary": "Plain text, continued.",
            "requestBody": request("CompletionRequest"),
            "responses": responses(answer("CompletionAnswer", "CompletionChunk"), ANSWER_PROBLEMS),
        }),
        Route::Receipt => json!({
            "summary": "The file of a receipt, signed with COSE.",
            "parameters": [parameter("id", schema::digest())],
            "responses": responses(receipt(), &[400, 401, 404, 500]),
        }),
        Route::Health => json!({
            "summary": "Whether requests are taken.",
            "responses": responses(json_response("Yes.", "Health"), &[503]),
        }),
        Route::Metrics => json!({
            "summary": "Counters in Prometheus' text format.",
            "responses": responses(text("The counters.", "text/plain"), &[]),
        }),
        Route::OpenApi => json!({
            "summary": "This document.",
            "responses": responses(text("The document.", "application/json"), &[]),
        }),
    }
}

/// What can go wrong with a question.
const ANSWER_PROBLEMS: &[u16] = &[400, 401, 404, 408, 413, 415, 429, 500, 503];

fn responses(good: Value, problems: &[u16]) -> Value {
    let mut all = Map::new();
    all.insert("200".to_owned(), good);
    for status in problems {
        let problem = json!({"$ref": "#/components/responses/Problem"});
        all.insert(status.to_string(), problem);
    }
    Value::Object(all)
}

fn json_response(description: &str, schema: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": schema::named(schema)}},
    })
}

/// Whole, or as events.
fn answer(whole: &str, chunk: &str) -> Value {
    let events =
        format!("Lines `data: {chunk}`, each followed by an empty one, and `data: [DONE]`.");
    json!({
        "description": "The answer, with its receipt.",
        "headers": {
            "x-terroir-receipt": {
                "description": "Id of the receipt; not with streams, whose last chunk has it.",
                "schema": schema::digest(),
            }
        },
        "content": {
            "application/json": {"schema": schema::named(whole)},
            "text/event-stream": {"schema": {"type": "string", "description": events}},
        },
    })
}

fn receipt() -> Value {
    json!({
        "description": "The receipt.",
        "content": {"application/cose": {"schema": {"type": "string", "format": "binary"}}},
    })
}

fn text(description: &str, kind: &str) -> Value {
    json!({"description": description, "content": {kind: {}}})
}

fn request(schema: &str) -> Value {
    json!({
        "required": true,
        "content": {"application/json": {"schema": schema::named(schema)}},
    })
}

fn parameter(name: &str, schema: Value) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}
