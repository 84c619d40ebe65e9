//! JSON-RPC as Ethereum's wallets, libraries and tools speak it, over HTTP and WebSocket.
//!
//! `jsonrpsee` has the shapes of requests and answers; here are the methods, and what carries them. Guide: `docs/guide/rpc.md`. Invariant: nothing
//! that changes this node is a method, and every client's claim is bounded by [`RpcLimits`].

mod args;
mod at_most;
mod budget;
mod call;
mod calls;
mod client;
mod deadline;
mod failure;
mod fees;
mod filters;
mod logs;
mod origin;
mod own;
mod pool;
mod read;
mod serve;
mod shape;
mod socket;
mod subscribe;
mod trace;

pub(crate) use client::BATCH_MAX;
pub use client::Client;
pub(crate) use own::{BLOCKS_MAX, Blocks, Whole};
pub use serve::{RpcServer, router};

use crate::chain::Chain;
use alloy_primitives::U128;
use args::Args;
use budget::Budget;
use failure::Failure;
use filters::Filters;
use jsonrpsee::RpcModule;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// What clients may claim.
#[derive(Clone, Copy, Debug)]
pub struct RpcLimits {
    /// Open connections, WebSockets and requests under way together.
    pub connections: usize,
    /// Bytes of a request, or of a message.
    pub request_bytes: usize,
    /// Bytes of all requests that arrive or are under way, beside the first of each; of those that
    /// arrive, who sends slowest gives way.
    pub arriving_bytes: usize,
    /// Bytes of an answer.
    pub response_bytes: usize,
    /// Bytes of all answers and news that wait to be taken, beside the first of each.
    pub waiting_bytes: usize,
    /// Requests of a batch.
    pub batch: u32,
    /// Subscriptions of a connection.
    pub subscriptions: u32,
    /// Subscriptions of all connections.
    pub subscriptions_all: usize,
    /// Blocks that a subscription may be behind; then it ends.
    pub behind: u64,
    /// Filters of all clients.
    pub filters: usize,
    /// Logs of an answer.
    pub logs: usize,
    /// Blocks that a request for logs may span.
    pub log_blocks: u64,
    /// Requests that read at once; others wait.
    pub readers: usize,
    /// Requests that execute or search at once; others wait.
    pub workers: usize,
    /// How long a request may look through blocks.
    pub search: Duration,
    /// How long the EVM works for a request. What a trace has to run before counts, and is not cut
    /// short.
    pub execution: Duration,
    /// How long a request waits for its turn.
    pub wait: Duration,
    /// Time for the head of a request, for its body, and for taking some of an answer.
    pub patience: Duration,
    /// How often a WebSocket is asked whether it is still there.
    pub ping: Duration,
}

impl RpcLimits {
    /// For a small machine.
    pub const DEFAULT: RpcLimits = RpcLimits {
        connections: 512,
        request_bytes: 1 << 20,
        arriving_bytes: 32 << 20,
        response_bytes: 16 << 20,
        waiting_bytes: 64 << 20,
        batch: 100,
        subscriptions: 64,
        subscriptions_all: 1_024,
        behind: 1_024,
        filters: 1_024,
        logs: 10_000,
        log_blocks: 10_000,
        readers: 32,
        workers: 4,
        search: Duration::from_secs(5),
        execution: Duration::from_secs(5),
        wait: Duration::from_secs(10),
        patience: Duration::from_secs(30),
        ping: Duration::from_secs(30),
    };
}

/// What methods share.
struct Rpc {
    chain: Arc<Chain>,
    limits: RpcLimits,
    budget: Budget,
    filters: Mutex<Filters>,
    subscriptions: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    workers: Arc<Semaphore>,
}

/// What a method gives: JSON.
type Answer = Result<Box<RawValue>, Failure>;

/// A method: what it is called, how many parameters it has at most, and whether with these
/// parameters it is much work.
struct Method {
    name: &'static str,
    params_max: usize,
    heavy: fn(&str) -> bool,
    run: fn(&Rpc, &mut Args) -> Answer,
}

impl Method {
    /// One that reads a little.
    const fn light(
        name: &'static str,
        params_max: usize,
        run: fn(&Rpc, &mut Args) -> Answer,
    ) -> Method {
        Method { name, params_max, heavy: |_| false, run }
    }

    /// One that executes, searches, or reads much.
    const fn heavy(
        name: &'static str,
        params_max: usize,
        run: fn(&Rpc, &mut Args) -> Answer,
    ) -> Method {
        Method { name, params_max, heavy: |_| true, run }
    }

    /// One that reads much where its last parameter is `true`, and a little otherwise.
    const fn full(
        name: &'static str,
        params_max: usize,
        run: fn(&Rpc, &mut Args) -> Answer,
    ) -> Method {
        Method { name, params_max, heavy: Args::end_in_true, run }
    }
}

const METHODS: [&[Method]; 8] = [
    read::METHODS,
    call::METHODS,
    fees::METHODS,
    logs::METHODS,
    filters::METHODS,
    pool::METHODS,
    trace::METHODS,
    own::METHODS,
];

fn say(what: &(impl Serialize + ?Sized)) -> Answer {
    to_raw_value(what).map_err(|error| Failure::internal(&error))
}

/// An id that nobody guesses.
fn random_id() -> Result<U128, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::internal(&error))?;
    Ok(U128::from_be_bytes(bytes))
}

/// All methods over `chain`; what clients do not take at once is within `budget`.
fn module(chain: Arc<Chain>, limits: RpcLimits, budget: Budget) -> RpcModule<Rpc> {
    let readers = Arc::new(Semaphore::new(limits.readers));
    let workers = Arc::new(Semaphore::new(limits.workers));
    let subscriptions = Arc::new(Semaphore::new(limits.subscriptions_all));
    let filters = Mutex::default();
    let mut module =
        RpcModule::new(Rpc { chain, limits, budget, filters, subscriptions, readers, workers });
    for method in METHODS.into_iter().flatten() {
        let run = move |params, rpc: Arc<Rpc>, _| answer(method, params, rpc);
        let registered = module.register_async_method(method.name, run);
        registered.expect("each method stands once in the tables");
    }
    subscribe::register(&mut module);
    module
}

/// Runs `method` when its turn comes, where it may block.
async fn answer(
    method: &'static Method,
    params: Params<'static>,
    rpc: Arc<Rpc>,
) -> Result<Box<RawValue>, ErrorObjectOwned> {
    let heavy = (method.heavy)(params.as_str().unwrap_or_default());
    let turns = if heavy { &rpc.workers } else { &rpc.readers };
    let turn = timeout(rpc.limits.wait, Arc::clone(turns).acquire_owned());
    let Ok(Ok(turn)) = turn.await else {
        return Err(Failure::limit("too many requests are under way, try again").0);
    };
    let running = spawn_blocking(move || {
        let args = Args::parse(params.as_str(), method.params_max);
        (args.and_then(|mut args| (method.run)(&rpc, &mut args)), turn)
    });
    // The next one has its turn when this answer is in the hands of whoever counts what it takes.
    let (answer, _turn) = match running.await {
        Ok((answer, turn)) => (answer, Some(turn)),
        Err(panicked) => (Err(Failure::internal(&panicked)), None),
    };
    answer.map_err(|failure| failure.0)
}
