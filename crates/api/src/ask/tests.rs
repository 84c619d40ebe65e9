use super::{Ask, Input, Message, STOPS_MAX};
use crate::Problem;
use serde_json::{Value, json};

const MESSAGES_MAX: usize = 100;

fn chat(extra: Value) -> Result<Ask, Problem> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Ask::chat(body.to_string().as_bytes(), MESSAGES_MAX)
}

fn refused(extra: Value, code: &str, param: &str) {
    let problem = chat(extra.clone()).unwrap_err();
    assert_eq!((problem.status, problem.code), (400, code), "{extra}");
    assert_eq!(problem.param.as_deref(), Some(param), "{extra}");
    assert!(problem.message.contains(param), "{}", problem.message);
}

#[test]
fn a_bare_chat_has_nothing_but_its_messages() {
    let ask = chat(json!({})).unwrap();
    let hi = Message { role: "user".into(), content: "hi".into() };
    assert_eq!(ask.input, Input::Chat(vec![hi]));
    assert_eq!(ask.sampling, Default::default());
    assert_eq!((ask.max_tokens, ask.stream, ask.include_usage), (None, false, None));
    assert!(ask.stop.is_empty());
}

#[test]
fn every_supported_field_arrives() {
    let ask = chat(json!({
        "temperature": 0.7, "top_p": 0.95, "min_p": 0.05, "top_k": 40, "repetition_penalty": 1.1,
        "seed": u64::MAX, "max_tokens": 5, "max_completion_tokens": 5, "stop": ["a", "b"],
        "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false},
        "opening": true,
    }))
    .unwrap();
    assert_eq!(ask.sampling.temperature_micro, Some(700_000));
    assert_eq!(ask.sampling.top_p_micro, Some(950_000));
    assert_eq!(ask.sampling.min_p_micro, Some(50_000));
    assert_eq!(ask.sampling.repetition_penalty_micro, Some(1_100_000));
    assert_eq!((ask.sampling.top_k, ask.sampling.seed), (Some(40), Some(u64::MAX)));
    assert_eq!((ask.max_tokens, ask.stop.len()), (Some(5), 2));
    assert_eq!((ask.stream, ask.include_usage, ask.opening), (true, Some(true), true));
}

#[test]
fn null_means_absent() {
    let ask = chat(json!({"temperature": null, "stop": null, "tools": null, "n": null, "x": null}));
    assert_eq!(ask.unwrap(), chat(json!({})).unwrap());
}

#[test]
fn what_asks_for_nothing_is_passed_over() {
    let harmless = json!({
        "n": 1, "logprobs": false, "top_logprobs": 0, "presence_penalty": 0.0,
        "frequency_penalty": 0, "logit_bias": {}, "tools": [], "tool_choice": "auto",
        "response_format": {"type": "text"}, "user": "me", "metadata": {"a": "b"}, "store": true,
        "web_search": false, "modalities": ["text"], "parallel_tool_calls": true,
    });
    assert_eq!(chat(harmless).unwrap(), chat(json!({})).unwrap());
}

#[test]
fn what_would_change_the_answer_is_refused_by_name() {
    let schema = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {}}});
    for (name, value) in [
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(3)),
        ("presence_penalty", json!(0.5)),
        ("frequency_penalty", json!(-1)),
        ("logit_bias", json!({"5": 10})),
        ("tools", json!([{"type": "function"}])),
        ("tool_choice", json!("required")),
        ("response_format", schema),
        ("web_search", json!(true)),
        ("reasoning_effort", json!("high")),
        ("audio", json!({})),
    ] {
        refused(json!({ name: value }), "unsupported_field", name);
    }
    refused(json!({"temprature": 0}), "unknown_field", "temprature");
    let options = json!({"stream_options": {"speed": 1}});
    refused(options, "unknown_field", "stream_options.speed");
}

#[test]
fn wrong_types_name_their_field() {
    for (name, value) in [
        ("model", json!(3)),
        ("messages", json!("hi")),
        ("messages", json!({})),
        ("temperature", json!("0.7")),
        ("temperature", json!(-1)),
        ("temperature", json!(1e9)),
        ("top_k", json!(1.5)),
        ("top_k", json!(-1)),
        ("max_tokens", json!(0)),
        ("max_tokens", json!(1e3)),
        ("max_tokens", json!(1_u64 << 40)),
        ("seed", json!(-7)),
        ("seed", json!("7")),
        ("stop", json!(1)),
        ("stream", json!("yes")),
        ("stream_options", json!(true)),
    ] {
        refused(json!({ name: value }), "wrong_type", name);
    }
    refused(json!({"stop": ["a", 2]}), "wrong_type", "stop[1]");
    let usage = json!({"stream_options": {"include_usage": 1}});
    refused(usage, "wrong_type", "stream_options.include_usage");
    refused(json!({"max_tokens": 1, "max_completion_tokens": 2}), "contradiction", "max_tokens");
}

#[test]
fn messages_are_read_strictly() {
    let with = |message: Value| json!({"messages": [{"role": "user", "content": "a"}, message]});
    for (message, code, param) in [
        (json!(1), "wrong_type", "messages[1]"),
        (json!({"content": "x"}), "missing_field", "messages[1].role"),
        (json!({"role": "user"}), "missing_field", "messages[1].content"),
        (json!({"role": "assistant", "content": null}), "missing_field", "messages[1].content"),
        (json!({"role": "tool", "content": "x"}), "unsupported_value", "messages[1].role"),
        (json!({"role": 1, "content": "x"}), "wrong_type", "messages[1].role"),
        (json!({"role": "user", "content": 1}), "wrong_type", "messages[1].content"),
        (
            json!({"role": "user", "content": "x", "name": "Ann"}),
            "unknown_field",
            "messages[1].name",
        ),
        (
            json!({"role": "assistant", "content": "x", "tool_calls": [{}]}),
            "unsupported_field",
            "messages[1].tool_calls",
        ),
        (
            json!({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
            "unsupported_value",
            "messages[1].content[0].type",
        ),
        (
            json!({"role": "user", "content": [{"type": "text", "text": 1}]}),
            "wrong_type",
            "messages[1].content[0].text",
        ),
    ] {
        refused(with(message), code, param);
    }
    refused(json!({"messages": []}), "unsupported_value", "messages");
}

#[test]
fn arrays_are_counted_and_no_longer_than_they_may_be() {
    let messages = |count| json!({"messages": vec![json!({"role": "user", "content": ""}); count]});
    let parts = |count| {
        let part = json!({"type": "text", "text": "x"});
        json!({"messages": [{"role": "user", "content": vec![part; count]}]})
    };
    let stops = |count| json!({"stop": vec!["x"; count]});
    for (body, max, param) in [
        (&messages as &dyn Fn(usize) -> Value, MESSAGES_MAX, "messages"),
        (&parts, 1024, "messages[0].content"),
        (&stops, STOPS_MAX, "stop"),
    ] {
        assert!(chat(body(max)).is_ok(), "{param}");
        refused(body(max + 1), "too_many_elements", param);
        let message = chat(body(max + 7)).unwrap_err().message;
        assert_eq!(message, format!("{param} has {} elements, at most {max} are taken", max + 7));
    }
}

#[test]
fn objects_have_a_limited_number_of_fields() {
    let extra = |count: usize| {
        // With `model` and `messages`; absent ones, so that nobody minds what they are called.
        let fields = (2..count).map(|at| (format!("f{at}"), Value::Null));
        chat(Value::Object(fields.collect()))
    };
    assert!(extra(100).is_ok());
    assert_eq!(extra(101).unwrap_err().code, "invalid_json");
}

#[test]
fn what_is_compared_is_short() {
    let spaced = |count: usize| {
        let spaces = " ".repeat(count);
        let body = format!("{{\"model\":\"m\",\"prompt\":\"\",\"tools\":[{spaces}]}}");
        Ask::completion(body.as_bytes())
    };
    assert!(spaced(1022).is_ok());
    assert_eq!(spaced(1023).unwrap_err().code, "unsupported_field");
}

#[test]
fn text_parts_are_joined_and_developer_is_system() {
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    let assistant = json!({"role": "assistant", "content": "", "tool_calls": [], "refusal": null});
    let messages = json!([{"role": "developer", "content": parts}, assistant]);
    let Input::Chat(messages) = chat(json!({"messages": messages})).unwrap().input else {
        panic!("a chat")
    };
    assert_eq!((&*messages[0].role, &*messages[0].content), ("system", "a\nb"));
    assert_eq!((&*messages[1].role, &*messages[1].content), ("assistant", ""));
}

#[test]
fn prompts_are_one_text() {
    let prompt = |prompt: Value| {
        let body = json!({"model": "m", "prompt": prompt, "suffix": null, "best_of": 1});
        Ask::completion(body.to_string().as_bytes()).map(|ask| ask.input)
    };
    assert_eq!(prompt(json!("a")), Ok(Input::Text("a".into())));
    assert_eq!(prompt(json!(["a"])), Ok(Input::Text("a".into())));
    assert_eq!(prompt(json!(["a", "b"])).unwrap_err().code, "too_many_elements");
    for wrong in [json!([]), json!([1]), json!([[1, 2]]), json!(1), json!({})] {
        assert!(prompt(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn numbers_are_read_as_they_are_written() {
    let body = br#"{"model":"m","prompt":"","temperature":0.12345649999999999999999999}"#;
    assert_eq!(Ask::completion(body).unwrap().sampling.temperature_micro, Some(123_456));
}

#[test]
fn bodies_that_are_no_object_are_refused() {
    for (body, code) in [
        (&b""[..], "invalid_json"),
        (b"{", "invalid_json"),
        (b"{}{}", "invalid_json"),
        (b"{\"a\":1,\"a\":1}", "invalid_json"),
        (b"{\"model\":\"\xff\"}", "invalid_json"),
        (b"{\"model\":\"m\\ud800\"}", "wrong_type"),
        (b"{\"model\":NaN}", "invalid_json"),
        (b"[]", "wrong_type"),
        (b"null", "wrong_type"),
        (b"\"x\"", "wrong_type"),
        (b"{}", "missing_field"),
    ] {
        let problem = Ask::chat(body, MESSAGES_MAX).unwrap_err();
        assert_eq!((problem.status, problem.code), (400, code), "{body:?}");
    }
    let nested = format!("{{\"model\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Ask::chat(nested.as_bytes(), MESSAGES_MAX).unwrap_err().status, 400);
}

#[test]
fn names_of_unknown_fields_are_not_thrown_back_whole() {
    let long = "x".repeat(100_000);
    let problem = chat(json!({ long: 1 })).unwrap_err();
    assert!(problem.body().to_string().len() < 1_000);
}

mod any {
    use super::Ask;
    use proptest::prelude::*;

    const WHOLE: &str = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text",
        "text":"a\u00e9"}]}],"temperature":0.70,"top_p":1e0,"seed":7,"stop":["x"],"stream":true,
        "stream_options":{"include_usage":null},"max_tokens":5,"tools":[],"n":1}"#;

    proptest! {
        #[test]
        fn no_body_panics(cut in 0..WHOLE.len(), put in any::<Vec<u8>>(), skip in 0_usize..9) {
            let end = (cut + skip).min(WHOLE.len());
            let (head, tail) = (&WHOLE.as_bytes()[..cut], &WHOLE.as_bytes()[end..]);
            let body = [head, &put, tail].concat();
            let read = [Ask::chat(&body, 100), Ask::completion(&body)];
            let problems = read.into_iter().filter_map(Result::err);
            prop_assert!(problems.into_iter().all(|problem| problem.status == 400));
        }
    }

    #[test]
    fn the_whole_body_is_read() {
        assert!(Ask::chat(WHOLE.as_bytes(), 100).is_ok());
    }
}
