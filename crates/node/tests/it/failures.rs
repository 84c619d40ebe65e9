//! Requests that are wrong, too large or not possible: one error body for all of them.

use crate::wire::post;
use crate::world::{NAME, Setup, World, chat, with};
use serde_json::{Value, json};
use terroir_node::Limits;
use terroir_node::server::HttpLimits;

#[track_caller]
fn check(world: &World, body: &Value, status: u16, code: &str, param: Option<&str>) {
    let reply = world.post("/v1/chat/completions", body);
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{}", reply.json());
    assert_eq!(reply.json()["error"]["param"].as_str(), param);
}

#[test]
fn wrong_fields_are_named() {
    let world = World::usual();
    for (fields, code, param) in [
        (json!({"temperature": "hot"}), "wrong_type", "temperature"),
        (json!({"messages": 1}), "wrong_type", "messages"),
        (
            json!({"messages": [{"role": "user", "content": 2}]}),
            "wrong_type",
            "messages[0].content",
        ),
        (json!({"n": 2}), "unsupported_field", "n"),
        (json!({"tools": [{}]}), "unsupported_field", "tools"),
        (json!({"logprobs": true}), "unsupported_field", "logprobs"),
        (json!({"top_p": 1.5}), "unsupported_value", "top_p"),
        (json!({"temperature": 101}), "unsupported_value", "temperature"),
        (json!({"repetition_penalty": 0}), "unsupported_value", "repetition_penalty"),
        (json!({"stop": vec!["x"; 17]}), "too_many_elements", "stop"),
        (json!({"stop": ""}), "unsupported_value", "stop"),
        (json!({"max_tokens": 100_000}), "unsupported_value", "max_tokens"),
        (json!({"max_tokens": 500}), "context_length_exceeded", "messages"),
        (json!({"unheard_of": 1}), "unknown_field", "unheard_of"),
    ] {
        check(&world, &with(chat("hi"), fields), 400, code, Some(param));
    }
    check(&world, &json!({"model": NAME}), 400, "missing_field", Some("messages"));
    let completion = world.post("/v1/completions", &json!({"model": NAME, "prompt": 5}));
    assert_eq!(completion.code(), "wrong_type");
    let empty = world.post("/v1/completions", &json!({"model": NAME, "prompt": ""}));
    assert_eq!((empty.status, empty.code()), (400, "unsupported_value".to_owned()));
}

#[test]
fn bodies_that_are_not_json_are_refused() {
    let world = World::usual();
    for body in [&b""[..], b"{", b"\xff\xfe", b"{\"model\":1,\"model\":1}", b"nul"] {
        let reply = world.send(&post("/v1/chat/completions", "", body));
        assert_eq!((reply.status, reply.code()), (400, "invalid_json".to_owned()), "{body:?}");
    }
}

#[test]
fn what_a_form_could_send_is_refused() {
    let world = World::usual();
    let body = chat("hi").to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let headers = format!("content-type: {kind}\r\n");
        let reply = world.send(&post("/v1/chat/completions", &headers, body.as_bytes()));
        assert_eq!((reply.status, reply.code()), (415, "unsupported_media_type".to_owned()));
    }
    let headers = "content-type: Application/JSON; charset=utf-8\r\n";
    assert_eq!(world.send(&post("/v1/chat/completions", headers, body.as_bytes())).status, 200);
}

#[test]
fn chats_of_ten_thousand_messages_are_answered_with_the_limit() {
    let world = World::usual();
    let messages: Vec<Value> = (0..10_000)
        .map(|index| json!({"role": (["user", "assistant"][index % 2]), "content": "x"}))
        .collect();
    let body = with(chat("hi"), json!({"messages": messages}));
    check(&world, &body, 400, "context_length_exceeded", Some("messages"));
    let context = world.model.manifest.context_max.to_string();
    let reply = world.post("/v1/chat/completions", &body).json();
    assert!(reply["error"]["message"].as_str().unwrap().contains(&context), "{reply}");
    let http = HttpLimits { messages_max: 5_000, ..HttpLimits::DEFAULT };
    let strict = World::new(Setup { http, ..Setup::default() });
    check(&strict, &body, 400, "too_many_elements", Some("messages"));
}

#[test]
fn chats_of_ten_thousand_messages_can_be_answered() {
    let world = World::endless();
    let message = json!({"role": "user", "content": ""});
    let messages = vec![message; 10_000];
    let body = with(chat("hi"), json!({"messages": messages, "max_tokens": 1}));
    let tokens = world.model.prompt(&terroir_model::Input::Chat(vec![
        terroir_model::Message {
            role: "user".into(),
            content: String::new()
        };
        10_000
    ]));
    // The toy spells roles byte by byte, so this many messages fill more than any context here.
    assert!(tokens.unwrap().len() > world.model.manifest.context_max as usize);
    check(&world, &body, 400, "context_length_exceeded", Some("messages"));
    let body = with(body, json!({"messages": vec![json!({"role": "user", "content": ""}); 1_000]}));
    assert_eq!(world.post("/v1/chat/completions", &body).status, 200);
}

#[test]
fn huge_prompts_are_refused_and_their_senders_get_to_know() {
    let world = World::usual();
    let long = "word ".repeat(700_000);
    check(&world, &chat(&long), 400, "context_length_exceeded", Some("messages"));
    let body = json!({"model": NAME, "prompt": long});
    assert_eq!(world.post("/v1/completions", &body).code(), "context_length_exceeded");
    let longer = "word ".repeat(4_000_000);
    check(&world, &chat(&longer), 413, "body_too_large", None);
    let limits = Limits { prompt_tokens_max: 40, ..Limits::SERVER };
    let strict = World::new(Setup { limits, ..Setup::default() });
    check(&strict, &chat(&"x".repeat(50)), 400, "context_length_exceeded", Some("messages"));
}

#[test]
fn a_body_without_a_length_is_held_to_the_limit_too() {
    let http = HttpLimits { body_bytes_max: 1_000, ..HttpLimits::DEFAULT };
    let world = World::new(Setup { http, ..Setup::default() });
    let mut connection = world.connect();
    connection.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: node\r\n\
          content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    for _ in 0..20 {
        connection.send(format!("64\r\n{}\r\n", " ".repeat(100)).as_bytes());
    }
    connection.send(b"0\r\n\r\n");
    let reply = connection.reply();
    assert_eq!((reply.status, reply.code()), (413, "body_too_large".to_owned()));
}

#[test]
fn a_node_that_cannot_sign_any_more_says_so() {
    let world = World::usual();
    let name = format!("{}.chain", world.engine.receipts().node());
    let chain = world.home.folder().join("receipts").join(name);
    // A file that can be neither written nor cut.
    std::fs::remove_file(&chain).unwrap();
    std::os::unix::fs::symlink("/dev/full", &chain).unwrap();
    for jobs in [1, 1] {
        let reply = world.post("/v1/chat/completions", &chat("hi"));
        assert_eq!((reply.status, reply.code()), (503, "engine_stopped".to_owned()));
        // The second one does not get as far as the model.
        assert_eq!(world.engine.counters().receipts_failed, jobs);
    }
    let health = world.get("/healthz");
    assert_eq!((health.status, health.code()), (503, "engine_stopped".to_owned()));
}

#[test]
fn an_answer_without_a_receipt_is_a_failure() {
    let world = World::usual();
    let receipts = world.home.folder().join("receipts");
    std::fs::rename(&receipts, world.home.folder().join("receipts.away")).unwrap();
    std::fs::write(&receipts, b"a file in the way").unwrap();
    let reply = world.post("/v1/chat/completions", &chat("hi"));
    assert_eq!((reply.status, reply.code()), (500, "internal_error".to_owned()));
    let told = reply.json().to_string();
    assert!(!told.contains("receipts") && !told.contains('/'), "{told}");
    let reply = world.post("/v1/chat/completions", &with(chat("hi"), json!({"stream": true})));
    let text = String::from_utf8(reply.body).unwrap();
    let last = text.trim_end().rsplit("data: ").next().unwrap().to_owned();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["error"]["code"], "internal_error");
    assert!(!text.contains("[DONE]"));
    world.wait_idle();
    assert_eq!(world.engine.counters().receipts_failed, 2);
}
