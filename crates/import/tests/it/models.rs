//! Tiny decoders of every family against the float forward pass of `tests/golden/models.py`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_base::Digest;
use terroir_base::id::{BlobId, ModelId};
use terroir_import::{Profile, Silent, import};
use terroir_model::Model;
use terroir_store::Store;
use terroir_tensor::{Bytes, Cache, Executor, Isa, Run, Wanted};

/// Positions whose logits the script keeps.
const POSITIONS: [usize; 4] = [3, 11, 23, 39];

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models").join(name)
}

pub fn load(store: &Store, id: ModelId) -> Model {
    let mut fetch = |digest: &Digest| {
        let bytes = store.get(&BlobId(*digest)).map_err(|error| error.to_string())?;
        Ok(Arc::new(bytes) as Bytes)
    };
    Model::load(id, &mut fetch).unwrap()
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.chunks_exact(4).map(|four| four.try_into().unwrap())
}

fn imported(name: &str, profile: Profile) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = import(&golden(name), profile, &store, &mut Silent).unwrap().id;
    load(&store, id)
}

/// Rows of logits at [`POSITIONS`], as floats.
fn logits(model: &Model) -> Vec<Vec<f64>> {
    let tokens = std::fs::read(golden("tokens.u32")).unwrap();
    let tokens: Vec<u32> = words(&tokens).map(u32::from_le_bytes).collect();
    let mut cache = Cache::new(&model.plan);
    let mut executor = Executor::new(model.plan.clone(), 1, Isa::detect()).unwrap();
    let run = Run { cache: &mut cache, tokens: &tokens, logits: Wanted::All };
    let logits = executor.forward(&mut [run]).unwrap();
    let row = |at: usize| logits.row(at).iter().map(|x| f64::from(*x) / 65536.0).collect();
    POSITIONS.into_iter().map(row).collect()
}

/// Mean over the rows of KL(reference, ours), in nats.
fn divergence(name: &str, reference: &str, profile: Profile) -> f64 {
    let ours = logits(&imported(name, profile));
    let bytes = std::fs::read(golden(reference)).unwrap();
    let values: Vec<f64> = words(&bytes).map(|word| f64::from(f32::from_le_bytes(word))).collect();
    let theirs = values.chunks_exact(values.len() / POSITIONS.len());
    let rows = theirs.zip(&ours).map(|(theirs, ours)| {
        let (p, q) = (log_softmax(theirs), log_softmax(ours));
        p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum::<f64>()
    });
    rows.sum::<f64>() / POSITIONS.len() as f64
}

fn log_softmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::MIN, f64::max);
    let total: f64 = row.iter().map(|x| (x - largest).exp()).sum();
    row.iter().map(|x| x - largest - total.ln()).collect()
}

fn check(name: &str, reference: &str) {
    let high = divergence(name, reference, Profile::High);
    let fast = divergence(name, reference, Profile::Fast);
    println!("{name}: KL high {high:.6}, fast {fast:.6}");
    assert!(high < 0.01, "{name}: the translation is another function, KL {high}");
    assert!(fast < 0.05, "{name}: the translation is another function, KL {fast}");
}

/// Token ids that the package `tokenizers` gives, for texts one a line.
fn check_tokens(name: &str, tokens: &str) {
    let model = imported(name, Profile::Fast);
    for line in std::fs::read_to_string(golden(tokens)).unwrap().lines() {
        let (text, ids) = line.split_once('\t').unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        let ids: Vec<u32> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
        assert_eq!(model.tokenizer.encode(&text, true), ids, "{name}: {text:?}");
    }
}

#[test]
fn byte_level_tokens_are_those_of_the_reference() {
    check_tokens("qwen2", "qwen2.tokens");
    check_tokens("qwen2.gguf", "qwen2.tokens");
}

#[test]
fn scored_tokens_are_those_of_the_reference() {
    check_tokens("gemma3", "gemma3.tokens");
    check_tokens("gemma3.gguf", "gemma3.tokens");
}

/// Ids are frozen: whoever changes one changes [`terroir_import::IMPORTER`], or a format.
#[test]
fn ids_are_frozen() {
    let path = golden("../ids.txt");
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut got = String::new();
    for name in ["llama.gguf", "llama", "mistral", "qwen2.gguf", "qwen3", "gemma3.gguf", "gemma3"] {
        for profile in [Profile::Fast, Profile::High] {
            let id = import(&golden(name), profile, &store, &mut Silent).unwrap().id;
            got += &format!("{id} {profile} {name}\n");
        }
    }
    if std::env::var_os("GOLDEN").is_some_and(|what| what == "write") {
        std::fs::write(&path, &got).unwrap();
    }
    assert_eq!(got, std::fs::read_to_string(&path).unwrap());
}

#[test]
fn llama_from_gguf() {
    check("llama.gguf", "llama.gguf.f32");
}

#[test]
fn llama_from_a_hub_folder() {
    check("llama", "llama.hub.f32");
}

#[test]
fn mistral_from_a_hub_folder() {
    check("mistral", "mistral.hub.f32");
}

#[test]
fn qwen2_from_gguf() {
    check("qwen2.gguf", "qwen2.gguf.f32");
}

#[test]
fn qwen2_from_a_hub_folder_of_shards() {
    check("qwen2", "qwen2.hub.f32");
}

#[test]
fn qwen3_from_gguf() {
    check("qwen3.gguf", "qwen3.gguf.f32");
}

#[test]
fn qwen3_from_a_hub_folder() {
    check("qwen3", "qwen3.hub.f32");
}

#[test]
fn gemma3_from_gguf() {
    check("gemma3.gguf", "gemma3.gguf.f32");
}

#[test]
fn gemma3_from_a_hub_folder() {
    check("gemma3", "gemma3.hub.f32");
}
