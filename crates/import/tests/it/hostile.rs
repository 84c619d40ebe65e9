//! Whole imports of files that were tampered with: a precise error or an id, never a panic, and
//! nothing pinned after an error.

use crate::models::golden;
use proptest::prelude::*;
use std::path::Path;
use terroir_import::{Error, Profile, Silent, import};
use terroir_store::Store;

fn try_import(path: &Path) -> Result<String, Error> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let result = import(path, Profile::Fast, &store, &mut Silent);
    assert_eq!(store.pins().unwrap().len(), usize::from(result.is_ok()), "pins follow success");
    result.map(|imported| imported.id.to_string())
}

fn try_bytes(bytes: &[u8]) -> Result<String, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gguf");
    std::fs::write(&path, bytes).unwrap();
    try_import(&path)
}

/// The tiny Qwen 2 with the bytes `from` replaced, once, by as many bytes `to`.
fn replaced(from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths stay");
    let mut bytes = std::fs::read(golden("qwen2.gguf")).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there");
    bytes[at..at + from.len()].copy_from_slice(to);
    bytes
}

fn check(want: &str, from: &[u8], to: &[u8]) {
    let got = try_bytes(&replaced(from, to)).unwrap_err().to_string();
    assert!(got.contains(want), "{want:?} is due: {got}");
}

#[test]
fn what_is_not_understood_is_named() {
    check("key qwen2.feed_forward_length: missing", b"qwen2.feed_forward", b"qwen2.feed_fOrward");
    check(
        "key general.architecture: only llama",
        b"\x05\0\0\0\0\0\0\0qwen2",
        b"\x05\0\0\0\0\0\0\0qwenX",
    );
    check("tensor blk.0.attn_q.weight: missing", b"blk.0.attn_q.weight", b"blk.0.attn_Q.weight");
    check("tensor blk.0.attn_Q.bias: not understood", b"blk.0.attn_q.bias", b"blk.0.attn_Q.bias");
    check(
        "key tokenizer.ggml.pre: this way of cutting",
        b"\x05\0\0\0\0\0\0\0qwen2\x15",
        b"\x05\0\0\0\0\0\0\0qwenX\x15",
    );
    check(
        "key tokenizer.ggml.merged: not understood",
        b"tokenizer.ggml.merges",
        b"tokenizer.ggml.merged",
    );
    check(
        "key qwen2.rope.freq_basX: not understood",
        b"qwen2.rope.freq_base",
        b"qwen2.rope.freq_basX",
    );
}

#[test]
fn an_id_follows_from_the_bytes_alone() {
    let original = golden("qwen2.gguf");
    let id = try_import(&original).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("other name");
    std::fs::copy(&original, &copy).unwrap();
    assert_eq!(try_import(&copy).unwrap(), id);
    let mut bytes = std::fs::read(&original).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    assert_ne!(try_bytes(&bytes).unwrap(), id, "the source is part of the id");
}

#[test]
fn truncated_models_are_refused() {
    let bytes = std::fs::read(golden("qwen2.gguf")).unwrap();
    for length in (0..bytes.len()).step_by(bytes.len() / 60) {
        assert!(try_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn folders_without_their_companions_are_refused() {
    for (name, want) in [
        ("config.json", "config.json: missing"),
        ("tokenizer.json", "tokenizer.json: missing"),
        ("tokenizer_config.json", "tokenizer_config.json: missing"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(golden("llama")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != name {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        let got = try_import(folder.path()).unwrap_err().to_string();
        assert!(got.ends_with(want), "{got}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changed_models_never_panic(
        changes in prop::collection::vec((0usize..16_000, any::<u8>()), 1..4),
    ) {
        let mut bytes = std::fs::read(golden("qwen2.gguf")).unwrap();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let _ = try_bytes(&bytes);
    }

    #[test]
    fn changed_tokenizers_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        which in 0usize..3,
    ) {
        let name = ["tokenizer.json", "config.json", "tokenizer_config.json"][which];
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(golden("qwen3")).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        std::fs::write(&path, bytes).unwrap();
        let _ = try_import(folder.path());
    }
}
