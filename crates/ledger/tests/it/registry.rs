//! The registry, nodes and receipts, called as contracts are.

use crate::governance::decide;
use crate::support::{CHAIN_ID, TOKEN, World};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use terroir_base::sign::SecretKey;
use terroir_ledger::native::abi::{INodes, IReceipts, IRegistry};
use terroir_ledger::native::params::NODE_BOND;
use terroir_ledger::native::{NODES, Now, RECEIPTS, REGISTRY, read, receipts, registry};

fn refused<T>(result: Result<T, String>, why: &str) {
    let error = result.err().expect(why);
    assert!(error.contains(why), "{error}");
}

fn release(id: B256, minor: u32, manifest: u8, parents: Vec<B256>) -> IRegistry::releaseCall {
    IRegistry::releaseCall {
        id,
        major: 1,
        minor,
        manifest: B256::repeat_byte(manifest),
        licence: "Apache-2.0".into(),
        parents,
    }
}

#[test]
fn a_model_is_registered_released_and_revoked_with_its_lineage() {
    let mut world = World::new();
    let (alice, bob) = (world.alice.clone(), world.bob.clone());
    let (kind, name) = (IRegistry::Kind::Dataset, "soil/first-harvest".to_owned());
    let call = IRegistry::registerCall { kind, name: name.clone() };
    let done = world.call(&alice, REGISTRY, 0, &call).unwrap();
    let id = registry::id_of(kind, alice.address, &name);
    let event = IRegistry::Registered::decode_log(&done.receipts[0].logs()[0]).unwrap();
    assert_eq!((event.id, event.owner, &event.name), (id, alice.address, &name));
    refused(world.call(&alice, REGISTRY, 0, &call), "is registered already");
    // The same name under another owner is another entry.
    world.call(&bob, REGISTRY, 0, &call).unwrap();
    assert_eq!(world.read(REGISTRY, &IRegistry::countCall {}).unwrap(), 2);
    assert_eq!(world.read(REGISTRY, &IRegistry::byIndexCall { index: 0 }).unwrap(), id);

    let parent = B256::repeat_byte(1);
    world.call(&alice, REGISTRY, 0, &release(id, 0, 1, vec![])).unwrap();
    refused(world.call(&alice, REGISTRY, 0, &release(id, 1, 1, vec![])), "is released already");
    refused(world.call(&alice, REGISTRY, 0, &release(id, 0, 2, vec![])), "1.0 is not above 1.0");
    let stranger = release(id, 1, 2, vec![B256::repeat_byte(7)]);
    refused(world.call(&alice, REGISTRY, 0, &stranger), "is not released");
    let many = release(id, 1, 2, vec![parent; 17]);
    refused(world.call(&alice, REGISTRY, 0, &many), "17 parents");
    refused(world.call(&bob, REGISTRY, 0, &release(id, 1, 2, vec![])), "belongs to");
    world.call(&alice, REGISTRY, 0, &release(id, 1, 2, vec![parent])).unwrap();
    let of = IRegistry::releaseOfCall { manifest: B256::repeat_byte(2) };
    let found = world.read(REGISTRY, &of).unwrap();
    assert_eq!((found.id, found.major, found.minor), (id, 1, 1));
    assert_eq!((found.parents, found.revoked), (vec![parent], false));
    assert_eq!(found.licence, "Apache-2.0");

    let to = IRegistry::transferOwnershipCall { id, to: bob.address };
    world.call(&alice, REGISTRY, 0, &to).unwrap();
    let manifest = B256::repeat_byte(2);
    let revoke = IRegistry::revokeCall { manifest, reason: "consent was taken back".into() };
    refused(world.call(&alice, REGISTRY, 0, &revoke), "belongs to");
    world.call(&bob, REGISTRY, 0, &revoke).unwrap();
    assert!(world.read(REGISTRY, &of).unwrap().revoked);
    refused(world.call(&bob, REGISTRY, 0, &revoke), "is revoked already");
    let entry = world.read(REGISTRY, &IRegistry::entryCall { id }).unwrap();
    assert_eq!((entry.owner, entry.name, entry.releases), (bob.address, name, 2));
}

#[test]
fn hostile_calls_of_native_contracts_revert_with_a_reason() {
    let mut world = World::new();
    let alice = world.alice.clone();
    let kind = IRegistry::Kind::Model;
    for name in ["", "Upper", "a b", &"x".repeat(65)] {
        let call = IRegistry::registerCall { kind, name: name.into() };
        refused(world.call(&alice, REGISTRY, 0, &call), "name has");
    }
    let good = IRegistry::registerCall { kind, name: "x".into() };
    refused(world.call(&alice, REGISTRY, 1, &good), "takes no value");
    // Bytes that are no call, cut calls, a kind that is none, lengths beyond the end.
    let whole = good.abi_encode();
    let mut inputs: Vec<Vec<u8>> = (0..whole.len()).map(|cut| whole[..cut].to_vec()).collect();
    let mut none = whole.clone();
    none[35] = 9;
    inputs.push(none);
    for at in [67, 99] {
        let mut far = whole.clone();
        far[at - 8..=at].fill(0xff);
        inputs.push(far);
    }
    let nonce = world.nonce(alice.address);
    let txs: Vec<_> = inputs
        .into_iter()
        .filter(|input| !input.is_empty())
        .enumerate()
        .map(|(ahead, input)| world.tx(&alice, ahead as u64, TxKind::Call(REGISTRY), 0, input))
        .take(9)
        .collect();
    let count = txs.len() as u64;
    let done = world.block(&txs);
    assert!(done.receipts.iter().all(|receipt| !receipt.status()));
    assert_eq!(world.nonce(alice.address), nonce + count);
    assert_eq!(world.read(REGISTRY, &IRegistry::countCall {}).unwrap(), 0);
}

/// Calls the registry with its own input, by CALL (0xf1), STATICCALL (0xfa) or DELEGATECALL (0xf4),
/// and returns what that gave: one byte of success, in a word.
fn caller(by: u8) -> Vec<u8> {
    // CALLDATACOPY(0, 0, CALLDATASIZE)
    let mut run = vec![0x36, 0x5f, 0x5f, 0x37];
    // out: 0, 0; in: CALLDATASIZE, 0
    run.extend([0x5f, 0x5f, 0x36, 0x5f]);
    if by == 0xf1 {
        run.push(0x5f);
    }
    // PUSH2 0x7e01 GAS, then the call; its success is stored
    run.extend([0x61, 0x7e, 0x01, 0x5a, by, 0x5f, 0x55, 0x00]);
    let length = run.len() as u8;
    let mut init = vec![0x60, length, 0x60, 0x0a, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3];
    init.extend(run);
    init
}

#[test]
fn contracts_call_native_ones_but_neither_statically_nor_by_delegation() {
    for (by, works) in [(0xf1, true), (0xfa, false), (0xf4, false)] {
        let mut world = World::new();
        let alice = world.alice.clone();
        let contract = alice.address.create(0);
        let make = world.tx(&alice, 0, TxKind::Create, 0, caller(by));
        assert!(world.block(&[make]).receipts[0].status());
        let call = IRegistry::registerCall { kind: IRegistry::Kind::Program, name: "x".into() };
        let tx = world.tx(&alice, 0, TxKind::Call(contract), 0, call.abi_encode());
        assert!(world.block(&[tx]).receipts[0].status());
        let slot = world.view.slot(&contract, &U256::ZERO).unwrap();
        assert_eq!(slot == U256::from(1), works, "{by:#x}");
        let count = world.read(REGISTRY, &IRegistry::countCall {}).unwrap();
        assert_eq!(count == 1, works, "{by:#x}");
        if works {
            let id = registry::id_of(IRegistry::Kind::Program, contract, "x");
            assert_eq!(world.read(REGISTRY, &IRegistry::entryCall { id }).unwrap().owner, contract);
        }
    }
}

fn join(world: &World, key: &SecretKey, owner: Address) -> INodes::joinCall {
    let message = INodes::possessionMessageCall { operator: owner };
    let message = world.read(NODES, &message).unwrap();
    INodes::joinCall {
        key: B256::from(key.public().0),
        possession: Bytes::from(key.sign(&message).to_vec()),
        roles: 1,
        endpoint: "https://node.example:8080".into(),
        capabilities: vec![B256::repeat_byte(3)],
    }
}

#[test]
fn a_node_joins_with_its_own_key_and_leaves_with_its_bond() {
    let mut world = World::with("parameters = { unbond_seconds = 3600 }");
    let (alice, bob) = (world.alice.clone(), world.bob.clone());
    let key = SecretKey::from_seed([9; 32]);
    let call = join(&world, &key, alice.address);
    refused(world.call(&bob, NODES, 1_000 * TOKEN, &call), "possession is not");
    refused(world.call(&alice, NODES, 999 * TOKEN, &call), "is the least");
    let none = INodes::joinCall { roles: 0, ..call.clone() };
    refused(world.call(&alice, NODES, 1_000 * TOKEN, &none), "roles are");
    world.call(&alice, NODES, 1_000 * TOKEN, &call).unwrap();
    refused(world.call(&alice, NODES, 1_000 * TOKEN, &call), "is a node's already");
    let node = world.read(NODES, &INodes::nodeCall { key: call.key }).unwrap();
    assert_eq!((node.operator, node.bond), (alice.address, U256::from(1_000 * TOKEN)));
    assert_eq!(node.endpoint, call.endpoint);
    assert_eq!(node.capabilities, call.capabilities);
    assert_eq!(world.balance(NODES), U256::from(1_000 * TOKEN));

    world.call(&alice, NODES, TOKEN, &INodes::addBondCall { key: call.key }).unwrap();
    let update = INodes::updateCall {
        key: call.key,
        roles: 3,
        endpoint: String::new(),
        capabilities: vec![],
    };
    refused(world.call(&bob, NODES, 0, &update), "is run by");
    world.call(&alice, NODES, 0, &update).unwrap();
    let node = world.read(NODES, &INodes::nodeCall { key: call.key }).unwrap();
    assert_eq!((node.roles, node.endpoint, node.capabilities.len()), (3, String::new(), 0));

    let part = INodes::unbondCall { key: call.key, amount: U256::from(2 * TOKEN) };
    refused(world.call(&alice, NODES, 0, &part), "would stay");
    let all = INodes::unbondCall { key: call.key, amount: node.bond };
    world.call(&alice, NODES, 0, &all).unwrap();
    refused(world.call(&alice, NODES, 0, &all), "another part");
    let out = INodes::withdrawCall { key: call.key };
    refused(world.call(&alice, NODES, 0, &out), "it can be withdrawn from");
    let mut later = world.place(0);
    later.time_ms += 3_600_000;
    world.block_at(later, &[]);
    let before = world.balance(alice.address);
    world.call(&alice, NODES, 0, &out).unwrap();
    assert!(world.balance(alice.address) > before + U256::from(1_000 * TOKEN));
    assert_eq!(world.balance(NODES), U256::ZERO);
    refused(world.call(&alice, NODES, 0, &out), "nothing is leaving");
}

#[test]
fn a_bond_is_never_a_part_of_what_a_node_must_have() {
    let mut world = World::with("parameters = { unbond_seconds = 3600 }");
    let alice = world.alice.clone();
    let call = join(&world, &SecretKey::from_seed([9; 32]), alice.address);
    let (key, least) = (call.key, 1_000 * TOKEN);
    world.call(&alice, NODES, least, &call).unwrap();
    let settle = |first| IReceipts::settleCall { key, root: B256::repeat_byte(1), first, count: 1 };
    world.call(&alice, RECEIPTS, 0, &settle(0)).unwrap();
    let all = INodes::unbondCall { key, amount: U256::from(least) };
    world.call(&alice, NODES, 0, &all).unwrap();
    refused(world.call(&alice, RECEIPTS, 0, &settle(1)), "a bond of 0, and");
    let add = INodes::addBondCall { key };
    for part in [1, least - 1] {
        refused(world.call(&alice, NODES, part, &add), "is the least");
    }
    world.call(&alice, NODES, least, &add).unwrap();
    world.call(&alice, RECEIPTS, 0, &settle(1)).unwrap();
    // What was enough is not when more is asked of all.
    decide(&mut world, NODE_BOND, U256::from(least + 2));
    refused(world.call(&alice, RECEIPTS, 0, &settle(2)), "is the least");
    refused(world.call(&alice, NODES, 1, &add), "is the least");
    world.call(&alice, NODES, 2, &add).unwrap();
    world.call(&alice, RECEIPTS, 0, &settle(2)).unwrap();
}

#[test]
fn receipts_settle_in_order_and_prove_their_place() {
    let mut world = World::with("parameters = { receipt_window = 10 }");
    let (alice, bob) = (world.alice.clone(), world.bob.clone());
    let key = SecretKey::from_seed([9; 32]);
    let call = join(&world, &key, alice.address);
    world.call(&alice, NODES, 1_000 * TOKEN, &call).unwrap();
    for count in [1_u64, 2, 3, 5, 8, 13] {
        let index = world.read(RECEIPTS, &IReceipts::batchesCall { key: call.key }).unwrap();
        let first = match index {
            0 => 4,
            _ => {
                let last = IReceipts::batchCall { key: call.key, index: index - 1 };
                let last = world.read(RECEIPTS, &last).unwrap();
                last.first + last.count
            }
        };
        let list: Vec<B256> = (0..count).map(|at| keccak256([count as u8, at as u8])).collect();
        let root = B256::from(receipts::root(list.iter().copied()).unwrap().0);
        let settle = IReceipts::settleCall { key: call.key, root, first, count };
        if index > 0 {
            let gap = IReceipts::settleCall { first: first + 1, ..settle.clone() };
            refused(world.call(&alice, RECEIPTS, 0, &gap), "follows the last one");
        }
        refused(world.call(&bob, RECEIPTS, 0, &settle), "is run by");
        world.call(&alice, RECEIPTS, 0, &settle).unwrap();
        for place in 0..count {
            let path = path(&list, place as usize);
            let receipt = list[place as usize];
            let ask = IReceipts::includedCall { key: call.key, index, receipt, place, path };
            assert!(world.read(RECEIPTS, &ask).unwrap(), "{place} of {count}");
            let wrong = IReceipts::includedCall { receipt: B256::ZERO, ..ask.clone() };
            assert!(!world.read(RECEIPTS, &wrong).unwrap());
            let wrong = IReceipts::includedCall { place: (place + 1) % count, ..ask.clone() };
            assert!(count == 1 || !world.read(RECEIPTS, &wrong).unwrap());
            let mut long = ask.clone();
            long.path.push(B256::ZERO);
            assert!(!world.read(RECEIPTS, &long).unwrap());
            let beyond = IReceipts::includedCall { place: count, ..ask };
            assert!(!world.read(RECEIPTS, &beyond).unwrap());
        }
    }
    let ask = IReceipts::isFinalCall { key: call.key, index: 5 };
    assert!(!world.read(RECEIPTS, &ask).unwrap());
    for _ in 0..10 {
        world.block(&[]);
    }
    assert!(world.read(RECEIPTS, &ask).unwrap());
}

/// The digests beside the leaf `place`, from below.
fn path(list: &[B256], mut place: usize) -> Vec<B256> {
    let mut level: Vec<_> = list.iter().map(|one| receipts::leaf(*one)).collect();
    let mut path = Vec::new();
    while level.len() > 1 {
        if let Some(beside) = level.get(place ^ 1) {
            path.push(B256::from(beside.0));
        }
        level = level
            .chunks(2)
            .map(|pair| if pair.len() == 2 { receipts::node(&pair[0], &pair[1]) } else { pair[0] })
            .collect();
        place /= 2;
    }
    path
}

#[test]
fn questions_without_a_transaction_change_nothing_and_reach_natives_only() {
    let world = World::new();
    let now = Now { chain_id: CHAIN_ID, number: 1, time: 1_790_000_000 };
    let ask = |to, call: &IRegistry::registerCall| read(&world.view, now, to, call);
    let call = IRegistry::registerCall { kind: IRegistry::Kind::Model, name: "pear".into() };
    assert!(ask(REGISTRY, &call).unwrap().unwrap_err().contains("a static call may not"));
    let error = ask(Address::repeat_byte(1), &call).unwrap_err().to_string();
    assert!(error.contains("no native contract"), "{error}");
}
