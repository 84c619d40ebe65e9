//! Pins: exact, replaced as a whole, and damaged ones are never believed.

use crate::bench::{Bench, flip, overwrite};
use std::fs;
use std::path::PathBuf;
use terroir_base::cbor::{self, Value};
use terroir_base::id::BlobId;
use terroir_base::{Digest, hex};
use terroir_store::Error;

fn pin_file(bench: &Bench, name: &str) -> PathBuf {
    bench.root.path().join("pins").join(name)
}

#[test]
fn pins_are_kept_sorted_and_replaced() {
    let bench = Bench::new();
    let a = bench.store.put(b"a").unwrap();
    let b = bench.store.put(b"b").unwrap();
    let (low, high) = (a.min(b), a.max(b));
    bench.store.pin("two", &[high, low, high]).unwrap();
    bench.store.pin("none", &[]).unwrap();
    let pins = bench.store.pins().unwrap();
    assert_eq!(
        pins.into_iter().collect::<Vec<_>>(),
        [("none".to_owned(), vec![]), ("two".to_owned(), vec![low, high]),]
    );
    bench.store.pin("two", &[a]).unwrap();
    assert_eq!(bench.store.pins().unwrap()["two"], [a]);
    bench.store.unpin("two").unwrap();
    assert!(!bench.store.pins().unwrap().contains_key("two"));
    let again = bench.store.unpin("two").unwrap_err();
    assert!(matches!(again, Error::NoPin { name } if name == "two"));
    assert_eq!(bench.names("temp"), [""; 0]);
}

#[test]
fn only_what_is_there_can_be_pinned() {
    let bench = Bench::new();
    let here = bench.store.put(b"here").unwrap();
    let gone = BlobId::of(b"gone");
    let error = bench.store.pin("both", &[here, gone]).unwrap_err();
    assert!(matches!(error, Error::Missing { id } if id == gone));
    assert!(bench.store.pins().unwrap().is_empty());
}

#[test]
fn names_stay_inside_their_folder() {
    let bench = Bench::new();
    let long = "x".repeat(101);
    for name in ["", ".", "..", ".hidden", "dot.", "a/b", "../up", "a\\b", "a b", "ü", "a\0", &long]
    {
        assert!(matches!(bench.store.pin(name, &[]), Err(Error::PinName { .. })), "{name:?}");
        assert!(matches!(bench.store.unpin(name), Err(Error::PinName { .. })), "{name:?}");
    }
    for name in ["a", "Model-1_v2.0", &long[1..]] {
        bench.store.pin(name, &[]).unwrap();
    }
    assert_eq!(bench.store.pins().unwrap().len(), 3);
}

#[test]
fn every_byte_of_a_pin_counts() {
    let bench = Bench::new();
    let kept = bench.store.put(b"kept").unwrap();
    let loose = bench.store.put(b"loose").unwrap();
    bench.store.pin("name", &[kept]).unwrap();
    let path = pin_file(&bench, "name");
    let good = fs::read(&path).unwrap();
    let is_damage = |error| matches!(error, Error::Pin { path: named, .. } if named == path);
    for at in 0..good.len() {
        flip(&path, at);
        assert!(is_damage(bench.store.pins().unwrap_err()), "byte {at}");
        assert!(is_damage(bench.store.sweep().unwrap_err()), "byte {at}");
        overwrite(&path, &good[..at]);
        assert!(is_damage(bench.store.sweep().unwrap_err()), "cut at {at}");
        overwrite(&path, &good);
    }
    assert!(bench.store.has(&loose).unwrap(), "nothing was removed");
    overwrite(&path, b"");
    bench.store.unpin("name").unwrap();
    assert_eq!(bench.store.sweep().unwrap().removed, 2);
}

#[test]
fn a_pin_answers_to_its_own_name_only() {
    let bench = Bench::new();
    bench.store.pin("one", &[]).unwrap();
    fs::rename(pin_file(&bench, "one"), pin_file(&bench, "other")).unwrap();
    assert!(matches!(bench.store.pins(), Err(Error::Pin { .. })));
}

#[test]
fn sealed_pins_of_another_form_are_refused() {
    let bench = Bench::new();
    bench.store.pin("name", &[]).unwrap();
    let write = |version: u64, ids: &[Digest]| {
        let joined: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
        let seal = Digest::derive("terroir-store 2026-11 pin", &[b"name", &joined]);
        let record = Value::record([
            (1, version.into()),
            (2, "name".into()),
            (3, Value::array(ids.iter().copied())),
            (4, seal.into()),
        ]);
        overwrite(&pin_file(&bench, "name"), &cbor::encode(&record));
        bench.store.pins().map(|pins| pins["name"].len()).map_err(|error| error.to_string())
    };
    let (low, high) = (Digest([1; 32]), Digest([2; 32]));
    let refused = |result: Result<usize, String>, why: &str| {
        assert!(result.unwrap_err().ends_with(why));
    };
    assert_eq!(write(1, &[low, high]), Ok(2));
    refused(write(2, &[low, high]), "version 2, expected 1");
    refused(write(1, &[high, low]), "repeated or out of order");
    refused(write(1, &[low, low]), "repeated or out of order");
}

#[test]
fn pin_files_are_frozen() {
    let bench = Bench::new();
    let ids = [b"a", b"b"].map(|bytes| bench.store.put(bytes).unwrap());
    bench.store.pin("golden", &ids).unwrap();
    let found = hex::encode(&fs::read(pin_file(&bench, "golden")).unwrap());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/pin.txt");
    if std::env::var_os("GOLDEN").is_some_and(|how| how == "write") {
        fs::write(path, format!("{found}\n")).unwrap();
    }
    let golden = fs::read_to_string(path).unwrap();
    assert_eq!(found, golden.trim_end(), "the format changed; give it a new version");
}
