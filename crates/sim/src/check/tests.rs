//! What is looked at in the end is seen to be wrong where it is.

use super::{blocks, certificates, state};
use crate::disk::Disk;
use crate::laws::{Laws, Violation};
use crate::people::People;
use alloy_primitives::{B256, U256};
use std::path::Path;
use std::sync::Arc;
use terroir_ledger::{Changes, Place};
use terroir_node::chain::{Chain, PoolLimits, Tip};

/// A chain of one block after block 0, with such a certificate.
fn chain(people: &People, certificate: Option<&[u8]>) -> Arc<Chain> {
    let (disk, name) = (Disk::new(false), Path::new("memory"));
    let chain = Chain::open_on(disk, name, &people.text, PoolLimits::DEFAULT).unwrap();
    let tip = chain.tip();
    let place = Place { view: 1, time_ms: tip.seal.time_ms + 1 };
    let none = [].iter();
    let built = terroir_ledger::build(chain.chain(), &tip.parent(), &place, &[], none, |_, _| {});
    chain.commit(&built.unwrap(), certificate).unwrap();
    Arc::new(chain)
}

#[test]
fn a_chain_without_what_was_seen_is_found() {
    let people = People::new();
    let chain = chain(&people, None);
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
    let chain = chain(&people, None);
    let tip = chain.tip();
    let address = people.accounts[0].address;
    let accounts = || people.accounts.iter().map(|account| account.address);
    assert_eq!(state(1, &tip, accounts()), Ok(()));
    let mut account = tip.view.account(&address).unwrap().unwrap();
    account.balance += U256::from(1);
    let mut changes = Changes { number: 2, ..Changes::default() };
    changes.accounts.insert(address, Some(account));
    let view = tip.view.after(Arc::new(changes), tip.view.root());
    let Tip { header, seal, hash, kept, .. } = &*tip;
    let (header, seal, hash, kept) = (header.clone(), seal.clone(), *hash, kept.clone());
    let other = Tip { header, seal, hash, view, kept };
    assert_eq!(state(1, &other, accounts()), Err(Violation::State { place: 1, address }));
}

#[test]
fn a_certificate_that_is_none_is_found() {
    let people = People::new();
    assert_eq!(certificates(&[(3, chain(&people, None))]), Ok(()));
    let forged = certificates(&[(3, chain(&people, Some(&[7; 90])))]);
    assert!(
        matches!(forged, Err(Violation::Certificate { place: 3, number: 1, .. })),
        "{forged:?}"
    );
}
