//! Putting and getting: the plain uses, and the edges of sizes and ranges.

use crate::bench::{Bench, bytes};
use proptest::prelude::*;
use std::fs;
use std::io::{self, Read};
use terroir_base::id::BlobId;
use terroir_store::{Error, Store};

/// Around the hash's chunk, the buffers, and the size from which cores share the work.
const SIZES: [usize; 9] =
    [0, 1, 1023, 1024, 1025, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3_000_000];

#[test]
fn what_is_put_can_be_got_in_every_way() {
    let bench = Bench::new();
    for size in SIZES {
        let bytes = bytes(size as u64, size);
        let id = bench.store.put(&bytes).unwrap();
        assert_eq!(id, BlobId::of(&bytes));
        assert_eq!(bench.store.put_reader(&bytes[..], None).unwrap(), id);
        assert_eq!(bench.store.put_reader(&bytes[..], Some(id)).unwrap(), id);
        assert_eq!(bench.store.get(&id).unwrap(), bytes);
        assert_eq!(bench.store.get_range(&id, 0..size as u64).unwrap(), bytes);
        assert_eq!(bench.store.map(&id).unwrap().as_ref(), bytes);
        assert_eq!(bench.store.size(&id).unwrap(), size as u64);
        assert!(bench.store.has(&id).unwrap());
    }
    assert_eq!(bench.names("temp"), [""; 0]);
    assert_eq!(bench.names("quarantine"), [""; 0]);
}

#[test]
fn a_reader_alone_stores_the_same() {
    let bench = Bench::new();
    for size in SIZES {
        let bytes = bytes(size as u64, size);
        let expected = (size % 2 == 0).then(|| BlobId::of(&bytes));
        let id = bench.store.put_reader(&bytes[..], expected).unwrap();
        assert_eq!(bench.store.get(&id).unwrap(), bytes);
    }
}

#[test]
fn what_is_not_there_is_missing() {
    let bench = Bench::new();
    let id = BlobId::of(b"nothing");
    let is_missing = |error| matches!(error, Error::Missing { id: named } if named == id);
    assert!(is_missing(bench.store.get(&id).unwrap_err()));
    assert!(is_missing(bench.store.get_range(&id, 0..0).unwrap_err()));
    assert!(is_missing(bench.store.map(&id).unwrap_err()));
    assert!(is_missing(bench.store.size(&id).unwrap_err()));
    assert!(!bench.store.has(&id).unwrap());
}

#[test]
fn other_bytes_than_announced_are_not_stored() {
    let bench = Bench::new();
    let announced = BlobId::of(b"announced");
    let error = bench.store.put_reader(&b"given"[..], Some(announced)).unwrap_err();
    let given = BlobId::of(b"given");
    assert!(
        matches!(error, Error::Unexpected { expected, got } if (expected, got) == (announced, given))
    );
    assert!(!bench.store.has(&announced).unwrap() && !bench.store.has(&given).unwrap());
    assert_eq!(bench.names("temp"), [""; 0]);
}

/// Gives some bytes, in small parts and with interruptions, then fails or ends.
struct Tap<'a> {
    rest: &'a [u8],
    turns: usize,
    fails: bool,
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turns += 1;
        if self.turns % 2 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.rest.is_empty() && self.fails {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = self.rest.len().min(7).min(buffer.len());
        let (given, rest) = self.rest.split_at(count);
        buffer[..count].copy_from_slice(given);
        self.rest = rest;
        Ok(count)
    }
}

#[test]
fn a_reader_that_fails_stores_nothing() {
    let bench = Bench::new();
    let rest = &bytes(1, 1000)[..];
    let error = bench.store.put_reader(Tap { rest, turns: 0, fails: true }, None).unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error:?}");
    assert_eq!(bench.names("temp"), [""; 0]);
    assert!(!bench.store.has(&BlobId::of(rest)).unwrap());
    let id = bench.store.put_reader(Tap { rest, turns: 0, fails: false }, None).unwrap();
    assert_eq!(bench.store.get(&id).unwrap(), rest);
}

#[test]
fn a_blob_that_is_there_is_not_read_again() {
    struct Untouched;
    impl Read for Untouched {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("the reader was asked");
        }
    }
    let bench = Bench::new();
    let id = bench.store.put(b"there").unwrap();
    assert_eq!(bench.store.put_reader(Untouched, Some(id)).unwrap(), id);
}

#[test]
fn ranges_outside_are_refused() {
    let bench = Bench::new();
    let id = bench.store.put(&bytes(1, 100)).unwrap();
    for (start, end) in [(0, 101), (100, 101), (5, 4), (101, 101), (u64::MAX, 0), (0, u64::MAX)] {
        let error = bench.store.get_range(&id, start..end).unwrap_err();
        assert!(matches!(error, Error::Range { size: 100, .. }), "{error:?}");
    }
    assert_eq!(bench.store.get_range(&id, 100..100).unwrap(), b"");
}

#[test]
fn files_of_blobs_are_read_only() {
    let bench = Bench::new();
    let id = bench.store.put(b"bytes").unwrap();
    assert!(fs::metadata(bench.blob(&id)).unwrap().permissions().readonly());
}

#[test]
fn a_store_opens_again_and_nothing_else_does() {
    let bench = Bench::new();
    let id = bench.store.put(b"kept").unwrap();
    let again = Store::open(bench.root.path()).unwrap();
    assert_eq!(again.get(&id).unwrap(), b"kept");

    fs::remove_dir(bench.root.path().join("quarantine")).unwrap();
    Store::open(bench.root.path()).unwrap();
    assert_eq!(bench.names("quarantine"), [""; 0]);

    fs::remove_file(bench.root.path().join("format")).unwrap();
    fs::write(bench.root.path().join("format"), "terroir-store-2\n").unwrap();
    assert!(matches!(Store::open(bench.root.path()), Err(Error::Version { .. })));

    let other = tempfile::TempDir::new().unwrap();
    fs::write(other.path().join("photo"), "mine").unwrap();
    assert!(matches!(Store::open(other.path()), Err(Error::Version { .. })));
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
    assert!(matches!(Store::open(other.path().join("photo")), Err(Error::Disk { .. })));
    Store::open(other.path().join("deep").join("er")).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_range_is_that_of_the_bytes(size in 0..600_000_u64, a: u64, b: u64) {
        let bench = Bench::new();
        let bytes = bytes(size, size as usize);
        let id = bench.store.put(&bytes).unwrap();
        let (a, b) = (a % (size + 1), b % (size + 1));
        let (start, end) = (a.min(b), a.max(b));
        let range = bench.store.get_range(&id, start..end).unwrap();
        prop_assert_eq!(range, &bytes[start as usize..end as usize]);
    }
}
