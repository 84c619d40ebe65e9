//! Whole answers.

use crate::world::{NAME, World, chat, with};
use serde_json::json;

#[test]
fn a_chat_is_answered_with_a_receipt() {
    let world = World::usual();
    let reply = world.post("/v1/chat/completions", &chat("hello"));
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-terroir-receipt"), body["receipt"].as_str());
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!(NAME)));
    assert_eq!(body["choices"][0]["message"]["role"], "assistant");
    assert!(body["choices"][0]["message"]["content"].is_string());
    let usage = &body["usage"];
    let sum =
        usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"].as_u64(), Some(sum));
    assert_eq!(body["seed"], 7);
}

#[test]
fn a_completion_has_its_text_in_both_places() {
    let world = World::usual();
    let body = json!({"model": NAME, "prompt": "once", "max_tokens": 8, "temperature": 0});
    let body = world.post("/v1/completions", &body).json();
    assert_eq!(body["object"], "text_completion");
    assert_eq!(body["completion"], body["choices"][0]["text"]);
    assert!(body["completion"].is_string() && body["receipt"].is_string());
}

#[test]
fn seed_and_request_decide_the_answer() {
    let world = World::usual();
    let said = |seed: u64| {
        let body = with(chat("hello"), json!({"seed": seed, "temperature": 1.5}));
        world.post("/v1/chat/completions", &body).json()["choices"].clone()
    };
    assert_eq!(said(1), said(1));
    assert!((2..10).any(|seed| said(seed) != said(1)), "the seed has no effect");
}

#[test]
fn a_seed_that_was_drawn_is_told_and_repeats_the_answer() {
    let world = World::usual();
    let body = with(chat("hello"), json!({"seed": null}));
    let first = world.post("/v1/chat/completions", &body).json();
    let other = world.post("/v1/chat/completions", &body).json();
    assert_ne!(first["seed"], other["seed"]);
    let again = with(chat("hello"), json!({"seed": first["seed"]}));
    let again = world.post("/v1/chat/completions", &again).json();
    assert_eq!(again["choices"], first["choices"]);
}

#[test]
fn without_max_tokens_the_answer_gets_what_the_context_leaves() {
    let world = World::usual();
    let context = world.model.manifest.context_max;
    let prompt = "a".repeat(context as usize - 10);
    let body = with(chat(&prompt), json!({"max_tokens": null, "opening": true}));
    // The template's own tokens are more than what is left.
    assert_eq!(world.post("/v1/chat/completions", &body).code(), "context_length_exceeded");
    let body = with(chat("hello"), json!({"max_tokens": null, "opening": true, "temperature": 0}));
    let body = world.post("/v1/chat/completions", &body).json();
    let request: serde_json::Value =
        serde_json::from_str(body["opening"]["request"].as_str().unwrap()).unwrap();
    let prompt_tokens = body["usage"]["prompt_tokens"].as_u64().unwrap();
    let left = u64::from(context) - prompt_tokens;
    assert_eq!(request["request"]["max_tokens"].as_u64(), Some(left));
}

#[test]
fn the_model_answers_to_its_name_and_its_id_only() {
    let world = World::usual();
    let ask = |model: &str| {
        world.post("/v1/chat/completions", &with(chat("hi"), json!({"model": model})))
    };
    assert_eq!(ask(&world.model.id.to_string()).status, 200);
    for other in ["gpt-4", "", "toy2", "Toy", &world.model.id.to_string()[..12]] {
        let reply = ask(other);
        assert_eq!((reply.status, reply.code()), (404, "model_not_found".to_owned()), "{other}");
        assert_eq!(reply.json()["error"]["param"], "model");
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let world = World::usual();
    let mut connection = world.connect();
    let mut receipts = Vec::new();
    for _ in 0..3 {
        connection.post("/v1/chat/completions", &chat("hello"));
        let reply = connection.reply();
        assert_eq!(reply.status, 200);
        receipts.push(reply.json()["receipt"].clone());
    }
    assert!(receipts[0] != receipts[1] && receipts[1] != receipts[2]);
}
