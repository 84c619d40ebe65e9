//! Several receipts of one node: in order, with gaps, forked, and forged.

use crate::world;
use terroir_base::Digest;
use terroir_base::id::ReceiptId;
use terroir_base::sign::SecretKey;
use terroir_proof::{Gap, Place, Rejected, Signed, check_chain};

fn signed(place: Place, prompt_tokens: u32, key: &SecretKey) -> Signed {
    let (salt, request) = (world::salt(), world::chat_request(64));
    let answer = world::answer("Vines.", &[1, 2, 3], 0);
    let mut plan = world::plan(&salt, &request, &answer);
    plan.place = place;
    plan.answered.prompt_tokens = prompt_tokens;
    plan.sign(key).unwrap()
}

/// A chain of `count` receipts.
fn chain(count: u64) -> Vec<Signed> {
    let mut place = Place::FIRST;
    let mut receipts = Vec::new();
    for seq in 0..count {
        let receipt = signed(place, 1, &world::key());
        place = Place::after(seq, receipt.id).unwrap();
        receipts.push(receipt);
    }
    receipts
}

fn bytes<'a>(receipts: impl IntoIterator<Item = &'a Signed>) -> Vec<&'a [u8]> {
    receipts.into_iter().map(|receipt| receipt.bytes.as_slice()).collect()
}

#[test]
fn a_chain_holds_in_any_order_and_with_repeats() {
    let receipts = chain(4);
    let in_order = check_chain(&bytes(&receipts)).unwrap();
    let expected: Vec<_> = receipts.iter().zip(0..).map(|(r, seq)| (seq, r.id)).collect();
    assert_eq!(in_order.receipts, expected);
    assert_eq!(in_order.node, world::key().public());
    assert_eq!(in_order.gaps, []);
    let twice = receipts.iter().rev().chain(&receipts);
    assert_eq!(check_chain(&bytes(twice)).unwrap(), in_order);
    assert_eq!(check_chain(&bytes(&receipts[2..])).unwrap().gaps, []);
}

#[test]
fn missing_receipts_are_gaps() {
    let receipts = chain(6);
    let some = [&receipts[0], &receipts[3], &receipts[5]];
    let chain = check_chain(&bytes(some)).unwrap();
    assert_eq!(chain.gaps, [Gap { after: 0, before: 3 }, Gap { after: 3, before: 5 }]);
    let text = chain.to_string();
    assert!(text.contains("between 0 and 3") && text.contains("between 3 and 5"), "{text}");
}

#[test]
fn one_receipt_is_a_chain_and_none_is_not() {
    let receipts = chain(1);
    assert_eq!(check_chain(&bytes(&receipts)).unwrap().receipts, [(0, receipts[0].id)]);
    assert_eq!(check_chain(&[]), Err(Rejected::NoReceipts));
}

#[test]
fn two_receipts_with_one_number_are_evidence() {
    let receipts = chain(3);
    let twin = signed(Place::after(0, receipts[0].id).unwrap(), 2, &world::key());
    let mut ids = [receipts[1].id, twin.id];
    ids.sort();
    let verdict = check_chain(&bytes(receipts.iter().chain([&twin])));
    let [first, second] = ids;
    let node = world::key().public();
    assert_eq!(verdict, Err(Rejected::Equivocation { node, seq: 1, first, second }));
}

#[test]
fn another_predecessor_than_the_one_signed_is_evidence() {
    let receipts = chain(2);
    let elsewhere = ReceiptId(Digest::of(b"another history"));
    let fork = signed(Place::after(1, elsewhere).unwrap(), 1, &world::key());
    let verdict = check_chain(&bytes(receipts.iter().chain([&fork])));
    let node = world::key().public();
    let expected = Rejected::Fork { node, seq: 2, stated: elsewhere, got: receipts[1].id };
    assert_eq!(verdict, Err(expected));
}

#[test]
fn receipts_of_two_nodes_are_no_chain() {
    let other = SecretKey::from_seed([8; 32]);
    let receipts =
        [chain(1).remove(0), signed(Place::after(0, chain(1)[0].id).unwrap(), 1, &other)];
    let expected = Rejected::OtherNode {
        id: receipts[1].id,
        expected: world::key().public(),
        got: other.public(),
    };
    assert_eq!(check_chain(&bytes(&receipts)), Err(expected));
}

#[test]
fn a_broken_receipt_is_pointed_out() {
    let receipts = chain(3);
    let mut all = bytes(&receipts);
    let cut = &all[1][..100];
    all[1] = cut;
    match check_chain(&all) {
        Err(Rejected::Link { index: 1, source }) => assert_eq!(source.number(), 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_end_before_they_wrap() {
    assert_eq!(Place::after(u64::MAX, chain(1)[0].id), None);
    let last = signed(Place::after(u64::MAX - 1, chain(1)[0].id).unwrap(), 1, &world::key());
    let chain = check_chain(&[&chain(1)[0].bytes, &last.bytes]).unwrap();
    assert_eq!(chain.gaps, [Gap { after: 0, before: u64::MAX }]);
}
