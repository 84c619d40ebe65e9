//! Configurations: what they come to, and what is refused by name.

use super::*;
use serde_json::{Value, json};
use std::path::Path;

fn llama() -> Value {
    json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "hidden_act": "silu",
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16", "rope_scaling": null,
    })
}

fn read(config: &Value) -> Result<Decoder, Error> {
    from_hub(Path::new("config.json"), config.to_string().as_bytes())
}

/// The message for a configuration in which `key` has another value.
fn refusal(base: Value, key: &str, value: Value) -> String {
    let mut config = base;
    config[key] = value;
    read(&config).unwrap_err().to_string()
}

#[test]
fn a_llama_is_read() {
    let decoder = read(&llama()).unwrap();
    assert_eq!((decoder.width, decoder.inner, decoder.head_dim), (64, 96, 16));
    assert_eq!((decoder.heads, decoder.kv_heads, decoder.positions), (4, 2, 2048));
    assert_eq!(decoder.blocks.len(), 3);
    assert_eq!(decoder.attention_scale, 0.25);
    assert_eq!(decoder.tied, Some(true));
    let rope = Rope { base: 500_000.0, dims: 16, scaling: Scaling::None };
    assert_eq!(decoder.blocks[0], Sight { window: 0, rope });
}

#[test]
fn llama3_scaling_is_read_in_both_places() {
    let scaling = json!({
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    });
    let mut config = llama();
    config["rope_scaling"] = scaling.clone();
    let old = read(&config).unwrap().blocks;
    let mut config = llama();
    config["rope_parameters"] = scaling;
    config["rope_parameters"]["rope_theta"] = json!(500000.0);
    config.as_object_mut().unwrap().remove("rope_theta");
    assert_eq!(read(&config).unwrap().blocks, old);
    let want = Scaling::Llama3 { factor: 32.0, low: 1.0, high: 4.0, context: 8192.0 };
    assert_eq!(old[0].rope.scaling, want);
}

#[test]
fn windows_are_read_per_block() {
    let mut config = llama();
    config["model_type"] = json!("mistral");
    config["sliding_window"] = json!(128);
    let windows = |config: &Value| -> Vec<u32> {
        read(config).unwrap().blocks.iter().map(|sight| sight.window).collect()
    };
    assert_eq!(windows(&config), [128, 128, 128]);
    config["layer_types"] = json!(["sliding_attention", "full_attention", "sliding_attention"]);
    assert_eq!(windows(&config), [128, 0, 128]);
    config["model_type"] = json!("qwen2");
    config["use_sliding_window"] = json!(false);
    config["max_window_layers"] = json!(2);
    assert_eq!(windows(&config), [0, 0, 0]);
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let cases = [
        ("model_type", json!("mixtral"), "key model_type: only llama"),
        ("num_local_experts", json!(8), "key num_local_experts: not understood, got 8"),
        ("rope_scaling", json!({"type": "yarn", "factor": 4.0}), "key rope_type: \"default\""),
        ("quantization_config", json!({}), "key quantization_config: not understood"),
        ("hidden_act", json!("relu"), "key hidden_act: \"silu\" is due, got \"relu\""),
        ("hidden_size", json!(0), "key hidden_size: 1 to"),
        ("hidden_size", json!(-1), "key hidden_size: a whole number"),
        ("num_hidden_layers", json!(100_000), "key num_hidden_layers: 1 to 512 is due"),
        ("num_attention_heads", json!(5), "key num_attention_heads: a divisor"),
        ("rms_norm_eps", json!("a"), "key rms_norm_eps: a number is due"),
        ("rope_theta", json!(0), "key rope_theta: at least one is due"),
        ("rope_local_base_freq", json!(0.5), "key rope_local_base_freq: at least one is due"),
        ("rope_interleaved", json!(true), "key rope_interleaved: not understood"),
        ("layer_types", json!(["full_attention"]), "key layer_types:"),
        ("partial_rotary_factor", json!(0.01), "key partial_rotary_factor: an even part"),
    ];
    for (key, value, want) in cases {
        let got = refusal(llama(), key, value);
        assert!(got.contains(want), "{key}: {got}");
    }
}

#[test]
fn a_missing_key_and_a_key_given_twice_are_named() {
    let mut config = llama();
    config.as_object_mut().unwrap().remove("intermediate_size");
    let got = read(&config).unwrap_err().to_string();
    assert_eq!(got, "config.json: key intermediate_size is missing");
    let twice = br#"{"model_type": "llama", "model_type": "qwen2"}"#;
    let got = from_hub(Path::new("config.json"), twice).unwrap_err().to_string();
    assert!(got.contains("key \"model_type\" occurs twice"), "{got}");
}
