use super::*;
use crate::golden;
use crate::hostile;
use crate::lead::sequence::{Sequence, Span};
use crate::record::RecordId;
use crate::tree::SaltKey;
use proptest::prelude::*;

fn share(name: &str, weight: u64, stored: u64) -> Share {
    let packed = Packed { records: 3, tokens: 40, left_out: 1, stored };
    Share { name: name.to_owned(), weight, packed }
}

fn manifest() -> Manifest {
    Manifest {
        version: VersionId(Digest([1; 32])),
        root: Digest([2; 32]),
        policy: Digest([3; 32]),
        tokenizer: Digest([4; 32]),
        text_rules: "terroir-text-1".to_owned(),
        shape: Shape { length: 8, packing: Packing::ConcatenateDrop, end: 2, width: 2 },
        sources: vec![share("*", 500_000, 5), share("wiki", 1_500_000, 4)],
        epochs: 2,
        sequences: 10,
        seed: 7,
        stored: Tree { root: Digest([5; 32]), leaves: 9 },
        left_out: 6,
        gates: vec![Passed { name: "purpose".to_owned(), rule: "training".into() }],
    }
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let manifest = manifest();
    let signed = manifest.sign(&SecretKey::from_seed([3; 32]));
    let order = manifest.order();
    let at = |position| {
        let Place { source, sequence } = order.at(position);
        format!("{source}/{sequence}")
    };
    let positions: Vec<String> = (0..10).map(at).collect();
    let place = Place { source: 1, sequence: 3 };
    let span = Span { record: RecordId(Digest([6; 32])), start: 4, count: 8 };
    let sequence = Sequence { tokens: Digest::of(&[1, 0, 2, 0]), spans: vec![span] };
    let leaf = sequence.leaf(place, &SaltKey([0; 32]));
    golden::check(
        "training-manifest.txt",
        "payload, id, envelope, source/sequence at each position; key and leaf of a sequence",
        &[
            golden::hex(&manifest.encode()),
            manifest.id().to_string(),
            golden::hex(&signed),
            positions.join(" "),
            format!("{} {leaf}", golden::hex(&place.key())),
        ],
    );
    let (opened, signer) = Manifest::open(&signed).unwrap();
    assert_eq!((opened, signer), (manifest, SecretKey::from_seed([3; 32]).public()));
}

#[test]
fn numbers_that_do_not_belong_together_are_refused() {
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        Manifest::decode(&manifest.encode()).unwrap_err().to_string()
    };
    type Change<'a> = &'a dyn Fn(&mut Manifest);
    let cases: [(Change<'_>, &str); 11] = [
        (&|m| m.stored.leaves = 8, "stored: expected 8 items, got 9"),
        (&|m| m.sequences = 12, "sequences of a source: at most 8, got 9"),
        (&|m| m.sequences = SEQUENCES_MAX + 1, "sequences: at most 1099511627776"),
        (&|m| m.epochs = EPOCHS_MAX + 1, "epochs: at most 65536"),
        (&|m| m.sources.reverse(), "sources: expected names that ascend"),
        (&|m| m.sources[0].weight = 0, "weight: expected a weight above zero"),
        (&|m| m.shape.length = 0, "length: at most 1048576, got 0"),
        (&|m| m.shape.length = SEQUENCE_MAX + 1, "length: at most 1048576"),
        (&|m| m.shape.end = 1 << 16, "end: at most 65535, got 65536"),
        (&|m| m.shape.width = 3, "width: at most 4, got 3"),
        (&|m| m.sources[0].packed.stored = u64::MAX, "stored: expected 9 items"),
    ];
    for (change, want) in cases {
        let got = refused(change);
        assert!(got.starts_with(want), "{got}, not {want}");
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let signed = manifest().sign(&SecretKey::from_seed([3; 32]));
    for at in 0..signed.len() {
        let mut bytes = signed.clone();
        bytes[at] ^= 1;
        assert!(Manifest::open(&bytes).is_err(), "byte {at}");
        assert!(Manifest::open(&signed[..at]).is_err());
    }
    let other = sign1(&manifest().encode(), &SecretKey::from_seed([3; 32]), "text/plain");
    assert!(Manifest::open(&other).unwrap_err().starts_with("is a text/plain"));
}

proptest! {
    #[test]
    fn hostile_bytes_are_refused_or_read_as_they_are(bytes in hostile::bytes(manifest().encode())) {
        let signed = sign1(&bytes, &SecretKey::from_seed([3; 32]), CONTENT_TYPE);
        if let Ok((read, _)) = Manifest::open(&signed) {
            prop_assert_eq!(read.encode(), bytes);
            for place in read.order().batch(0, 4) {
                let source = &read.sources[place.source as usize];
                prop_assert!(place.sequence < source.packed.stored);
            }
        }
        let signed = manifest().sign(&SecretKey::from_seed([3; 32]));
        prop_assert!(Manifest::open(&[signed.as_slice(), &[0]].concat()).is_err());
    }
}
