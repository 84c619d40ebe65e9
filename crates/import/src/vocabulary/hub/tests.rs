//! Tokenizer files: the steps that are known, and the refusal of all others.

use super::*;
use serde_json::json;

fn file(changes: &[(&str, Value)]) -> File {
    let mut file = json!({
        "added_tokens": [], "normalizer": null, "pre_tokenizer": null, "post_processor": null,
        "decoder": null, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
    });
    for (key, value) in changes {
        file[*key] = value.clone();
    }
    serde_json::from_value(file).unwrap()
}

fn byte_level(first: Option<Value>, use_regex: bool) -> Value {
    let last = json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": use_regex});
    match first {
        None => last,
        Some(first) => json!({"type": "Sequence", "pretokenizers": [first, last]}),
    }
}

fn cut_of(changes: &[(&str, Value)]) -> Result<Cut, String> {
    steps::cut(&file(changes))
}

#[test]
fn byte_level_patterns_are_known_by_what_they_say() {
    let pre = |value: Value| cut_of(&[("pre_tokenizer", value)]);
    assert_eq!(pre(byte_level(None, true)), Ok(Cut::ByteLevel(Pre::Gpt2)));
    let digits = json!({"type": "Digits", "individual_digits": true});
    assert_eq!(pre(byte_level(Some(digits), true)), Ok(Cut::ByteLevel(Pre::Smollm)));
    let split = |pattern: &str| {
        json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
               "invert": false})
    };
    let llama3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    assert_eq!(pre(byte_level(Some(split(llama3)), false)), Ok(Cut::ByteLevel(Pre::Llama3)));
    let other = pre(byte_level(Some(split(r"\w+")), false)).unwrap_err();
    assert!(other.starts_with("pre_tokenizer is not understood: "), "{other}");
}

#[test]
fn scored_steps_tell_the_space_prefix() {
    let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let both = json!({"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, spaces]});
    assert_eq!(cut_of(&[("normalizer", both)]), Ok(Cut::Scored { space_prefix: true }));
    assert_eq!(cut_of(&[("normalizer", spaces)]), Ok(Cut::Scored { space_prefix: false }));
    let meta = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first",
                      "split": false});
    assert_eq!(cut_of(&[("pre_tokenizer", meta)]), Ok(Cut::Scored { space_prefix: true }));
    let lower = cut_of(&[("normalizer", json!({"type": "Lowercase"}))]).unwrap_err();
    assert_eq!(lower, r#"normalizer is not understood: {"type":"Lowercase"}"#);
}

#[test]
fn tokens_before_and_after_a_text_are_found() {
    let frame = |single: Value| {
        steps::frame(&file(&[(
            "post_processor",
            json!({"type": "TemplateProcessing", "single": single}),
        )]))
    };
    let (text, bos) = (json!({"Sequence": {"id": "A"}}), json!({"SpecialToken": {"id": "<s>"}}));
    assert_eq!(frame(json!([bos, text])), Ok((Some("<s>".into()), false)));
    assert_eq!(frame(json!([text])), Ok((None, false)));
    assert_eq!(frame(json!([bos, text, bos])), Ok((Some("<s>".into()), true)));
    assert!(frame(json!([bos])).is_err());
}

#[test]
fn ids_that_clash_or_run_away_are_refused() {
    let with = |vocab: Value, added: Value| {
        let model = json!({"type": "BPE", "vocab": vocab, "merges": []});
        Tokens::of(&file(&[("model", model), ("added_tokens", added)])).map(|list| list.names)
    };
    let token = |id: u32, content: &str| json!([{"id": id, "content": content, "special": true}]);
    assert_eq!(
        with(json!({"a": 0}), token(2, "<x>")),
        Ok(vec!["a".into(), "".into(), "<x>".into()])
    );
    let clash = with(json!({"a": 0, "b": 0}), json!([])).unwrap_err();
    assert_eq!(clash, r#"id 0 is both "a" and "b""#);
    let twice = with(json!({"a": 0}), token(1, "a")).unwrap_err();
    assert_eq!(twice, r#"token "a" has two ids"#);
    let far = with(json!({"a": 4_000_000_000u32}), json!([])).unwrap_err();
    assert!(far.starts_with("4000000001 tokens, at most"), "{far}");
}
