//! One chain without consensus and its JSON-RPC server, for clients of others to be tried on.
//!
//! Usage: `cargo run --release -p terroir-node --example rpc -- [PORT]`. It prints its address, has
//! the accounts of the tests, makes a block whenever there is something to put into one, and
//! forgets everything when it ends.

#[path = "../tests/it/chain/leader.rs"]
mod leader;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use terroir_node::rpc::{RpcLimits, RpcServer};

fn main() {
    let port = std::env::args().nth(1).map_or(0, |port| port.parse().expect("a port"));
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let chain = Arc::new(leader::open(&folder.path().join("chain.redb")));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = RpcServer::bind(address, Arc::clone(&chain), RpcLimits::DEFAULT);
        let server = server.expect("the port is free");
        println!("listening on http://{}", server.address());
        let mut executable = chain.mempool().executable();
        let blocks = async {
            while executable.changed().await.is_ok() {
                tokio::task::block_in_place(|| leader::block(&chain));
            }
        };
        tokio::select! {
            () = server.run(std::future::pending()) => {}
            () = blocks => {}
        }
    });
}
