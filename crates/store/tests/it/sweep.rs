//! Sweeping: exactly what no pin keeps, and only when nobody is in the middle of something.

use crate::bench::{Bench, bytes, flip};
use std::fs;
use std::io::{self, Read};
use terroir_store::{Error, Store, Swept};

#[test]
fn what_is_pinned_stays_and_the_rest_goes() {
    let bench = Bench::new();
    let kept = bench.store.put(&bytes(1, 1000)).unwrap();
    let shared = bench.store.put(&bytes(2, 1000)).unwrap();
    let loose = bench.store.put(&bytes(3, 70)).unwrap();
    bench.store.pin("one", &[kept, shared]).unwrap();
    bench.store.pin("two", &[shared]).unwrap();
    assert_eq!(bench.store.sweep().unwrap(), Swept { removed: 1, bytes: 70 });
    assert!(!bench.store.has(&loose).unwrap());
    bench.store.unpin("one").unwrap();
    assert_eq!(bench.store.sweep().unwrap(), Swept { removed: 1, bytes: 1000 });
    assert!(!bench.store.has(&kept).unwrap());
    assert_eq!(bench.store.get(&shared).unwrap(), bytes(2, 1000));
    assert_eq!(bench.store.sweep().unwrap(), Swept::default());
}

#[test]
fn leftovers_are_never_read_and_go_with_the_sweep() {
    let bench = Bench::new();
    let original = bytes(1, 5000);
    let id = bench.store.put(&original).unwrap();
    // What a process leaves that died in the middle of a put: the file cut anywhere.
    for (count, end) in [0, 1, 1024, 4999].into_iter().enumerate() {
        let path = bench.root.path().join("temp").join(format!("1-{count}"));
        fs::write(path, &original[..end]).unwrap();
    }
    let own = bench.root.path().join("temp").join(format!("{}-0", std::process::id()));
    fs::write(own, b"left by a process of the same number").unwrap();
    flip(&bench.blob(&id), 3);
    assert!(matches!(bench.store.get(&id), Err(Error::Corrupt { .. })));
    let other = bench.store.put(b"other").unwrap();
    bench.store.pin("other", &[other]).unwrap();
    assert_eq!(bench.store.sweep().unwrap().removed, 6);
    assert_eq!(bench.names("temp"), [""; 0]);
    assert_eq!(bench.names("quarantine"), [""; 0]);
    assert_eq!(bench.store.get(&other).unwrap(), b"other");
}

#[test]
fn files_of_others_are_left_alone() {
    let bench = Bench::new();
    let id = bench.store.put(b"blob").unwrap();
    let note = bench.blob(&id).with_file_name("README");
    fs::write(&note, "mine").unwrap();
    assert_eq!(bench.store.sweep().unwrap().removed, 1);
    assert!(note.exists());
}

#[test]
fn a_hold_keeps_the_sweep_away() {
    let bench = Bench::new();
    let one = bench.store.hold().unwrap();
    let other = bench.store.clone().hold().unwrap();
    let id = bench.store.put(b"not pinned yet").unwrap();
    let is_busy = |error| matches!(error, Error::Busy { path } if path.ends_with("sweep.lock"));
    assert!(is_busy(bench.store.sweep().unwrap_err()));
    drop(one);
    assert!(is_busy(bench.store.sweep().unwrap_err()));
    assert!(bench.store.has(&id).unwrap());
    drop(other);
    assert_eq!(bench.store.sweep().unwrap().removed, 1);
}

#[test]
fn a_put_keeps_the_sweep_away() {
    /// Tries to sweep the store into which its bytes are being put.
    struct Sweeper<'a>(&'a Store, bool);
    impl Read for Sweeper<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(matches!(self.0.sweep(), Err(Error::Busy { .. })));
            let first = !std::mem::replace(&mut self.1, true);
            buffer[0] = b'x';
            Ok(first.into())
        }
    }
    let bench = Bench::new();
    let id = bench.store.put_reader(Sweeper(&bench.store, false), None).unwrap();
    assert_eq!(bench.store.get(&id).unwrap(), b"x");
}
