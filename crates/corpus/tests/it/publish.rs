//! Documents beside an export: what they say is what the version and the files are.

use crate::world::{World, lines, salt};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs;
use terroir_corpus::export::{Form, export};
use terroir_corpus::publish::publish;

const TIME: &str = "2026-11-22T11:00:00Z";

/// A version of two files, exported and documented in the folder `out`.
fn published(world: &World, form: Form) -> std::path::PathBuf {
    world.file("in", "a.jsonl", &lines(1, 60));
    world.file("in", "b.jsonl", &lines(2, 60));
    let outcome = world.all(&[], 1 << 14, 1);
    let (catalogue, out) = (world.catalogue(), world.path("out"));
    let kept = catalogue.open(&outcome.id).unwrap();
    let exported = export(&catalogue, &kept, form, &out, &salt()).unwrap();
    let documents = publish(&catalogue, &kept, (&exported, form), TIME, &out, &salt()).unwrap();
    assert_eq!(documents.len(), 3);
    out
}

/// What a source says is all there, also where it calls something as we do.
#[test]
fn every_name_of_an_exported_line_stands_once_and_nothing_is_lost() {
    let world = World::new();
    let own = serde_json::json!({
        "text": "a text", "id": "one", "source": "s", "by": "ann", "rid": "theirs", "licence": "theirs", "meta_licence": [1],
        "text_out": {"a": {"b": {}}}, "digest": "theirs", "purposes": {"a": {"b": 1.50}},
    });
    world.file("in", "a.jsonl", &[format!("{own}\n")]);
    let recipe = world.stages("");
    let entries = world.ingest(&recipe, 1 << 20, 1);
    let made = world.run(&recipe, &world.records(&entries, None), 1);
    let (catalogue, out) = (world.catalogue(), world.path("out"));
    let kept = catalogue.open(&made.id).unwrap();
    let files = export(&catalogue, &kept, Form::Jsonl, &out, &salt()).unwrap().files;
    let line = fs::read_to_string(&files[0]).unwrap();
    let read: Value = serde_json::from_str(&line).unwrap();
    let object = read.as_object().unwrap();
    for name in object.keys() {
        assert_eq!(line.matches(&format!("\"{name}\":")).count(), 1, "{name}: {line}");
    }
    for (name, told) in own.as_object().unwrap() {
        let leaves = match name.as_str() {
            "rid" => "meta_rid",
            "licence" => "meta_meta_licence",
            "purposes" => "meta_purposes",
            "by" => "contributor",
            name => name,
        };
        assert_eq!(object[leaves], *told, "{name}: {line}");
    }
    assert_eq!(object["rid"].as_str().map(str::len), Some(64));
}

#[test]
fn croissant_names_every_file_with_its_digest() {
    for form in [Form::Jsonl, Form::Parquet] {
        let world = World::new();
        let out = published(&world, form);
        let text = fs::read_to_string(out.join("croissant.json")).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let distribution = document["distribution"].as_array().unwrap();
        let files: Vec<&Value> =
            distribution.iter().filter(|file| file["@type"] == "cr:FileObject").collect();
        let parts = fs::read_dir(&out).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("part-")
        });
        assert_eq!(files.len(), parts.count());
        for file in files {
            let bytes = fs::read(out.join(file["contentUrl"].as_str().unwrap())).unwrap();
            let digest: String =
                Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(file["sha256"], digest);
            assert_eq!(file["contentSize"], format!("{} B", bytes.len()));
        }
        let stages = document["rai:dataPreprocessingProtocol"].as_array().unwrap();
        assert_eq!(stages.len(), 5);
    }
}

#[test]
fn runs_follow_one_another_and_have_the_same_ids_everywhere() {
    let events = |world: &World| -> Vec<Value> {
        let out = published(world, Form::Jsonl);
        let text = fs::read_to_string(out.join("openlineage.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (one, two) = (events(&World::new()), events(&World::new()));
    assert_eq!(one, two);
    assert_eq!(one.len(), 5);
    for pair in one.windows(2) {
        let (output, input) = (&pair[0]["outputs"][0], &pair[1]["inputs"][0]);
        for field in ["namespace", "name"] {
            assert_eq!(output[field], input[field]);
        }
        let version = "/facets/version/datasetVersion";
        assert_eq!(output.pointer(version), input.pointer(version));
        let rows = "/outputFacets/outputStatistics/rowCount";
        let count = |event: &Value| event["outputs"][0].pointer(rows).unwrap().as_u64().unwrap();
        assert!(count(&pair[0]) >= count(&pair[1]));
        let id = pair[0]["run"]["runId"].as_str().unwrap();
        assert!(id.len() == 36 && &id[14..15] == "8", "{id}");
        assert_ne!(pair[0]["run"], pair[1]["run"]);
    }
}

#[test]
fn a_summary_counts_what_passes_and_leaves_open_what_nobody_knows() {
    let world = World::new();
    let out = published(&world, Form::Jsonl);
    let text = fs::read_to_string(out.join("summary.md")).unwrap();
    let records: usize = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("part-"))
        .map(|path| fs::read_to_string(path).unwrap().lines().count())
        .sum();
    assert!(text.contains(&format!("* Size: {records} records, ")), "{text}");
    assert!(text.contains("[name and contact of the provider"), "{text}");
    assert!(text.contains("| minhash | duplicate | "), "{text}");
}

#[test]
fn names_cannot_write_into_the_summary() {
    let world = World::new();
    let hostile = "x\\n# 9 All is well\\n[a](b)";
    let line = |n: usize| {
        format!(
            "{{\"text\":\"a text about the river {n}\",\"id\":\"{n}\",\"source\":\"{hostile}\",\"by\":\"me\"}}\n"
        )
    };
    world.file("in", "a.jsonl", &(0..3).map(line).collect::<Vec<_>>());
    let outcome = world.all(&["stage=[{kind=\"normalise\"}]"], 1 << 14, 1);
    let (catalogue, out) = (world.catalogue(), world.path("out"));
    let kept = catalogue.open(&outcome.id).unwrap();
    let exported = export(&catalogue, &kept, Form::Jsonl, &out, &salt()).unwrap();
    publish(&catalogue, &kept, (&exported, Form::Jsonl), TIME, &out, &salt()).unwrap();
    let text = fs::read_to_string(out.join("summary.md")).unwrap();
    assert!(!text.contains("\n# 9") && !text.contains("[a](b)"), "{text}");
    assert!(text.contains("3 records"), "{text}");
}
