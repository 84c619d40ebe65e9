//! Answers as streams of events.

use crate::wire::events;
use crate::world::{NAME, World, chat, endless, with};
use serde_json::{Value, json};

/// All text of a stream.
fn text(events: &[Value], pointer: &str) -> String {
    events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let world = World::usual();
    for seed in 0..6 {
        let ask = with(chat("hello"), json!({"seed": seed}));
        let whole = world.post("/v1/chat/completions", &ask).json();
        let reply = world.post("/v1/chat/completions", &with(ask, json!({"stream": true})));
        assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
        let events = events(&reply.body);
        assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
        let said = text(&events, "/choices/0/delta/content");
        assert_eq!(json!(said), whole["choices"][0]["message"]["content"]);
        let (last, rest) = events.split_last().unwrap();
        assert_eq!(last["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"]);
        assert_eq!(last["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
        assert!(last["receipt"].is_string() && last["salt"].is_string());
        for chunk in rest {
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert_eq!(chunk["choices"][0]["finish_reason"], Value::Null);
            assert_eq!((chunk.get("usage"), chunk.get("receipt")), (None, None));
            assert_eq!(chunk["id"], last["id"]);
        }
    }
}

#[test]
fn completions_stream_too() {
    let world = World::usual();
    let ask = json!({"model": NAME, "prompt": "once", "max_tokens": 8, "seed": 1, "stream": true});
    let events = events(&world.post("/v1/completions", &ask).body);
    let whole = world.post("/v1/completions", &with(ask, json!({"stream": false}))).json();
    assert_eq!(json!(text(&events, "/choices/0/text")), whole["completion"]);
    assert!(events.last().unwrap()["receipt"].is_string());
}

#[test]
fn usage_comes_where_it_was_asked_for() {
    let world = World::usual();
    let ask = |options: Value| {
        let body = with(chat("hi"), json!({"stream": true, "stream_options": options}));
        events(&world.post("/v1/chat/completions", &body).body)
    };
    let apart = ask(json!({"include_usage": true}));
    let (last, rest) = apart.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].is_u64());
    assert!(rest.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)));
    let without = ask(json!({"include_usage": false}));
    assert!(without.iter().all(|chunk| chunk.get("usage").is_none()));
    assert_eq!(without.last().unwrap()["choices"][0]["finish_reason"], "length");
}

#[test]
fn stop_strings_never_reach_the_client() {
    let world = World::usual();
    let ask = with(chat("hello"), json!({"temperature": 0, "max_tokens": 64}));
    let whole = world.post("/v1/chat/completions", &ask).json();
    let content = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let middle: String = content.chars().skip(6).take(3).collect();
    let ask = with(ask, json!({"stop": middle, "stream": true}));
    let events = events(&world.post("/v1/chat/completions", &ask).body);
    let said = text(&events, "/choices/0/delta/content");
    assert_eq!(said, content[..content.find(&middle).unwrap()]);
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[test]
fn a_reader_who_leaves_takes_the_job_along() {
    let world = World::endless();
    let stream = world.stream(&endless("hello"));
    assert_eq!(world.engine.status().jobs, 1);
    drop(stream);
    world.wait_idle();
    assert_eq!(world.engine.counters().cancelled, 1);
}

#[test]
fn a_client_who_hangs_up_before_the_answer_takes_the_job_along() {
    let world = World::endless();
    let mut connection = world.connect();
    let body = with(endless("hello"), json!({"stream": false}));
    connection.post("/v1/chat/completions", &body);
    world.wait_jobs(1);
    drop(connection);
    world.wait_idle();
}
