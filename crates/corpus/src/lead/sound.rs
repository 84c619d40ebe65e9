//! Whether what a version is led from is still what was committed to.

use crate::catalogue::{Catalogue, Kept};
use crate::error::Error;
use crate::shard;
use crate::tree::SaltKey;
use crate::verdicts;
use rayon::prelude::*;

/// Compares every verdict with its leaf, the leaves with the version, and every shard with the name
/// that it has.
///
/// Errors: `Damaged`, naming the file, and the record where one is known; `Disk`.
pub fn sound(catalogue: &Catalogue, kept: &Kept, salt: &SaltKey) -> Result<(), Error> {
    verdicts::check(catalogue, kept, salt)?;
    let shards = kept.shards.par_iter().map(|name| shard::check(&catalogue.shard(name)));
    let checked: Vec<Result<(), Error>> = shards.collect();
    checked.into_iter().collect()
}
