//! From a version to batches, with the tokenizer of the packaged model.

mod served;

use crate::support::{Home, flip, text};
use serde_json::json;
use std::fs;

const RECIPE: &str = r#"
name = "led"
[source]
path = "PATH"
format = "jsonl"
licence = { field = "licence" }
purposes = "training"
[[stage]]
kind = "exact"
[tokenize]
tokenizer = "SmolLM2-135M-Instruct"
sequence = 32
packing = "concatenate_pad"
end = "<|endoftext|>"
[gate]
purpose = "training"
[gate.licence]
allow = ["MIT"]
"#;

/// A home with a version of 40 records, one of which has another licence.
fn home() -> Home {
    let home = Home::with_model();
    let line = |at: usize| {
        let licence = if at == 7 { "GPL-3.0-only" } else { "MIT" };
        let text = format!("Field {at} was ploughed in spring, and its {at} furrows hold water.");
        format!("{}\n", json!({ "id": format!("r{at}"), "text": text, "licence": licence }))
    };
    let lines: String = (0..40).map(line).collect();
    let source = home.write("lines.jsonl", lines);
    let recipe = home.write("recipe.toml", RECIPE.replace("PATH", source.to_str().unwrap()));
    home.run(["data", "run", recipe.to_str().unwrap(), "--tag", "v1"]).expect(0);
    home
}

/// The same, with all gates passed, and what leading it said.
fn led() -> (Home, serde_json::Value) {
    let home = home();
    let led = home.json(["data", "lead", "v1", "--set", PASSING, "--json"]);
    (home, led)
}

/// A gate that all records pass.
const PASSING: &str = "gate.licence.allow=[\"MIT\", \"GPL-3.0-only\"]";

#[test]
fn a_version_is_led_into_batches_once_every_gate_is_passed() {
    let home = home();
    let refused = home.run(["data", "gate", "v1", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&refused.expect(1).out).unwrap();
    assert_eq!((&report["passed"], &report["records"]), (&json!(false), &json!(40)));
    let gate = &report["gates"][0];
    assert_eq!((text(gate, "/gate"), gate["in_the_way"].as_u64()), ("licence", Some(1)));
    assert_eq!(text(gate, "/records/0/what"), "the licence is GPL-3.0-only");
    let story = home.json(["data", "explain", "r7", "--json"]);
    assert_eq!(story["record"], gate["records"][0]["record"]);
    assert!(home.run(["data", "lead", "v1"]).expect(1).err.contains("nothing was written"));
    assert!(!home.path("data/training").exists());

    home.run(["data", "gate", "v1", "--set", PASSING]).expect(0);
    let led = home.json(["data", "lead", "v1", "--set", PASSING, "--json"]);
    let again = home.json(["data", "lead", "v1", "--set", PASSING, "--json", "--threads", "1"]);
    assert_eq!(led["manifest"], again["manifest"]);
    let manifest = text(&led, "/manifest");
    let out = home.path("batches");
    let out = out.to_str().unwrap();
    let words = ["data", "batches", &manifest[..8], "--size", "4", "--count", "2", "--out", out];
    let said = home.run(words);
    assert_eq!(said.expect(0).out.lines().count(), 2);
    let bytes = fs::read(home.path("batches/batch-00000001.npy")).unwrap();
    assert_eq!(bytes.len(), 128 + 4 * 32 * 2);
    assert!(bytes.starts_with(b"\x93NUMPY"));
    let checked = home.json(["data", "check", manifest, "--json"]);
    assert_eq!(checked["sequences"], led["sequences_stored"]);

    // One byte of the tokens: no batch leaves with it, and it is named.
    let folder = text(&led, "/folder");
    flip(&std::path::Path::new(folder).join("tokens-00000.bin"), 0);
    let every = ["--size", "4", "--count", "1000", "--out", out];
    let said = home.run(["data", "batches", folder].iter().chain(&every));
    assert!(
        said.expect(2).err.contains("tokens-00000.bin: sequence 0 (bytes 0 to 64)"),
        "{said:?}"
    );
    let said = home.run(["data", "check", manifest, "--full"]);
    assert!(said.expect(1).out.starts_with("sequence 0 of source 0"), "{said:?}");
}

#[test]
fn what_cannot_be_led_is_said() {
    let home = home();
    let lead = |set: &str| home.run(["data", "lead", "v1", "--set", set]).expect(2).err.clone();
    let said = lead("tokenize.tokenizer=nobody");
    assert!(said.contains("there is no model \"nobody\" here"), "{said}");
    let said = lead("tokenize.end=harvest");
    assert!(said.contains("the tokenizer has no control token \"harvest\""), "{said}");
    let said = lead("tokenize.packing=tight");
    assert!(said.contains("expected one of `concatenate_drop`"), "{said}");
    let out = home.path("out");
    let words = ["data", "batches", "abcdef", "--size", "1", "--out", out.to_str().unwrap()];
    assert!(home.run(words).expect(2).err.contains("no manifest abcdef"));
    assert!(home.run(["data", "check", "abcdef"]).expect(2).err.contains("no manifest abcdef"));
}

#[test]
fn leading_that_was_killed_leaves_nothing_behind() {
    let (home, led) = led();
    let folder = home.path("data/training");
    let unfinished = || -> Vec<String> {
        let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".new-")).collect()
    };
    let lead = ["data", "lead", "v1", "--set", PASSING, "--set", "tokenize.sequence=16", "--json"];
    let mut child = home.spawn(lead);
    while child.try_wait().unwrap().is_none() {
        if !unfinished().is_empty() {
            child.kill().unwrap();
            child.wait().unwrap();
            break;
        }
        std::thread::yield_now();
    }
    // Whether or not the kill came in time.
    fs::create_dir(folder.join(".new-left")).unwrap();
    fs::write(folder.join(".new-left/tokens-00000.bin"), b"half").unwrap();
    let again = home.json(lead);
    assert_eq!(unfinished(), [""; 0]);
    assert_ne!(again["manifest"], led["manifest"]);
    home.run(["data", "check", text(&again, "/manifest"), "--full"]).expect(0);
}

#[test]
fn a_stranger_learns_from_one_file_what_a_batch_was_made_of() {
    let (home, led) = led();
    let manifest = text(&led, "/manifest");
    let proof = home.path("batch.presence").display().to_string();
    let prove = |more: &[&str]| {
        home.run([&["data", "prove-present", manifest, "--out", &proof, "--json"], more].concat())
    };
    let said = prove(&["--batch", "2", "--size", "4"]).json();
    let records = said["records"].as_array().unwrap();
    assert!(records.len() > 3);
    assert_eq!((text(&said, "/manifest"), &said["version"]), (manifest, &led["version"]));
    let stranger = Home::empty();
    let check =
        |more: &[&str]| stranger.run([&["data", "check-present", &proof, "--json"], more].concat());
    let record = text(&records[0], "/record");
    let batch = ["--batch", "2", "--size", "4", "--record", record, "--manifest", manifest];
    let told = check(&batch).json();
    assert_eq!((&told["accepted"], &told["records"]), (&json!(true), &said["records"]));
    assert_eq!(told["signer"], told["node"]);
    let zero = "0".repeat(64);
    for (more, why) in [
        (["--manifest", &zero, "--batch", "2", "--size", "4"], "it is about the manifest"),
        (["--record", &zero, "--batch", "2", "--size", "4"], "does not show the record"),
        (["--manifest", manifest, "--batch", "3", "--size", "4"], "not show all of batch 3"),
    ] {
        let said = check(&more);
        assert!(said.expect(1).out.contains(why), "{why}: {said:?}");
    }
    // A record leads to its sequences; plain words say the same.
    let said = prove(&["--record", "r3"]).json();
    assert!(said["sequences"].as_array().unwrap().iter().all(|one| one["positions"][0].is_u64()));
    let at = said["sequences"][0]["positions"][0].to_string();
    let own = home.json(["data", "explain", "r3", "--json"]);
    let words = ["data", "check-present", &proof, "--batch", &at, "--size", "1"];
    let told = stranger.run(words.iter().chain(&["--record", text(&own, "/record")]));
    assert!(told.expect(0).out.contains("has tokens of the record"), "{told:?}");
    assert!(told.err.contains("not checked"), "{told:?}");
    let middle = fs::read(&proof).unwrap().len() / 2;
    flip(std::path::Path::new(&proof), middle);
    assert!(check(&[]).expect(1).out.contains("\"accepted\": false"));
    assert!(!stranger.path("data").exists());
}
