//! Single rows of a shard, each of the record that it is taken for.

use super::{Rows, schema};
use crate::error::{Error, damaged};
use crate::record::RecordId;
use crate::table;
use std::path::Path;

/// `columns` (all where none are named) and `rid` of the rows `wanted` (ascending) of the shard `path`.
///
/// Rows that the file does not have are left out. Errors: `Disk`, `Damaged`; while it is read also
/// for a row of another record than is told here.
pub fn pick<'a>(
    path: &Path,
    columns: &[&str],
    wanted: &'a [(usize, RecordId)],
) -> Result<impl Iterator<Item = Result<Rows, Error>> + use<'a>, Error> {
    let columns = match columns {
        [] => Vec::new(),
        some => [&["rid"], some].concat(),
    };
    let rows: Vec<usize> = wanted.iter().map(|(row, _)| *row).collect();
    let batches = table::pick(path, &schema(), &columns, &rows)?;
    let (path, mut left) = (path.to_owned(), wanted.iter());
    Ok(batches.map(move |batch| {
        let rows = Rows(batch?);
        let mut both = (0..rows.len()).map(|at| rows.rid(at)).zip(left.by_ref());
        match both.find(|(got, (_, record))| got != record) {
            Some((got, (row, record))) => {
                Err(damaged(&path, format!("row {row} is of record {got}, not {record}")))
            }
            None => Ok(rows),
        }
    }))
}
