//! `data run`, `plan`, `append` and `withdraw`: making versions.

use super::{alone, find, salt, signed};
use crate::Verdict;
use crate::args::{Append, Plan, Run, Withdraw, Work};
use crate::output;
use crate::progress::{Bar, Steps, Unit};
use crate::settings::Settings;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;
use terroir_base::sign::SecretKey;
use terroir_corpus::catalogue::{Catalogue, Kept};
use terroir_corpus::claim;
use terroir_corpus::ingest::{Entry, Ingest, Options as Taking, Plan as Units, shard_bytes};
use terroir_corpus::read::Place;
use terroir_corpus::recipe::Recipe;
use terroir_corpus::run::{Options, Outcome, Records, run as make};
use terroir_corpus::stage::chain;
use terroir_corpus::withdraw::{Touched, touched};
use terroir_import::Source;
use terroir_node::{Receipts, now_ms, process};

pub(super) fn run(settings: &Settings, typed: &Run) -> Result<Verdict> {
    let recipe = read(settings, &typed.changed.recipe, &typed.changed.set)?;
    let maker = Maker::new(settings, &typed.make.work)?;
    let entries = maker.ingest(&recipe, &[])?;
    let outcome = maker.make(&recipe, &Records::of(&entries, None))?;
    maker.tell(&outcome, Some(&entries), typed.make.tag.as_deref(), typed.make.json)
}

pub(super) fn append(settings: &Settings, typed: &Append) -> Result<Verdict> {
    let maker = Maker::new(settings, &typed.make.work)?;
    let kept = maker.find(&typed.version)?;
    let entries = maker.ingest(&kept.recipe, &typed.paths)?;
    let outcome = maker.make(&kept.recipe, &Records::of(&entries, Some(&kept)))?;
    maker.tell(&outcome, Some(&entries), typed.make.tag.as_deref(), typed.make.json)
}

pub(super) fn withdraw(settings: &Settings, typed: &Withdraw) -> Result<Verdict> {
    let maker = Maker::new(settings, &typed.make.work)?;
    let kept = maker.find(&typed.version)?;
    let mut records = Records::of(&[], Some(&kept));
    records.withdrawn.extend(typed.contributor.iter().cloned());
    let outcome = maker.make(&kept.recipe, &records)?;
    if outcome.counts.withdrawn == 0 {
        let who = typed.contributor.join(", ");
        output::talk(format_args!("no record of this version names {who} as its contributor"));
    }
    let others = touched(&maker.catalogue, &typed.contributor.iter().cloned().collect())?;
    if typed.make.json {
        let mut said = maker.view(&outcome, 0);
        said["touched"] = others.iter().map(view_touched).collect();
        maker.tag(&outcome, typed.make.tag.as_deref())?;
        output::json(&said)?;
        return Ok(Verdict::Yes);
    }
    let verdict = maker.tell(&outcome, None, typed.make.tag.as_deref(), false)?;
    for Touched { version, name, records, manifests } in &others {
        let led = match manifests.len() {
            0 => String::new(),
            _ => {
                let ids: Vec<String> = manifests.iter().map(|id| id.0.short()).collect();
                format!(", led into training as {}", ids.join(", "))
            }
        };
        let id = version.0.short();
        output::data(format_args!("touched  {id} {name}: {records} of their records{led}"))?;
    }
    Ok(verdict)
}

fn view_touched(touched: &Touched) -> Value {
    let Touched { version, name, records, manifests } = touched;
    let manifests: Vec<String> = manifests.iter().map(ToString::to_string).collect();
    json!({ "version": version.to_string(), "name": name, "records": records, "manifests": manifests })
}

pub(super) fn plan(settings: &Settings, typed: &Plan) -> Result<Verdict> {
    let recipe = read(settings, &typed.changed.recipe, &typed.changed.set)?;
    let maker = Maker::new(settings, &typed.work)?;
    let units = maker.plan(&recipe, &[])?;
    let stages = chain(&recipe)?;
    let known = units.units.iter().filter_map(|unit| unit.known.as_ref());
    let shards: Vec<String> =
        known.flat_map(|entry| &entry.shards).map(|shard| shard.name.to_string()).collect();
    let fresh = units.units.iter().filter(|unit| unit.known.is_none()).count();
    let there = |stage: &terroir_corpus::stage::Stage| {
        shards.iter().filter(|name| claim::known(&maker.catalogue.measured(stage, name))).count()
    };
    let rows: Vec<(String, String, usize)> =
        stages.iter().map(|stage| (stage.name.clone(), stage.key.short(), there(stage))).collect();
    if typed.json {
        let row = |(name, key, known): &(String, String, usize)| json!({ "name": name, "key": key, "shards_known": known });
        output::json(&json!({
            "units": units.units.len(),
            "units_known": units.units.len() - fresh,
            "shards_known": shards.len(),
            "ignored": units.ignored,
            "stages": rows.iter().map(row).collect::<Vec<_>>(),
        }))?;
        return Ok(Verdict::Yes);
    }
    let all = units.units.len();
    output::data(format_args!(
        "read  {fresh} of {all} units are new, {} shards are known",
        shards.len()
    ))?;
    for (name, key, known) in rows {
        output::data(format_args!("{name}  {key}  known for {known} of these shards"))?;
    }
    for name in units.ignored {
        output::talk(format_args!(
            "ignored: {name} is of no known format; set source.format to read it"
        ));
    }
    Ok(Verdict::Yes)
}

/// Reads the recipe at `path`, brings here the files of stages that it has from elsewhere, and finds
/// the models that it names.
///
/// What it names then are paths and ids on this disk, so whoever opens a version fetches nothing.
fn read(settings: &Settings, path: &Path, set: &[String]) -> Result<Recipe> {
    let recipe = Recipe::read(path, set)?;
    let mut set = set.to_vec();
    for (place, stage) in recipe.stages.iter().enumerate() {
        let given = |key: &str| stage.params.get(key).and_then(|value| value.as_str());
        if let Some(source) = given("path")
            && let Some(file) = fetched(settings, source)
                .with_context(|| format!("stage {}: {source}", stage.name()))?
        {
            set.push(format!("stage.{place}.path={}", file.display()));
        }
        if let (Some(model), None) = (given("model"), given("store_path")) {
            let (home, id) = crate::model::find_in(settings, model)?;
            let store = std::path::absolute(home.folder().join("store")).context("no folder")?;
            set.push(format!("stage.{place}.model=\"{id}\""));
            set.push(format!("stage.{place}.store_path={}", store.display()));
        }
    }
    Ok(Recipe::read(path, &set)?)
}

/// The file or folder that `source` is fetched to; none where it is a path already.
fn fetched(settings: &Settings, source: &str) -> Result<Option<PathBuf>> {
    let source: Source = source.parse()?;
    if matches!(source, Source::Path(_)) {
        return Ok(None);
    }
    let mut bar = Bar::new(Unit::Bytes);
    let file = terroir_import::fetch(&source, &settings.open_home()?.downloads(), &mut bar)?;
    Ok(Some(std::path::absolute(file)?))
}

/// What makes versions in one home.
struct Maker<'a> {
    settings: &'a Settings,
    key: SecretKey,
    /// Where receipts take their place in the chain of this node.
    log: Receipts,
    catalogue: Catalogue,
    threads: usize,
    work: &'a Work,
    start: Instant,
    /// The same moment by the clock on the wall.
    requested_ms: u64,
    /// Held while this process works.
    _alone: File,
}

impl<'a> Maker<'a> {
    fn new(settings: &'a Settings, work: &'a Work) -> Result<Maker<'a>> {
        let start = Instant::now();
        let home = settings.open_home()?;
        let (catalogue, alone) = alone(&home)?;
        let threads = settings.threads(work.threads);
        // The key is made with the log.
        let log = home.receipts()?;
        let key = home.key()?.context("the home has no key")?;
        Ok(Maker {
            settings,
            key,
            log,
            catalogue,
            threads,
            work,
            start,
            requested_ms: now_ms(),
            _alone: alone,
        })
    }

    fn find(&self, version: &str) -> Result<Kept> {
        find(self.settings, version).map(|(_, kept)| kept)
    }

    fn taking(&self, recipe: &Recipe) -> Result<Taking> {
        let usual = || shard_bytes(self.work.memory, self.threads);
        let shard = self.work.shard.unwrap_or_else(usual);
        Ok(Taking {
            reading: recipe.source.reading()?,
            salt: salt(),
            shard_bytes: usize::try_from(shard)?,
            on_error: recipe.source.on_error,
        })
    }

    /// Where the recipe's files are, or those that were typed instead.
    fn place(&self, recipe: &Recipe, paths: &[String]) -> Result<Place> {
        let paths: Vec<&str> = match paths {
            [] => recipe.source.paths(),
            paths => paths.iter().map(String::as_str).collect(),
        };
        let paths = paths.into_iter().map(|path| self.bring(path)).collect::<Result<_>>()?;
        let access: BTreeMap<String, String> =
            std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect();
        Ok(Place { paths, access })
    }

    /// Where a path lies on this disk, once what is published elsewhere has been fetched.
    fn bring(&self, path: &str) -> Result<String> {
        let here = fetched(self.settings, path).with_context(|| format!("cannot fetch {path}"))?;
        let Some(here) = here else { return Ok(path.to_owned()) };
        here.into_os_string().into_string().ok().context("a path that is not UTF-8")
    }

    fn plan(&self, recipe: &Recipe, paths: &[String]) -> Result<Units> {
        let (place, options) = (self.place(recipe, paths)?, self.taking(recipe)?);
        Ok(Ingest::new(&self.catalogue, &place, &options)?.plan()?)
    }

    fn ingest(&self, recipe: &Recipe, paths: &[String]) -> Result<Vec<Entry>> {
        let (place, options) = (self.place(recipe, paths)?, self.taking(recipe)?);
        let ingest = Ingest::new(&self.catalogue, &place, &options)?;
        let plan = ingest.plan()?;
        if plan.units.is_empty() {
            bail!("source.path: nothing there that can be read: {}", place.paths.join(", "));
        }
        let steps = Steps::default();
        steps.begin("read", plan.units.len() as u64);
        let entries = ingest.run(&plan, &self.key, self.threads, &|_, _| steps.step())?;
        for name in &plan.ignored {
            output::talk(format_args!("ignored: {name} is of no known format"));
        }
        Ok(entries)
    }

    fn make(&self, recipe: &Recipe, records: &Records) -> Result<Outcome> {
        let steps = Steps::default();
        let options = Options {
            threads: self.threads,
            memory: self.work.memory,
            salt: salt(),
            sign: &|stage| signed(&self.log, stage, self.requested_ms),
            node: self.log.node(),
            watch: &|progress| steps.watch(&progress),
            elsewhere: None,
        };
        Ok(make(&self.catalogue, recipe, records, &options)?)
    }

    fn tell(
        &self,
        outcome: &Outcome,
        entries: Option<&[Entry]>,
        tag: Option<&str>,
        json: bool,
    ) -> Result<Verdict> {
        self.tag(outcome, tag)?;
        let skipped: u64 =
            entries.unwrap_or_default().iter().map(|entry| entry.counts.skipped).sum();
        if skipped > 0 {
            let folder = self.catalogue.units();
            output::talk(format_args!("{skipped} items are no records: see {}", folder.display()));
        }
        if json {
            output::json(&self.view(outcome, skipped))?;
            return Ok(Verdict::Yes);
        }
        let (counts, version) = (&outcome.counts, &outcome.version);
        output::data(format_args!("version  {}", outcome.id))?;
        output::data(format_args!("root     {}", version.root()))?;
        let share = |part: u64, all: u64| part as f64 * 100.0 / all.max(1) as f64;
        output::data(format_args!(
            "records  {} read, {} pass ({:.1} %)",
            counts.records,
            counts.kept,
            share(counts.kept, counts.records)
        ))?;
        output::data(format_args!(
            "text     {:.1} MB read, {:.1} MB pass ({:.1} %)",
            counts.bytes as f64 / 1e6,
            counts.bytes_kept as f64 / 1e6,
            share(counts.bytes_kept, counts.bytes)
        ))?;
        for (stage, dropped) in outcome.stages.iter().zip(&counts.dropped) {
            output::data(format_args!(
                "{:20} stops {dropped:>8}  {:>8.2} s CPU",
                stage.name,
                stage.cpu_ns as f64 / 1e9
            ))?;
        }
        if counts.withdrawn > 0 {
            output::data(format_args!("{:20} stops {:>8}", "withdrawn", counts.withdrawn))?;
        }
        let name = outcome.id.0.short();
        output::talk(format_args!(
            "look: `terroir data report {name}`, `terroir data explain RECORD`; \
             check: `terroir data audit {name}`"
        ));
        Ok(Verdict::Yes)
    }

    fn tag(&self, outcome: &Outcome, tag: Option<&str>) -> Result<()> {
        tag.map_or(Ok(()), |tag| Ok(self.catalogue.tag(tag, &outcome.id)?))
    }

    fn view(&self, outcome: &Outcome, skipped: u64) -> Value {
        let mut said = outcome.view(skipped);
        said["wall_s"] = json!(self.start.elapsed().as_secs_f64());
        said["cpu_s"] = json!(process::cpu_ms().map(|ms| ms as f64 / 1e3));
        said["peak_rss_mib"] = json!(process::peak_bytes().map(|bytes| bytes >> 20));
        said["threads"] = json!(self.threads);
        said
    }
}
