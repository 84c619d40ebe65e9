//! Blooms of logs, where the same contracts say the same things in all of a block.
//!
//! Each address and topic sets three bits of a bloom, which its keccak-256 names (Yellow Paper, 4.3.1).
//! Invariant: a bloom is what alloy makes of the same logs; hashes are only taken once.

use alloy_primitives::map::{AddressMap, B256Map};
use alloy_primitives::{Bloom, Log, keccak256};

/// What addresses and topics of one block set.
#[derive(Default)]
pub(crate) struct Blooms {
    addresses: AddressMap<Bits>,
    topics: B256Map<Bits>,
}

/// Three bits of a bloom.
#[derive(Clone, Copy)]
struct Bits([u16; 3]);

impl Bits {
    fn of(input: &[u8]) -> Bits {
        let hash = keccak256(input);
        let bit = |at: usize| u16::from_be_bytes([hash[at], hash[at + 1]]) % 2048;
        Bits([bit(0), bit(2), bit(4)])
    }

    fn set(self, bloom: &mut Bloom) {
        for bit in self.0.map(usize::from) {
            // Bits count from the last byte.
            bloom[255 - bit / 8] |= 1 << (bit % 8);
        }
    }
}

impl Blooms {
    pub(crate) fn of(&mut self, logs: &[Log]) -> Bloom {
        let mut bloom = Bloom::ZERO;
        for log in logs {
            let address = self.addresses.entry(log.address);
            address.or_insert_with_key(|address| Bits::of(address.as_slice())).set(&mut bloom);
            for topic in log.topics() {
                let topic = self.topics.entry(*topic);
                topic.or_insert_with_key(|topic| Bits::of(topic.as_slice())).set(&mut bloom);
            }
        }
        bloom
    }
}

#[cfg(test)]
mod tests {
    use super::Blooms;
    use alloy_primitives::{Address, B256, Log, logs_bloom};
    use proptest::prelude::*;

    fn logs() -> impl Strategy<Value = Vec<Log>> {
        let topics = prop::collection::vec(any::<u8>().prop_map(B256::repeat_byte), 0..5);
        let log = (any::<u8>(), topics, any::<[u8; 32]>()).prop_map(|(who, mut topics, other)| {
            topics.truncate(3);
            topics.push(other.into());
            Log::new_unchecked(Address::repeat_byte(who), topics, Default::default())
        });
        prop::collection::vec(log, 0..12)
    }

    proptest! {
        #[test]
        fn blooms_are_those_of_alloy(receipts in prop::collection::vec(logs(), 1..4)) {
            let mut blooms = Blooms::default();
            for logs in &receipts {
                prop_assert_eq!(blooms.of(logs), logs_bloom(logs));
                prop_assert_eq!(blooms.of(logs), logs_bloom(logs));
            }
        }
    }
}
