//! Checking: honest receipts pass, anything changed is a clean no with the check's name.

use crate::support::{Home, Said, flip, model_file, text};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// An answer with its files.
struct Asked {
    home: Home,
    receipt: PathBuf,
    request: PathBuf,
    answer: PathBuf,
}

fn asked() -> Asked {
    let home = Home::with_model();
    let done = home.ask("7");
    let file = |pointer| PathBuf::from(text(&done, pointer));
    let (receipt, request, answer) =
        (file("/receipt"), file("/request_file"), file("/answer_file"));
    Asked { home, receipt, request, answer }
}

impl Asked {
    fn check(&self, more: &[&str]) -> Said {
        let words = ["receipt", "check", self.receipt.to_str().unwrap()];
        self.home.run(words.iter().chain(more))
    }

    /// Checks with one file replaced by a copy that has one byte changed.
    fn check_changed(&self, which: &str, at: usize) -> Said {
        let original = match which {
            "receipt" => &self.receipt,
            "request" => &self.request,
            _ => &self.answer,
        };
        let copy = self.home.write(&format!("{which}.changed"), fs::read(original).unwrap());
        flip(&copy, at);
        let path = |name: &str, path: &Path| {
            if name == which { copy.clone() } else { path.to_owned() }
        };
        let words = ["receipt".into(), "check".into(), path("receipt", &self.receipt)];
        let opened = ["--request".into(), path("request", &self.request)];
        let said = ["--answer".into(), path("answer", &self.answer)];
        self.home.run(words.into_iter().chain(opened).chain(said))
    }
}

fn codes(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|point| text(point, "/point")).collect()
}

#[test]
fn an_honest_receipt_passes_and_says_what_was_not_checked() {
    let asked = asked();
    let plain = asked.check(&["--json"]).json();
    assert!(codes(&plain["established"]).contains(&"answer"));
    assert!(codes(&plain["not_checked"]).contains(&"tokens"));
    let replayed = asked.check(&["--replay", "--json"]).json();
    for point in ["model", "prompt", "tokens", "text", "trace"] {
        assert!(codes(&replayed["established"]).contains(&point), "{replayed}");
    }
    assert!(codes(&replayed["not_checked"]).contains(&"truth"));
    let words = asked.check(&["--replay", "--threads", "1"]);
    assert!(words.expect(0).out.contains("not checked:"), "{words:?}");
    assert!(!words.out.contains("verified"), "{words:?}");
}

#[test]
fn the_receipt_alone_is_checked_for_form_and_signature_only() {
    let asked = asked();
    let alone = asked.home.write("alone.rcpt", fs::read(&asked.receipt).unwrap());
    let alone = alone.to_str().unwrap();
    let said = asked.home.json(["receipt", "check", alone, "--json"]);
    assert_eq!(codes(&said["established"]), ["form", "signature"]);
    let answer = asked.answer.to_str().unwrap();
    let said = asked.home.run(["receipt", "check", alone, "--answer", answer]);
    assert!(said.expect(2).err.contains("--request FILE"), "{said:?}");
    let said = asked.home.run(["receipt", "check", alone, "--replay"]);
    assert!(said.expect(2).err.contains("a replay of "), "{said:?}");
}

#[test]
fn a_changed_byte_of_any_file_is_a_clean_no() {
    let asked = asked();
    for (which, file) in
        [("receipt", &asked.receipt), ("request", &asked.request), ("answer", &asked.answer)]
    {
        let length = fs::metadata(file).unwrap().len() as usize;
        for at in (0..length).step_by(length / 24 + 1).chain([length - 1]) {
            let said = asked.check_changed(which, at);
            assert!(said.expect(1).out.starts_with("rejected by check "), "{which} {at}: {said:?}");
        }
    }
}

#[test]
fn the_check_that_failed_is_named() {
    let asked = asked();
    let request = fs::read_to_string(&asked.request).unwrap();
    let other = asked.home.write("other", request.replace("three rivers", "seven rivers"));
    let said = asked.check(&["--request", other.to_str().unwrap(), "--json"]);
    // Another request is another job: that is seen first.
    assert!(said.expect(1).out.contains("\"check\": \"request\""), "{said:?}");
    let answer = fs::read_to_string(&asked.answer).unwrap();
    let other = asked.home.write("said", answer.replace("\"text\":\"", "\"text\":\"No. "));
    let said = asked.check(&["--answer", other.to_str().unwrap()]);
    assert!(said.expect(1).out.contains("(answer)"), "{said:?}");
    let other = asked.home.write("spaced", request.replace("{\"salt\"", "{ \"salt\""));
    let said = asked.check(&["--request", other.to_str().unwrap()]);
    assert!(said.expect(1).out.contains("(request-file)"), "{said:?}");
}

#[test]
fn a_changed_weight_is_named_and_never_used() {
    let asked = asked();
    let weight = largest(&asked.home.path("store"));
    flip(&weight, 4321);
    let blob = weight.file_name().unwrap().to_str().unwrap();
    let said = asked.check(&["--replay", "--json"]);
    let verdict: Value = serde_json::from_str(&said.expect(1).out).unwrap();
    assert_eq!(verdict["check"], "weights");
    assert!(text(&verdict, "/reason").contains(blob), "{verdict}");
    // Without a replay nothing of the model is needed.
    asked.check(&[]).expect(0);
    let said = asked.home.run(["ask", "hi"]);
    assert!(said.expect(2).err.contains(blob), "{said:?}");
    let said = asked.home.run(["store", "check"]);
    assert!(said.expect(1).out.contains(blob), "{said:?}");
    // The bad file is out of the way; the model is still not the one.
    let said = asked.check(&["--replay"]);
    assert!(said.expect(1).out.starts_with("rejected by check (weights)"), "{said:?}");
    asked.home.run(["model", "pull", model_file().to_str().unwrap()]).expect(0);
    asked.check(&["--replay"]).expect(0);
}

#[test]
fn a_replay_without_the_model_is_an_error_that_says_how_to_get_it() {
    let asked = asked();
    let stranger = Home::empty();
    let receipt = asked.receipt.to_str().unwrap();
    stranger.run(["receipt", "check", receipt]).expect(0);
    let said = stranger.run(["receipt", "check", receipt, "--replay"]);
    assert!(said.expect(2).err.contains("terroir model pull"), "{said:?}");
}

#[test]
fn the_node_that_signed_can_be_pinned() {
    let asked = asked();
    let key = asked.home.run(["receipt", "key"]);
    let key = key.expect(0).out.trim_end();
    assert_eq!(asked.home.json(["receipt", "key", "--json"])["node"], key);
    let said = asked.check(&["--node", key, "--json"]).json();
    assert!(codes(&said["established"]).contains(&"node"), "{said}");
    assert_eq!(said["node"], key);
    let said = asked.check(&["--node", &"07".repeat(32)]);
    assert!(said.expect(1).out.starts_with("rejected by check 7 (signer): node 0707"), "{said:?}");
    let said = asked.check(&["--node", &key[1..]]);
    assert!(said.expect(2).err.contains("--node"), "{said:?}");
}

#[test]
fn several_receipts_are_checked_as_a_chain() {
    let asked = asked();
    let more = || asked.home.json(["ask", "--json", "--max-tokens", "2", "hi"]);
    let (second, third) = (more(), more());
    let first = asked.receipt.to_str().unwrap();
    let [second, third] = [&second, &third].map(|done| text(done, "/receipt"));
    let check = |words: &[&str]| asked.home.run(["receipt", "check"].iter().chain(words));

    let said = check(&[third, first, second, "--replay"]);
    for wanted in [first, second, third, "from 0 to 2: each names the one before it"] {
        assert!(said.expect(0).out.contains(wanted), "{said:?}");
    }
    let said = check(&[first, second, third, "--json"]).json();
    assert_eq!((&said["accepted"], &said["chain"]["accepted"]), (&true.into(), &true.into()));
    assert_eq!(said["chain"]["receipts"][1]["receipt"], said["receipts"][1]["receipt"]);
    let placed = said["receipts"].as_array().unwrap().iter();
    let placed = placed.map(|one| codes(&one["established"]).contains(&"chain"));
    assert_eq!(placed.collect::<Vec<_>>(), [true, true, false]);

    let said = check(&[first, third]);
    assert!(said.expect(0).out.contains("the receipts between 0 and 2: not given"), "{said:?}");
    let said = check(&[first, third, "--json"]).json();
    assert_eq!(said["chain"]["gaps"], serde_json::json!([{ "after": 0, "before": 2 }]));

    let broken = asked.home.write("broken.rcpt", &fs::read(second).unwrap()[1..]);
    let broken = broken.to_str().unwrap();
    let said = check(&[first, broken, third]);
    let wanted = format!("chain rejected by check 51 (link): {broken} is no link");
    assert!(said.expect(1).out.contains(&wanted), "{said:?}");
    let said = check(&[first, second, "--request", asked.request.to_str().unwrap()]);
    assert!(said.expect(2).err.contains("give one FILE"), "{said:?}");
}

/// A node that forgets what it signed, as one restored from a copy does, signs against itself.
#[test]
fn two_receipts_with_one_number_are_shown_as_evidence() {
    let (asked, copy) = (asked(), Home::with_model());
    fs::copy(asked.home.path("node.key"), copy.path("node.key")).unwrap();
    let other = copy.ask("8");
    let files = [asked.receipt.to_str().unwrap(), text(&other, "/receipt")];
    let said = asked.home.run(["receipt", "check"].iter().chain(&files));
    assert!(said.expect(1).out.contains("chain rejected by check 53 (equivocation)"), "{said:?}");
    let said = asked.home.run(["receipt", "check", "--json"].iter().chain(&files));
    let said: Value = serde_json::from_str(&said.expect(1).out).unwrap();
    assert_eq!((&said["accepted"], &said["chain"]["number"]), (&false.into(), &53.into()));
    assert_eq!(said["receipts"][0]["accepted"], true);
}

#[test]
fn a_receipt_is_shown_field_by_field() {
    let asked = asked();
    let receipt = asked.receipt.to_str().unwrap();
    let shown = asked.home.json(["receipt", "show", receipt, "--json"]);
    assert_eq!(shown["sampler"]["temperature_micro"], 900_000);
    assert_eq!(shown["output"]["answer_tokens"], 24);
    assert_eq!(shown["engine"]["spec"], "terroir-int-1");
    assert_eq!(shown["model"]["text"], "terroir-text-1");
    assert_eq!(shown["kind"], "inference");
    let said = asked.home.run(["receipt", "show", receipt]);
    assert!(said.expect(0).out.contains("seed                7\n"), "{said:?}");
}

fn largest(folder: &Path) -> PathBuf {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}
