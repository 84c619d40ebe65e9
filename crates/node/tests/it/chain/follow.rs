//! A node that follows a chain whose blocks are large, or final through later ones only.

use super::leader;
use super::served::Served;
use super::votes::certificate;
use std::time::Duration;
use terroir_node::member::{Folder, Follow, Member, Settings};
use tokio::runtime::Runtime;

/// How much each block brings at least: `payments` of so many bytes.
const PAYMENT: usize = 110 << 10;

/// The next block, of so many large payments.
fn grow(served: &Served, payments: usize, certified: bool) {
    let world = &served.world;
    for _ in 0..payments {
        world.pay(&world.alice, |tx| {
            (tx.input, tx.gas_limit) = (vec![0; PAYMENT].into(), 2_000_000);
        });
    }
    let executed = leader::propose(&world.chain, &world.chain.tip());
    assert_eq!(executed.block.transactions.len(), payments);
    let genesis = world.chain.block(&world.chain.tip(), 0).unwrap().unwrap().hash;
    let shown = certified.then(|| certificate(genesis, &executed));
    world.chain.commit(&executed, shown.as_deref()).unwrap();
}

/// A node that follows those at `sources`; must be called within a runtime.
pub fn follow(folder: &std::path::Path, sources: &[String]) -> Member {
    let settings = Settings {
        genesis: "genesis.toml".into(),
        network: None,
        follow: Some(Follow { rpc: sources.to_vec() }),
        rpc: Default::default(),
        pace: Default::default(),
    };
    let folder = Folder::without_keys(folder).unwrap();
    folder.write(&settings, leader::GENESIS).unwrap();
    Member::start(&folder).unwrap()
}

/// Waits until a node that follows `served` alone is where that is.
fn arrives(served: &Served) {
    let place = tempfile::tempdir().unwrap();
    Runtime::new().unwrap().block_on(async {
        let member = follow(place.path(), &[format!("http://{}", served.address)]);
        let mut tips = member.chain().tips();
        let (number, hash) = {
            let tip = served.world.chain.tip();
            (tip.header.number, tip.hash)
        };
        let found = tips.wait_for(|tip| tip.header.number == number);
        let found = tokio::time::timeout(Duration::from_secs(60), found).await;
        assert_eq!(found.expect("it does not follow").unwrap().hash, hash);
    });
}

#[test]
fn a_large_block_that_is_final_through_its_child_holds_nobody_up() {
    let served = Served::new();
    grow(&served, 20, false);
    grow(&served, 0, true);
    arrives(&served);
}

#[test]
fn certificates_that_are_far_apart_hold_nobody_up() {
    let served = Served::new();
    // More bytes than an answer has, and more than one such run.
    for number in 1..=19 {
        grow(&served, 2, number == 15 || number == 19);
    }
    arrives(&served);
}
