//! Bytes that changed on disk: named, moved away, never handed out, healed by putting again.

use crate::bench::{Bench, bytes, flip, overwrite};
use std::fs;
use std::path::PathBuf;
use terroir_base::id::BlobId;
use terroir_store::{Error, Store};

type Reads = fn(&Store, &BlobId) -> Result<Vec<u8>, Error>;

/// Every way to read a blob.
const READS: [Reads; 4] = [
    |store, id| store.get(id),
    |store, id| store.get_range(id, 0..1),
    |store, id| store.get_range(id, 0..0),
    |store, id| store.map(id).map(|mapped| mapped.as_ref().to_vec()),
];

/// The place and the digest that a `Corrupt` error for `id` names.
fn corrupt(error: Error, id: &BlobId) -> (PathBuf, BlobId) {
    match error {
        Error::Corrupt { id: named, path, got } if named == *id => (path, got),
        other => panic!("expected corrupt, got {other:?}"),
    }
}

#[test]
fn a_flipped_byte_is_named_and_never_used() {
    let original = bytes(1, 5000);
    for read in READS {
        for at in [0, 1023, 1024, 2500, 4999] {
            let bench = Bench::new();
            let id = bench.store.put(&original).unwrap();
            flip(&bench.blob(&id), at);
            let (path, got) = corrupt(read(&bench.store, &id).unwrap_err(), &id);
            assert!(path.starts_with(bench.root.path().join("quarantine")), "{path:?}");
            assert_eq!(got, BlobId::of(&fs::read(&path).unwrap()));
            assert!(matches!(read(&bench.store, &id), Err(Error::Missing { .. })));
            assert_eq!(bench.store.put(&original).unwrap(), id);
            assert_eq!(bench.store.get(&id).unwrap(), original);
        }
    }
}

#[test]
fn cut_and_grown_files_are_named() {
    let original = bytes(1, 5000);
    let grown = [&original[..], b"x"].concat();
    for read in READS {
        for wrong in [&original[..4999], &original[..1024], &[], &grown[..]] {
            let bench = Bench::new();
            let id = bench.store.put(&original).unwrap();
            overwrite(&bench.blob(&id), wrong);
            let (_, got) = corrupt(read(&bench.store, &id).unwrap_err(), &id);
            assert_eq!(got, BlobId::of(wrong));
        }
    }
}

/// A file is right or wrong by its bytes; a range that would not even fit says so only when right.
#[test]
fn a_wrong_range_does_not_hide_wrong_bytes() {
    let bench = Bench::new();
    let id = bench.store.put(&bytes(1, 100)).unwrap();
    flip(&bench.blob(&id), 0);
    corrupt(bench.store.get_range(&id, 0..101).unwrap_err(), &id);
}

#[test]
fn putting_heals_what_nobody_has_noticed() {
    let original = bytes(1, 5000);
    let id = BlobId::of(&original);
    let puts: [fn(&Store, &[u8]) -> BlobId; 3] = [
        |store, bytes| store.put(bytes).unwrap(),
        |store, bytes| store.put_reader(bytes, None).unwrap(),
        |store, bytes| store.put_reader(bytes, Some(BlobId::of(bytes))).unwrap(),
    ];
    for put in puts {
        let bench = Bench::new();
        bench.store.put(&original).unwrap();
        flip(&bench.blob(&id), 77);
        assert_eq!(put(&bench.store, &original), id);
        assert_eq!(bench.store.get(&id).unwrap(), original);
        assert_eq!(bench.names("quarantine"), [format!("{id}-0")]);
        flip(&bench.blob(&id), 78);
        put(&bench.store, &original);
        assert_eq!(bench.names("quarantine").len(), 2, "the first one is kept");
    }
}

#[test]
fn a_folder_in_the_place_of_a_blob_is_no_blob() {
    let bench = Bench::new();
    let id = bench.store.put(b"bytes").unwrap();
    fs::remove_file(bench.blob(&id)).unwrap();
    fs::create_dir(bench.blob(&id)).unwrap();
    assert!(matches!(bench.store.get(&id), Err(Error::Disk { .. })));
    bench.store.put(b"bytes").unwrap();
    assert_eq!(bench.store.get(&id).unwrap(), b"bytes");
}

#[test]
fn a_mapping_outlives_the_file() {
    let bench = Bench::new();
    let original = bytes(1, 500_000);
    let id = bench.store.put(&original).unwrap();
    let mapped = bench.store.map(&id).unwrap();
    flip(&bench.blob(&id), 5);
    corrupt(bench.store.get(&id).unwrap_err(), &id);
    bench.store.put(&original).unwrap();
    bench.store.sweep().unwrap();
    assert!(!bench.store.has(&id).unwrap());
    assert_eq!(mapped.as_ref(), original);
}
