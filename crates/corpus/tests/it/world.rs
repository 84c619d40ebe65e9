//! A folder of files, a catalogue and a recipe.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use terroir_base::sign::SecretKey;
use terroir_corpus::Error;
use terroir_corpus::catalogue::{Catalogue, Kept};
use terroir_corpus::ingest::{Entry, Ingest, Options as Taking};
use terroir_corpus::read::Place;
use terroir_corpus::recipe::Recipe;
use terroir_corpus::run::{Elsewhere, Options, Outcome, Records, run};
use terroir_corpus::tree::SaltKey;
use terroir_proof::{Draft, Place as Spot, Stage, Times, Work};

/// What every test starts from: stages that edit, that only look, and that compare.
pub const RECIPE: &str = r#"
name = "test"
[source]
path = "in"
source = { field = "source" }
contributor = { field = "by" }
[[stage]]
kind = "normalise"
[[stage]]
kind = "gopher_quality"
[[stage]]
kind = "exact"
[[stage]]
kind = "minhash"
[[stage]]
kind = "pii"
mode = "mask"
"#;

pub struct World {
    folder: tempfile::TempDir,
    pub signed: AtomicUsize,
}

impl World {
    pub fn new() -> World {
        World { folder: tempfile::tempdir().unwrap(), signed: AtomicUsize::new(0) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn catalogue(&self) -> Catalogue {
        Catalogue::new(self.path("data"))
    }

    /// Writes `lines` as a file of the source folder `folder`.
    pub fn file(&self, folder: &str, name: &str, lines: &[String]) {
        let folder = self.path(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), lines.concat()).unwrap();
    }

    pub fn recipe(&self, set: &[&str]) -> Recipe {
        let set: Vec<String> = set.iter().map(|text| (*text).to_owned()).collect();
        Recipe::parse(RECIPE, self.folder.path(), &set, self.folder.path()).unwrap()
    }

    /// A recipe of these stages over the same source.
    pub fn stages(&self, stages: &str) -> Recipe {
        let source = RECIPE.split_once("[[stage]]").unwrap().0;
        let text = format!("{source}{stages}");
        Recipe::parse(&text, self.folder.path(), &[], self.folder.path()).unwrap()
    }

    /// Takes in the recipe's files.
    pub fn ingest(&self, recipe: &Recipe, shard_bytes: usize, threads: usize) -> Vec<Entry> {
        let paths = recipe.source.paths().into_iter().map(str::to_owned).collect();
        let place = Place { paths, access: Default::default() };
        let options = Taking {
            reading: recipe.source.reading().unwrap(),
            salt: salt(),
            shard_bytes,
            on_error: recipe.source.on_error,
        };
        let catalogue = self.catalogue();
        let ingest = Ingest::new(&catalogue, &place, &options).unwrap();
        let plan = ingest.plan().unwrap();
        ingest.run(&plan, &key(), threads, &|_, _| ()).unwrap()
    }

    pub fn records(&self, entries: &[Entry], parent: Option<&Kept>) -> Records {
        Records::of(entries, parent)
    }

    pub fn run(&self, recipe: &Recipe, records: &Records, threads: usize) -> Outcome {
        self.try_run(recipe, records, threads).unwrap()
    }

    pub fn try_run(
        &self,
        recipe: &Recipe,
        records: &Records,
        threads: usize,
    ) -> Result<Outcome, Error> {
        self.run_with(recipe, records, threads, None)
    }

    /// Runs with the passes over shards done by `elsewhere`, where it is there.
    pub fn run_with(
        &self,
        recipe: &Recipe,
        records: &Records,
        threads: usize,
        elsewhere: Option<&Elsewhere<'_>>,
    ) -> Result<Outcome, Error> {
        let sign = |stage: &Stage| {
            self.signed.fetch_add(1, Ordering::Relaxed);
            signs(&key())(stage)
        };
        let options = Options {
            threads,
            memory: 64 << 20,
            salt: salt(),
            sign: &sign,
            node: key().public(),
            watch: &|_| (),
            elsewhere,
        };
        run(&self.catalogue(), recipe, records, &options)
    }

    /// Takes in and runs, all at once.
    pub fn all(&self, set: &[&str], shard_bytes: usize, threads: usize) -> Outcome {
        let recipe = self.recipe(set);
        let entries = self.ingest(&recipe, shard_bytes, threads);
        self.run(&recipe, &self.records(&entries, None), threads)
    }
}

pub fn salt() -> SaltKey {
    SaltKey([7; 32])
}

/// Gives receipts of a node with that key, each as if it were the node's first.
pub fn signs(key: &SecretKey) -> impl Fn(&Stage) -> Result<Vec<u8>, Error> + Sync + '_ {
    |stage| {
        let times = Times { requested_ms: 1, first_ms: None, done_ms: 2 };
        let draft = Draft { place: Spot::FIRST, work: Work::Stage(stage.clone()), times };
        Ok(draft.sign(key).unwrap().bytes)
    }
}

pub fn key() -> SecretKey {
    SecretKey::from_seed([3; 32])
}

/// `count` records from a seed: prose of common words, copies, near copies, poor ones, addresses.
pub fn lines(seed: u64, count: usize) -> Vec<String> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    const WORDS: [&str; 24] = [
        "the", "river", "and", "field", "of", "soil", "with", "harvest", "that", "grain", "have",
        "water", "be", "season", "to", "farmer", "slowly", "grows", "under", "clouds", "bread",
        "stone", "winter", "light",
    ];
    let mut texts: Vec<String> = Vec::new();
    for at in 0..count {
        let text = match next(10) {
            0 if at > 0 => texts[next(at)].clone(),
            1 if at > 0 => texts[next(at)].replacen("the", "a", 1),
            2 => "too short".to_owned(),
            kind => {
                let words: Vec<&str> =
                    (0..60 + next(80)).map(|_| WORDS[next(WORDS.len())]).collect();
                let tail = if kind == 3 { " Write to ann@example.org now." } else { "." };
                format!("Number {at}-{seed}: {}{tail}", words.join(" "))
            }
        };
        texts.push(text);
    }
    let who = |at: usize| ["ann", "ben", "eve"][at % 3];
    let line = |(at, text): (usize, String)| {
        let source = format!("s{}", at % 2);
        let record = serde_json::json!({
            "id": format!("{seed}-{at}"), "text": text, "source": source, "by": who(at),
        });
        format!("{record}\n")
    };
    texts.into_iter().enumerate().map(line).collect()
}

/// Every file under `folder` that ends so, ascending.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false if path.to_string_lossy().ends_with(ending) => drop(found.insert(path)),
                false => {}
            }
        }
    }
    found.into_iter().collect()
}
