//! Bytes and values that nobody thought of.

use crate::world::{self, LIMITS};
use proptest::prelude::*;
use terroir_base::cbor::{self, Value};
use terroir_proof::{Given, Point, Receipt, Salt, check, check_chain};

/// Values that a payload could be made of.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<u64>().prop_map(Value::Uint),
        (0u64..30).prop_map(Value::Uint),
        any::<u64>().prop_map(Value::Nint),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        prop::array::uniform32(any::<u8>()).prop_map(Value::bytes),
        ".{0,20}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    scalar.prop_recursive(3, 40, 8, |inner| {
        let record = prop::collection::btree_map(0u64..24, inner.clone(), 0..8);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::Array),
            record.prop_map(Value::record),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_get_a_verdict(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
        prop_assert!(check(&bytes, Given::default()).is_err());
        prop_assert!(check_chain(&[&bytes]).is_err());
        prop_assert!(Receipt::decode(&bytes).is_err());
    }

    #[test]
    fn any_signed_payload_gets_a_verdict(value in value()) {
        prop_assert!(check(&world::seal(&cbor::encode(&value)), Given::default()).is_err());
    }

    #[test]
    fn any_field_replaced_gets_a_verdict(at in 0usize..14, new in value()) {
        let job = world::chat();
        let mut payload = job.payload();
        world::entries(&mut payload)[at].1 = new;
        if let Ok(statement) = job.check_forged(&payload) {
            prop_assert_eq!(statement.receipt.encode(), Ok(cbor::encode(&payload)));
        }
    }

    #[test]
    fn spliced_bytes_get_a_verdict(
        at in 0usize..700, cut in 0usize..40, new in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let job = world::chat();
        let mut payload = job.signed.receipt.encode().unwrap();
        let end = (at + cut).min(payload.len());
        payload.splice(at.min(end)..end, new);
        if let Ok(statement) = check(&world::seal(&payload), job.given()) {
            prop_assert_eq!(statement.receipt.encode(), Ok(payload));
        }
    }

    #[test]
    fn any_committed_request_and_answer_get_a_verdict(request in value(), answer in value()) {
        let (salt, request, answer) = (Salt([1; 32]), cbor::encode(&request), cbor::encode(&answer));
        prop_assert!(world::plan(&salt, &request, &answer).sign(&world::key()).is_err());
    }

    #[test]
    fn what_a_node_signs_a_checker_accepts(
        text in ".{0,200}",
        tokens in prop::collection::vec(any::<u32>(), 1..200),
        seed in any::<[u8; 32]>(),
        extra in 0u32..3,
    ) {
        let salt = Salt(seed);
        let request = world::text_request(&text, tokens.len() as u32 + extra);
        let answer = world::answer(&text, &tokens, u64::from(extra == 0));
        let signed = world::plan(&salt, &request, &answer).sign(&world::key()).unwrap();
        let given = world::opening(&salt, &request, &answer);
        let statement = check(&signed.bytes, given).unwrap();
        let whole = if extra == 0 { 1 << Point::Whole.number() } else { 0 };
        prop_assert_eq!(statement.mask(), 0x1ff | whole);
        prop_assert_eq!(statement.receipt, signed.receipt);
    }
}

#[test]
fn the_limits_of_these_tests_hold_a_payload() {
    assert!(cbor::decode(&world::largest().signed.receipt.encode().unwrap(), &LIMITS).is_ok());
}
