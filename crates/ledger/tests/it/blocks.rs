//! Blocks: what they do, and which are refused.

use crate::support::{Account, CHAIN_ID, TOKEN, Validator, World, genesis};
use alloy_consensus::transaction::TxEip1559;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use terroir_ledger::execute::{build, verify};
use terroir_ledger::{Block, Error, Genesis, Refused, Transaction};

fn transfer(world: &World, from: &Account, ahead: u64, to: Address, value: u128) -> Transaction {
    world.tx(from, ahead, TxKind::Call(to), value, Vec::new())
}

#[test]
fn a_transfer_moves_money_and_pays_for_itself() {
    let mut world = World::new();
    let (alice, bob) = (world.alice.clone(), world.bob.address);
    let before = (world.balance(alice.address), world.balance(bob));
    let base = u128::from(world.header.base_fee_per_gas.unwrap());
    let tx = transfer(&world, &alice, 0, bob, 5 * TOKEN);
    let done = world.block(&[tx]);
    assert!(done.receipts[0].status());
    assert_eq!(world.balance(bob), before.1 + U256::from(5 * TOKEN));
    let base_now = u128::from(world.header.base_fee_per_gas.unwrap());
    assert!(base_now <= base);
    let fee = U256::from(21_000 * (base_now + 1_000_000));
    assert_eq!(world.balance(alice.address), before.0 - U256::from(5 * TOKEN) - fee);
    let leader = &world.validators[world.seal.leader as usize];
    let tip = U256::from(21_000_u128 * 1_000_000);
    assert_eq!(world.balance(leader.account.address), U256::from(1_000_000 * TOKEN) + tip);
}

#[test]
fn many_blocks_give_the_same_root_from_a_store_and_from_layers() {
    let mut world = World::new();
    let (alice, bob) = (world.alice.clone(), world.bob.clone());
    let mut store = terroir_ledger::Memory::default();
    let validators: Vec<Validator> = std::mem::take(&mut world.validators);
    let begin = Genesis::parse(&genesis(&validators, "")).unwrap().begin().unwrap();
    store.apply(&begin.changes);
    for round in 0..20 {
        let txs = [
            transfer(&world, &alice, 0, bob.address, 1 + round),
            transfer(&world, &alice, 1, Address::repeat_byte(round as u8 + 1), 7),
            transfer(&world, &bob, 0, alice.address, 2),
        ];
        let done = world.block(&txs);
        store.apply(&done.changes);
        let flat = terroir_ledger::View::new(
            std::sync::Arc::new(store.clone()),
            done.block.header.state_root,
        );
        for address in [alice.address, bob.address, Address::repeat_byte(round as u8 + 1)] {
            let tree = terroir_ledger::tree::Tree::open(&flat, flat.root()).unwrap();
            assert_eq!(flat.account(&address).unwrap(), tree.account(&address).unwrap());
            assert_eq!(flat.account(&address).unwrap(), world.view.account(&address).unwrap());
        }
        let over = world.view.over(std::sync::Arc::new(store.clone()), world.header.number);
        assert_eq!(over.account(&alice.address).unwrap(), flat.account(&alice.address).unwrap());
    }
}

#[test]
fn what_cannot_be_in_a_block_is_left_out_by_builders_and_refused_by_verifiers() {
    let world = World::new();
    let (alice, bob) = (world.alice.clone(), world.bob.clone());
    let good = transfer(&world, &alice, 0, bob.address, 1);
    let cases = [
        // It may go later: it is left out for no reason of its own.
        (transfer(&world, &bob, 3, alice.address, 1), None),
        (transfer(&world, &bob, 0, alice.address, 2_000_000 * TOKEN), Some("lack of funds")),
    ];
    for (bad, why) in cases {
        let mut left = Vec::new();
        let place = world.place(0);
        let both = [bad.clone(), good.clone()];
        let built = build(&world.chain, &world.parent(), &place, &[], both.iter(), |one, why| {
            left.push((one.hash, why));
        })
        .unwrap();
        assert_eq!(built.block.transactions, std::slice::from_ref(&good.envelope));
        assert_eq!(left.len(), usize::from(why.is_some()));
        if let Some(why) = why {
            assert_eq!(left[0].0, bad.hash);
            assert!(left[0].1.contains(why), "{}", left[0].1);
        }

        let mut block = Block::clone(&built.block);
        block.transactions.push(bad.envelope.clone());
        let error = verify(&world.chain, &world.parent(), &block, &[good.clone(), bad]);
        assert!(
            matches!(error, Err(Error::Transaction { number: 1, place: 1, .. })),
            "{:?}",
            error.err()
        );
    }
}

#[test]
fn what_has_to_wait_is_blamed_for_nothing_and_neither_is_what_comes_after_it() {
    let world = World::new();
    let (alice, bob) = (world.alice.clone(), world.bob.clone());
    let to = TxKind::Call(Address::repeat_byte(9));
    let draft = |nonce, gas_limit, max_fee_per_gas| TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit,
        max_fee_per_gas,
        to,
        ..TxEip1559::default()
    };
    let fee = 10_000_000_000;
    // More bytes than a block has; then a price that is too low for this one.
    let input = Bytes::from(vec![0; 120 << 10]);
    let large = |nonce| TxEip1559 { input: input.clone(), ..draft(nonce, 1 << 21, fee) };
    let read = |envelope| Transaction::check(envelope, CHAIN_ID).unwrap();
    let mut many: Vec<_> = (0..40).map(|nonce| read(alice.sign(large(nonce)))).collect();
    many.extend((40..42).map(|nonce| read(alice.sign(draft(nonce, 21_000, fee)))));
    many.extend(
        [1, fee].iter().zip(0..).map(|(fee, nonce)| read(bob.sign(draft(nonce, 21_000, *fee)))),
    );
    let mut left = Vec::new();
    let place = world.place(0);
    let built = build(&world.chain, &world.parent(), &place, &[], many.iter(), |one, why| {
        left.push((one.sender, why));
    });
    let count = built.unwrap().block.transactions.len();
    assert!((1..40).contains(&count), "{count}");
    assert_eq!(left, []);
}

#[test]
fn every_field_of_a_header_that_does_not_follow_is_named() {
    let world = World::new();
    let tx = transfer(&world, &world.alice, 0, world.bob.address, 1);
    let place = world.place(0);
    let built =
        build(&world.chain, &world.parent(), &place, &[], [&tx].into_iter(), |_, _| ()).unwrap();
    let one = alloy_primitives::B256::repeat_byte(1);
    type Change = fn(&mut Block, alloy_primitives::B256);
    let changes: [(&str, Change); 13] = [
        ("number", |block, _| block.header.number += 1),
        ("parentHash", |block, one| block.header.parent_hash = one),
        ("miner", |block, _| block.header.beneficiary = Address::repeat_byte(9)),
        ("gasLimit", |block, _| block.header.gas_limit -= 1),
        ("gasUsed", |block, _| block.header.gas_used += 1),
        ("transactionsRoot", |block, one| block.header.transactions_root = one),
        ("receiptsRoot", |block, one| block.header.receipts_root = one),
        ("stateRoot", |block, one| block.header.state_root = one),
        ("seal", |block, one| block.seal.next = one),
        ("seal", |block, _| block.seal.epoch += 1),
        ("seal", |block, _| block.seal.leader = (block.seal.leader + 1) % 4),
        ("header", |block, _| block.header.base_fee_per_gas = Some(1)),
        ("header", |block, _| block.header.timestamp += 1),
    ];
    for (name, change) in changes {
        let mut block = Block::clone(&built.block);
        change(&mut block, one);
        match verify(&world.chain, &world.parent(), &block, std::slice::from_ref(&tx)) {
            Err(Error::Block { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {:?}", other.map(|done| done.hash)),
        }
    }
    let mut late = world.place(0);
    late.time_ms = world.seal.time_ms;
    let error = build(&world.chain, &world.parent(), &late, &[], [].into_iter(), |_, _| ());
    assert!(matches!(error, Err(Error::Block { field: "time_ms", .. })));
    // Other transactions than the header has roots of.
    let mut other = Block::clone(&built.block);
    other.transactions.clear();
    let error = verify(&world.chain, &world.parent(), &other, std::slice::from_ref(&tx));
    assert!(matches!(error, Err(Error::Malformed(_))));
    let mut view = world.place(0);
    view.view = 0;
    let error = build(&world.chain, &world.parent(), &view, &[], [].into_iter(), |_, _| ());
    assert!(matches!(error, Err(Error::Block { field: "view", .. })));
}

#[test]
fn transactions_of_other_chains_and_types_are_refused_by_name() {
    let world = World::new();
    let alice = &world.alice;
    let base = TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: 10,
        to: TxKind::Call(Address::ZERO),
        ..Default::default()
    };
    let check = |tx: TxEip1559| Transaction::check(alice.sign(tx), CHAIN_ID).unwrap_err();
    let other = TxEip1559 { chain_id: 1, ..base.clone() };
    assert_eq!(check(other), Refused::ChainId { got: 1, want: CHAIN_ID });
    let poor = TxEip1559 { gas_limit: 20_999, ..base.clone() };
    assert_eq!(check(poor), Refused::Gas { got: 20_999, want: 21_000 });
    let greedy = TxEip1559 { gas_limit: (1 << 24) + 1, ..base.clone() };
    assert_eq!(check(greedy), Refused::GasLimit { got: (1 << 24) + 1, max: 1 << 24 });
    let tip = TxEip1559 { max_priority_fee_per_gas: 11, ..base.clone() };
    assert_eq!(check(tip), Refused::Tip);
    let last = TxEip1559 { nonce: u64::MAX, ..base.clone() };
    assert_eq!(check(last), Refused::NonceMax(alice.address));
    let code = vec![0; 49_153];
    let create =
        TxEip1559 { to: TxKind::Create, gas_limit: 1 << 24, input: code.into(), ..base.clone() };
    assert_eq!(check(create), Refused::Initcode { got: 49_153, max: 49_152 });
    assert_eq!(Transaction::decode(&[3, 1, 2], CHAIN_ID), Err(Refused::Type(3)));
    let long = vec![2; (128 << 10) + 1];
    let max = 128 << 10;
    assert_eq!(Transaction::decode(&long, CHAIN_ID), Err(Refused::Size { got: max + 1, max }));
    let good = alice.sign(base).encoded_2718();
    assert!(Transaction::decode(&good, CHAIN_ID).is_ok());
    for cut in 0..good.len() {
        assert!(Transaction::decode(&good[..cut], CHAIN_ID).is_err(), "{cut} bytes");
    }
}

#[test]
fn a_block_has_one_encoding() {
    let mut world = World::new();
    let tx = transfer(&world, &world.alice, 0, world.bob.address, 1);
    let bytes = world.block(&[tx]).block.encode();
    assert!(Block::decode(&bytes).is_ok());
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        if let Ok(block) = Block::decode(&other) {
            // What decodes is another block, and never the same one written differently.
            assert_ne!(block.encode(), bytes, "byte {at}");
            assert_eq!(block.encode(), other, "byte {at}");
        }
    }
    for cut in 0..bytes.len() {
        assert!(Block::decode(&bytes[..cut]).is_err());
    }
    assert!(Block::decode(&[bytes, vec![0]].concat()).is_err());
}

/// PUSH1 1 PUSH1 0 SSTORE, then returns code that gives the hash of the block two before.
const COUNTER: &str = "6001600055600b80600e5f395ff3436002900340 5f52 60205ff3";

#[test]
fn contracts_run_and_see_past_blocks() {
    let mut world = World::new();
    for _ in 0..3 {
        // Every block calls contracts, and their code is not new.
        assert_eq!(world.block(&[]).changes.codes.len(), 0);
    }
    let code = hex::decode(COUNTER.replace(' ', "")).unwrap();
    let alice = world.alice.clone();
    let tx = world.tx(&alice, 0, TxKind::Create, 0, code);
    let done = world.block(&[tx]);
    assert!(done.receipts[0].status(), "{:?}", done.receipts[0]);
    assert_eq!(done.changes.codes.len(), 1);
    let made = alice.address.create(0);
    let account = world.view.account(&made).unwrap().unwrap();
    assert_eq!(world.view.code(&account.code_hash).unwrap().len(), 11);
    assert_eq!(world.view.slot(&made, &U256::ZERO).unwrap(), U256::from(1));
}

#[test]
fn genesis_files_with_mistakes_are_refused_by_name() {
    let validators: Vec<Validator> = (1..=4).map(Validator::new).collect();
    let good = genesis(&validators, "");
    let other = Validator::new(9);
    let swap = |from: String, to: String| good.replacen(&from, &to, 1);
    let cases = [
        (good.replace("chain_id = 7701", "chain_id = 0"), "chain_id 0 is out of range"),
        (good.replace("epoch_blocks = 8", "epoch_blocks = 7"), "epoch_blocks is 7"),
        (good.replace("epoch_blocks = 8", "epoch_block = 8"), "unknown field"),
        (genesis(&[], ""), "missing field `validators`"),
        (genesis(&validators, "parameters = { seats_max = 3 }"), "seats_max is 3, not within"),
        (genesis(&validators, "parameters = { seat = 3 }"), "no \"seat\"; there are block_gas"),
        (genesis(&validators, "parameters = { block_gas = \"x\" }"), "\"x\" is not a decimal"),
        (
            swap(validators[0].possession().to_string(), other.possession().to_string()),
            "possession is not this key's signature",
        ),
        (
            swap(validators[0].vote_possession().to_string(), other.vote_possession().to_string()),
            "blsPossession is not this key's proof",
        ),
        (
            swap(validators[0].vote_key().to_string(), Bytes::from(vec![0; 96]).to_string()),
            "blsPossession is not this key's proof",
        ),
        (
            format!("{good}[accounts.\"0x0000000000000000000000000000000000007e01\"]\n"),
            "belongs to the network itself",
        ),
    ];
    for (text, why) in cases {
        let error = Genesis::parse(&text).and_then(|one| one.begin()).err().expect(why);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn chains_that_differ_in_anything_have_other_names() {
    let validators: Vec<Validator> = (1..=4).map(Validator::new).collect();
    let text = genesis(&validators, "");
    let hash = |text: &str| Genesis::parse(text).unwrap().begin().unwrap().hash;
    for (from, to) in [
        ("name = \"test\"", "name = \"tests\""),
        ("time = 1790000000", "time = 1790000001"),
        ("epoch_blocks = 8", "epoch_blocks = 9"),
        ("epoch_blocks = 8", "epoch_blocks = 8\nparameters = { block_gas = \"30000001\" }"),
        ("balance = \"1", "balance = \"2"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text);
        assert_ne!(hash(&other), hash(&text), "{from}");
    }
    // Keys are held for one chain id: another's are others.
    let other = text.replace("chain_id = 7701", "chain_id = 7702");
    assert!(Genesis::parse(&other).and_then(|one| one.begin()).is_err());
}
