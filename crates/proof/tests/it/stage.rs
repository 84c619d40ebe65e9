//! Receipts of kind `stage`: their frozen bytes, and what a checker says of them.

use crate::golden::{freeze, hex};
use crate::world::{self, add, remove, set};
use terroir_base::Digest;
use terroir_base::cbor::{self, Value};
use terroir_base::sign::verify1;
use terroir_proof::{
    Body, Draft, Files, Given, Leaves, Place, Point, Receipt, Rejected, Salt, Signed, Stage, Times,
    Why, Work, check, check_chain,
};

fn times() -> Times {
    Times { requested_ms: 1_795_305_600_000, first_ms: None, done_ms: 1_795_305_660_000 }
}

fn stage() -> Stage {
    Stage {
        name: "minhash".into(),
        program: Digest::of(b"stage"),
        inputs: Leaves { root: Digest::of(b"records"), count: 6634 },
        outputs: Leaves { root: Digest::of(b"rows"), count: 6634 },
        files: Files { list: Digest::of(b"files"), count: 1 },
    }
}

fn version() -> Stage {
    let outputs = Leaves { root: Digest::of(b"version"), count: 6833 };
    let inputs = Leaves { root: Digest::of(b"receipts"), count: 48 };
    let files = Files { list: Digest::of(b"all files"), count: 11 };
    Stage { name: "version".into(), inputs, outputs, files, ..stage() }
}

fn signed(place: Place, stage: Stage) -> Signed {
    Draft { place, work: Work::Stage(stage), times: times() }.sign(&world::key()).unwrap()
}

/// A stage, and behind it in the chain the version that it belongs to.
fn both() -> [Signed; 2] {
    let first = signed(Place::FIRST, stage());
    let second = signed(Place::after(0, first.id).unwrap(), version());
    [first, second]
}

fn payload(signed: &Signed) -> Value {
    let envelope = verify1(&signed.bytes, &world::LIMITS).unwrap();
    cbor::decode(&envelope.payload, &world::LIMITS).unwrap()
}

fn refused(payload: &Value) -> Rejected {
    check(&world::seal(&cbor::encode(payload)), Given::default()).unwrap_err()
}

#[test]
fn a_stage_and_a_version_have_their_frozen_receipts() {
    for (name, signed) in ["stage", "version"].into_iter().zip(both()) {
        let statement = check(&signed.bytes, Given::default()).unwrap();
        freeze(&format!("{name}.rcpt.hex"), &hex(&signed.bytes));
        freeze(&format!("{name}.txt"), &format!("{}\n{statement}", signed.receipt));
    }
}

/// The payload written out by hand from the byte table, without the crate's own writer.
#[test]
fn the_byte_table_gives_the_frozen_payload() {
    let [first, _] = both();
    let mut bytes = vec![0xab, 0x01, 0x01, 4, 0xa1, 1, 0, 5, 0xa1];
    let digest = |bytes: &mut Vec<u8>, digest: &[u8; 32]| {
        bytes.extend([0x58, 0x20]);
        bytes.extend(digest);
    };
    bytes.push(1);
    digest(&mut bytes, &world::key().public().0);
    bytes.extend([13, 0xa1, 1, 0x66]);
    bytes.extend(b"signed");
    bytes.extend([15, 0xa2]);
    for (key, ms) in [(1, 1_795_305_600_000u64), (3, 1_795_305_660_000)] {
        bytes.extend([key, 0x1b]);
        bytes.extend(ms.to_be_bytes());
    }
    bytes.extend([21, 0x65]);
    bytes.extend(b"stage");
    bytes.extend([0x18, 32, 0x67]);
    bytes.extend(b"minhash");
    bytes.extend([0x18, 33]);
    digest(&mut bytes, &Digest::of(b"stage").0);
    for (key, root) in [(34, b"records".as_slice()), (35, b"rows")] {
        bytes.extend([0x18, key, 0xa2, 1]);
        digest(&mut bytes, &Digest::of(root).0);
        bytes.extend([2, 0x19, 0x19, 0xea]);
    }
    bytes.extend([0x18, 36, 0xa2, 1]);
    digest(&mut bytes, &Digest::of(b"files").0);
    bytes.extend([2, 1]);
    assert_eq!(hex(&first.receipt.encode().unwrap()), hex(&bytes));
    assert_eq!(Receipt::decode(&bytes).as_ref(), Ok(&first.receipt));
}

#[test]
fn a_statement_speaks_of_the_points_of_a_stage_alone() {
    let [first, second] = both();
    for signed in [&first, &second] {
        let node = Given { node: Some(world::key().public()), ..Given::default() };
        let statement = check(&signed.bytes, node).unwrap();
        assert_eq!(statement.established, [Point::Form, Point::Signature, Point::Node]);
        let open: Vec<_> = statement.not_checked.iter().map(|o| (o.point, o.why)).collect();
        let expected = [
            (Point::Rows, Why::NoAudit),
            (Point::Chain, Why::NoNeighbours),
            (Point::Bond, Why::NoChain),
            (Point::Times, Why::NodeWord),
        ];
        assert_eq!(open, expected);
    }
    let chain = check_chain(&[&second.bytes, &first.bytes]).unwrap();
    assert_eq!(chain.receipts, [(0, first.id), (1, second.id)]);
    let mut statement = check(&first.bytes, Given::default()).unwrap();
    statement.join(&chain);
    assert!(statement.established.contains(&Point::Chain));
}

#[test]
fn every_changed_byte_is_refused() {
    for signed in both() {
        for at in 0..signed.bytes.len() {
            for mask in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut flipped = signed.bytes.clone();
                flipped[at] ^= mask;
                let verdict = check(&flipped, Given::default()).unwrap_err();
                assert!(matches!(verdict.number(), 1..=3), "{verdict:?}");
            }
        }
    }
}

#[test]
fn what_belongs_to_an_answer_is_refused() {
    let [first, _] = both();
    let salt = Salt([1; 32]);
    let given = Given::default();
    for (given, what) in [
        (Given { salt: Some(&salt), ..given }, "salt"),
        (Given { request: Some(&[]), ..given }, "request"),
        (Given { answer: Some(&[]), ..given }, "answer"),
    ] {
        assert_eq!(check(&first.bytes, given), Err(Rejected::NoAnswerHere { what }));
    }
    let started = Times { first_ms: Some(1_795_305_600_001), ..times() };
    let draft = Draft { place: Place::FIRST, work: Work::Stage(stage()), times: started };
    assert_eq!(draft.sign(&world::key()), Err(Rejected::FirstToken { answer_tokens: 0 }));
}

#[test]
fn fields_of_another_kind_unknown_and_missing_ones_are_refused() {
    let [first, second] = both();
    for path in
        [&[32][..], &[33], &[34], &[34, 1], &[34, 2], &[35], &[35, 1], &[36], &[36, 1], &[36, 2]]
    {
        assert_eq!(refused(&remove(payload(&first), path)).number(), 14, "{path:?}");
        assert_eq!(refused(&set(payload(&first), path, Value::Null)).number(), 15, "{path:?}");
    }
    for path in [&[3][..], &[8], &[37], &[34, 3], &[36, 3]] {
        assert_eq!(refused(&add(payload(&first), path, 0u64)).number(), 16, "{path:?}");
    }
    let other = set(payload(&first), &[21], Value::from("inference"));
    assert!(matches!(refused(&other).number(), 14 | 16));
    let long = set(payload(&first), &[32], Value::Text("x".repeat(33)));
    assert_eq!(refused(&long).number(), 15);
    let steering = set(payload(&first), &[32], Value::from("a\u{1b}b"));
    assert_eq!(refused(&steering), Rejected::Text { field: "stage" });
    let Body::Stage(read) = &second.receipt.body else { panic!("another kind") };
    assert_eq!(read, &version());
}
