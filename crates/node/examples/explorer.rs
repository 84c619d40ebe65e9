//! A chain on which a little of everything happened, a block every second, and its explorer.
//!
//! Usage: `cargo run --release -p terroir-node --example explorer -- [PORT]`, for those who change
//! pages and want to see them. It forgets everything when it ends.

#[path = "../tests/it/explorer/garden.rs"]
#[expect(dead_code, reason = "tests look for what it names")]
mod garden;
#[path = "../tests/it/chain/leader.rs"]
mod leader;
#[path = "../tests/it/chain/votes.rs"]
mod votes;
#[path = "../tests/it/chain/world.rs"]
#[expect(dead_code, reason = "it keeps the chain's folder")]
mod world;

use garden::Garden;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use terroir_node::explorer;
use terroir_node::rpc::{self, RpcLimits};

fn main() {
    let port = std::env::args().nth(1).map_or(0, |port| port.parse().expect("a port"));
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let garden = Garden::new();
    let chain = Arc::clone(&garden.world.chain);
    let model = garden.model;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = tokio::net::TcpListener::bind(address).await.expect("the port is free");
        println!("listening on http://{}", listener.local_addr().expect("it is bound"));
        println!("a model: /entry/{model}");
        let pages = explorer::routes(Arc::clone(&chain));
        let router = rpc::router(pages, Arc::clone(&chain), address, RpcLimits::DEFAULT);
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let blocks = async {
            loop {
                second.tick().await;
                tokio::task::block_in_place(|| garden::block(&garden.world));
            }
        };
        tokio::select! {
            served = axum::serve(listener, router) => served.expect("it serves"),
            () = blocks => {}
        }
    });
}
