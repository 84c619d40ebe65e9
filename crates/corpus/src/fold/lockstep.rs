//! A shard's records and the rows of all stages about them, side by side.
//!
//! For `fold`, `report` and whoever goes through a whole version. Invariant: every table has one row
//! for every record, in the same order, or there is an error that names the record.

use super::Folded;
use crate::error::{Error, damaged};
use crate::record::RecordId;
use crate::rows::{self, Slice, digest};
use crate::shard;
use crate::stage::{Facts, Row, Stage};
use crate::table::{self, Table};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use std::path::PathBuf;
use terroir_base::Digest;

/// A table of rows, one row at a time.
struct Cursor {
    slices: Box<dyn Iterator<Item = Result<Slice, Error>> + Send>,
    slice: Option<Slice>,
    at: usize,
}

impl Cursor {
    fn advance(&mut self) -> Result<bool, Error> {
        self.at += 1;
        while self.slice.as_ref().is_none_or(|slice| self.at >= slice.len()) {
            match self.slices.next() {
                Some(slice) => (self.slice, self.at) = (Some(slice?), 0),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn slice(&self) -> &Slice {
        self.slice.as_ref().expect("advance came before")
    }

    pub(super) fn cluster(&self) -> Option<RecordId> {
        self.slice().cluster(self.at)
    }

    fn scores(&self, into: &mut Vec<i64>) {
        self.slice().scores(self.at, into);
    }
}

/// A shard's records and rows of all stages, side by side.
pub(crate) struct Lockstep {
    path: PathBuf,
    table: Table,
    batch: Option<RecordBatch>,
    at: usize,
    rows: Vec<Cursor>,
    edits: Vec<usize>,
}

impl Lockstep {
    const COLUMNS: [&str; 6] = ["rid", "source", "licence", "contributor", "bytes", "digest"];

    pub(crate) fn open(shard: &Folded, stages: &[Stage]) -> Result<Lockstep, Error> {
        let table = table::read(&shard.records, &shard::schema(), &Self::COLUMNS)?;
        let open = |(path, stage): (&PathBuf, &Stage)| {
            let slices = Box::new(rows::read(path, stage.facts())?);
            Ok(Cursor { slices, slice: None, at: 0 })
        };
        let rows = shard.rows.iter().zip(stages).map(open).collect::<Result<_, Error>>()?;
        let edits = (0..stages.len()).rev().filter(|place| stages[*place].edits()).collect();
        Ok(Lockstep { path: shard.records.clone(), table, batch: None, at: 0, rows, edits })
    }

    /// Goes to the next record; `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        self.at += 1;
        while self.batch.as_ref().is_none_or(|batch| self.at >= batch.num_rows()) {
            match self.table.next() {
                Some(batch) => (self.batch, self.at) = (Some(batch?), 0),
                None => return self.end().map(|()| false),
            }
        }
        let record = self.record();
        for rows in &mut self.rows {
            if !rows.advance()? || rows.slice().record(rows.at) != record {
                let what = format!("a stage has no row for record {record}: run the recipe again");
                return Err(damaged(&self.path, what));
            }
        }
        Ok(true)
    }

    /// Refuses tables that go on after the last record.
    fn end(&mut self) -> Result<(), Error> {
        for rows in &mut self.rows {
            if rows.advance()? {
                let record = rows.slice().record(rows.at);
                let what = format!("a stage has a row for record {record}, which is not here");
                return Err(damaged(&self.path, what));
            }
        }
        Ok(())
    }

    fn column(&self, name: &str) -> &ArrayRef {
        let batch = self.batch.as_ref().expect("advance came before");
        batch.column_by_name(name).expect("every column was asked for")
    }

    pub(crate) fn record(&self) -> RecordId {
        RecordId(digest(self.column("rid").as_fixed_size_binary(), self.at).expect("never null"))
    }

    /// The scores at the stage `place`.
    pub(crate) fn scores(&self, place: usize, into: &mut Vec<i64>) {
        self.rows[place].scores(into);
    }

    /// The cluster at the stage `place`.
    pub(crate) fn cluster(&self, place: usize) -> Option<RecordId> {
        self.rows[place].cluster()
    }

    /// The row at the stage `place`, which is of `facts`, and the leaf that the table has for it.
    pub(crate) fn row(&self, place: usize, facts: &Facts) -> (Row, Digest) {
        let rows = &self.rows[place];
        (rows.slice().row(rows.at, self.own(), facts), rows.slice().leaf(rows.at))
    }

    pub(crate) fn licence(&self) -> &str {
        text(self.column("licence"), self.at)
    }

    pub(crate) fn source(&self) -> &str {
        text(self.column("source"), self.at)
    }

    pub(crate) fn contributor(&self) -> &str {
        text(self.column("contributor"), self.at)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.column("bytes").as_primitive::<Int64Type>().value(self.at).unsigned_abs()
    }

    /// The digest of the text after all stages.
    pub(super) fn text_out(&self) -> Digest {
        let edited = self.edits.iter().find_map(|place| {
            let rows = &self.rows[*place];
            rows.slice().edited(rows.at)
        });
        edited.unwrap_or_else(|| self.own())
    }

    /// The digest of the text as it was read.
    fn own(&self) -> Digest {
        digest(self.column("digest").as_fixed_size_binary(), self.at).expect("never null")
    }
}

/// Item `at` of a column of texts; empty where there is none.
fn text(column: &ArrayRef, at: usize) -> &str {
    let strings = column.as_string::<i32>();
    if strings.is_valid(at) { strings.value(at) } else { "" }
}
