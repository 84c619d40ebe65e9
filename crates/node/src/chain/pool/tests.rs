//! The mempool's rules, held against a plain reading of them.

use super::*;
use alloy_consensus::transaction::SignableTransaction;
use alloy_consensus::{Transaction as _, TxEip1559};
use alloy_primitives::{Bytes, Signature, TxKind};
use proptest::prelude::*;

const LIMITS: PoolLimits =
    PoolLimits { bytes_max: 20_000, lane_bytes_max: 8_000, fair_bytes: 3_000, lane_max: 8 };
/// Of the next block; what [`tx`] makes pays it.
const BASE_FEE: u64 = 10;
const RICH: u64 = u64::MAX;

fn sender(number: u8) -> Address {
    Address::repeat_byte(number)
}

/// A transaction of `from` whose sender nobody recovers.
fn tx(from: u8, nonce: u64, tip: u128, bytes: usize) -> Transaction {
    priced((from, nonce), (100 + tip, tip), bytes)
}

/// The same for this fee and this tip.
fn priced((from, nonce): (u8, u64), (fee, tip): (u128, u128), bytes: usize) -> Transaction {
    let tx = TxEip1559 {
        chain_id: 1,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(sender(from)),
        value: U256::ZERO,
        access_list: Default::default(),
        input: Bytes::from(vec![1; bytes]),
    };
    let envelope = alloy_consensus::TxEnvelope::from(tx.into_signed(Signature::test_signature()));
    let hash = *envelope.tx_hash();
    Transaction { envelope, sender: sender(from), hash }
}

fn put(pool: &mut Pool, one: Transaction) -> Result<Put, Refused> {
    pool.put(one, account(0, RICH))
}

fn account(nonce: u64, balance: u64) -> Sender {
    Sender { nonce, balance: U256::from(balance), delegated: false }
}

fn order(pool: &Pool, base_fee: u64) -> Vec<(u8, u64)> {
    let nonce = |_: &Address| Ok::<_, ()>(0);
    let found = pool.best(base_fee, nonce, |_| false).unwrap();
    found.iter().map(|one| (one.sender.0[0], one.envelope.nonce())).collect()
}

#[test]
fn the_best_tip_goes_first_and_nonces_keep_their_order() {
    let mut pool = Pool::new(LIMITS, BASE_FEE);
    for (from, nonce, tip) in [(1, 0, 5), (1, 1, 50), (2, 0, 10), (3, 0, 10), (2, 2, 99)] {
        put(&mut pool, tx(from, nonce, tip, 0)).unwrap();
    }
    assert_eq!(order(&pool, 1), [(2, 0), (3, 0), (1, 0), (1, 1)]);
    assert_eq!(pool.waiting(), Waiting { pending: 4, queued: 1 });
    // A fee below the block's keeps all of a lane out from there on.
    assert_eq!(order(&pool, 106), [(2, 0), (3, 0)]);
}

#[test]
fn a_state_that_is_ahead_skips_what_it_has() {
    let mut pool = Pool::new(LIMITS, BASE_FEE);
    for nonce in 0..4 {
        put(&mut pool, tx(1, nonce, 9, 0)).unwrap();
    }
    let ahead = |_: &Address| Ok::<_, ()>(2);
    let found = pool.best(1, ahead, |_| false).unwrap();
    assert_eq!(found.iter().map(|one| one.envelope.nonce()).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_replacement_pays_a_tenth_more_of_both_prices() {
    let mut pool = Pool::new(LIMITS, BASE_FEE);
    put(&mut pool, tx(1, 0, 100, 0)).unwrap();
    // 110 as a tip, and 200 becomes 210, which is not 220.
    let refused = put(&mut pool, tx(1, 0, 110, 0)).unwrap_err();
    assert!(matches!(refused, Refused::Underpriced { fee: 220, tip: 110 }), "{refused}");
    assert!(refused.to_string().starts_with("replacement transaction underpriced"));
    let better = tx(1, 0, 120, 0);
    let hash = better.hash;
    assert!(!put(&mut pool, better).unwrap().executable);
    assert_eq!(pool.waiting(), Waiting { pending: 1, queued: 0 });
    assert!(pool.get(&hash).is_some());
    assert!(matches!(put(&mut pool, tx(1, 0, 120, 0)), Err(Refused::Known)));
}

#[test]
fn nonces_and_funds_have_their_bounds() {
    let mut pool = Pool::new(LIMITS, BASE_FEE);
    let low = pool.put(tx(1, 4, 1, 0), account(5, RICH)).unwrap_err();
    assert_eq!(low.to_string(), "nonce too low: next nonce 5, tx nonce 4");
    let high = pool.put(tx(1, 13, 1, 0), account(5, RICH)).unwrap_err();
    assert!(high.to_string().starts_with("nonce too high: next nonce 5, tx nonce 13"), "{high}");
    // One costs 21,000 * 101.
    let cost = 21_000 * 101;
    pool.put(tx(1, 5, 1, 0), account(5, cost)).unwrap();
    let poor = pool.put(tx(1, 6, 1, 0), account(5, cost)).unwrap_err();
    assert!(poor.to_string().starts_with("insufficient funds for gas * price + value"), "{poor}");
    let long = put(&mut pool, tx(2, 0, 1, 8_000)).unwrap_err();
    assert!(matches!(long, Refused::LaneBytes { max: 8_000, .. }), "{long}");
}

#[test]
fn the_largest_lane_makes_room_then_the_cheapest_and_gaps_before_all() {
    let limits = PoolLimits { bytes_max: 6_000, fair_bytes: 2_500, ..LIMITS };
    let mut pool = Pool::new(limits, BASE_FEE);
    for nonce in 0..5 {
        put(&mut pool, tx(1, nonce, 1_000, 500)).unwrap();
    }
    // A poor sender's first takes the place of a rich sender's fifth.
    put(&mut pool, tx(2, 0, 1, 500)).unwrap();
    assert_eq!(order(&pool, 1).iter().filter(|(from, _)| *from == 1).count(), 4);
    put(&mut pool, tx(3, 7, 9_999, 500)).unwrap_err();
    let full = put(&mut pool, tx(1, 4, 9_999, 500)).unwrap_err();
    assert!(full.to_string().starts_with("txpool is full"), "{full}");
}

#[test]
fn who_pays_little_or_cannot_be_in_a_block_gives_way_however_few_they_send() {
    // One each, as large as is fair.
    let full = |tip| {
        let mut pool = Pool::new(PoolLimits { bytes_max: 24_000, ..LIMITS }, 100);
        for from in 10..18 {
            put(&mut pool, priced((from, 0), (400, tip), 2_200)).unwrap();
        }
        pool
    };
    let admitted = |pool: &mut Pool| {
        let mut both =
            |from| (0..2).all(|nonce| put(pool, priced((from, nonce), (900, 100), 0)).is_ok());
        (1..7_u8).filter(|from| both(*from)).count()
    };
    assert_eq!(admitted(&mut full(50)), 6);
    // There is room for one; those that come later are worth no more than it.
    assert_eq!(admitted(&mut full(300)), 1);
    // What they offer is worth nothing once blocks cost more than their fee.
    let mut pool = full(300);
    pool.reprice(500);
    assert_eq!(admitted(&mut pool), 6);
    assert_eq!(order(&pool, 500).len(), 12);
}

#[test]
fn a_lane_counts_by_the_least_that_it_pays() {
    let mut pool = Pool::new(PoolLimits { bytes_max: 4_000, ..LIMITS }, 50);
    // A dear one behind a cheap one is not dear.
    put(&mut pool, tx(1, 0, 1, 0)).unwrap();
    put(&mut pool, tx(1, 1, 9_000, 1_500)).unwrap();
    put(&mut pool, tx(2, 0, 30, 900)).unwrap();
    assert_eq!(order(&pool, 50), [(2, 0), (1, 0)]);
}

#[test]
fn a_sender_that_lends_itself_code_has_one_at_a_time() {
    let mut pool = Pool::new(LIMITS, BASE_FEE);
    let lent = Sender { delegated: true, ..account(3, RICH) };
    pool.put(tx(1, 3, 1, 0), lent).unwrap();
    let more = pool.put(tx(1, 4, 1, 0), lent).unwrap_err();
    assert!(matches!(more, Refused::NonceHigh { next: 3, got: 4, max: 1 }), "{more}");
    pool.put(tx(1, 3, 200, 0), lent).unwrap();
}

#[test]
fn a_replacement_that_has_no_room_replaces_nothing() {
    let mut pool = Pool::new(PoolLimits { bytes_max: 4_000, ..LIMITS }, BASE_FEE);
    let old = tx(1, 0, 10, 0);
    put(&mut pool, old.clone()).unwrap();
    put(&mut pool, tx(2, 0, 500, 2_000)).unwrap();
    let full = put(&mut pool, tx(1, 0, 200, 1_500)).unwrap_err();
    assert!(matches!(full, Refused::Full { .. }), "{full}");
    assert_eq!(pool.get(&old.hash).as_deref(), Some(&old));
    assert_eq!(pool.waiting(), Waiting { pending: 2, queued: 0 });
}

#[test]
fn what_blocks_are_built_without_is_dropped_after_a_while() {
    let mut pool = Pool::new(LIMITS, BASE_FEE);
    let one = tx(1, 0, 1, 0);
    let hash = one.hash;
    put(&mut pool, one).unwrap();
    for left in 1..=3 {
        assert!(pool.get(&hash).is_some(), "{left}");
        pool.left_out(&hash);
    }
    assert!(pool.get(&hash).is_none());
    assert!(!pool.waiting_any());
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u64, u128, usize),
    Settle(u8, u64, u64),
    LeftOut(u8, u64),
    Reprice(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let from = 1_u8..5;
    let put = (from.clone(), 0_u64..12, 1_u128..40, 0_usize..1_500)
        .prop_map(|(from, nonce, tip, bytes)| Step::Put(from, nonce, tip, bytes));
    let settle = (from.clone(), 0_u64..6, prop_oneof![Just(0), Just(3_000_000), Just(RICH)])
        .prop_map(|(from, nonce, balance)| Step::Settle(from, nonce, balance));
    let left = (from, 0_u64..12).prop_map(|(from, nonce)| Step::LeftOut(from, nonce));
    let reprice = (1_u64..160).prop_map(Step::Reprice);
    prop::collection::vec(prop_oneof![8 => put, 2 => settle, 1 => left, 1 => reprice], 1..120)
}

/// Everything that the pool says of itself follows from its lanes.
fn check(pool: &Pool) {
    let mut bytes = 0;
    let (mut count, mut pending) = (0, 0);
    for (sender, lane) in &pool.lanes {
        assert!(!lane.entries.is_empty());
        let sum: usize = lane.entries.values().map(|entry| entry.bytes).sum();
        assert_eq!(sum, lane.bytes);
        assert!(lane.bytes <= LIMITS.lane_bytes_max);
        assert!(lane.entries.keys().all(|nonce| *nonce >= lane.nonce));
        assert!(pool.tails.contains(&pool.tail(*sender, lane).unwrap()));
        for (nonce, entry) in &lane.entries {
            assert_eq!(pool.places[&entry.transaction.hash], (*sender, *nonce));
        }
        bytes += sum;
        count += lane.entries.len();
        let nonces = lane.nonce..;
        pending += nonces.take_while(|nonce| lane.entries.contains_key(nonce)).count();
    }
    assert_eq!((pool.bytes, pool.places.len(), pool.tails.len()), (bytes, count, pool.lanes.len()));
    assert!(pool.bytes <= LIMITS.bytes_max);
    assert_eq!(pool.waiting(), Waiting { pending, queued: count - pending });
}

/// The order of candidates, by looking at every lane for every one.
fn plain_order(pool: &Pool, accounts: &[(u64, u64)], base_fee: u64) -> Vec<(u8, u64)> {
    let mut next: Vec<u64> = accounts.iter().map(|(nonce, _)| *nonce).collect();
    let mut order = Vec::new();
    loop {
        let heads = (1..5_u8).filter_map(|from| {
            let nonce = next[usize::from(from)];
            let entry = pool.lanes.get(&sender(from))?.entries.get(&nonce)?;
            let tip = entry.transaction.envelope.effective_tip_per_gas(base_fee)?;
            Some((tip, Reverse(entry.arrival), from, nonce))
        });
        let Some((_, _, from, nonce)) = heads.max() else { return order };
        order.push((from, nonce));
        next[usize::from(from)] += 1;
    }
}

proptest! {
    #[test]
    fn its_books_balance_whatever_comes(steps in steps()) {
        let mut pool = Pool::new(LIMITS, BASE_FEE);
        let mut accounts = [(0, RICH); 5];
        for step in steps {
            match step {
                Step::Put(from, nonce, tip, bytes) => {
                    let (next, balance) = accounts[usize::from(from)];
                    let one = tx(from, nonce, tip, bytes);
                    let hash = one.hash;
                    let known = pool.get(&hash).is_some();
                    let lane = pool.lanes.get(&sender(from));
                    let old = lane.and_then(|lane| lane.entries.get(&nonce));
                    let old = old.map(|old| old.transaction.hash);
                    let put = pool.put(one, account(next, balance));
                    prop_assert_eq!(put.is_ok() || known, pool.get(&hash).is_some());
                    // Nobody loses a place to what is refused.
                    let kept = old.is_none_or(|old| pool.get(&old).is_some());
                    prop_assert!(put.is_ok() || kept);
                }
                Step::Settle(from, nonce, balance) => {
                    let account = &mut accounts[usize::from(from)];
                    *account = (account.0.max(nonce), balance);
                    pool.settle(sender(from), account.0, U256::from(balance));
                }
                Step::LeftOut(from, nonce) => {
                    let lane = pool.lanes.get(&sender(from));
                    let hash = lane.and_then(|lane| lane.entries.get(&nonce));
                    if let Some(hash) = hash.map(|entry| entry.transaction.hash) {
                        pool.left_out(&hash);
                    }
                }
                Step::Reprice(base_fee) => pool.reprice(base_fee),
            }
            check(&pool);
            let nonce = |who: &Address| Ok::<_, ()>(accounts[usize::from(who.0[0])].0);
            let found = pool.best(10, nonce, |_| false).unwrap();
            let found: Vec<_> =
                found.iter().map(|one| (one.sender.0[0], one.envelope.nonce())).collect();
            prop_assert_eq!(found, plain_order(&pool, &accounts, 10));
        }
    }
}
