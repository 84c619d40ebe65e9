//! The whole story of one record in one version: what it is, what each stage said, why it is in or out.

use crate::catalogue::{Catalogue, Kept};
use crate::error::{Error, damaged};
use crate::merge::Tree;
use crate::record::RecordId;
use crate::rows::{self, digest};
use crate::run::table_key;
use crate::shard::{self, schema};
use crate::stage::{Row, Stage, chain};
use crate::table;
use crate::tree::SaltKey;
use crate::verdicts::verdicts;
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use std::path::PathBuf;
use terroir_base::Digest;

/// Most members of a cluster that are listed.
const MEMBERS_MAX: usize = 100;

/// What there is to tell.
#[derive(Clone, Debug)]
pub struct Story {
    /// The record.
    pub record: RecordId,
    /// The shard that has it.
    pub shard: String,
    /// Its fields as they stand in the shard, the text first.
    pub fields: Vec<(String, String)>,
    /// What each stage said, in the order of the recipe.
    pub steps: Vec<Step>,
    /// Whether it passes.
    pub kept: bool,
    /// The stage that stopped it.
    pub stage: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What one stage said.
#[derive(Clone, Debug)]
pub struct Step {
    /// The stage's name.
    pub stage: String,
    /// Its row.
    pub row: Row,
    /// Reason in the row, by the published thresholds.
    pub reason: Option<&'static str>,
    /// Rule that drops it under this version's policy.
    pub drops: Option<&'static str>,
    /// Names of the scores.
    pub scores: &'static [&'static str],
    /// What each score stands for, where it is not an amount.
    pub says: Vec<Option<String>>,
    /// Members of its cluster, ascending, at most 100.
    pub cluster: Vec<RecordId>,
}

/// Tells the story of the record that `name` means in `kept`: an id, at least 6 digits of one, or the name that
/// its source gave it.
///
/// `salt` is that of the version's leaves. Errors: `Missing` when no record or several have that
/// name; `Damaged` when its shard is not what its name says, or a verdict or a row of any record not
/// what the version commits to.
pub fn explain(
    catalogue: &Catalogue,
    kept: &Kept,
    name: &str,
    salt: &SaltKey,
) -> Result<Story, Error> {
    let (shard, at, record) = find(catalogue, kept, name)?;
    let mut said = None;
    for verdict in verdicts(catalogue, kept, salt)? {
        said = said.or(Some(verdict?).filter(|said| said.record == record));
    }
    let missing = || Error::Missing { kind: "verdict on record", name: record.to_string() };
    let said = said.ok_or_else(missing)?;
    let stages = chain(&kept.recipe)?;
    let path = catalogue.shard(&shard);
    shard::check(&path)?;
    let rows = shard::pick(&path, &[], &[(at, record)])?.next();
    let rows = rows.unwrap_or_else(|| Err(damaged(&path, "has too few rows")))?;
    let own = rows.digest(0);
    rows::check(catalogue, kept, &stages, salt)?;
    let mut steps = Vec::with_capacity(stages.len());
    for stage in &stages {
        steps.push(step(catalogue, kept, stage, &shard, at, own)?);
    }
    Ok(Story {
        record,
        fields: fields(&rows.0),
        steps,
        kept: said.kept,
        stage: said.stage,
        reason: said.reason,
        shard,
    })
}

fn step(
    catalogue: &Catalogue,
    kept: &Kept,
    stage: &Stage,
    shard: &str,
    at: usize,
    own: Digest,
) -> Result<Step, Error> {
    let facts = stage.facts();
    let records: Tree = kept.version.records;
    let key = table_key(stage, &records);
    let path = catalogue.rows(&key, shard);
    let slice = rows::pick(&path, facts, &[at])?;
    let row = slice.row(0, own, facts);
    let rule = |at: Option<u8>| at.map(|at| facts.rules[usize::from(at)].reason);
    let said = facts.scores.iter().zip(&row.scores).map(|(score, value)| stage.says(score, *value));
    let cluster = match row.cluster {
        Some(cluster) => members(catalogue, kept, &key, stage, cluster)?,
        None => Vec::new(),
    };
    Ok(Step {
        stage: stage.name.clone(),
        reason: rule(row.reason),
        drops: rule(stage.judge.drops(&row.scores)),
        scores: facts.scores,
        says: said.collect(),
        cluster,
        row,
    })
}

fn members(
    catalogue: &Catalogue,
    kept: &Kept,
    key: &Digest,
    stage: &Stage,
    cluster: RecordId,
) -> Result<Vec<RecordId>, Error> {
    let mut members = Vec::new();
    for shard in &kept.shards {
        for slice in rows::read(&catalogue.rows(key, shard), stage.facts())? {
            let slice = slice?;
            let inside = (0..slice.len()).filter(|at| slice.cluster(*at) == Some(cluster));
            members.extend(inside.map(|at| slice.record(at)));
        }
    }
    members.sort_unstable();
    members.dedup();
    members.truncate(MEMBERS_MAX);
    Ok(members)
}

/// Shard, row and id of the record that `name` means.
pub fn find(
    catalogue: &Catalogue,
    kept: &Kept,
    name: &str,
) -> Result<(String, usize, RecordId), Error> {
    let hex =
        name.len() >= 6 && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut found: Option<(String, usize, RecordId)> = None;
    for shard in &kept.shards {
        let mut row = 0;
        for batch in table::read(&catalogue.shard(shard), &schema(), &["rid", "id"])? {
            let batch = batch?;
            let rids = column(&batch, "rid")?.as_fixed_size_binary();
            let ids = column(&batch, "id")?.as_string::<i32>();
            for at in 0..batch.num_rows() {
                let record = RecordId(digest(rids, at).expect("a record id is never null"));
                let named = ids.is_valid(at) && ids.value(at) == name;
                let short = || hex && record.to_string().starts_with(name);
                if !named && !short() {
                    continue;
                }
                if found.as_ref().is_some_and(|(_, _, other)| *other != record) {
                    return Err(Error::Missing {
                        kind: "single record named",
                        name: name.to_owned(),
                    });
                }
                found = Some((shard.clone(), row + at, record));
            }
            row += batch.num_rows();
        }
    }
    found.ok_or_else(|| Error::Missing { kind: "record", name: name.to_owned() })
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a arrow_array::ArrayRef, Error> {
    batch
        .column_by_name(name)
        .ok_or_else(|| damaged(&PathBuf::from(name), "is no column of the table"))
}

/// Every text column of the first row, and lists joined by commas.
fn fields(batch: &RecordBatch) -> Vec<(String, String)> {
    let schema = batch.schema();
    let texts = schema.fields().iter().zip(batch.columns()).filter_map(|(field, column)| {
        if column.is_null(0) {
            return None;
        }
        let text = match column.as_string_opt::<i32>() {
            Some(strings) => strings.value(0).to_owned(),
            None => {
                let list = column.as_list_opt::<i32>()?.value(0);
                list.as_string_opt::<i32>()?.iter().flatten().collect::<Vec<_>>().join(", ")
            }
        };
        Some((field.name().clone(), text))
    });
    texts.collect()
}
