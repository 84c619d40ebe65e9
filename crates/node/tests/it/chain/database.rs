//! The file of a chain: what is read back, what is refused, and what a crash leaves.

use super::leader::{GENESIS, open, propose};
use super::world::{TOKEN, WRAPPED, World};
use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use proptest::prelude::*;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use terroir_ledger::{Genesis, Memory, Store, View, tree};
use terroir_node::chain::{Chain, Error, PoolLimits, SYNC_BLOCKS};

sol! {
    function deposit();
    function withdraw(uint256 value);
    function transfer(address to, uint256 value);
}

/// Where the child process of the crash test keeps its chain.
const CRASH: &str = "TERROIR_TEST_CRASH";

/// The slot of `who` in the mapping that is the first variable of the wrapper.
fn balance_slot(who: Address) -> U256 {
    let mut key = [0; 64];
    key[12..32].copy_from_slice(who.as_slice());
    keccak256(key).into()
}

#[test]
fn block_0_is_made_once_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.redb");
    let beginning = Genesis::parse(GENESIS).unwrap().begin().unwrap();
    for _ in 0..2 {
        let chain = open(&path);
        assert_eq!((chain.genesis(), chain.tip().hash), (beginning.hash, beginning.hash));
        assert_eq!(chain.tip().kept.block(0).unwrap().unwrap(), beginning.block);
        assert_eq!(chain.tip().kept.genesis().unwrap(), GENESIS);
    }
    // The meaning of the file names the chain, not its bytes; another meaning is another chain.
    let same = format!("# a comment\n{GENESIS}");
    Chain::open(&path, &same, PoolLimits::DEFAULT).unwrap();
    let other = GENESIS.replace("name = \"test\"", "name = \"other\"");
    let error = Chain::open(&path, &other, PoolLimits::DEFAULT).err().unwrap();
    assert!(matches!(error, Error::Genesis { got, .. } if got == beginning.hash), "{error}");
}

#[test]
fn a_file_of_another_format_or_another_owner_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.redb");
    let chain = open(&path);
    let error = Chain::open(&path, GENESIS, PoolLimits::DEFAULT).err().unwrap();
    assert!(matches!(error, Error::Disk { .. }), "{error}");
    drop(chain);
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    let meta: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
    write.open_table(meta).unwrap().insert("format", &1_u64.to_be_bytes()[..]).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = Chain::open(&path, GENESIS, PoolLimits::DEFAULT).err().unwrap();
    assert!(matches!(error, Error::Format { got: 1, expected: 3, .. }), "{error}");
    std::fs::write(&path, b"not a database").unwrap();
    let error = Chain::open(&path, GENESIS, PoolLimits::DEFAULT).err().unwrap();
    assert!(matches!(error, Error::Disk { .. }), "{error}");
}

#[test]
fn everything_about_a_block_is_found_again() {
    let world = World::new();
    let hash = world.pay(&world.alice, |tx| tx.value = U256::from(5));
    let done = world.block();
    let path = world.folder.path().join("chain.redb");
    let World { chain, folder, .. } = world;
    drop(chain);
    let chain = open(&path);
    let tip = chain.tip();
    assert_eq!((tip.hash, tip.header.number), (done.hash, 1));
    assert_eq!((&tip.header, &tip.seal), (&done.block.header, &done.block.seal));
    let kept = &tip.kept;
    assert_eq!(kept.block(1).unwrap().unwrap(), *done.block);
    assert_eq!(kept.receipts(1).unwrap().unwrap(), *done.receipts);
    assert_eq!(kept.certificate(1).unwrap().unwrap()[..], b"certificate"[..]);
    assert_eq!(kept.certificate(0).unwrap(), None);
    assert_eq!(kept.number_of(&done.hash).unwrap(), Some(1));
    assert_eq!(kept.place_of(&hash).unwrap(), Some((1, 0)));
    assert_eq!(kept.place_of(&B256::ZERO).unwrap(), None);
    assert_eq!((kept.block(2).unwrap(), kept.hash(2).unwrap()), (None, None));
    let found = chain.block(&tip, 1).unwrap().unwrap();
    assert_eq!((&found.block, found.hash), (&done.block, done.hash));
    assert!(chain.block(&tip, 2).unwrap().is_none());
    drop(folder);
}

#[test]
fn a_file_that_nobody_closed_opens_at_once_as_it_last_waited_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (path, left) = (folder.path().join("chain.redb"), folder.path().join("left.redb"));
    let text = GENESIS.replace("epoch_blocks = 8", "epoch_blocks = 20");
    let open = |path: &Path| Chain::open(path, &text, PoolLimits::DEFAULT).unwrap();
    let chain = open(&path);
    for number in 0..=40 {
        // As a process leaves it that is killed now.
        std::fs::copy(&path, &left).unwrap();
        let mut builder = redb::Database::builder();
        builder.set_repair_callback(|session| session.abort());
        drop(builder.open(&left).unwrap());
        // After so many blocks, and at the end of an epoch.
        let synced = [39, 19 + SYNC_BLOCKS, 19, SYNC_BLOCKS, 0];
        let synced = synced.into_iter().find(|synced| *synced <= number);
        assert_eq!(Some(open(&left).tip().header.number), synced);
        assert_eq!(chain.tip().header.number, number);
        super::leader::block(&chain);
    }
    drop(chain);
    // Closed, it has all.
    assert_eq!(open(&path).tip().header.number, 41);
}

#[test]
fn only_the_block_after_the_tip_is_taken_and_only_once() {
    let world = World::new();
    let empty = propose(&world.chain, &world.chain.tip());
    world.pay(&world.alice, |_| ());
    let one = world.block();
    let tip = world.chain.commit(&one, None).unwrap();
    assert_eq!((tip.hash, tip.header.number), (one.hash, 1));
    let fork = world.chain.commit(&empty, None).err().unwrap();
    assert!(matches!(fork, Error::Fork { number: 1, kept, .. } if kept == one.hash), "{fork}");
    let two = propose(&world.chain, &tip);
    let mut gap = two.clone();
    Arc::make_mut(&mut gap.block).header.number = 3;
    let gap = world.chain.commit(&gap, None).err().unwrap();
    assert!(matches!(gap, Error::Gap { number: 3, expected: 2 }), "{gap}");
    let mut other = two.clone();
    Arc::make_mut(&mut other.block).header.parent_hash = empty.hash;
    let other = world.chain.commit(&other, None).err().unwrap();
    assert!(matches!(other, Error::Parent { number: 2, .. }), "{other}");
    assert_eq!(world.chain.commit(&two, None).unwrap().header.number, 2);
}

#[test]
fn several_blocks_are_kept_together_or_not_at_all() {
    let world = World::new();
    world.pay(&world.alice, |_| ());
    let one = world.block();
    world.chain.commit(&one, None).unwrap();
    let two = propose(&world.chain, &world.chain.tip());
    let folder = tempfile::tempdir().unwrap();
    let text = world.chain.tip().kept.genesis().unwrap();
    let path = folder.path().join("chain.redb");
    let other = Chain::open(&path, &text, PoolLimits::DEFAULT).unwrap();
    let mut wrong = two.clone();
    Arc::make_mut(&mut wrong.block).header.parent_hash = other.genesis();
    let refused = other.commit_all(&[(&one, None), (&wrong, None)]).err().unwrap();
    assert!(matches!(refused, Error::Parent { number: 2, .. }), "{refused}");
    assert_eq!((other.tip().header.number, other.tip().kept.number()), (0, 0));
    let both = [(&one, None), (&two, Some(&b"certificate"[..]))];
    for _ in 0..2 {
        let tip = other.commit_all(&both).unwrap();
        assert_eq!((tip.header.number, tip.hash, &tip.seal), (2, two.hash, &two.block.seal));
        assert_eq!(tip.kept.block(1).unwrap().unwrap(), *one.block);
        assert_eq!(tip.kept.certificate(2).unwrap().unwrap()[..], b"certificate"[..]);
    }
    assert_eq!(other.block(&other.tip(), 1).unwrap().unwrap().receipts, one.receipts);
    // With the last block of an epoch, which is not the last of them, all are in the file.
    let more: Vec<_> = (2..12).map(|_| world.block()).collect();
    let more: Vec<_> = more.iter().map(|one| (one, None)).collect();
    other.commit_all(&more).unwrap();
    let left = folder.path().join("left.redb");
    std::fs::copy(&path, &left).unwrap();
    assert_eq!(open(&left).tip().header.number, 11);
}

#[test]
fn a_snapshot_stays_as_it_was_while_blocks_come() {
    let world = World::new();
    let before = world.chain.tip();
    let who = Address::repeat_byte(7);
    for _ in 0..5 {
        world.pay(&world.alice, |tx| tx.value = U256::from(TOKEN));
        world.block();
    }
    assert_eq!(before.view.account(&who).unwrap(), None);
    assert_eq!(before.kept.number(), 0);
    assert_eq!(before.kept.block(1).unwrap(), None);
    let now = world.chain.tip();
    let balance = |view: &View| view.account(&who).unwrap().map_or(U256::ZERO, |one| one.balance);
    assert_eq!(balance(&now.view), U256::from(5 * TOKEN));
    // Old states are read through their trees.
    for number in 0..=5 {
        let header = now.kept.block(number).unwrap().unwrap().header;
        let view = now.kept.view(number, header.state_root);
        assert_eq!(balance(&view), U256::from(u128::from(number) * TOKEN));
        let proven = tree::prove(&view, &who, &[]).unwrap();
        assert_eq!(proven.account.map_or(U256::ZERO, |one| one.balance), balance(&view));
        assert_eq!(view.block_hash(number + 1).unwrap(), None);
    }
}

#[derive(Clone, Debug)]
enum Deed {
    Pay(u8, u64),
    Deposit(u64),
    Withdraw(u64),
    Give(u8, u64),
}

fn deeds() -> impl Strategy<Value = Vec<Vec<Deed>>> {
    let deed = prop_oneof![
        (0_u8..6, 0_u64..50).prop_map(|(to, value)| Deed::Pay(to, value)),
        (0_u64..50).prop_map(Deed::Deposit),
        (0_u64..60).prop_map(Deed::Withdraw),
        (0_u8..6, 0_u64..60).prop_map(|(to, value)| Deed::Give(to, value)),
    ];
    prop::collection::vec(prop::collection::vec(deed, 0..5), 1..8)
}

fn someone(number: u8) -> Address {
    Address::repeat_byte(0x40 + number)
}

fn act(world: &World, deed: &Deed) {
    world.pay(&world.alice, |tx| {
        let (to, value, input) = match *deed {
            Deed::Pay(to, value) => (someone(to), value, Vec::new()),
            Deed::Deposit(value) => (WRAPPED, value, depositCall {}.abi_encode()),
            Deed::Withdraw(value) => {
                (WRAPPED, 0, withdrawCall { value: U256::from(value) }.abi_encode())
            }
            Deed::Give(to, value) => {
                let give = transferCall { to: someone(to), value: U256::from(value) };
                (WRAPPED, 0, give.abi_encode())
            }
        };
        (tx.to, tx.value, tx.input) = (to.into(), U256::from(value), input.into());
    });
}

fn same(disk: &dyn Store, memory: &Memory, world: &World) {
    let known = [WRAPPED, world.alice.address, world.bob.address];
    for address in (0..6).map(someone).chain(known) {
        assert_eq!(disk.account(&address).unwrap(), memory.account(&address).unwrap());
        let slot = balance_slot(address);
        assert_eq!(disk.slot(&WRAPPED, &slot).unwrap(), memory.slot(&WRAPPED, &slot).unwrap());
    }
    for number in 0..12 {
        assert_eq!(disk.block_hash(number).unwrap(), memory.block_hash(number).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_file_says_what_a_store_in_memory_says(blocks in deeds()) {
        let world = World::new();
        let mut memory = Memory::default();
        memory.apply(&Genesis::parse(GENESIS).unwrap().begin().unwrap().changes);
        let mut history = vec![memory.clone()];
        for deeds in &blocks {
            deeds.iter().for_each(|deed| act(&world, deed));
            let done = world.block();
            memory.apply(&done.changes);
            history.push(memory.clone());
            let tip = world.chain.tip();
            same(tip.kept.as_ref(), &memory, &world);
            for (hash, node) in &done.changes.nodes {
                assert_eq!(tip.kept.node(hash).unwrap().as_ref(), Some(node));
            }
        }
        // And of every block before.
        let kept = world.chain.tip().kept.clone();
        for (number, memory) in (0_u64..).zip(&history) {
            let root = kept.block(number).unwrap().unwrap().header.state_root;
            let old = kept.view(number, root);
            let now = View::new(Arc::new(memory.clone()), root);
            for address in (0..6).map(someone).chain([WRAPPED]) {
                assert_eq!(old.account(&address).unwrap(), now.account(&address).unwrap());
                let slot = balance_slot(address);
                assert_eq!(old.slot(&WRAPPED, &slot).unwrap(), now.slot(&WRAPPED, &slot).unwrap());
            }
        }
    }
}

/// Commits blocks until it is killed; run by the test below in a process of its own.
#[test]
#[ignore = "it ends only when it is killed"]
fn commits_until_it_is_killed() {
    let path = std::path::PathBuf::from(std::env::var_os(CRASH).unwrap());
    let world = World { chain: Arc::new(open(&path)), ..World::new() };
    loop {
        for _ in 0..20 {
            world.pay(&world.alice, |_| ());
        }
        println!("block {}", world.block().block.header.number);
    }
}

#[test]
fn a_kill_takes_the_newest_blocks_alone_and_leaves_the_others_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.redb");
    let mut least = 0;
    for blocks in [1, 17, 32, 40] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "chain::database::commits_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env(CRASH, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.map(Result::unwrap).filter_map(|line| {
            line.split("block ").nth(1).and_then(|number| number.trim().parse::<u64>().ok())
        });
        let last = said.take(blocks).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(last, least + blocks as u64);
        let chain = open(&path);
        let tip = chain.tip();
        least = tip.header.number;
        assert!(least + SYNC_BLOCKS > last, "{last} were committed, and block {least} is the last");
        whole(&chain);
    }
}

fn whole(chain: &Chain) {
    let tip = chain.tip();
    for number in 1..=tip.header.number {
        let found = chain.block(&tip, number).unwrap().unwrap();
        assert_eq!(found.block.hash(), found.hash);
        assert_eq!(tip.kept.number_of(&found.hash).unwrap(), Some(number));
        assert_eq!(found.receipts.len(), found.block.transactions.len());
        for (place, one) in (0_u32..).zip(&found.block.transactions) {
            assert_eq!(tip.kept.place_of(one.tx_hash()).unwrap(), Some((number, place)));
        }
    }
    assert_eq!(tip.kept.hash(tip.header.number + 1).unwrap(), None);
    let alice = super::world::Account::new(101).address;
    let flat = tip.view.account(&alice).unwrap();
    let proven = tree::prove(&tip.view, &alice, &[]).unwrap();
    assert_eq!(flat, proven.account);
    assert_eq!(flat.unwrap().nonce, 20 * tip.header.number);
}

#[test]
fn an_account_finds_what_it_had_to_do_with() {
    let world = World::new();
    let (alice, bob) = (world.alice.address, world.bob.address);
    let history =
        |who: Address, before, max| world.chain.tip().kept.history(&who, before, max).unwrap();
    world.pay(&world.alice, |tx| {
        (tx.to, tx.input) = (WRAPPED.into(), depositCall {}.abi_encode().into());
    });
    world.pay(&world.bob, |tx| tx.to = alice.into());
    world.block();
    let to = Address::repeat_byte(0x77);
    let call = transferCall { to, value: U256::from(1) };
    world.pay(&world.alice, |tx| {
        (tx.to, tx.value, tx.input) = (WRAPPED.into(), U256::ZERO, call.abi_encode().into());
    });
    world.pay(&world.bob, |tx| {
        (tx.to, tx.value) = (TxKind::Create, U256::ZERO);
    });
    world.block();
    // Places in block 1 are by price and sender; all that counts is that each is there once.
    let mine = history(alice, None, 9);
    assert_eq!(mine.len(), 3);
    assert!(mine.is_sorted_by(|one, next| one > next), "{mine:?}");
    assert_eq!(mine[0].0, 2);
    assert_eq!(history(to, None, 9), mine[..1]);
    assert_eq!(history(WRAPPED, None, 9).len(), 2);
    assert_eq!(history(bob.create(1), None, 9), history(bob, None, 1));
    assert_eq!(
        (history(alice, None, 2), history(alice, Some(mine[1]), 9)),
        (mine[..2].into(), mine[2..].into())
    );
    assert_eq!(history(alice, Some((0, 0)), 9), []);
    assert_eq!(history(Address::repeat_byte(0x78), None, 9), []);
}
