//! The tables of a version, row by row, against the roots that it commits to.
//!
//! For whoever shows rows. A signature beside a table says who stands by it, and anybody can sign;
//! which rows are those of a version follows from its id alone. Invariant: whoever reads the tables
//! after this reads the rows that the version was made with.

use crate::catalogue::{Catalogue, Kept};
use crate::error::{Error, damaged};
use crate::fold::{Folded, Lockstep};
use crate::merge;
use crate::record::RecordId;
use crate::run::table_key;
use crate::stage::Stage;
use crate::tree::SaltKey;
use rayon::prelude::*;
use terroir_base::Digest;

/// Refuses the tables of `kept`, whose recipe makes `stages`, unless they are those of the version;
/// `salt` is that of its leaves.
///
/// Errors: `Disk`; `Damaged` naming the table, and the first record whose row is not what its leaf
/// says.
pub fn check(
    catalogue: &Catalogue,
    kept: &Kept,
    stages: &[Stage],
    salt: &SaltKey,
) -> Result<(), Error> {
    let one = |(place, stage): (usize, &Stage)| {
        let key = table_key(stage, &kept.version.records);
        let streams = kept.shards.iter().map(|name| leaves(catalogue, stage, &key, name, salt));
        let streams = streams.collect::<Result<Vec<_>, _>>()?;
        let folder = catalogue.folder().join("rows");
        let differs = |record| {
            let what = format!("{}: record {record} has several rows", stage.name);
            damaged(&folder, what)
        };
        let tree = merge::root(streams, differs)?;
        match kept.version.stages.get(place) {
            Some(entry) if entry.rows == tree => Ok(()),
            _ => {
                let what = format!("the rows of {} are not those of the version", stage.name);
                Err(damaged(&folder, what))
            }
        }
    };
    let done: Vec<Result<(), Error>> = stages.par_iter().enumerate().map(one).collect();
    done.into_iter().collect()
}

/// The leaves of the rows of `stage` about the shard `name`, made again.
fn leaves(
    catalogue: &Catalogue,
    stage: &Stage,
    key: &Digest,
    name: &str,
    salt: &SaltKey,
) -> Result<impl Iterator<Item = Result<(RecordId, Digest), Error>> + use<>, Error> {
    let path = catalogue.rows(key, name);
    let shard = Folded {
        records: catalogue.shard(name),
        rows: vec![path.clone()],
        verdicts: Default::default(),
    };
    let mut reader = Lockstep::open(&shard, std::slice::from_ref(stage))?;
    let (facts, salt, mut buffer) = (stage.facts(), salt.clone(), Vec::new());
    let mut leaf = move || {
        if !reader.advance()? {
            return Ok(None);
        }
        let (row, told) = reader.row(0, facts);
        let made = row.leaf(&salt.salt(row.record.0.as_bytes()), &mut buffer);
        match made == told {
            true => Ok(Some((row.record, made))),
            false => {
                let what = format!("the row of record {} is not what its leaf says", row.record);
                Err(damaged(&path, what))
            }
        }
    };
    Ok(std::iter::from_fn(move || leaf().transpose()))
}
