//! What is looked at in the end is seen to be wrong where it is.

use super::{blocks, certificates, root, state};
use crate::disk::Disk;
use crate::laws::{Laws, Violation};
use crate::people::{EPOCH, People};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use std::path::Path;
use std::sync::Arc;
use terroir_ledger::Place;
use terroir_node::chain::{Chain, PoolLimits, Tip};

/// A chain of so many blocks after block 0, each with such a certificate.
fn chain(people: &People, count: u64, certificate: Option<&[u8]>) -> Arc<Chain> {
    let (disk, name) = (Disk::new(false), Path::new("memory"));
    let chain = Chain::open_on(disk, name, &people.text, PoolLimits::DEFAULT).unwrap();
    for view in 1..=count {
        let tip = chain.tip();
        let place = Place { view, time_ms: tip.seal.time_ms + 1 };
        let none = [].iter();
        let built =
            terroir_ledger::build(chain.chain(), &tip.parent(), &place, &[], none, |_, _| {});
        chain.commit(&built.unwrap(), certificate).unwrap();
    }
    Arc::new(chain)
}

#[test]
fn a_chain_without_what_was_seen_is_found() {
    let people = People::new();
    let chain = chain(&people, 1, None);
    let tip = chain.tip();
    let laws = Laws::new(&[]);
    laws.keeps(0, &tip.kept.block(1).unwrap().unwrap());
    assert_eq!(blocks(2, &tip, &laws.seen()), Ok(()));
    laws.seen().transactions.insert(B256::ZERO, 1);
    let gone = Violation::Gone { hash: B256::ZERO, number: 1, place: 2 };
    assert_eq!(blocks(2, &tip, &laws.seen()), Err(gone));
    laws.seen().blocks.insert(1, B256::ZERO);
    let fork = Violation::Fork { number: 1, place: 2, got: tip.hash, first: B256::ZERO };
    assert_eq!(blocks(2, &tip, &laws.seen()), Err(fork));
}

#[test]
fn tables_that_differ_from_the_tree_are_found() {
    let people = People::new();
    let chain = chain(&people, 1, None);
    let tip = chain.tip();
    assert_eq!(state(1, &tip), Ok(()));
    let (got, expected) = (tip.header.state_root, B256::ZERO);
    let header = Header { state_root: expected, ..tip.header.clone() };
    let Tip { seal, hash, view, kept, .. } = &*tip;
    let (seal, hash, view, kept) = (seal.clone(), *hash, view.clone(), kept.clone());
    let other = Tip { header, seal, hash, view, kept };
    assert_eq!(state(1, &other), Err(Violation::State { place: 1, got, expected }));
}

#[test]
fn every_account_and_every_slot_of_the_tables_counts() {
    let people = People::new();
    let chain = chain(&people, 1, None);
    let tip = chain.tip();
    let (accounts, slots) = (tip.kept.accounts().unwrap(), tip.kept.slots().unwrap());
    let of = |accounts: &Vec<_>, slots: &Vec<_>| root(accounts.clone(), slots.clone()).unwrap();
    let right = of(&accounts, &slots);
    assert_eq!(right, tip.header.state_root);
    for place in 0..accounts.len() {
        let (mut richer, mut fewer) = (accounts.clone(), accounts.clone());
        richer[place].1.balance += U256::from(1);
        fewer.remove(place);
        assert!([richer, fewer].iter().all(|accounts| of(accounts, &slots) != right));
    }
    for place in (0..slots.len()).step_by(9) {
        let (mut other, mut fewer) = (slots.clone(), slots.clone());
        other[place].2 += U256::from(1);
        fewer.remove(place);
        assert!([other, fewer].iter().all(|slots| of(&accounts, slots) != right));
    }
}

#[test]
fn a_certificate_that_is_none_is_found_and_one_that_is_not_there() {
    let people = People::new();
    // The first epoch has not ended.
    assert_eq!(certificates(3, &chain(&people, EPOCH - 2, None)), Ok(()));
    let none = certificates(3, &chain(&people, EPOCH - 1, None));
    let why = "no block of epoch 0 has one".to_owned();
    assert_eq!(none, Err(Violation::Certificate { place: 3, number: EPOCH - 1, why }));
    let forged = certificates(3, &chain(&people, 1, Some(&[7; 90])));
    assert!(
        matches!(forged, Err(Violation::Certificate { place: 3, number: 1, .. })),
        "{forged:?}"
    );
}
