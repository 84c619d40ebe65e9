//! What a caller must not get wrong and might: tips that are not the newest.

use super::{Database, Grown, SYNC_BLOCKS, Tip};
use crate::chain::Error;
use crate::chain::unwritten::Unwritten;
use std::path::Path;
use std::sync::Arc;
use terroir_ledger::{Executed, Place, build};

fn next(database: &Database, tip: &Tip) -> Executed {
    let view = if tip.header.number == 0 { 1 } else { tip.seal.view + 1 };
    let place = Place { view, time_ms: tip.seal.time_ms + 500 };
    build(database.chain(), &tip.parent(), &place, &[], [].iter(), |_, _| ()).unwrap()
}

#[test]
fn the_file_never_goes_back_and_never_skips_a_block() {
    let text = include_str!("../../../tests/it/chain/genesis.toml");
    let text = text.replace("epoch_blocks = 8", "epoch_blocks = 1000");
    let disk = redb::backends::InMemoryBackend::new();
    let database = Database::open_on(disk, Path::new("memory"), &text).unwrap();
    let mut tips = vec![Arc::new(database.tip().unwrap())];
    let mut blocks = Vec::new();
    for _ in 0..SYNC_BLOCKS + 2 {
        let tip = tips.last().unwrap();
        let block = next(&database, tip);
        let Grown { tip, .. } = database.commit(tip, &[(&block, None)]).unwrap().unwrap();
        blocks.push(block);
        tips.push(tip);
    }
    let written = || database.tip().unwrap().hash;
    let last = &tips[SYNC_BLOCKS as usize];
    assert_eq!(written(), last.hash);
    // The tip before that still has fifteen blocks in memory.
    database.settle(&tips[SYNC_BLOCKS as usize - 1]).unwrap();
    assert_eq!(written(), last.hash);
    let far = Unwritten::new(&blocks[SYNC_BLOCKS as usize + 1], None);
    let refused = database.write(&[Arc::new(far)]).err().unwrap();
    assert!(matches!(refused, Error::Gap { number: 18, expected: 17 }), "{refused}");
    database.settle(tips.last().unwrap()).unwrap();
    assert_eq!(written(), tips.last().unwrap().hash);
}
