//! Bytes as a stranger may send them, for property tests of what reads them.

use proptest::collection::vec;
use proptest::prelude::*;

/// Anything, and `honest` with some bytes changed, cut off or put in.
pub fn bytes(honest: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let cut = prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    let more = prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    let changed = (changes, cut, more).prop_map(move |(changes, cut, more)| {
        let mut bytes = honest.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(more) = more {
            bytes.insert(more.index(bytes.len()), 0xff);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    });
    prop_oneof![4 => changed, 1 => vec(any::<u8>(), 0..200)]
}
