//! A process that is killed while it puts: what it said was stored is stored, the rest is rubbish.

use crate::bench::{Bench, bytes, child, store_of_parent};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use terroir_base::id::BlobId;

/// What `a_killed_process_leaves_whole_blobs` kills.
#[test]
fn victim_process() {
    if let Some(store) = store_of_parent() {
        for seed in 0.. {
            println!("stored {}", store.put(&bytes(seed, 100_000)).unwrap());
        }
    }
}

#[test]
fn a_killed_process_leaves_whole_blobs() {
    let bench = Bench::new();
    let mut promised: Vec<BlobId> = Vec::new();
    for lines in [1, 3, 10, 20] {
        let mut command = child("crash::victim_process", bench.root.path());
        let mut victim = command.stdout(Stdio::piped()).spawn().unwrap();
        let talk = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
        let ids = talk.filter_map(|line| line.split_once("stored ")?.1.parse::<BlobId>().ok());
        promised.extend(ids.take(lines));
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
    for id in &promised {
        bench.store.get(id).unwrap();
    }
    // Its locks died with it, and whatever has a blob's name is that blob.
    bench.store.pin("promised", &promised).unwrap();
    bench.store.sweep().unwrap();
    assert_eq!(bench.names("temp"), [""; 0]);
    for id in &promised {
        bench.store.get(id).unwrap();
    }
}
