//! The bench on which the tests work: a fresh store, and hands that damage its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use terroir_base::id::BlobId;
use terroir_store::Store;

/// A store in a folder of its own, gone when dropped.
pub struct Bench {
    pub store: Store,
    pub root: TempDir,
}

/// The variable that tells a test in a child process which store to work on.
pub const STORE: &str = "TERROIR_STORE_TEST";

impl Bench {
    pub fn new() -> Bench {
        let root = TempDir::new().unwrap();
        Bench { store: Store::open(root.path()).unwrap(), root }
    }

    pub fn blob(&self, id: &BlobId) -> PathBuf {
        let name = id.to_string();
        self.root.path().join("blobs").join(&name[..2]).join(name)
    }

    /// Names of the files in one of the store's folders.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.path().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Replaces the content of a file, read-only or not.
pub fn overwrite(path: &Path, bytes: &[u8]) {
    let away = path.with_extension("test");
    fs::write(&away, bytes).unwrap();
    fs::rename(&away, path).unwrap();
}

/// Changes one byte of a file.
pub fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    overwrite(path, &bytes);
}

/// Bytes that differ for each `seed`.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A command that runs one test of this binary in another process, on the store at `root`.
pub fn child(test: &str, root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(STORE, root);
    command
}

/// The store a parent process named; `None` when the test runs by itself and has nothing to do.
pub fn store_of_parent() -> Option<Store> {
    std::env::var_os(STORE).map(|root| Store::open(root).unwrap())
}
