use super::*;
use serde_json::{Value, json};

fn head(kind: Kind) -> Head {
    Head { kind, id: "00ff".into(), created: 7, model: "m".into(), spec: "rules-1" }
}

fn end() -> End {
    let receipt = Receipt { receipt: "aa".into(), salt: "bb".into(), seed: 5, opening: None };
    End { finish: "stop", usage: Usage::new(3, 2, 1), receipt }
}

/// The JSON of each event, in order; panics on anything but exact `data: ` lines.
fn events(stream: &str) -> Vec<Value> {
    let events = stream.strip_suffix(STREAM_END).unwrap_or(stream);
    let lines = events.split_terminator("\n\n").map(|line| line.strip_prefix("data: ").unwrap());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_whole_chat_has_openais_shape_and_the_receipt() {
    let body: Value = serde_json::from_slice(&head(Kind::Chat).whole("hi", &end())).unwrap();
    let usage = json!({
        "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    });
    let choice = json!({
        "index": 0, "message": {"role": "assistant", "content": "hi"}, "logprobs": null,
        "finish_reason": "stop",
    });
    let want = json!({
        "id": "chatcmpl-00ff", "object": "chat.completion", "created": 7, "model": "m",
        "system_fingerprint": "rules-1", "choices": [choice], "usage": usage,
        "receipt": "aa", "salt": "bb", "seed": 5,
    });
    assert_eq!(body, want);
}

#[test]
fn a_whole_completion_has_its_text_in_both_places() {
    let body: Value = serde_json::from_slice(&head(Kind::Completion).whole("hi", &end())).unwrap();
    assert_eq!((&body["completion"], &body["choices"][0]["text"]), (&json!("hi"), &json!("hi")));
    assert_eq!((&body["object"], &body["id"]), (&json!("text_completion"), &json!("cmpl-00ff")));
    assert_eq!(body["choices"][0].get("message"), None);
}

#[test]
fn the_last_chunk_says_everything() {
    let head = head(Kind::Chat);
    let first = events(&head.first(Style::Together).unwrap());
    assert_eq!(first[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    let more = events(&head.more(Style::Together, "x"));
    assert_eq!(more[0]["choices"][0]["delta"], json!({"content": "x"}));
    assert_eq!(more[0]["choices"][0]["finish_reason"], json!(null));
    // Some clients take a chunk with this key for the last one, whatever its value.
    assert_eq!((first[0].get("usage"), more[0].get("usage")), (None, None));
    let last = head.last(Style::Together, &end());
    assert!(last.ends_with("\n\ndata: [DONE]\n\n"));
    let last = events(&last);
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["choices"][0]["finish_reason"], json!("stop"));
    assert_eq!((&last[0]["usage"]["total_tokens"], &last[0]["receipt"]), (&json!(5), &json!("aa")));
}

#[test]
fn usage_comes_apart_or_not_at_all_when_asked() {
    let head = head(Kind::Completion);
    assert_eq!(head.first(Style::Apart), None);
    assert_eq!(events(&head.more(Style::Apart, "x"))[0].get("usage"), Some(&json!(null)));
    let last = events(&head.last(Style::Apart, &end()));
    assert_eq!((&last[0]["usage"], &last[0]["receipt"]), (&json!(null), &json!("aa")));
    assert_eq!(last[0]["choices"][0]["text"], json!(""));
    assert_eq!((&last[1]["choices"], &last[1]["usage"]["total_tokens"]), (&json!([]), &json!(5)));
    assert_eq!(last.len(), 2);
    let last = events(&head.last(Style::Without, &end()));
    assert_eq!((last.len(), last[0].get("usage")), (1, None));
    assert_eq!(Style::of(None), Style::Together);
    assert_eq!(Style::of(Some(true)), Style::Apart);
    assert_eq!(Style::of(Some(false)), Style::Without);
}
