//! Asking for an absence at a stage of a version, and checking one with no more than the version.
//!
//! Whoever has the home makes the proof; whoever has `version.cbor`, the recipe and the record's
//! text checks it. Both make the keys from the text itself, by the stages that the version names.

use super::{Absence, Refused, Subject, unmatched, unshared};
use crate::catalogue::{Catalogue, Kept};
use crate::error::{Error, damaged};
use crate::explain::find;
use crate::keys;
use crate::measure::edit;
use crate::recipe::Recipe;
use crate::record::RecordId;
use crate::run::ShardTexts;
use crate::shard;
use crate::stage::contamination::{Evals, Item, NGram};
use crate::stage::{Key, Stage, Texts, Work, chain};
use crate::text::Doc;
use crate::version::{StageEntry, Version};
use std::collections::BTreeSet;
use std::path::PathBuf;
use terroir_base::Digest;

/// What a version says of one record at one stage.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The stage's name in the version.
    pub stage: String,
    /// The stage's kind.
    pub kind: String,
    /// What a proof is checked against.
    pub subject: Subject,
    /// Keys, or distinct runs of words, that the stage makes of the record's text.
    pub asked: usize,
    /// Leaves of the tree that has none of them but the record's own.
    pub leaves: u64,
    /// Where it shows no absence: the other records that share a key.
    pub records: BTreeSet<RecordId>,
    /// Where it shows no absence: the items of evaluation sets that share a run.
    pub items: BTreeSet<Item>,
}

impl Answer {
    /// Whether nothing else has what the record has.
    pub fn absent(&self) -> bool {
        self.records.is_empty() && self.items.is_empty()
    }
}

/// What a proof must be about, for a checker who has no home.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The stage's name; the one that the proof names, without.
    pub stage: Option<&'a str>,
    /// The record; the one that the proof names, without.
    pub record: Option<RecordId>,
    /// The record's text, as it was read: before any stage.
    pub text: &'a str,
}

/// What a stage looks for, made of a text.
enum Asked {
    Keys(Vec<Key>),
    NGrams(Vec<NGram>, BTreeSet<Item>),
}

/// Asks for the record that `name` means ([`find`]) at the stage named `stage`, or at the only one
/// that can be asked. Gives the proof where there is an absence.
///
/// Errors: `Missing` for no such record or stage; `Damaged` where runs of keys are not those of the
/// version, or the recipe is not; `Absence` for a proof that would be refused, as one with too many
/// leaves is.
pub fn prove(
    catalogue: &Catalogue,
    kept: &Kept,
    name: &str,
    stage: Option<&str>,
) -> Result<(Answer, Option<Absence>), Error> {
    let place = place(&kept.version, stage)?;
    let (shard, _, record) = find(catalogue, kept, name)?;
    let stages = stages(&kept.version, &kept.recipe, place)?;
    let path = catalogue.shard(&shard);
    shard::check(&path)?;
    let texts = ShardTexts {
        shards: vec![path],
        stages: &stages[..place],
        budget: usize::MAX,
        runs: Vec::new(),
        known: Vec::new(),
        keep: &|_, _| Ok(()),
    };
    let mut asked = None;
    texts.read(&[record], &mut |_, doc| {
        asked = Some(ask(&stages[place], doc)?);
        Ok(())
    })?;
    let asked = asked.expect("a record that was found has a text");
    let entry = &kept.version.stages[place];
    let mut answer = answer(entry, &stages[place], record, &asked)?;
    let (root, absence) = match &asked {
        Asked::Keys(own) => {
            let shards = kept.shards.iter();
            let runs: Vec<PathBuf> =
                shards.map(|name| catalogue.keys(&stages[place].key, name)).collect();
            let found = unshared(entry.id, record, own, &runs)?;
            for key in own {
                let under = keys::under(&runs, key.space, &key.hash)?.into_iter();
                answer.records.extend(under.map(|item| item.1).filter(|other| *other != record));
            }
            found
        }
        Asked::NGrams(own, items) => {
            answer.items.clone_from(items);
            unmatched(entry.id, record, own, evals(&stages[place])?)?
        }
    };
    if root != answer.subject.root {
        let what =
            format!("its keys have the root {root}, the version says {}", answer.subject.root);
        return Err(damaged(&catalogue.version(&kept.id), format!("{}: {what}", entry.name)));
    }
    if !answer.absent() {
        return Ok((answer, None));
    }
    // What nobody could check is not given.
    let absence = Absence::decode(&absence.encode())?;
    verify(&absence, &answer.subject, &asked)?;
    Ok((answer, Some(absence)))
}

/// Checks a proof, as [`Absence::encode`] gave it, with nothing but the version and its recipe.
///
/// `recipe` may lack the stages after the one asked. Errors: `Absence` for a proof that shows
/// nothing, or something else; `Recipe` for one that makes other stages than the version names;
/// those of files that its stages read.
pub fn check(
    version: &Version,
    recipe: &Recipe,
    wanted: &Wanted<'_>,
    bytes: &[u8],
) -> Result<Answer, Error> {
    let absence = Absence::decode(bytes)?;
    let place = match wanted.stage {
        Some(name) => place(version, Some(name))?,
        None => {
            let mut same = (0..version.stages.len())
                .filter(|place| version.stages[*place].id == absence.stage());
            let first = same.next().ok_or(Refused::Other { what: "stage" })?;
            if same.next().is_some() {
                let name = format!("{}, which the version has twice: name one", absence.stage());
                return Err(Error::Missing { kind: "single stage", name });
            }
            first
        }
    };
    let stages = stages(version, recipe, place)?;
    let mut doc = Doc::default();
    doc.reset(wanted.text);
    edit(&stages[..place], &mut doc);
    let asked = ask(&stages[place], &mut doc)?;
    let record = wanted.record.unwrap_or(absence.record());
    let answer = answer(&version.stages[place], &stages[place], record, &asked)?;
    verify(&absence, &answer.subject, &asked)?;
    Ok(answer)
}

fn verify(absence: &Absence, subject: &Subject, asked: &Asked) -> Result<(), Refused> {
    match asked {
        Asked::Keys(own) => absence.check_keys(subject, own),
        Asked::NGrams(own, _) => absence.check_ngrams(subject, own),
    }
}

/// The place of the stage `name`, or of the only one that can be asked.
fn place(version: &Version, name: Option<&str>) -> Result<usize, Error> {
    let can = |entry: &StageEntry| entry.keys.is_some() || entry.kind == "contamination";
    let able: Vec<usize> =
        (0..version.stages.len()).filter(|place| can(&version.stages[*place])).collect();
    if let Some(name) = name {
        let found = able.into_iter().find(|place| version.stages[*place].name == name);
        return found.ok_or_else(|| unable(name));
    }
    match able[..] {
        [place] => Ok(place),
        [] => Err(Error::Missing {
            kind: "stage compares records or has evaluation sets in the version",
            name: version.name.clone(),
        }),
        _ => {
            let names: Vec<&str> =
                able.iter().map(|place| version.stages[*place].name.as_str()).collect();
            Err(Error::Missing {
                kind: "single stage can be asked, name one of",
                name: names.join(", "),
            })
        }
    }
}

/// The stages of `recipe` up to and with `place`, which are those that the version names.
fn stages(version: &Version, recipe: &Recipe, place: usize) -> Result<Vec<Stage>, Error> {
    let mut recipe = recipe.clone();
    recipe.stages.truncate(place + 1);
    let stages = chain(&recipe)?;
    for (at, entry) in version.stages[..=place].iter().enumerate() {
        let made = stages.get(at).map(|stage| (stage.facts().kind, stage.id));
        if made != Some((entry.kind.as_str(), entry.id)) {
            let made = made.map_or("none".to_owned(), |(kind, id)| format!("{kind} {id}"));
            let what = format!("makes {made}, the version has {} {}", entry.kind, entry.id);
            return Err(crate::recipe::wrong(&format!("stage.{}", entry.name), what));
        }
    }
    Ok(stages)
}

fn ask(stage: &Stage, doc: &mut Doc) -> Result<Asked, Error> {
    match &stage.work {
        Work::Global(global) => {
            let mut own = Vec::new();
            global.keys(doc, &mut own, &mut Vec::new());
            own.sort_unstable();
            own.dedup();
            Ok(Asked::Keys(own))
        }
        Work::Local(_) => {
            let mut items = BTreeSet::new();
            let evals = evals(stage)?;
            evals.find(doc, |found| items.extend(found));
            Ok(Asked::NGrams(evals.ngrams(doc), items))
        }
    }
}

fn answer(
    entry: &StageEntry,
    stage: &Stage,
    record: RecordId,
    asked: &Asked,
) -> Result<Answer, Error> {
    let (root, leaves, asked): (Digest, u64, usize) = match asked {
        Asked::Keys(own) => {
            let missing = || Error::Missing { kind: "tree of keys for", name: entry.name.clone() };
            let tree = entry.keys.ok_or_else(missing)?;
            (tree.root, tree.leaves, own.len())
        }
        // The root is in the stage's id, which is the one that the version names.
        Asked::NGrams(own, _) => {
            let evals = evals(stage)?;
            (evals.root(), evals.len() as u64, own.len())
        }
    };
    Ok(Answer {
        stage: entry.name.clone(),
        kind: entry.kind.clone(),
        subject: Subject { stage: entry.id, record, root },
        asked,
        leaves,
        records: BTreeSet::new(),
        items: BTreeSet::new(),
    })
}

/// The evaluation sets of a stage that compares no records.
fn evals(stage: &Stage) -> Result<&Evals, Error> {
    let evals = match &stage.work {
        Work::Local(local) => local.looks_for(),
        Work::Global(_) => None,
    };
    evals.ok_or_else(|| unable(&stage.name))
}

fn unable(name: &str) -> Error {
    let kind = "stage that compares records or has evaluation sets is named";
    Error::Missing { kind, name: name.to_owned() }
}
