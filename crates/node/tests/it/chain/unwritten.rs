//! The newest blocks, which are in memory alone: they read as they will when the file has them.

use super::leader::{self, GENESIS};
use super::world::{WRAPPED, World};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, sol};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use terroir_ledger::{Store, View};
use terroir_node::chain::{Chain, Error, PoolLimits, SYNC_BLOCKS};

sol! {
    function deposit();
    function withdraw(uint256 value);
    function transfer(address to, uint256 value);
}

fn open(path: &Path, text: &str) -> Arc<Chain> {
    Arc::new(Chain::open(path, text, PoolLimits::DEFAULT).unwrap())
}

/// A chain whose epochs are so long that nothing is written for the sake of their ends.
fn long(change: (&str, &str)) -> (World, String) {
    let text = GENESIS.replace("epoch_blocks = 8", "epoch_blocks = 1000");
    let text = text.replace(change.0, change.1);
    let world = World::new();
    let chain = open(&world.folder.path().join("long.redb"), &text);
    (World { chain, ..world }, text)
}

/// Ends the chain and opens it again.
fn reopened(world: World, text: &str) -> World {
    let World { chain, folder, alice, bob } = world;
    drop(chain);
    let chain = open(&folder.path().join("long.redb"), text);
    World { chain, folder, alice, bob }
}

/// The number of the last block that the file has.
fn written(world: &World, text: &str) -> u64 {
    let left = world.folder.path().join("left.redb");
    std::fs::copy(world.folder.path().join("long.redb"), &left).unwrap();
    open(&left, text).tip().header.number
}

/// Everything that can be asked of blocks, of `who` and of `nodes`, as text.
fn said(chain: &Chain, who: &[Address], nodes: &[B256]) -> Vec<String> {
    let kept = &chain.tip().kept;
    let mut said = vec![format!("{:?} {:?}", kept.accounts().unwrap(), kept.slots().unwrap())];
    for number in 0..=kept.number() + 1 {
        let block = kept.block(number).unwrap();
        let hash = kept.hash(number).unwrap();
        said.push(format!(
            "{:?} {hash:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            block.as_ref().map(|block| block.encode()),
            kept.header(number).unwrap(),
            kept.block_bytes(number).unwrap(),
            kept.receipts(number).unwrap(),
            kept.certificate(number).unwrap(),
            kept.block_hash(number).unwrap(),
            hash.map(|hash| kept.number_of(&hash).unwrap()),
        ));
        for one in block.iter().flat_map(|block| &block.transactions) {
            said.push(format!("{:?}", kept.place_of(one.tx_hash()).unwrap()));
        }
    }
    for one in who {
        let account = kept.account(one).unwrap();
        let code = account.and_then(|account| kept.code(&account.code_hash).unwrap());
        let code = code.map(|code| code.original_bytes());
        said.push(format!("{account:?} {code:?} {:?}", kept.history(one, None, 99).unwrap()));
    }
    said.extend(nodes.iter().map(|hash| format!("{:?}", kept.node(hash).unwrap())));
    let some = |bloom: &_| *bloom != alloy_primitives::Bloom::ZERO;
    said.push(format!("{:?} {:?}", kept.blooming(0..=9, some), kept.blooming(2..=3, some)));
    said
}

#[test]
fn what_is_in_memory_reads_as_it_does_when_it_is_written() {
    let (world, text) = long(("", ""));
    let mut nodes = vec![B256::repeat_byte(1)];
    let token = |input: Vec<u8>, value: u64| {
        world.pay(&world.alice, |tx| {
            (tx.to, tx.value, tx.input) = (WRAPPED.into(), U256::from(value), input.into());
        });
    };
    let to = Address::repeat_byte(0x77);
    for round in 0..6 {
        token(depositCall {}.abi_encode(), 9);
        token(transferCall { to, value: U256::from(1) }.abi_encode(), 0);
        world.pay(&world.bob, |tx| tx.to = Address::repeat_byte(round).into());
        // Code of one byte: STOP.
        world.pay(&world.bob, |tx| {
            (tx.to, tx.value) = (TxKind::Create, U256::ZERO);
            tx.input = hex!("600060005360016000f3").into();
        });
        nodes.extend(world.block().changes.nodes.keys().copied());
        // One without a certificate, and without transactions.
        let empty = leader::propose(&world.chain, &world.chain.tip());
        world.chain.commit(&empty, None).unwrap();
    }
    assert_eq!(written(&world, &text), 0);
    let (alice, bob) = (world.alice.address, world.bob.address);
    let who = [alice, bob, WRAPPED, to, bob.create(1), Address::repeat_byte(0xee)];
    let before = said(&world.chain, &who, &nodes);
    let world = reopened(world, &text);
    let after = said(&world.chain, &who, &nodes);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
}

#[test]
fn histories_are_paged_across_what_is_written_and_what_is_not() {
    let (mut world, text) = long(("", ""));
    for written in [true, true, false, false] {
        for _ in 0..3 {
            world.pay(&world.alice, |_| ());
            world.pay(&world.bob, |tx| tx.to = Address::repeat_byte(8).into());
        }
        world.block();
        if written {
            world = reopened(world, &text);
        }
    }
    let kept = world.chain.tip().kept.clone();
    let alice = world.alice.address;
    let all = kept.history(&alice, None, 99).unwrap();
    assert_eq!((all.len(), all[0].0, all[11].0), (12, 4, 1));
    assert!(all.is_sorted_by(|one, next| one > next), "{all:?}");
    for size in 1..=13 {
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = kept.history(&alice, before, size).unwrap();
            assert!(page.len() <= size);
            let Some(last) = page.last() else { break };
            before = Some(*last);
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }
    assert_eq!(kept.history(&alice, None, 0).unwrap(), []);
}

#[test]
fn a_state_that_comes_again_is_found_as_it_was_each_time() {
    let world = World::new();
    let mut key = [0; 64];
    key[12..32].copy_from_slice(world.alice.address.as_slice());
    let slot: U256 = keccak256(key).into();
    // Three epochs of eight blocks: each is written when it ends.
    for number in 1..=24 {
        world.pay(&world.alice, |tx| {
            let withdraw = withdrawCall { value: U256::from(5) };
            let (value, input) = match number % 2 {
                1 => (5, depositCall {}.abi_encode()),
                _ => (0, withdraw.abi_encode()),
            };
            (tx.to, tx.value, tx.input) = (WRAPPED.into(), U256::from(value), input.into());
        });
        world.block();
    }
    let kept = world.chain.tip().kept.clone();
    for number in 0..=24 {
        let root = kept.header(number).unwrap().unwrap().state_root;
        let view: View = kept.view(number, root);
        let had = view.slot(&WRAPPED, &slot).unwrap();
        assert_eq!(had, U256::from(number % 2 * 5), "block {number}");
    }
    // What was withdrawn is not even there as a zero.
    let left =
        kept.slots().unwrap().into_iter().find(|(at, _, value)| value.is_zero() || *at == WRAPPED);
    assert_eq!(left, None);
}

#[test]
fn old_states_know_the_hashes_that_their_next_block_could_ask_for() {
    let (world, _) = long(("", ""));
    for _ in 0..600 {
        world.block();
    }
    let kept = world.chain.tip().kept.clone();
    for number in [0, 1, 20, 300, 590, 600] {
        let view = kept.view(number, kept.header(number).unwrap().unwrap().state_root);
        let oldest = (number + 1).saturating_sub(256);
        for known in [oldest, (oldest + number) / 2, number] {
            assert_eq!(view.block_hash(known).unwrap(), kept.hash(known).unwrap());
        }
        assert_eq!(view.block_hash(number + 1).unwrap(), None);
        assert!(oldest == 0 || view.block_hash(oldest - 1).unwrap().is_none());
    }
}

#[test]
fn what_is_settled_is_in_the_file_and_nobody_is_told_again() {
    let (world, text) = long(("", ""));
    for _ in 0..3 {
        world.block();
    }
    assert_eq!(written(&world, &text), 0);
    let (tip, mut tips) = (world.chain.tip(), world.chain.tips());
    tips.mark_unchanged();
    for _ in 0..2 {
        world.chain.settle().unwrap();
        assert_eq!(written(&world, &text), 3);
    }
    assert!(!tips.has_changed().unwrap());
    assert_eq!((world.chain.tip().hash, world.chain.tip().kept.number()), (tip.hash, 3));
    world.block();
    assert_eq!((written(&world, &text), world.chain.tip().kept.number()), (3, 4));
}

/// A disk that can be taken away.
#[derive(Debug)]
struct Fragile(redb::backends::InMemoryBackend, Arc<AtomicBool>);

impl Fragile {
    fn ask<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.1.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the disk is gone")),
            false => work(),
        }
    }
}

impl redb::StorageBackend for Fragile {
    fn len(&self) -> io::Result<u64> {
        self.ask(|| self.0.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.ask(|| self.0.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.ask(|| self.0.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.ask(|| self.0.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.ask(|| self.0.write(offset, data))
    }
}

#[test]
fn a_disk_that_fails_keeps_blocks_out_and_takes_none() {
    let (world, text) = long(("", ""));
    let gone = Arc::new(AtomicBool::new(false));
    let disk = Fragile(redb::backends::InMemoryBackend::new(), gone.clone());
    let chain = Chain::open_on(disk, Path::new("a disk"), &text, PoolLimits::DEFAULT).unwrap();
    let world = World { chain: Arc::new(chain), ..world };
    for _ in 0..SYNC_BLOCKS - 1 {
        world.block();
    }
    let tip = world.chain.tip();
    let next = leader::propose(&world.chain, &tip);
    gone.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        let refused = world.chain.commit(&next, None).err().unwrap();
        assert!(matches!(refused, Error::Database(_)), "{refused}");
        let now = world.chain.tip();
        assert_eq!((now.hash, now.kept.number()), (tip.hash, SYNC_BLOCKS - 1));
        assert_eq!(now.kept.number_of(&tip.hash).unwrap(), Some(SYNC_BLOCKS - 1));
        assert!(world.chain.settle().is_err());
    }
}

#[test]
fn large_blocks_are_written_before_they_fill_the_memory() {
    let first = "[[validators]]\naddress = \"0x5050";
    let more = format!("[parameters]\nblock_gas = 60000000\n\n{first}");
    let (world, text) = long((first, &more));
    // Each transaction logs a MiB of zeros and makes no contract.
    let log: Bytes = hex!("621000006000a000").into();
    for number in 1..=5 {
        for _ in 0..4 {
            world.pay(&world.alice, |tx| {
                (tx.to, tx.value, tx.gas_limit) = (TxKind::Create, U256::ZERO, 12_000_000);
                tx.input = log.clone();
            });
        }
        let done = world.block();
        assert!(done.receipts.iter().all(|one| one.status() && one.logs().len() == 1));
        assert_eq!(done.receipts.len(), 4);
        // 16 MiB of logs and what is around them is more than 16 MiB.
        assert_eq!(written(&world, &text), if number < 4 { 0 } else { 4 });
    }
}
