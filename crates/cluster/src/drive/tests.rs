//! What executors say is compared with what lies in the data folder.

use super::*;
use crate::report::Wrote;
use std::path::Path;
use terroir_base::Digest;
use terroir_corpus::merge::Tree;
use terroir_corpus::recipe::Recipe;
use terroir_corpus::run::Out;
use terroir_corpus::stage::chain;

const SHARD: &str = "00112233445566778899aabbccddeeff";

/// A stage, a data folder in which its table of the shard is "rows", and what tells so.
fn world() -> (tempfile::TempDir, Catalogue, Vec<Stage>, Row) {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(folder.path());
    let text = "name = \"t\"\n[source]\npath = \"/\"\n[[stage]]\nkind = \"pii\"\n";
    let stages = chain(&Recipe::parse(text, Path::new("/"), &[], Path::new("/")).unwrap()).unwrap();
    let path = catalogue.measured(&stages[0], SHARD);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "rows").unwrap();
    let out = Out::Rows(Tree { root: Digest([1; 32]), leaves: 1 });
    let wrote = Some(Wrote { digest: Digest::of(b"rows"), length: 4, out });
    let done = Ok(Done { stage: 0, cpu_ns: 1, commit_ns: 2, wrote });
    let row = Row { shard: SHARD.to_owned(), executor: "e".to_owned(), done };
    (folder, catalogue, stages, row)
}

fn task() -> Task {
    Task { shard: SHARD.to_owned(), wanted: vec![true] }
}

#[test]
fn a_file_that_is_as_it_was_said_is_taken() {
    let (_folder, catalogue, stages, row) = world();
    let passed = passed(&catalogue, &stages, &task(), vec![row]).unwrap().unwrap();
    assert_eq!(passed.made[0].as_ref().unwrap().bytes.digest, Digest::of(b"rows"));
    assert_eq!((passed.took.stages_ns, passed.took.commit_ns), (vec![1], 2));
}

#[test]
fn another_file_than_was_said_is_refused() {
    let (_folder, catalogue, stages, row) = world();
    std::fs::write(catalogue.measured(&stages[0], SHARD), "rowz").unwrap();
    let said = passed(&catalogue, &stages, &task(), vec![row]).err().unwrap().to_string();
    assert!(said.contains("executor e wrote 4 with") && said.contains(SHARD), "{said}");
}

#[test]
fn rows_about_something_else_are_refused() {
    let (_folder, catalogue, stages, row) = world();
    let nothing = |rows: Vec<Row>| {
        assert!(passed(&catalogue, &stages, &task(), rows).unwrap().is_none());
    };
    nothing(vec![]);
    nothing(vec![row.clone(), row.clone()]);
    let mut other = row.clone();
    other.done.as_mut().unwrap().stage = 1;
    nothing(vec![other]);
    let mut other = row.clone();
    other.done.as_mut().unwrap().wrote = None;
    nothing(vec![other]);
    let other = Row { done: Err("disk is full".to_owned()), ..row };
    let said = passed(&catalogue, &stages, &task(), vec![other]).err().unwrap().to_string();
    assert_eq!(said, "executor e: disk is full");
}
