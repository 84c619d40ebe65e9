//! Blocks without consensus: one leader, of what waits in the mempool, final at once.
//!
//! The same calls that consensus makes.

use std::path::Path;
use terroir_ledger::{Executed, Place, Transaction, build};
use terroir_node::chain::{Chain, PoolLimits, Tip};

/// The keys of its accounts are 32 times 101 and 102; those of its validators 1 to 4.
pub const GENESIS: &str = include_str!("genesis.toml");

pub fn open(path: &Path) -> Chain {
    Chain::open(path, GENESIS, PoolLimits::DEFAULT).unwrap()
}

/// What a leader would propose after `tip`.
pub fn propose(chain: &Chain, tip: &Tip) -> Executed {
    let number = tip.header.number + 1;
    let same = chain.chain().epoch(number) == tip.seal.epoch;
    let view = if same { tip.seal.view + 1 } else { 1 };
    let place = Place { view, time_ms: tip.seal.time_ms + 500 };
    let mempool = chain.mempool();
    let candidates = mempool.candidates(&tip.view, tip.next_base_fee().unwrap()).unwrap();
    let candidates = candidates.iter().map(AsRef::as_ref);
    let left_out = |one: &Transaction, _| mempool.left_out(&one.hash);
    build(chain.chain(), &tip.parent(), &place, &[], candidates, left_out).unwrap()
}

/// The next block, committed.
pub fn block(chain: &Chain) -> Executed {
    let executed = propose(chain, &chain.tip());
    chain.commit(&executed, Some(b"certificate")).unwrap();
    executed
}
