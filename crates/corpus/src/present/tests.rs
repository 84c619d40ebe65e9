//! The bytes of proofs: frozen, and hostile.

use super::{Entry, Held, Presence, check};
use crate::golden::{self, hex};
use crate::hostile;
use crate::lead::{Place, Sequence, Span};
use crate::record::RecordId;
use crate::tree::{Proof, prove};
use proptest::prelude::*;
use terroir_base::Digest;

fn proof(keys: &[&[u8]]) -> Proof {
    let leaves = || Ok(keys.iter().map(|key| Ok((*key, Digest([5; 32])))));
    prove(leaves, &[keys[0]]).unwrap().1
}

fn some() -> Presence {
    let digest = |byte| Digest([byte; 32]);
    let span = |record, start, count| Span { record: RecordId(digest(record)), start, count };
    let held = |sequence, spans| Held {
        place: Place { source: 1, sequence },
        salt: digest(8),
        sequence: Sequence { tokens: digest(9), spans },
    };
    let entry =
        |record| Entry { record: RecordId(digest(record)), salt: digest(6), text: digest(7) };
    Presence {
        version: vec![1, 2],
        receipt: vec![3],
        manifest: vec![],
        records: vec![entry(1), entry(2)],
        read: proof(&[b"a", b"b", b"c"]),
        judged: proof(&[b"a"]),
        sequences: vec![
            held(0, vec![span(1, 0, 30), span(2, 0, 2)]),
            held(7, vec![span(2, 2, 32)]),
        ],
        stored: proof(&[b"a", b"b"]),
    }
}

#[test]
fn bytes_are_frozen() {
    let bytes = some().encode();
    assert_eq!(Presence::decode(&bytes), Ok(some()));
    golden::check("presence.txt", "bytes of a proof of presence", &[hex(&bytes)]);
}

proptest! {
    #[test]
    fn hostile_bytes_are_refused(bytes in hostile::bytes(some().encode())) {
        if let Ok(read) = Presence::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes.clone());
        }
        prop_assert!(check(&bytes).is_err());
    }
}
