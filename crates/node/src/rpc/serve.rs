//! The methods on a socket: `jsonrpsee` behind the same connections as the rest of this node.
//!
//! Invariant: a request reaches a method only whole and in time; pages of other origins reach none.

use super::{RpcLimits, module, random_id};
use crate::Error;
use crate::chain::Chain;
use crate::server::bodies::Bodies;
use crate::server::{HttpLimits, body, failure, listen};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jsonrpsee::Methods;
use jsonrpsee::core::traits::IdProvider;
use jsonrpsee::server::{
    BatchRequestConfig, PingConfig, ServerBuilder, ServerConfig, ServerHandle, StopHandle, http,
    stop_channel,
};
use jsonrpsee::types::SubscriptionId;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers that wait for a WebSocket's client to take them.
const MESSAGES_MAX: u32 = 64;
/// Time for requests under way when the server ends.
const DRAIN: Duration = Duration::from_secs(5);

/// What all connections share.
struct Door {
    methods: Methods,
    config: ServerConfig,
    limits: RpcLimits,
    bodies: Arc<Bodies>,
    places: Arc<Semaphore>,
    numbers: AtomicU32,
    stop: StopHandle,
    /// WebSockets end when it is dropped.
    _open: ServerHandle,
}

/// Subscriptions have ids in the form that Ethereum's clients know.
#[derive(Debug)]
struct Ids;

impl IdProvider for Ids {
    fn next_id(&self) -> SubscriptionId<'static> {
        // Without random bytes there is no id, and no other subscription has the empty one.
        let id = random_id().map(|id| format!("{id:#x}")).unwrap_or_default();
        SubscriptionId::Str(id.into())
    }
}

/// The routes of `rest`, and the JSON-RPC methods over `chain` at `/`, for POST and WebSockets.
pub fn router(rest: Router, chain: Arc<Chain>, limits: RpcLimits) -> Router {
    let bytes = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let ping = PingConfig::new().ping_interval(limits.ping).inactive_limit(2 * limits.ping);
    let config = ServerConfig::builder()
        .max_request_body_size(bytes(limits.request_bytes))
        .max_response_body_size(bytes(limits.response_bytes))
        .max_subscriptions_per_connection(limits.subscriptions)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch))
        .set_message_buffer_capacity(MESSAGES_MAX)
        .enable_ws_ping(ping)
        .set_id_provider(Ids)
        .build();
    let (stop, open) = stop_channel();
    let door = Door {
        methods: module(chain, limits).into(),
        config,
        limits,
        bodies: Arc::new(Bodies::new(limits.request_bytes, limits.arriving_bytes)),
        places: Arc::new(Semaphore::new(limits.connections)),
        numbers: AtomicU32::new(0),
        stop,
        _open: open,
    };
    rest.layer(from_fn_with_state(Arc::new(door), pass))
}

/// Takes what is for the methods, and passes on the rest.
async fn pass(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response<Body> {
    let upgrade = request.headers().contains_key(UPGRADE);
    if request.uri().path() != "/" || !(upgrade || request.method() == Method::POST) {
        return next.run(request).await;
    }
    let Ok(place) = Arc::clone(&door.places).try_acquire_owned() else {
        return http::response::too_many_requests().map(Body::new);
    };
    match upgrade {
        true => door.socket(request, place).await,
        false => door.post(request, place).await,
    }
}

impl Door {
    async fn post(&self, request: Request, _place: OwnedSemaphorePermit) -> Response<Body> {
        if !http::content_type_is_json(&request) {
            return http::response::unsupported_content_type().map(Body::new);
        }
        let (head, body) = request.into_parts();
        let body = match body::take(body, &self.bodies, self.limits.patience).await {
            Ok(body) => body.into_bytes(),
            Err(problem) => return failure::reply(&problem),
        };
        self.answer(Request::from_parts(head, Body::from(body)), None).await
    }

    async fn socket(&self, request: Request, place: OwnedSemaphorePermit) -> Response<Body> {
        // Browsers let every page open one; only pages from here may.
        if !same_origin(request.headers()) {
            return plain(StatusCode::FORBIDDEN);
        }
        self.answer(request, Some(place)).await
    }

    /// A socket has its place until it closes.
    async fn answer(
        &self,
        request: Request,
        place: Option<OwnedSemaphorePermit>,
    ) -> Response<Body> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let builder = ServerBuilder::with_config(self.config.clone()).to_service_builder();
        let builder = builder.connection_id(number);
        let mut service = builder.build(self.methods.clone(), self.stop.clone());
        if let Some(place) = place {
            let closed = service.on_session_closed();
            tokio::spawn(async move {
                closed.await;
                drop(place);
            });
        }
        let reply = TowerToHyperService::new(service).call(request).await;
        // It has no error of its own.
        reply
            .map_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR), |reply| reply.map(Body::new))
    }
}

fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, origin)| Some(origin) == host)
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = status;
    reply
}

/// A server of the methods beside other pages, which listens and does not answer yet.
pub struct RpcServer {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    limits: RpcLimits,
}

impl RpcServer {
    /// Takes the port, for the methods and `pages`; port 0 takes a free one.
    ///
    /// Panics: outside a tokio runtime.
    /// Errors: `Listen`.
    pub fn bind(
        address: SocketAddr,
        pages: Router,
        chain: Arc<Chain>,
        limits: RpcLimits,
    ) -> Result<RpcServer, Error> {
        let failed = |source| Error::Listen { address, source };
        let listener = listen::open(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(RpcServer { listener, address, router: router(pages, chain, limits), limits })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` comes.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let RpcServer { listener, router, limits, .. } = self;
        let http = HttpLimits {
            connections_max: limits.connections,
            head: limits.patience,
            body: limits.patience,
            stall: limits.patience,
            ..HttpLimits::DEFAULT
        };
        let open = listen::answer(listener, (router, http), || (), pin!(stop)).await;
        listen::drain(open, DRAIN, pin!(std::future::pending()), || ()).await;
    }
}
