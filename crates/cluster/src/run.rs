//! A run from its recipe to its version, as `terroir data run` does it but for the passes.

use crate::drive::Fleet;
use crate::error::Error;
use crate::job::Job;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_corpus::Error as Refused;
use terroir_corpus::catalogue::Catalogue;
use terroir_corpus::ingest::{Entry, Ingest, Options as Taking, shard_bytes};
use terroir_corpus::read::Place;
use terroir_corpus::recipe::{Recipe, wrong};
use terroir_corpus::run::{Options, Outcome, Progress, Records, run as make};
use terroir_corpus::stage::chain;
use terroir_corpus::tree::SaltKey;
use terroir_node::{Home, now_ms};

/// What a run is told.
pub struct Told {
    /// The recipe's file.
    pub recipe: PathBuf,
    /// Values for its keys, `dotted.key=VALUE`.
    pub set: Vec<String>,
    /// Bytes of memory that this process should stay within.
    pub memory: u64,
    /// Most bytes of records in a shard.
    pub shard: Option<u64>,
    /// Threads of this process.
    pub threads: usize,
    /// Let this tag stand for the version.
    pub tag: Option<String>,
}

/// What came out of a run.
pub struct Ran {
    /// The version.
    pub outcome: Outcome,
    /// Items that are no records.
    pub skipped: u64,
}

/// Runs a recipe in `home`, which the executors of `fleet` share; tells `watch` how far it is.
///
/// Errors: those of the embedded driver, and of [`Fleet::measure`].
pub fn run(
    home: &Home,
    fleet: &Fleet,
    told: &Told,
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<Ran, Error> {
    let requested_ms = now_ms();
    let recipe = read(home, &told.recipe, &told.set)?;
    let stages = chain(&recipe)?;
    let job = Arc::new(Job::new(&recipe, &stages));
    let catalogue = Catalogue::new(home.folder().join("data"));
    let waiting = || log::warn!("another run works in this home; waiting for it");
    let _alone = catalogue.lock(waiting)?;
    // The key is made with the log.
    let log = home.receipts()?;
    let entries = ingest(home, &catalogue, &recipe, told, watch)?;
    let sign = |stage: &_| {
        log.sign_stage(stage, requested_ms).map_err(|error| Refused::Sign(Box::new(error)))
    };
    let elsewhere = |tasks: &[_]| {
        let passed = fleet.measure(&catalogue, &job, &stages, tasks);
        passed.map_err(|error| match error {
            Error::Corpus(error) => error,
            error => Refused::Elsewhere(Box::new(error)),
        })
    };
    let options = Options {
        threads: told.threads,
        memory: told.memory,
        salt: SaltKey::PUBLIC,
        sign: &sign,
        node: log.node(),
        watch,
        elsewhere: Some(&elsewhere),
    };
    let outcome = make(&catalogue, &recipe, &Records::of(&entries, None), &options)?;
    if let Some(tag) = &told.tag {
        catalogue.tag(tag, &outcome.id)?;
    }
    let skipped = entries.iter().map(|entry| entry.counts.skipped).sum();
    Ok(Ran { outcome, skipped })
}

/// Reads the recipe at `path` and finds the models that it names in `home`.
fn read(home: &Home, path: &Path, set: &[String]) -> Result<Recipe, Error> {
    let recipe = Recipe::read(path, set)?;
    let mut set = set.to_vec();
    let store = home.folder().join("store");
    let store = std::path::absolute(&store).map_err(terroir_corpus::error::disk(&store))?;
    for (place, stage) in recipe.stages.iter().enumerate() {
        let given = |key: &str| stage.params.get(key).and_then(|value| value.as_str());
        if let (Some(model), None) = (given("model"), given("store_path")) {
            set.push(format!("stage.{place}.model=\"{}\"", home.find_model(model)?));
            set.push(format!("stage.{place}.store_path={}", store.display()));
        }
    }
    Ok(Recipe::read(path, &set)?)
}

fn ingest(
    home: &Home,
    catalogue: &Catalogue,
    recipe: &Recipe,
    told: &Told,
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<Entry>, Error> {
    let paths: Vec<String> = recipe.source.paths().into_iter().map(str::to_owned).collect();
    let access = std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect();
    let place = Place { paths, access };
    let shard = told.shard.unwrap_or_else(|| shard_bytes(told.memory, told.threads));
    let options = Taking {
        reading: recipe.source.reading()?,
        salt: SaltKey::PUBLIC,
        shard_bytes: usize::try_from(shard).unwrap_or(usize::MAX),
        on_error: recipe.source.on_error,
    };
    let ingest = Ingest::new(catalogue, &place, &options)?;
    let plan = ingest.plan()?;
    if plan.units.is_empty() {
        let what = format!("nothing there that can be read: {}", place.paths.join(", "));
        return Err(wrong("source.path", what).into());
    }
    watch(Progress::Begin { what: "read", steps: plan.units.len() as u64 });
    for name in &plan.ignored {
        log::warn!("ignored: {name} is of no known format");
    }
    let key = home.key()?.expect("the key was made with the log");
    Ok(ingest.run(&plan, &key, told.threads, &|_, _| watch(Progress::Step))?)
}
