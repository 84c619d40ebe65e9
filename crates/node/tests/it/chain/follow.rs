//! A node that follows a chain whose blocks are large, or final through later ones only.

use super::leader;
use super::served::Served;
use super::votes::certificate;
use super::world::{Account, draft};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes};
use axum::routing::post;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;
use terroir_node::chain::Origin;
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
fn follow(folder: &std::path::Path, sources: &[String]) -> Member {
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

/// A node that tells which transactions it is offered, says that it took them, and forgets them.
async fn forgetful(told: mpsc::Sender<Bytes>) -> String {
    let answer = move |body: String| {
        let request: Value = serde_json::from_str(&body).unwrap();
        let calls = request.as_array().cloned().unwrap_or_default();
        let took = calls.iter().map(|call| {
            told.send(serde_json::from_value(call["params"][0].clone()).unwrap()).unwrap();
            json!({ "jsonrpc": "2.0", "id": call["id"], "result": "0x" })
        });
        let answer = match request.is_array() {
            true => took.collect(),
            false => json!({ "jsonrpc": "2.0", "id": request["id"], "result": [] }),
        };
        async move { answer.to_string() }
    };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/", post(answer));
    tokio::spawn(async { axum::serve(listener, routes).await });
    format!("http://{address}")
}

#[test]
fn what_clients_send_is_offered_to_all_and_again_while_it_waits() {
    let place = tempfile::tempdir().unwrap();
    let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (told, offered) = mpsc::channel();
    let runtime = Runtime::new().unwrap();
    let alice = Account::new(101);
    let sent: BTreeSet<Bytes> =
        (0..3).map(|nonce| alice.sign(draft(nonce, Address::ZERO)).encoded_2718().into()).collect();
    let _member = runtime.block_on(async {
        let sources = [format!("http://{}", mute.local_addr().unwrap()), forgetful(told).await];
        let member = follow(place.path(), &sources);
        for bytes in &sent {
            // A nonce may come before the one that it follows.
            member.chain().mempool().add(bytes, Origin::Local).unwrap();
        }
        member
    });
    let some = || offered.recv_timeout(Duration::from_secs(20)).expect("it is not offered");
    let mut offers: BTreeMap<&Bytes, u32> = sent.iter().map(|one| (one, 0)).collect();
    while offers.values().any(|times| *times < 2) {
        *offers.get_mut(&some()).expect("nothing else is offered") += 1;
    }
    runtime.shutdown_background();
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
