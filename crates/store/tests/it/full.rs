//! A disk that is full: an error that says so, and a store as it was before.

use crate::bench::{STORE, bytes, child, store_of_parent};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use terroir_base::id::BlobId;
use terroir_store::{Error, Store};

fn entries(root: &Path, folder: &str) -> usize {
    std::fs::read_dir(root.join(folder)).unwrap().count()
}

/// Puts a blob that is too large between blobs that are not.
fn put_too_much(store: &Store, root: &Path, refused: &[ErrorKind]) {
    let small = store.put(b"small").unwrap();
    store.pin("small", &[small]).unwrap();
    let large = bytes(1, 4_000_000);
    for error in [store.put(&large), store.put_reader(&large[..], None)].map(Result::unwrap_err) {
        let full = matches!(&error, Error::Disk { source, .. } if refused.contains(&source.kind()));
        assert!(full, "{error:?}");
        assert!(!store.has(&BlobId::of(&large)).unwrap());
        assert_eq!(entries(root, "temp"), 0, "the space is given back");
    }
    let after = store.put(b"after").unwrap();
    assert_eq!(store.get(&small).unwrap(), b"small");
    assert_eq!(store.get(&after).unwrap(), b"after");
    assert_eq!(store.pins().unwrap()["small"], [small]);
}

/// What `a_file_that_may_not_grow_is_refused` runs under a limit on the size of files.
#[test]
fn limited_process() {
    if let Some(store) = store_of_parent() {
        let root = std::env::var_os(STORE).unwrap();
        put_too_much(&store, Path::new(&root), &[ErrorKind::FileTooLarge]);
        println!("refused");
    }
}

#[test]
fn a_file_that_may_not_grow_is_refused() {
    let root = TempDir::new().unwrap();
    let inner = child("full::limited_process", root.path());
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ && ulimit -f 1000 && exec \"$@\"", "sh"]);
    shell.arg(inner.get_program()).args(inner.get_args()).env(STORE, root.path());
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("refused"), "{output:?}");
}

/// What `a_full_disk_is_refused` runs on a disk of 1 MB.
#[test]
fn full_process() {
    if let Some(store) = store_of_parent() {
        let root = std::env::var_os(STORE).unwrap();
        put_too_much(&store, Path::new(&root), &[ErrorKind::StorageFull]);
        fill_and_free(&store);
        println!("refused");
    }
}

/// Fills the disk blob by blob, then makes room by sweeping.
fn fill_and_free(store: &Store) {
    let stored = (2..).map_while(|seed| store.put(&bytes(seed, 50_000)).ok()).collect::<Vec<_>>();
    assert!(stored.len() > 10);
    for id in &stored {
        store.get(id).unwrap();
    }
    assert!(matches!(store.put(&bytes(1, 50_000)), Err(Error::Disk { .. })));
    let swept = store.sweep().unwrap();
    assert!(swept.bytes >= 50_000 * stored.len() as u64);
    store.put(&bytes(1, 50_000)).unwrap();
    assert_eq!(store.pins().unwrap().len(), 1);
}

/// Needs a system that lets the tests mount a small disk in a name space of their own.
#[test]
fn a_full_disk_is_refused() {
    let root = TempDir::new().unwrap();
    let mount = "mount -t tmpfs -o size=1m tmpfs \"$TERROIR_STORE_TEST\"";
    let isolated = |script: String| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
        unshare.env(STORE, root.path());
        unshare
    };
    if !isolated(mount.to_owned()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    }
    let inner = child("full::full_process", root.path());
    let mut command = isolated(format!("{mount} && exec \"$@\""));
    let output = command.arg(inner.get_program()).args(inner.get_args()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("refused"), "{output:?}");
}
