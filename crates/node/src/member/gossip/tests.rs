use super::{AGAIN_MAX, KEPT_MAX, Sent, news_of};
use crate::account::Signer;
use crate::chain::{Added, Chain, Origin, PoolLimits};
use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_primitives::{Address, B256, Signature, TxKind};
use std::collections::HashMap;
use std::sync::Arc;
use terroir_ledger::Transaction;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

const GENESIS: &str = include_str!("../../../tests/it/chain/genesis.toml");

fn transactions(count: u64) -> Vec<Arc<Transaction>> {
    let one = |nonce: u64| {
        let tx = TxLegacy { nonce, ..TxLegacy::default() };
        let envelope = tx.into_signed(Signature::test_signature()).into();
        Arc::new(Transaction { envelope, sender: Address::ZERO, hash: hash(nonce) })
    };
    (0..count).map(one).collect()
}

fn hash(number: u64) -> B256 {
    B256::left_padding_from(&number.to_be_bytes())
}

#[test]
fn what_waits_is_sent_again_and_what_does_not_is_forgotten() {
    let all = transactions(3);
    let mut pool: HashMap<B256, _> = all.iter().map(|one| (one.hash, one.clone())).collect();
    let mut sent = Sent::default();
    sent.keep(&all[..2]);
    let none: Vec<B256> = Vec::new();
    let numbers =
        |some: Vec<Arc<Transaction>>| -> Vec<B256> { some.iter().map(|one| one.hash).collect() };
    assert_eq!(numbers(sent.again(|hash| pool.get(hash).cloned())), none, "they are new");
    sent.keep(&all[2..]);
    assert_eq!(numbers(sent.again(|hash| pool.get(hash).cloned())), [hash(0), hash(1)]);
    pool.remove(&hash(0));
    assert_eq!(numbers(sent.again(|hash| pool.get(hash).cloned())), [hash(1), hash(2)]);
    pool.clear();
    assert_eq!(numbers(sent.again(|hash| pool.get(hash).cloned())), none);
    assert_eq!((sent.before.len(), sent.now.len()), (0, 0));
}

#[test]
fn all_have_their_turn_and_what_is_remembered_is_bounded() {
    let all = transactions(KEPT_MAX as u64 + 9);
    let pool: HashMap<B256, _> = all.iter().map(|one| (one.hash, one.clone())).collect();
    let mut sent = Sent::default();
    sent.keep(&all[..AGAIN_MAX + 7]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let some = sent.again(|hash| pool.get(hash).cloned());
        assert!(some.len() <= AGAIN_MAX);
        seen.extend(some.iter().map(|one| one.hash));
    }
    assert_eq!(seen.len(), AGAIN_MAX + 7);
    sent.keep(&all);
    assert_eq!(sent.before.len() + sent.now.len(), KEPT_MAX);
}

#[test]
fn what_was_missed_is_looked_up_where_it_waits() {
    let place = tempfile::tempdir().unwrap();
    let open = Chain::open(&place.path().join("chain.redb"), GENESIS, PoolLimits::DEFAULT);
    let chain = open.unwrap();
    let payment = TxEip1559 {
        chain_id: 7_701,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        to: TxKind::Call(Address::ZERO),
        ..TxEip1559::default()
    };
    let bytes = Signer::parse(&"65".repeat(32)).unwrap().sign(payment);
    let hash = chain.mempool().add(&bytes, Origin::Peer).unwrap();
    let (_news, mut added) = broadcast::channel(1);
    let found = |news, added: &mut _| {
        let some = news_of(&chain, news, added).unwrap();
        some.iter().map(|one| one.hash).collect::<Vec<B256>>()
    };
    let of = |origin| Ok(Added { hash, origin });
    let none: Vec<B256> = Vec::new();
    assert_eq!(found(of(Origin::Local), &mut added), [hash]);
    assert_eq!(found(of(Origin::Peer), &mut added), none, "others have it");
    assert_eq!(found(Err(RecvError::Lagged(1)), &mut added), [hash]);
    assert!(news_of(&chain, Err(RecvError::Closed), &mut added).is_none());
}
