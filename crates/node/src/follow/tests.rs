//! Whom a follower asks, and how long.

use super::{Follower, Patience};
use crate::chain::{Chain, PoolLimits};
use crate::rpc::Client;
use alloy_consensus::Header;
use alloy_primitives::Bytes;
use axum::routing::post;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const GENESIS: &str = include_str!("../../tests/it/chain/genesis.toml");
/// Blocks that are given, one at a time.
const DRIPS: u64 = 40;

/// A node that gives for each question about blocks what `answer` does.
async fn node(answer: impl Fn(u64) -> Value + Clone + Send + Sync + 'static) -> Client {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    let said = move |body: String| {
        let request: Value = serde_json::from_str(&body).unwrap();
        let first = request["params"][0].as_str().unwrap().strip_prefix("0x").unwrap();
        let result = answer(u64::from_str_radix(first, 16).unwrap());
        async move { json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string() }
    };
    let routes = axum::Router::new().route("/", post(said));
    tokio::spawn(async { axum::serve(listener, routes).await });
    client
}

#[test]
fn a_node_that_gives_a_little_at_a_time_gives_way_while_this_one_is_behind() {
    let place = tempfile::tempdir().unwrap();
    let open = Chain::open(&place.path().join("chain.redb"), GENESIS, PoolLimits::DEFAULT);
    let chain = Arc::new(open.unwrap());
    let genesis = chain.tip().hash;
    let drips = move |first: u64| {
        let mut parent = genesis;
        let blocks = (1..=first).map(|number| {
            let header = Header { number, parent_hash: parent, ..Header::default() };
            parent = header.hash_slow();
            Bytes::from(alloy_rlp::encode(vec![header]))
        });
        match blocks.last().filter(|_| first <= DRIPS) {
            Some(block) => json!([{ "block": block, "certificate": null }]),
            None => json!([]),
        }
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (told, asked) = mpsc::channel();
    let sources = runtime.block_on(async {
        let other = move |first| {
            told.send(first).unwrap();
            json!([])
        };
        vec![node(drips).await, node(other).await]
    });
    // All clocks say that a chain of so long ago is behind.
    let patience = Patience {
        still: Duration::from_secs(3_600),
        turn: Duration::from_millis(1),
        behind: Duration::ZERO,
    };
    let follower = Follower { chain, sources, patience };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| follower.run(&stop).unwrap());
        let first = asked.recv_timeout(Duration::from_secs(30));
        stop.store(true, Ordering::Relaxed);
        assert_eq!(first, Ok(1), "the other is never asked");
    });
}
