//! Each law that needs no run is broken here.

use super::{Laws, Violation};
use crate::people::{Account, EPOCH, People};
use terroir_ledger::{Block, Transaction};

/// Block `number`; with another `salt` it is another one.
fn block(number: u64, salt: u64) -> Block {
    let mut block = People::new().beginning.block;
    (block.header.number, block.header.timestamp) = (number, salt);
    block
}

fn with_a_payment(number: u64, account: &Account) -> Block {
    let (_, bytes) = account.pay(0, account.address, 1);
    let paid = Transaction::decode(&bytes, People::new().beginning.chain.id).unwrap();
    Block { transactions: vec![paid.envelope], ..block(number, 0) }
}

fn found(work: impl FnOnce(&Laws)) -> Option<Violation> {
    let laws = Laws::new(&[3]);
    work(&laws);
    laws.seen().violation.clone()
}

#[test]
fn blocks_come_in_order_and_are_the_same_for_all() {
    let all = |laws: &Laws| {
        for (place, number) in [(0, 1), (1, 1), (1, 2), (0, 2), (2, 1)] {
            laws.keeps(place, &block(number, 0));
        }
    };
    assert_eq!(found(all), None);
    let gap = found(|laws| laws.keeps(2, &block(2, 0)));
    assert_eq!(gap, Some(Violation::Order { place: 2, got: 2, expected: 1 }));
    let (first, got) = (block(1, 0).hash(), block(1, 1).hash());
    let fork = found(|laws| {
        laws.keeps(0, &block(1, 0));
        laws.keeps(2, &block(1, 1));
    });
    assert_eq!(fork, Some(Violation::Fork { number: 1, place: 2, got, first }));
}

#[test]
fn a_payment_is_final_once() {
    let account = &People::new().accounts[0];
    let twice = found(|laws| {
        laws.keeps(0, &with_a_payment(1, account));
        laws.keeps(0, &with_a_payment(2, account));
    });
    assert!(matches!(twice, Some(Violation::Twice { first: 1, second: 2, .. })), "{twice:?}");
}

#[test]
fn a_crash_takes_blocks_of_one_epoch_alone_and_they_come_back_the_same() {
    let before = 2 * EPOCH + 3;
    let opened = |newest, again| {
        found(|laws| {
            (1..=before).for_each(|number| laws.keeps(0, &block(number, 0)));
            laws.opens(0, newest, |number| Some(block(number, 0)));
            assert_eq!(laws.seen().heights[0], newest);
            laws.keeps(0, &block(newest + 1, again));
        })
    };
    let last = 2 * EPOCH - 1;
    for newest in [before + 2, before, before - 1, last] {
        assert_eq!(opened(newest, 0), None);
    }
    let lost = Violation::Lost { place: 0, before, after: last - 1 };
    assert_eq!(opened(last - 1, 0), Some(lost));
    let fork = opened(before - 1, 1);
    assert!(matches!(fork, Some(Violation::Fork { place: 0, .. })), "{fork:?}");
}

#[test]
fn the_last_block_of_an_epoch_stays_as_soon_as_it_is_there() {
    let (before, after) = (EPOCH - 1, EPOCH - 2);
    let opened = |newest| {
        found(|laws| {
            (1..=before).for_each(|number| laws.keeps(0, &block(number, 0)));
            laws.opens(0, newest, |number| Some(block(number, 0)));
        })
    };
    assert_eq!(opened(before), None);
    assert_eq!(opened(after), Some(Violation::Lost { place: 0, before, after }));
}

#[test]
fn what_is_forged_is_never_final() {
    let account = &People::new().accounts[0];
    let payment = with_a_payment(1, account);
    let hash = *payment.transactions[0].tx_hash();
    let forged = found(|laws| {
        laws.verifies(&hash);
        laws.forges(hash);
        assert!(!laws.seen().forged[&hash]);
        laws.verifies(&hash);
        assert!(laws.seen().forged[&hash]);
        laws.keeps(0, &payment);
    });
    assert_eq!(forged, Some(Violation::Forged { number: 1, hash }));
}

#[test]
fn only_liars_are_accused() {
    assert_eq!(found(|laws| laws.accuses(0, 3, "blocks")), None);
    let framed = found(|laws| laws.accuses(0, 1, "blocks"));
    assert_eq!(framed, Some(Violation::Framed { place: 0, whom: 1, how: "blocks" }));
}
