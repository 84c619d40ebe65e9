//! The HTTP server over an engine, in the form that OpenAI's clients speak.
//!
//! For `terroir serve`. Invariant: every client's claim on memory, time and connections is bounded
//! by [`HttpLimits`], and every failure that reaches a handler has the one error body.

mod ask;
pub(crate) mod bodies;
pub(crate) mod body;
pub(crate) mod failure;
mod keys;
pub(crate) mod listen;
mod metrics;
pub(crate) mod router;
mod stall;
mod stream;

use crate::disk::{read_small, refuse_exposed};
use crate::{Engine, Error, telemetry};
use bodies::Bodies;
use keys::Keys;
use metrics::Metrics;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Longest file of API keys.
const KEYS_BYTES_MAX: usize = 1 << 20;

/// How a server runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The name under which the model is asked for; its id works too.
    pub model_name: String,
    /// File with the API keys, one a line; without it everybody may ask.
    pub keys: Option<PathBuf>,
    /// What a client may claim.
    pub limits: HttpLimits,
    /// How long answers under way may go on after the signal to end.
    pub drain: Duration,
}

/// What clients may claim of a server.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Open connections.
    pub connections_max: usize,
    /// Longest body of a request.
    pub body_bytes_max: usize,
    /// Memory of all bodies that arrive or wait to be read.
    pub bodies_bytes_max: usize,
    /// Most messages of a chat.
    pub messages_max: usize,
    /// Most tokens that a request may ask for.
    pub max_tokens_max: u32,
    /// Tokens of an answer to a request that does not say, if the context has room.
    pub max_tokens_default: u32,
    /// Time for the head of a request, and between two requests.
    pub head: Duration,
    /// Time for the body of a request.
    pub body: Duration,
    /// Time in which a client must take some of what is written to it.
    pub stall: Duration,
}

impl HttpLimits {
    /// For a small machine.
    pub const DEFAULT: HttpLimits = HttpLimits {
        connections_max: 512,
        body_bytes_max: 4 << 20,
        bodies_bytes_max: 64 << 20,
        messages_max: 1 << 14,
        max_tokens_max: 1 << 16,
        max_tokens_default: 1 << 10,
        head: Duration::from_secs(30),
        body: Duration::from_secs(30),
        stall: Duration::from_secs(30),
    };
}

/// What every handler sees.
struct Shared {
    engine: Arc<Engine>,
    model_name: String,
    keys: Option<Keys>,
    limits: HttpLimits,
    metrics: Metrics,
    bodies: Arc<Bodies>,
    /// Unix seconds.
    started_s: u64,
    receipts: crate::Receipts,
}

/// A server that listens and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    drain: Duration,
}

impl Server {
    /// Reads the keys and takes the port. Receipts are looked up in the log of `engine`.
    ///
    /// Panics: outside a tokio runtime.
    /// Errors: `Listen`; `Exposed` and `Secrets` for the file of keys.
    pub fn bind(engine: Arc<Engine>, config: Config) -> Result<Server, Error> {
        let Config { listen, model_name, keys, limits, drain } = config;
        let keys = keys.as_deref().map(load_keys).transpose()?;
        let failed = |source| Error::Listen { address: listen, source };
        let listener = listen::open(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Shared {
            receipts: engine.receipts().clone(),
            engine,
            model_name,
            keys,
            limits,
            metrics: Metrics::default(),
            bodies: Arc::new(Bodies::new(limits.body_bytes_max, limits.bodies_bytes_max)),
            started_s: crate::clock::Moment::now().unix_ms() / 1000,
        };
        Ok(Server { listener, address, shared: Arc::new(shared), drain })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` comes, then lets the answers under way end, for the configured time or
    /// until `hurry` comes; what is left then is broken off, with receipts for what was said.
    pub async fn run(self, stop: impl Future<Output = ()>, hurry: impl Future<Output = ()>) {
        let Server { listener, shared, drain, .. } = self;
        let router = router::new(Arc::clone(&shared));
        let connected = || shared.metrics.connected();
        let open = listen::answer(listener, (router, shared.limits), connected, pin!(stop)).await;
        telemetry::draining(shared.engine.status().jobs);
        shared.engine.close();
        let break_off = || {
            telemetry::breaking_off(shared.engine.status().jobs);
            shared.engine.cancel_all();
        };
        listen::drain(open, drain, pin!(hurry), break_off).await;
    }
}

/// Serves until SIGTERM or SIGINT, then drains; a second signal breaks off what is left.
///
/// Blocks. `ready` is called with the address once requests are taken.
/// Errors: those of [`Server::bind`], and `Setup`.
pub fn serve(engine: Engine, config: Config, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    let runtime = Runtime::new().map_err(Error::Setup)?;
    // The engine outlives the runtime: its threads are joined where blocking is allowed.
    let engine = Arc::new(engine);
    runtime.block_on(async {
        let (stop, hurry) = signals()?;
        let server = Server::bind(Arc::clone(&engine), config)?;
        ready(server.address());
        server.run(stop, hurry).await;
        Ok(())
    })
}

/// The first SIGTERM or SIGINT from now on, and the second. Errors: `Setup`.
pub(crate) fn signals() -> Result<(impl Future<Output = ()>, impl Future<Output = ()>), Error> {
    let listen = || -> std::io::Result<(Signal, Signal)> {
        Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    };
    let (mut terminate, mut interrupt) = listen().map_err(Error::Setup)?;
    let (mut second, mut third) = listen().map_err(Error::Setup)?;
    let stop = async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    let hurry = async move {
        // These have seen the first signal too.
        for _ in 0..2 {
            tokio::select! { _ = second.recv() => {}, _ = third.recv() => {} }
        }
    };
    Ok((stop, hurry))
}

fn load_keys(path: &std::path::Path) -> Result<Keys, Error> {
    let problem = |problem: String| Error::Secrets { path: path.to_owned(), problem };
    let bytes = read_small(path, KEYS_BYTES_MAX)?.ok_or_else(|| problem("no such file".into()))?;
    refuse_exposed(path)?;
    Keys::parse(&bytes).map_err(problem)
}
