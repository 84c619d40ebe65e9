//! What passed, as files that others read: JSONL and Parquet.
//!
//! Texts are made again by the editing stages and compared with what the version committed to, so
//! nothing leaves that a stage did not give.

use crate::catalogue::{Catalogue, Kept};
use crate::error::{Error, damaged, disk};
use crate::fold;
use crate::measure::edit;
use crate::record::RecordId;
use crate::rows::digest;
use crate::shard::{self, schema};
use crate::stage::{Stage, chain};
use crate::table;
use crate::text::Doc;
use crate::tree::SaltKey;
use crate::verdicts;
use crate::verdicts::word;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use rayon::prelude::*;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use terroir_base::Digest;

/// The form of exported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Jsonl,
    /// Parquet, zstd.
    Parquet,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The files, ascending.
    pub files: Vec<PathBuf>,
    /// Records in them.
    pub records: u64,
    /// Bytes of text in them.
    pub bytes: u64,
}

/// Writes the records of `kept` that pass into the folder `out`, a file a shard. `salt` is that of
/// the version's leaves.
///
/// Errors: `Disk`; `Damaged` when a shard, a verdict or a text is not what the version says it is:
/// nothing is written for verdicts that are not its own.
pub fn export(
    catalogue: &Catalogue,
    kept: &Kept,
    form: Form,
    out: &Path,
    salt: &SaltKey,
) -> Result<Exported, Error> {
    verdicts::check(catalogue, kept, salt)?;
    std::fs::create_dir_all(out).map_err(disk(out))?;
    let stages = chain(&kept.recipe)?;
    // A record that stands in two shards leaves once.
    let seen = Mutex::new(HashSet::new());
    let one = |(place, shard): (usize, &String)| {
        let texts = Passing::open(catalogue, kept, &stages, shard)?;
        let ending = match form {
            Form::Jsonl => "jsonl",
            Form::Parquet => "parquet",
        };
        let path = out.join(format!("part-{place:05}.{ending}"));
        let fresh = texts.filter(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0));
        let once = fresh.map(|batch| batch.and_then(|batch| unseen(&batch, &seen)));
        match form {
            Form::Jsonl => jsonl(&path, once),
            Form::Parquet => parquet(&path, once),
        }
    };
    let parts: Vec<Result<(PathBuf, u64, u64), Error>> =
        kept.shards.par_iter().enumerate().map(one).collect();
    let mut exported = Exported::default();
    for part in parts {
        let (path, records, bytes) = part?;
        exported.files.push(path);
        exported.records += records;
        exported.bytes += bytes;
    }
    Ok(exported)
}

/// The records of a shard that pass, in batches, their texts as the last stage left them.
pub struct Passing<'a> {
    stages: &'a [Stage],
    path: PathBuf,
    records: table::Table,
    verdicts: table::Table,
}

impl<'a> Passing<'a> {
    /// Opens the shard `name` of a version, whose verdicts were [checked](verdicts::check): its
    /// bytes are those that it is named after.
    pub fn open(
        catalogue: &Catalogue,
        kept: &Kept,
        stages: &'a [Stage],
        name: &str,
    ) -> Result<Passing<'a>, Error> {
        let path = catalogue.shard(name);
        shard::check(&path)?;
        let folder = catalogue.version(&kept.id).join("verdicts");
        let verdicts = table::read(
            &folder.join(format!("{name}.parquet")),
            &fold::schema(),
            &["rid", "kept", "text_out"],
        )?;
        Ok(Passing { stages, records: table::read(&path, &schema(), &[])?, path, verdicts })
    }

    fn batch(&self, records: &RecordBatch, verdicts: &RecordBatch) -> Result<RecordBatch, Error> {
        let wrong = |what: String| damaged(&self.path, what);
        if records.num_rows() != verdicts.num_rows() {
            return Err(wrong("has other rows than its verdicts".into()));
        }
        let ids = records.column_by_name("rid").expect("a shard has ids").as_fixed_size_binary();
        let judged = verdicts.column(0).as_fixed_size_binary();
        let other = |at: &usize| digest(ids, *at) != digest(judged, *at);
        if let Some(at) = (0..records.num_rows()).find(other) {
            let record = RecordId(digest(ids, at).expect("never null"));
            return Err(wrong(format!("the verdict beside record {record} is on another one")));
        }
        let passes = verdicts.column(1).as_boolean();
        let texts = records.column_by_name("text").expect("a shard has texts").as_string::<i32>();
        let edited = self.stages.iter().any(Stage::edits);
        let mut doc = Doc::default();
        let mut out = Vec::with_capacity(records.num_rows());
        for at in (0..records.num_rows()).filter(|at| passes.value(*at)) {
            let mut text = texts.value(at).to_owned();
            if edited {
                doc.reset(&text);
                edit(self.stages, &mut doc);
                doc.text().clone_into(&mut text);
            }
            let told = digest(verdicts.column(2).as_fixed_size_binary(), at);
            if told != Some(Digest::of(text.as_bytes())) {
                let record = RecordId(digest(ids, at).expect("never null"));
                return Err(wrong(format!(
                    "the text of record {record} is not what its stages gave"
                )));
            }
            out.push(text);
        }
        let filtered = arrow_select::filter::filter_record_batch(records, passes);
        let filtered = filtered.map_err(|error| wrong(error.to_string()))?;
        let place = filtered.schema().index_of("text").map_err(|error| wrong(error.to_string()))?;
        let mut columns = filtered.columns().to_vec();
        columns[place] = Arc::new(StringArray::from(out)) as ArrayRef;
        RecordBatch::try_new(filtered.schema(), columns).map_err(|error| wrong(error.to_string()))
    }
}

impl Iterator for Passing<'_> {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Result<RecordBatch, Error>> {
        let records = match self.records.next()? {
            Ok(records) => records,
            Err(error) => return Some(Err(error)),
        };
        let verdicts = match self.verdicts.next() {
            Some(Ok(verdicts)) => verdicts,
            Some(Err(error)) => return Some(Err(error)),
            None => return Some(Err(damaged(&self.path, "has more rows than its verdicts"))),
        };
        Some(self.batch(&records, &verdicts))
    }
}

/// The rows of `batch` that no other file has.
fn unseen(batch: &RecordBatch, seen: &Mutex<HashSet<RecordId>>) -> Result<RecordBatch, Error> {
    let rids = batch.column_by_name("rid").expect("a shard has ids").as_fixed_size_binary();
    let mut seen = seen.lock().expect("nobody panics with the lock");
    let fresh: Vec<bool> = (0..batch.num_rows())
        .map(|at| seen.insert(RecordId(digest(rids, at).expect("never null"))))
        .collect();
    let fresh = arrow_array::BooleanArray::from(fresh);
    arrow_select::filter::filter_record_batch(batch, &fresh)
        .map_err(|error| damaged(Path::new("export"), error.to_string()))
}

type Batches<'a> = dyn Iterator<Item = Result<RecordBatch, Error>> + 'a;

fn jsonl<'a>(
    path: &Path,
    batches: impl Iterator<Item = Result<RecordBatch, Error>> + 'a,
) -> Result<(PathBuf, u64, u64), Error> {
    let batches: Box<Batches<'a>> = Box::new(batches);
    let folder = path.parent().expect("a file has a folder");
    let temp = tempfile::NamedTempFile::new_in(folder).map_err(disk(folder))?;
    let mut out = BufWriter::new(temp);
    let (mut records, mut bytes) = (0, 0);
    for batch in batches {
        let batch = batch?;
        for at in 0..batch.num_rows() {
            let mut line = object(&batch, at).map_err(|what| damaged(path, what))?;
            records += 1;
            bytes += line.text_bytes;
            line.json.push('\n');
            out.write_all(line.json.as_bytes()).map_err(disk(path))?;
        }
    }
    let temp = out.into_inner().map_err(|error| disk(path)(error.into_error()))?;
    table::persist(temp, path)?;
    Ok((path.to_owned(), records, bytes))
}

/// A record as JSON.
pub(crate) struct Line {
    pub(crate) json: String,
    text_bytes: u64,
}

/// Row `at` as a JSON object: the fields of the record that are not empty, then those of its meta,
/// each name once. A field of meta that is called as one of ours is gets `meta_` before its name, as
/// often as needed until the name is free.
///
/// Errors: in words, for meta that is no JSON object.
pub(crate) fn object(batch: &RecordBatch, at: usize) -> Result<Line, String> {
    let schema = batch.schema();
    let mut fields = Vec::new();
    let mut names = HashSet::from(["rid".to_owned()]);
    let mut meta = "";
    let mut text_bytes = 0;
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let name = field.name().as_str();
        if let Some(list) = column.as_list_opt::<i32>() {
            names.insert(name.to_owned());
            let list = list.value(at);
            let items: Vec<&str> = list.as_string::<i32>().iter().flatten().collect();
            if column.is_valid(at) && !items.is_empty() {
                fields.push(format!("{}:{}", quote(name), serde_json::json!(items)));
            }
            continue;
        }
        let texts = column.as_string_opt::<i32>().is_some();
        if !texts && column.as_any_dictionary_opt().is_none() {
            continue;
        }
        let text = string(column, at).unwrap_or_default();
        match name {
            "meta" => meta = text,
            _ => {
                names.insert(name.to_owned());
            }
        }
        if name == "text" {
            text_bytes = text.len() as u64;
        }
        if name != "meta" && !text.is_empty() {
            fields.push(format!("{}:{}", quote(name), quote(text)));
        }
    }
    if let Some(rid) = batch.column_by_name("rid") {
        let rid = digest(rid.as_fixed_size_binary(), at).expect("never null");
        fields.push(format!("\"rid\":\"{rid}\""));
    }
    if !meta.is_empty() {
        let meta: BTreeMap<String, &RawValue> =
            serde_json::from_str(meta).map_err(|error| format!("its meta: {error}"))?;
        for (name, value) in &meta {
            let mut free = name.clone();
            while names.contains(&free) || free != *name && meta.contains_key(&free) {
                free.insert_str(0, "meta_");
            }
            fields.push(format!("{}:{value}", quote(&free)));
        }
    }
    Ok(Line { json: format!("{{{}}}", fields.join(",")), text_bytes })
}

fn string(column: &ArrayRef, at: usize) -> Option<&str> {
    match column.as_string_opt::<i32>() {
        Some(strings) => Some(strings.value(at)),
        None => column.as_any_dictionary_opt().and_then(|_| word(column, at)),
    }
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn parquet<'a>(
    path: &Path,
    batches: impl Iterator<Item = Result<RecordBatch, Error>> + 'a,
) -> Result<(PathBuf, u64, u64), Error> {
    let mut all = Vec::new();
    let (mut records, mut bytes) = (0, 0);
    for batch in batches {
        let batch = batch?;
        records += batch.num_rows() as u64;
        let texts = batch.column_by_name("text").expect("a shard has texts").as_string::<i32>();
        bytes += texts.value_data().len() as u64;
        all.push(batch);
    }
    if let Some(first) = all.first() {
        table::write(path, first.schema(), &all)?;
    }
    Ok((path.to_owned(), records, bytes))
}
