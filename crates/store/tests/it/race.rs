//! Many threads and processes on one store.

use crate::bench::{Bench, bytes, child, flip, store_of_parent};
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tempfile::TempDir;
use terroir_base::id::BlobId;
use terroir_store::{Error, Store};

const ROUNDS: u64 = 40;
/// Few different blobs, so that several workers want the same one at the same time.
const DISTINCT: u64 = 7;

/// Puts and pins, reads back, sweeps whenever it can, and sometimes unpins.
fn work(store: &Store, worker: u64) {
    let pin = format!("worker-{worker}");
    for round in 0..ROUNDS {
        let bytes = bytes((worker + round) % DISTINCT, 20_000);
        let id = match round % 2 {
            0 => keep_under_hold(store, &bytes, &pin),
            _ => keep_with_luck(store, &bytes, &pin),
        };
        // From here on only the pin stands between the blob and the sweeps of the others.
        match store.sweep() {
            Ok(_) | Err(Error::Busy { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(store.get(&id).unwrap(), bytes);
        assert_eq!(store.map(&id).unwrap().as_ref(), bytes);
        assert!(store.pins().unwrap()[&pin].contains(&id));
        if round % 3 == 0 {
            store.unpin(&pin).unwrap();
        }
    }
}

fn keep_under_hold(store: &Store, bytes: &[u8], pin: &str) -> BlobId {
    let _hold = store.hold().unwrap();
    let id = store.put_reader(bytes, None).unwrap();
    assert_eq!(store.put(bytes).unwrap(), id);
    store.pin(pin, &[id]).unwrap();
    id
}

/// Without a hold the blob may be swept before it is pinned, but a pin that was made holds.
fn keep_with_luck(store: &Store, bytes: &[u8], pin: &str) -> BlobId {
    loop {
        let id = store.put(bytes).unwrap();
        match store.pin(pin, &[id]) {
            Ok(()) => return id,
            Err(Error::Missing { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn threads_share_a_store() {
    let bench = Bench::new();
    thread::scope(|scope| {
        for worker in 0..6 {
            let store = bench.store.clone();
            scope.spawn(move || work(&store, worker));
        }
    });
    let pinned: BTreeSet<BlobId> = bench.store.pins().unwrap().into_values().flatten().collect();
    bench.store.sweep().unwrap();
    let count: usize =
        bench.names("blobs").iter().map(|two| bench.names(&format!("blobs/{two}")).len()).sum();
    assert_eq!(count, pinned.len());
}

/// What `processes_share_a_store` runs in each of its processes.
#[test]
fn worker_process() {
    if let Some(store) = store_of_parent() {
        work(&store, std::process::id().into());
    }
}

#[test]
fn processes_share_a_store() {
    let bench = Bench::new();
    let start = || child("race::worker_process", bench.root.path()).spawn().unwrap();
    let mut workers = [start(), start(), start()];
    work(&bench.store, 0);
    for worker in &mut workers {
        assert!(worker.wait().unwrap().success());
    }
    bench.store.sweep().unwrap();
    assert_eq!(bench.names("quarantine"), [""; 0], "no race looks like damage");
    assert_eq!(bench.names("temp"), [""; 0]);
}

#[test]
fn a_store_may_be_founded_by_many_at_once() {
    for _ in 0..20 {
        let root = TempDir::new().unwrap();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    let store = Store::open(root.path()).unwrap();
                    let id = store.put(b"first").unwrap();
                    match store.sweep() {
                        Ok(_) | Err(Error::Busy { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                    match store.get(&id) {
                        Ok(bytes) => assert_eq!(bytes, b"first"),
                        Err(error) => assert!(matches!(error, Error::Missing { .. }), "{error:?}"),
                    }
                });
            }
        });
    }
}

/// Says so when the thread that owns it is through, be it by a panic.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One damages, one heals, two read: nobody ever sees wrong bytes, and a healed blob stays.
#[test]
fn readers_never_see_damage_nor_undo_healing() {
    let bench = Bench::new();
    let original = bytes(1, 50_000);
    let id = bench.store.put(&original).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    match bench.store.get(&id) {
                        Ok(bytes) => assert!(bytes == original),
                        Err(Error::Corrupt { .. } | Error::Missing { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
        // However the rounds end, the readers end too.
        let _done = Done(&done);
        for round in 0..100 {
            flip(&bench.blob(&id), round * 499);
            bench.store.put(&original).unwrap();
            assert!(bench.store.get(&id).unwrap() == original);
        }
    });
    assert!(bench.store.get(&id).unwrap() == original);
}
