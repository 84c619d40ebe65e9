//! The mempool over a real chain: what is refused and how, who is told, what blocks take.

use super::leader::{GENESIS, propose};
use super::world::{Account, CHAIN_ID, TOKEN, World, draft};
use alloy_consensus::{TxEip2930, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use terroir_node::chain::{Origin, Waiting};

fn refused(world: &World, bytes: &[u8]) -> String {
    world.chain.mempool().add(bytes, Origin::Peer).unwrap_err().to_string()
}

#[test]
fn what_no_state_would_take_is_refused_in_the_usual_words() {
    let world = World::new();
    let alice = &world.alice;
    let to = Address::repeat_byte(9);
    let signed = |change: &dyn Fn(&mut alloy_consensus::TxEip1559)| {
        let mut tx = draft(0, to);
        change(&mut tx);
        alice.sign(tx).encoded_2718()
    };
    let good = signed(&|_| ());
    let mut long = good.clone();
    long.push(0);
    let cases: [(Vec<u8>, &str); 12] = [
        (Vec::new(), "cannot be decoded"),
        (vec![0xc0], "cannot be decoded"),
        (good[..good.len() - 1].to_vec(), "cannot be decoded"),
        (long, "cannot be decoded"),
        (vec![5, 0xc0], "cannot be decoded"),
        (vec![3, 0xc0], "transaction type not supported"),
        (vec![2; 200 << 10], "oversized data"),
        (signed(&|tx| tx.chain_id = 1), "invalid chain id: have 1, want 7701"),
        (signed(&|tx| tx.gas_limit = 20_999), "intrinsic gas too low: have 20999, want 21000"),
        (signed(&|tx| tx.gas_limit = (1 << 24) + 1), "exceeds maximum gas per transaction"),
        (
            signed(&|tx| tx.max_priority_fee_per_gas = 1 << 40),
            "max priority fee per gas higher than max fee per gas",
        ),
        (signed(&|tx| tx.nonce = u64::MAX), "nonce has max value"),
    ];
    for (bytes, why) in cases {
        let got = refused(&world, &bytes);
        assert!(got.contains(why), "{got:?} does not say {why:?}");
    }
    let legacy =
        TxLegacy { chain_id: None, gas_price: 1 << 34, gas_limit: 21_000, ..Default::default() };
    assert!(refused(&world, &alice.sign(legacy).encoded_2718()).contains("invalid chain id"));
}

#[test]
fn what_this_state_does_not_take_is_refused_in_the_usual_words() {
    let world = World::new();
    world.pay(&world.alice, |_| ());
    world.block();
    let send = |from: &Account, nonce: u64, change: &dyn Fn(&mut alloy_consensus::TxEip1559)| {
        let mut tx = draft(nonce, Address::repeat_byte(9));
        change(&mut tx);
        refused(&world, &from.sign(tx).encoded_2718())
    };
    let alice = &world.alice;
    let cases = [
        (send(alice, 0, &|_| ()), "nonce too low: next nonce 1, tx nonce 0"),
        (send(alice, 5_000, &|_| ()), "nonce too high: next nonce 1, tx nonce 5000"),
        (send(alice, 1, &|tx| tx.value = U256::MAX), "insufficient funds for gas * price + value"),
        (send(&Account::new(200), 0, &|_| ()), "insufficient funds for gas * price + value"),
        (
            send(alice, 1, &|tx| {
                (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (999_999, 0);
            }),
            "transaction underpriced",
        ),
    ];
    for (got, why) in cases {
        assert!(got.starts_with(why), "{got:?} does not say {why:?}");
    }
    assert_eq!(world.chain.mempool().waiting(), Waiting::default());
}

#[test]
fn what_waits_is_not_checked_again_and_what_does_not_is() {
    let world = World::new();
    let mempool = world.chain.mempool();
    let envelope = world.alice.sign(draft(0, Address::repeat_byte(9)));
    let before = mempool.checked(envelope.clone()).unwrap();
    world.send(&envelope).unwrap();
    assert_eq!(mempool.checked(envelope).unwrap(), before);
    assert_eq!(before.sender, world.alice.address);
    let mut foreign = draft(0, Address::repeat_byte(9));
    foreign.chain_id = 1;
    let refused = mempool.checked(world.alice.sign(foreign)).unwrap_err();
    assert!(refused.to_string().starts_with("invalid chain id"), "{refused}");
}

#[test]
fn every_type_of_transaction_gets_into_a_block() {
    let world = World::new();
    let (to, price) = (TxKind::Call(Address::repeat_byte(9)), 10_000_000_000);
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        gas_price: price,
        gas_limit: 21_000,
        to,
        ..Default::default()
    };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_price: price,
        gas_limit: 21_000,
        to,
        ..Default::default()
    };
    world.send(&world.alice.sign(legacy)).unwrap();
    world.send(&world.alice.sign(listed)).unwrap();
    world.send(&world.alice.sign(draft(2, Address::repeat_byte(9)))).unwrap();
    let done = world.block();
    assert_eq!(done.receipts.iter().filter(|one| one.status()).count(), 3);
    assert_eq!(world.chain.mempool().waiting(), Waiting::default());
}

#[test]
fn those_who_listen_are_told_once_and_only_when_something_can_be_executed() {
    let world = World::new();
    let mempool = world.chain.mempool();
    let (mut added, mut executable) = (mempool.added(), mempool.executable());
    let to = Address::repeat_byte(9);
    let later = world.alice.sign(draft(1, to)).encoded_2718();
    mempool.add(&later, Origin::Peer).unwrap();
    assert!(!executable.has_changed().unwrap());
    assert_eq!(mempool.waiting(), Waiting { pending: 0, queued: 1 });
    assert_eq!(mempool.next_nonce(&world.alice.address).unwrap(), 0);
    assert_eq!(refused(&world, &later), "already known");
    let first = world.alice.sign(draft(0, to));
    mempool.add(&first.encoded_2718(), Origin::Local).unwrap();
    assert!(executable.has_changed().unwrap());
    executable.mark_unchanged();
    assert_eq!(mempool.waiting(), Waiting { pending: 2, queued: 0 });
    assert_eq!(mempool.next_nonce(&world.alice.address).unwrap(), 2);
    let (one, two) = (added.try_recv().unwrap(), added.try_recv().unwrap());
    assert_eq!((one.origin, two.origin), (Origin::Peer, Origin::Local));
    assert_eq!(two.hash, *first.tx_hash());
    assert!(added.try_recv().is_err());
    let mut tips = world.chain.tips();
    world.block();
    assert_eq!(tips.borrow_and_update().header.number, 1);
    assert_eq!(mempool.waiting(), Waiting::default());
    assert!(!executable.has_changed().unwrap());
}

#[test]
fn a_sender_whose_money_is_gone_is_forgotten() {
    let world = World::new();
    let poor = Account::new(55);
    let fees = 21_000 * 10_000_000_000_u128;
    world.pay(&world.alice, |tx| {
        (tx.to, tx.value) = (poor.address.into(), U256::from(3 * fees + 2));
    });
    world.block();
    let cheap = |nonce, value: u128| {
        let mut tx = draft(nonce, Address::repeat_byte(9));
        (tx.gas_limit, tx.value) = (21_000, U256::from(value));
        poor.sign(tx)
    };
    world.send(&cheap(0, 1)).unwrap();
    world.send(&cheap(1, 1)).unwrap();
    // A block of another node spends nearly all with the same nonce.
    let other = World::new();
    other.pay(&other.alice, |tx| {
        (tx.to, tx.value) = (poor.address.into(), U256::from(3 * fees + 2));
    });
    other.block();
    other.send(&cheap(0, 2 * fees)).unwrap();
    let spent = propose(&other.chain, &other.chain.tip());
    world.chain.commit(&spent, None).unwrap();
    assert_eq!(world.chain.mempool().waiting(), Waiting::default());
    assert_eq!(world.chain.mempool().next_nonce(&poor.address).unwrap(), 1);
}

#[test]
fn contracts_send_nothing() {
    let world = World::new();
    // The account of the key 55 gets code at the beginning: EIP-3607.
    let coded = Account::new(55);
    let text = format!(
        "{}\n[accounts.\"{}\"]\nbalance = \"{TOKEN}\"\ncode = \"0x00\"\n",
        GENESIS, coded.address
    );
    let path = world.folder.path().join("other.redb");
    let limits = terroir_node::chain::PoolLimits::DEFAULT;
    let chain = terroir_node::chain::Chain::open(&path, &text, limits).unwrap();
    let tx = coded.sign(draft(1, Address::repeat_byte(9)));
    let refused = chain.mempool().add(&tx.encoded_2718(), Origin::Local).unwrap_err();
    assert!(refused.to_string().starts_with("sender not an eoa"), "{refused}");
}

#[test]
fn a_lane_takes_so_many_bytes_and_no_more() {
    let world = World::new();
    let big = |nonce| {
        let mut tx = draft(nonce, Address::repeat_byte(9));
        (tx.gas_limit, tx.input) = (1 << 22, Bytes::from(vec![0; 100 << 10]));
        world.alice.sign(tx)
    };
    let taken = (0..100).take_while(|nonce| world.send(&big(*nonce)).is_ok()).count();
    assert_eq!(taken, (4 << 20) / ((100 << 10) + 640));
    let why = world.send(&big(taken as u64)).unwrap_err().to_string();
    assert!(why.starts_with("account limit exceeded"), "{why}");
}
