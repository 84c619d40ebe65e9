//! Tokenizer keys: ends, starts, and what is refused by name.

use super::*;
use std::collections::BTreeMap;

type Metadata = BTreeMap<String, Value>;

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn texts(all: &[&str]) -> Value {
    Value::Array(Array::Texts(all.iter().map(|text| text.to_string()).collect()))
}

fn metadata() -> Metadata {
    BTreeMap::from([
        (MODEL.into(), text("gpt2")),
        (PRE.into(), text("llama-bpe")),
        (TOKENS.into(), texts(&["<|endoftext|>", "a", "b", "ab", "<|im_end|>", "<|im_start|>"])),
        (TYPES.into(), Value::Array(Array::Ints(vec![3, 1, 1, 1, 3, 3]))),
        ("tokenizer.ggml.merges".into(), texts(&["a b"])),
        ("tokenizer.ggml.eos_token_id".into(), Value::Uint(4)),
        ("tokenizer.ggml.bos_token_id".into(), Value::Uint(5)),
    ])
}

fn with(key: &str, value: Value) -> Result<Words, Error> {
    let mut metadata = metadata();
    metadata.insert(key.into(), value);
    from_gguf(&Keys::new(&metadata))
}

fn refused(key: &str, value: Value, want: &str) {
    let got = with(key, value).err().expect("it is refused").to_string();
    assert!(got.contains(want), "{want:?} is due: {got}");
}

#[test]
fn ends_are_found_by_key_and_by_name() {
    let ends = |key: &str, id| with(key, Value::Uint(id)).unwrap().eos;
    assert_eq!(ends("tokenizer.ggml.eot_token_id", 4), [4, 0], "the declared one comes first");
    assert_eq!(ends("tokenizer.ggml.eot_token_id", 5), [4, 0, 5]);
    assert_eq!(ends("tokenizer.ggml.eos_token_id", 0), [0, 4]);
}

#[test]
fn llama_3_starts_texts_unless_the_file_says_otherwise() {
    assert!(with(PRE, text("llama-bpe")).unwrap().add_bos);
    assert!(!with(PRE, text("qwen2")).unwrap().add_bos);
    assert!(!with("tokenizer.ggml.add_bos_token", Value::Bool(false)).unwrap().add_bos);
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    refused(MODEL, text("bert"), "key tokenizer.ggml.model: \"gpt2\" or \"llama\" is due");
    refused(PRE, text("new-one"), "key tokenizer.ggml.pre: this way of cutting words");
    refused("tokenizer.ggml.add_eos_token", Value::Bool(true), "add_eos_token: a token after");
    refused("tokenizer.ggml.precompiled_charsmap", Value::Uint(1), "charsmap: not understood");
    refused("tokenizer.ggml.remove_extra_whitespaces", Value::Bool(true), "not understood");
    refused("tokenizer.ggml.eos_token_id", Value::Uint(6), "a token below 6 is due, got 6");
    refused(TYPES, Value::Array(Array::Ints(vec![1])), "6 values are due");
    refused(TYPES, Value::Array(Array::Ints(vec![-1; 6])), "a list of small numbers");
    refused(TOKENS, texts(&[]), "key tokenizer.ggml.tokens: missing");
    refused(TEMPLATE, text(&"x".repeat(2 << 20)), "2097152 bytes, at most 1048576");
    refused("tokenizer.ggml.merges", texts(&["a c"]), "model");
}
