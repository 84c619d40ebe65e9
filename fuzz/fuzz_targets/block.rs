//! Blocks: what decodes encodes to the same bytes, and has the seal that its header names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_ledger::Block;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(block) = Block::decode(bytes) {
        assert_eq!(block.encode(), bytes);
        assert_eq!(block.header.extra_data[..], block.seal.hash()[..]);
    }
});
