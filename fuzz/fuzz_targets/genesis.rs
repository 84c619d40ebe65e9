//! Genesis files: each makes a block 0 that others decode, or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_ledger::{Block, Genesis};

fuzz_target!(|text: &str| {
    if let Ok(beginning) = Genesis::parse(text).and_then(|one| one.begin()) {
        assert_eq!(beginning.block.hash(), beginning.hash);
        assert_eq!(Block::decode(&beginning.block.encode()).ok(), Some(beginning.block));
    }
});
