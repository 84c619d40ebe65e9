//! A corpus, a home, the embedded driver over them, and processes that end with the test.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use terroir_corpus::catalogue::Catalogue;
use terroir_corpus::ingest::{Ingest, Options as Taking};
use terroir_corpus::read::Place;
use terroir_corpus::recipe::Recipe;
use terroir_corpus::run::{Options, Outcome, Records, run};
use terroir_corpus::tree::SaltKey;
use terroir_node::Home;

/// Nothing here takes longer, on a slow machine with other work to do.
const DEADLINE: Duration = Duration::from_secs(300);

/// Bytes of records in a shard.
const SHARD_BYTES: usize = 128 << 10;

const RECIPE: &str = r#"
name = "world"
[source]
path = "in"
[[stage]]
kind = "gopher_quality"
[[stage]]
kind = "pii"
mode = "mask"
[[stage]]
kind = "exact"
[[stage]]
kind = "minhash"
[[stage]]
kind = "c4"
"#;

/// A folder with a corpus, its recipe and a home.
pub struct World {
    pub folder: TempDir,
}

impl World {
    /// So many files, which become about as many shards of [`SHARD_BYTES`].
    ///
    /// Texts are the documentation of this repository, in pieces; every tenth comes twice.
    pub fn new(files: usize) -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut texts = Vec::new();
        for place in ["docs", "docs/format", "docs/guide", "docs/decision"] {
            let names = fs::read_dir(root.join(place)).unwrap();
            let mut names: Vec<PathBuf> = names.map(|name| name.unwrap().path()).collect();
            names.sort();
            for name in names.iter().filter(|name| name.extension().is_some_and(|e| e == "md")) {
                let text = fs::read_to_string(name).unwrap();
                texts.extend(text.split("\n## ").map(str::to_owned));
            }
        }
        fs::create_dir(folder.path().join("in")).unwrap();
        for file in 0..files {
            let mut lines = String::new();
            for (at, text) in texts.iter().enumerate() {
                let stem = if at % 10 == 0 { 0 } else { file };
                let mail = format!("{text}\nAsk no. {stem} at who{stem}@example.org.");
                lines += &format!("{}\n", json!({ "id": format!("{file}-{at}"), "text": mail }));
            }
            fs::write(folder.path().join(format!("in/{file:02}.jsonl")), lines).unwrap();
        }
        fs::write(folder.path().join("recipe.toml"), RECIPE).unwrap();
        World { folder }
    }

    /// The path of something in the folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs the recipe with the embedded driver on one thread, in the home `home`.
    pub fn embedded(&self, home: &str) -> Outcome {
        let home = Home::open(self.path(home)).unwrap();
        let log = home.receipts().unwrap();
        let catalogue = Catalogue::new(home.folder().join("data"));
        let recipe = Recipe::read(&self.folder.path().join("recipe.toml"), &[]).unwrap();
        let paths = recipe.source.paths().into_iter().map(str::to_owned).collect();
        let place = Place { paths, access: Default::default() };
        let taking = Taking {
            reading: recipe.source.reading().unwrap(),
            salt: SaltKey::PUBLIC,
            shard_bytes: SHARD_BYTES,
            on_error: recipe.source.on_error,
        };
        let ingest = Ingest::new(&catalogue, &place, &taking).unwrap();
        let key = home.key().unwrap().unwrap();
        let entries = ingest.run(&ingest.plan().unwrap(), &key, 1, &|_, _| ()).unwrap();
        let options = Options {
            threads: 1,
            memory: 256 << 20,
            salt: SaltKey::PUBLIC,
            sign: &|stage| Ok(log.sign_stage(stage, 1).unwrap()),
            node: log.node(),
            watch: &|_| (),
            elsewhere: None,
        };
        run(&catalogue, &recipe, &Records::of(&entries, None), &options).unwrap()
    }

    /// A command of the program.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_terroir-cluster"));
        command.args(words).current_dir(self.folder.path()).env_remove("TERROIR_HOME");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A run of the recipe on the cluster of `scheduler`, in the home `home`.
    pub fn run(&self, scheduler: &str, home: &str) -> Command {
        let words = ["run", "recipe.toml", "--json", "--threads", "1"];
        let mut command = self.command(&words);
        command.args(["--scheduler", scheduler, "--home", home]);
        command.args(["--shard", &SHARD_BYTES.to_string()]);
        command
    }

    /// A scheduler, and where it listens.
    pub fn scheduler(&self) -> (Process, String) {
        let words = ["scheduler", "--port", "0", "--lost-after", "12"];
        let (process, line) = Process::start(self.command(&words));
        let address = line.strip_prefix("scheduler on ").expect(&line).to_owned();
        (process, address)
    }

    /// An executor on one thread that works in `home` and has the folder `work` to itself.
    pub fn executor(&self, scheduler: &str, home: &str, work: &str) -> Process {
        let words = ["executor", "--threads", "1", "--scheduler", scheduler];
        let mut command = self.command(&words);
        command.args(["--home", home, "--work", work]);
        let (process, line) = Process::start(command);
        assert!(line.starts_with("executor 127.0.0.1:"), "{line}");
        process
    }
}

/// A process that is killed when the test is done with it.
pub struct Process {
    pub child: Child,
    /// Read on, so that it never waits for a reader.
    talk: Option<std::thread::JoinHandle<String>>,
}

impl Process {
    /// Starts `command`; gives the first line that it says.
    fn start(mut command: Command) -> (Process, String) {
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let talk = Some(std::thread::spawn(move || rest(said)));
        (Process { child, talk }, line.trim_end().to_owned())
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn rest(mut said: BufReader<ChildStderr>) -> String {
    let mut text = Vec::new();
    let _ = said.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let said = self.talk.take().map(|talk| talk.join());
        if std::thread::panicking() {
            eprintln!("--- said: {said:?}");
        }
    }
}

/// Waits until `ready`, or fails.
pub fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < DEADLINE, "waited too long: {what}");
        std::thread::yield_now();
    }
}

/// Waits until the scheduler has so many executors.
pub fn executors(scheduler: &str, count: usize) {
    let wanted = format!("ready: {count} executors");
    until(&wanted, || {
        let Ok(mut stream) = TcpStream::connect(scheduler) else { return false };
        let ask = "GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        stream.write_all(ask.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.contains(&wanted)
    });
}

/// The files below `folder`, however deep.
pub fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |path: PathBuf| if path.is_dir() { files(&path) } else { 1 };
    entries.flatten().map(|entry| count(entry.path())).sum()
}

/// What a command that succeeded printed.
pub fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// What a command that failed said last.
pub fn failed(output: &Output) -> String {
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines().last().unwrap_or_default().to_owned()
}
