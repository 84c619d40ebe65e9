//! A chain with its JSON-RPC server on a free port.

use super::world::World;
use crate::wire::{Connection, post};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use terroir_node::rpc::{RpcLimits, RpcServer};
use tokio::sync::oneshot;

/// It serves until it is dropped.
pub struct Served {
    pub world: World,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    pub fn new() -> Served {
        Served::with(RpcLimits::DEFAULT)
    }

    pub fn with(limits: RpcLimits) -> Served {
        Served::on(Ipv4Addr::LOCALHOST, limits)
    }

    pub fn on(ip: Ipv4Addr, limits: RpcLimits) -> Served {
        let world = World::new();
        let chain = Arc::clone(&world.chain);
        let (said, address) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let address = SocketAddr::from((ip, 0));
                let server = RpcServer::bind(address, axum::Router::new(), chain, limits).unwrap();
                said.send(server.address()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        let address = address.recv().unwrap();
        Served { world, address, stop: Some(stop), thread: Some(thread) }
    }

    /// The whole answer to one request.
    pub fn ask(&self, method: &str, params: Value) -> Value {
        self.say(&json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }))
    }

    /// The whole answer to a body.
    pub fn say(&self, body: &Value) -> Value {
        self.raw(body.to_string().as_bytes())
    }

    pub fn raw(&self, body: &[u8]) -> Value {
        let mut connection = Connection::open(self.address);
        connection.send(&post("/", "", body));
        let reply = connection.reply();
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        reply.json()
    }

    /// What a method gives.
    pub fn get(&self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Code and message of the error that a method gives.
    pub fn refuse(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.ask(method, params);
        let error = &answer["error"];
        assert!(error.is_object(), "{method}: {answer}");
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}
