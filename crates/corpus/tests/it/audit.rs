//! What was tampered with is named.

use crate::world::{World, files, lines, salt};
use std::fs;
use std::path::Path;
use terroir_base::Digest;
use terroir_corpus::audit::{Audit, Scope, audit};
use terroir_corpus::run::Outcome;

fn full(world: &World, made: &Outcome) -> Audit {
    let kept = world.catalogue().open(&made.id).unwrap();
    audit(&world.catalogue(), &kept, Scope::Full, &salt(), 1 << 20).unwrap()
}

fn made() -> (World, Outcome) {
    let world = World::new();
    world.file("in", "a.jsonl", &lines(8, 60));
    let made = world.all(&[], 16 << 10, 1);
    (world, made)
}

#[test]
fn an_honest_version_passes_whole_and_in_part() {
    let (world, made) = made();
    let whole = full(&world, &made);
    assert_eq!(whole.differences, []);
    assert_eq!(whole.leaves, 60 * 5);
    assert_eq!(whole.trees, 6);
    let kept = world.catalogue().open(&made.id).unwrap();
    let drawn = |seed: u8| {
        let scope = Scope::Sample(40, Digest([seed; 32]));
        audit(&world.catalogue(), &kept, scope, &salt(), 1 << 20).unwrap()
    };
    assert_eq!((drawn(1).leaves, drawn(1).differences), (40, Vec::new()));
}

/// Flips one byte in the middle of `path`.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_byte_of_any_table_is_found() {
    let (world, made) = made();
    let mut found = 0;
    for part in ["data/records", "data/rows"] {
        let paths = files(&world.path(part), ".parquet");
        for path in &paths {
            let before = fs::read(path).unwrap();
            flip(path);
            let differences = full(&world, &made).differences;
            // In a table of rows a byte may be one that no reader looks at.
            assert!(!differences.is_empty() || part == "data/rows", "{}", path.display());
            found += usize::from(!differences.is_empty());
            fs::write(path, before).unwrap();
        }
        assert!(found * 4 >= paths.len() * 3, "{found} of {}", paths.len());
    }
    assert_eq!(full(&world, &made).differences, []);
}

#[test]
fn a_lie_in_a_row_is_a_named_leaf() {
    let (world, made) = made();
    // A version that was made with other words lists: its rows, put in place of the honest ones.
    let other = World::new();
    other.file("in", "a.jsonl", &lines(8, 60));
    let lied = other.all(&["stage.gopher_quality.stop_words=[\"zebra\"]"], 16 << 10, 1);
    let rows = |world: &World, made: &Outcome| {
        let kept = world.catalogue().open(&made.id).unwrap();
        let stages = terroir_corpus::stage::chain(&kept.recipe).unwrap();
        world.catalogue().rows(&stages[1].key, &kept.shards[0])
    };
    fs::copy(rows(&other, &lied), rows(&world, &made)).unwrap();
    let differences = full(&world, &made).differences;
    let named = |tree: &str| differences.iter().any(|found| found.tree == tree);
    assert!(named("gopher_quality"), "{differences:?}");
    assert!(differences.iter().any(|found| found.record.is_some()));
}
