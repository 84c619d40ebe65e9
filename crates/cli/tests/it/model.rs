//! Models: listing, measuring, looking inside, removing.

use crate::support::{Home, MODEL, model_file, text};
use std::fs;

const TEXT: &str = "The river came down from the hills and turned the old mill.";

#[test]
fn a_model_is_found_by_name_and_by_the_start_of_its_id() {
    let home = Home::with_model();
    let listed = home.json(["model", "list", "--json"]);
    let model = text(&listed, "/0/model");
    assert_eq!(listed[0]["name"], MODEL);
    for wanted in [MODEL, model, &model[..8]] {
        let shown = home.json(["model", "show", wanted, "--json"]);
        assert_eq!(shown["model"], *model);
        assert_eq!(shown["context_max"], 8192);
        assert_eq!(shown["licence"], "apache-2.0");
    }
    let said = home.run(["model", "list"]);
    assert!(said.expect(0).out.starts_with(MODEL), "{said:?}");
    assert!(home.run(["model", "show", MODEL]).expect(0).out.contains(model));
}

#[test]
fn a_score_is_the_same_with_any_number_of_threads() {
    let home = Home::with_model();
    let file = home.write("text.txt", TEXT);
    let score = |threads: &str| {
        let words = ["model", "score", MODEL, file.to_str().unwrap(), "--json"];
        home.json(words.iter().chain(&["--threads", threads]))
    };
    let one = score("1");
    assert_eq!(one, score("2"));
    assert_eq!(one["bytes"], TEXT.len());
    let perplexity = one["perplexity"].as_f64().unwrap();
    assert!((2.0..200.0).contains(&perplexity), "{one}");
    let said = home.run(["model", "score", MODEL, file.to_str().unwrap()]);
    assert!(said.expect(0).out.contains("bits/byte"), "{said:?}");
}

#[test]
fn a_text_with_nothing_to_predict_has_no_score() {
    let home = Home::with_model();
    let file = home.write("one.txt", "a");
    let said = home.run(["model", "score", MODEL, file.to_str().unwrap()]);
    assert!(said.expect(2).err.contains("nothing comes before it"), "{said:?}");
}

#[test]
fn a_file_that_was_imported_is_taken_as_it_is() {
    let home = Home::with_model();
    let pull = |name: &str| {
        let words = ["model", "pull", model_file().to_str().unwrap(), "--name", name, "--json"]
            .map(str::to_owned);
        home.run(words)
    };
    let again = pull("again");
    assert_eq!(again.json()["reused"], true);
    assert!(again.err.contains("was imported before"), "{again:?}");
    let listed = home.json(["model", "list", "--json"]);
    assert_eq!(listed[0]["model"], listed[1]["model"]);
    home.run(["model", "remove", MODEL]).expect(0);
    assert_eq!(pull(MODEL).json()["reused"], false);
}

#[test]
fn a_model_that_loses_its_last_name_is_mentioned() {
    let home = Home::with_model();
    let id = text(&home.json(["model", "list", "--json"]), "/0/model").to_owned();
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../import/tests/golden/models/qwen2.gguf");
    let said = home.run(["model", "pull", tiny, "--name", MODEL]);
    assert!(said.expect(0).err.contains(&format!("`terroir model remove {id}`")), "{said:?}");
    home.run(["model", "remove", &id]).expect(0);
    assert!(home.json(["store", "check", "--json"])["bytes"].as_u64().unwrap() < 1_000_000);
    let again = home.run(["model", "pull", tiny, "--name", MODEL]);
    assert!(!again.expect(0).err.contains("has no name"), "{again:?}");
}

#[test]
fn logits_are_a_row_of_integers_per_token() {
    let home = Home::with_model();
    let file = home.write("text.txt", TEXT);
    let (out, tokens) = (home.write("logits", ""), home.write("tokens", ""));
    let words = ["model", "logits", MODEL, file.to_str().unwrap(), "--max-tokens", "5", "--json"];
    let files = ["--out", out.to_str().unwrap(), "--tokens-out", tokens.to_str().unwrap()];
    let said = home.json(words.iter().chain(&files));
    assert_eq!((&said["tokens"], &said["vocab"]), (&5.into(), &49152.into()));
    assert_eq!(fs::metadata(out).unwrap().len(), 5 * 49152 * 4);
    let tokens: Vec<u32> = serde_json::from_slice(&fs::read(tokens).unwrap()).unwrap();
    assert_eq!(tokens.len(), 5);
}

#[test]
fn a_trace_has_a_digest_per_operator_and_position() {
    let home = Home::with_model();
    let file = home.write("prompt.txt", "Hello world");
    let words = ["model", "trace", MODEL, "--prompt-file", file.to_str().unwrap()];
    let said = home.run(words);
    let lines: Vec<&str> = said.expect(0).out.lines().collect();
    let (root, rows) = lines.split_last().unwrap();
    assert_eq!(root.len(), "root ".len() + 64);
    assert!(rows[0].starts_with("0 0 embed "), "{}", rows[0]);
    assert_eq!(rows.len() % 2, 0, "two tokens, the same operators for both");
    let json = home.run(words.iter().chain(&["--json"]));
    assert_eq!(json.expect(0).out.lines().count(), lines.len());
}

#[test]
fn a_bench_measures_every_phase() {
    let home = Home::with_model();
    let report = home.json(["model", "bench", MODEL, "--runs", "1", "--json"]);
    for figure in [
        "prefill_tok_s",
        "decode_tok_s",
        "streams_tok_s",
        "generate_s",
        "replay_s",
        "commit_s",
        "weight_bytes",
        "peak_bytes",
    ] {
        assert!(report[figure].as_f64().unwrap() > 0.0, "{figure} in {report}");
    }
}

#[test]
fn a_removed_model_is_gone_with_its_files() {
    let home = Home::with_model();
    let removed = home.json(["model", "remove", MODEL, "--json"]);
    assert_eq!(removed["names"], serde_json::json!([MODEL]));
    assert!(removed["bytes"].as_u64().unwrap() > 90_000_000, "{removed}");
    assert_eq!(home.json(["model", "list", "--json"]), serde_json::json!([]));
    home.run(["model", "remove", MODEL]).expect(2);
    assert_eq!(home.json(["store", "check", "--json"])["files"], 0);
}

#[test]
fn a_file_that_is_no_model_is_refused_by_name() {
    let home = Home::empty();
    let file = home.write("broken.gguf", b"GGUF\x03\0\0\0 and nothing more");
    let said = home.run(["model", "pull", file.to_str().unwrap()]);
    assert!(said.expect(2).err.contains("broken.gguf"), "{said:?}");
    assert_eq!(home.json(["model", "list", "--json"]), serde_json::json!([]));
}
