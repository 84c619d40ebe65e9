//! The root over the records of several shards, in memory that does not depend on their number.

use crate::catalogue::Catalogue;
use crate::error::Error;
use crate::merge::Tree;
use crate::record::RecordId;
use crate::shard::{Shard, ShardInfo};
use crate::tree::{Builder, SaltKey};

/// Ids that are sorted at a time: 32 MiB of them.
const IDS_MAX: u64 = 1 << 20;

/// The tree over all records of `shards`, each record once.
///
/// Ids are spread evenly, so each of several passes over the shards takes an equal range of them.
pub(super) fn root(
    catalogue: &Catalogue,
    shards: &[ShardInfo],
    salt: &SaltKey,
) -> Result<Tree, Error> {
    if let [one] = shards {
        return Ok(Tree { root: one.root, leaves: one.records });
    }
    let all: u64 = shards.iter().map(|shard| shard.records).sum();
    passes(catalogue, shards, salt, all.div_ceil(IDS_MAX).max(1))
}

pub(super) fn passes(
    catalogue: &Catalogue,
    shards: &[ShardInfo],
    salt: &SaltKey,
    passes: u64,
) -> Result<Tree, Error> {
    let mut tree = Builder::default();
    for pass in 0..passes {
        let mut ids = Vec::new();
        for shard in shards {
            let shard = Shard::peek(&catalogue.shard(&shard.name.to_string()))?;
            for id in shard.ids() {
                let id = id?;
                if range(&id, passes) == pass {
                    ids.push(id);
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids.iter().for_each(|id| tree.push(id.leaf(salt)));
    }
    Ok(Tree { root: tree.root(), leaves: tree.leaves() })
}

/// Which of so many equal ranges of ids `id` lies in.
fn range(id: &RecordId, passes: u64) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = id.0.0;
    let head = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    ((u128::from(head) * u128::from(passes)) >> 64) as u64
}
