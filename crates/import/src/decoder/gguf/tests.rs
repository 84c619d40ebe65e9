//! Keys of GGUF files: what they come to, and what is refused by name.

use super::*;
use std::collections::BTreeMap;

type Metadata = BTreeMap<String, Value>;

fn metadata(architecture: &str) -> Metadata {
    let numbers = [
        ("block_count", 12),
        ("context_length", 2048),
        ("embedding_length", 64),
        ("feed_forward_length", 96),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
    ];
    let numbers = numbers.map(|(name, n)| (format!("{architecture}.{name}"), Value::Uint(n)));
    let mut metadata = Metadata::from(numbers);
    let epsilon = format!("{architecture}.attention.layer_norm_rms_epsilon");
    metadata.insert(epsilon, Value::Float(1e-5));
    metadata.insert("general.architecture".into(), Value::Text(architecture.into()));
    metadata
}

fn read(metadata: &Metadata) -> Result<Decoder, Error> {
    from_gguf(&Keys::new(metadata), None)
}

fn with(architecture: &str, changes: &[(&str, Value)]) -> Metadata {
    let mut metadata = metadata(architecture);
    for (key, value) in changes {
        metadata.insert((*key).into(), value.clone());
    }
    metadata
}

fn check(architecture: &str, key: &str, value: Value, want: &str) {
    let got = read(&with(architecture, &[(key, value)])).unwrap_err().to_string();
    assert!(got.contains(want), "{want:?} is due: {got}");
}

#[test]
fn a_llama_pairs_neighbours_and_the_others_halves() {
    let llama = read(&metadata("llama")).unwrap();
    assert_eq!((llama.width, llama.inner, llama.head_dim), (64, 96, 16));
    assert_eq!((llama.heads, llama.kv_heads, llama.positions), (4, 2, 2048));
    assert_eq!((llama.pairing, llama.attention_scale), (Pairing::Adjacent, 0.25));
    let rope = Rope { base: 10_000.0, dims: 16, scaling: Scaling::None };
    assert_eq!(llama.blocks, vec![Sight { window: 0, rope }; 12]);
    let qwen = read(&metadata("qwen3")).unwrap();
    assert_eq!((qwen.pairing, qwen.head_norms), (Pairing::Half, true));
}

#[test]
fn gemma_looks_near_five_times_out_of_six() {
    let metadata = with(
        "gemma3",
        &[
            ("gemma3.attention.sliding_window", Value::Uint(512)),
            ("gemma3.rope.freq_base", Value::Float(1e6)),
            ("gemma3.rope.scaling.type", Value::Text("linear".into())),
            ("gemma3.rope.scaling.factor", Value::Float(8.0)),
        ],
    );
    let gemma = read(&metadata).unwrap();
    let windows: Vec<u32> = gemma.blocks.iter().map(|sight| sight.window).collect();
    assert_eq!(windows, [512, 512, 512, 512, 512, 0, 512, 512, 512, 512, 512, 0]);
    let near = Rope { base: 10_000.0, dims: 16, scaling: Scaling::None };
    let far = Rope { base: 1e6, dims: 16, scaling: Scaling::Linear(8.0) };
    assert_eq!((&gemma.blocks[0].rope, &gemma.blocks[5].rope), (&near, &far));
    assert_eq!((gemma.embed_scale, gemma.norms_after), (8.0, true));
}

#[test]
fn factors_of_frequencies_must_fit_the_head() {
    let metadata = metadata("llama");
    let decoder = |factors| from_gguf(&Keys::new(&metadata), Some(factors));
    let scaling = decoder(vec![2.0; 8]).unwrap().blocks[0].rope.scaling.clone();
    assert_eq!(scaling, Scaling::Factors(vec![2.0; 8]));
    for wrong in [vec![2.0; 7], vec![0.0; 8], vec![-1.0; 8], vec![1e9; 8]] {
        let got = decoder(wrong).unwrap_err().to_string();
        assert!(got.starts_with("tensor rope_freqs.weight: 8 factors in"), "{got}");
    }
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let text = |text: &str| Value::Text(text.into());
    check("llama", "general.architecture", text("mamba"), "key general.architecture: only llama");
    check("llama", "general.type", text("adapter"), "key general.type: \"model\" is due");
    check("llama", "llama.rope.scaling.type", text("yarn"), "key llama.rope.scaling.type");
    check("llama", "llama.rope.scaling.attn_factor", Value::Float(2.0), "not understood");
    check("llama", "llama.logit_scale", Value::Float(2.0), "key llama.logit_scale: not understood");
    check("llama", "llama.expert_count", Value::Uint(8), "experts are not understood, got 8");
    check("llama", "llama.attention.causal", Value::Bool(false), "only causal attention");
    check("gemma3", "gemma3.final_logit_softcapping", Value::Float(30.0), "soft caps");
    check("qwen2", "qwen2.attention.sliding_window", Value::Uint(8), "no window is understood");
    check("llama", "llama.tensor_data_layout", text("other"), "\"Meta AI original pth\" is due");
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let uint = Value::Uint;
    check("llama", "llama.block_count", uint(0), "key llama.block_count: 1 to 512 is due, got 0");
    check("llama", "llama.block_count", uint(1 << 40), "a whole number below 2^32");
    check("llama", "llama.embedding_length", uint(1 << 20), "1 to 65536 is due");
    check("llama", "llama.attention.head_count", uint(u64::from(u32::MAX)), "1 to 4096 is due");
    check("llama", "llama.attention.head_count", uint(3), "a divisor of the width");
    check("llama", "llama.attention.head_count_kv", uint(0), "1 to 4096 is due");
    check("llama", "llama.attention.key_length", uint(1 << 30), "1 to 256 is due");
    check("llama", "llama.attention.value_length", uint(32), "the length of keys is due");
    check("llama", "llama.rope.dimension_count", uint(15), "an even part of a head");
    check("llama", "llama.rope.dimension_count", uint(18), "an even part of a head");
    check("llama", "llama.rope.freq_base", Value::Float(0.0), "at least one is due");
    check("llama", "llama.rope.freq_base", Value::Float(f64::NAN), "a finite number is due");
    let local = [
        ("gemma3.attention.sliding_window", Value::Uint(512)),
        ("gemma3.rope.freq_base_swa", Value::Float(0.5)),
    ];
    let got = read(&with("gemma3", &local)).unwrap_err().to_string();
    assert_eq!(got, "key gemma3.rope.freq_base_swa: at least one is due, got 0.5");
    check("llama", "llama.attention.scale", Value::Float(-1.0), "key llama.attention.scale");
    let epsilon = "llama.attention.layer_norm_rms_epsilon";
    check("llama", epsilon, Value::Float(-1e-5), "0 to 1 is due");
    check("llama", epsilon, Value::Uint(1), "a finite number is due, got 1");
}
