//! The methods on a port: behind the same connections as the rest of this node.
//!
//! Invariant: a request reaches a method only whole and in time, pages of other origins reach none,
//! and what a request takes is given back when its answer is written.

use super::budget::{Budget, Said};
use super::calls::Calls;
use super::{RpcLimits, module, origin, socket};
use crate::Error;
use crate::chain::Chain;
use crate::server::bodies::Bodies;
use crate::server::{HttpLimits, body, failure, listen};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use soketto::handshake::http::{Server as Handshake, is_upgrade_request};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use terroir_api::Problem;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Time for requests under way when the server ends.
const DRAIN: Duration = Duration::from_secs(5);
/// Bytes of a request that are not counted: long ones keep no short ones out.
const OWN_BYTES: usize = 8 << 10;

/// What all connections share.
struct Door {
    /// Whether only this machine reaches it.
    local: bool,
    calls: Arc<Calls>,
    bodies: Arc<Bodies>,
    places: Arc<Semaphore>,
    sockets: AtomicUsize,
    /// WebSockets end when it is dropped.
    open: watch::Sender<()>,
}

/// The routes of `rest`, and the JSON-RPC methods over `chain` at `/`, for POST and WebSockets.
///
/// They are served at `address`. If that is a loopback one, no other names lead to them.
pub fn router(rest: Router, chain: Arc<Chain>, address: SocketAddr, limits: RpcLimits) -> Router {
    let budget = Budget::new(limits.waiting_bytes);
    let methods = module(chain, limits, budget.clone()).into();
    let bodies = Bodies::new(limits.request_bytes, limits.arriving_bytes);
    let door = Door {
        local: address.ip().to_canonical().is_loopback(),
        calls: Arc::new(Calls::new(methods, limits, budget)),
        bodies: Arc::new(bodies.with_own(OWN_BYTES)),
        places: Arc::new(Semaphore::new(limits.connections)),
        sockets: AtomicUsize::new(0),
        open: watch::Sender::new(()),
    };
    rest.layer(from_fn_with_state(Arc::new(door), pass))
}

/// Takes what is for the methods, and passes on the rest.
async fn pass(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response<Body> {
    if door.local && !origin::local(request.headers()) {
        let message = "the host header must be localhost or an address";
        return failure::reply(&Problem::request(403, "wrong_host", message));
    }
    let upgrade = request.method() == Method::GET && is_upgrade_request(&request);
    if request.uri().path() != "/" || !(upgrade || request.method() == Method::POST) {
        return next.run(request).await;
    }
    let Ok(place) = Arc::clone(&door.places).try_acquire_owned() else {
        return plain(StatusCode::TOO_MANY_REQUESTS);
    };
    match upgrade {
        true => door.socket(request, place),
        false => door.post(request, place).await,
    }
}

/// An answer that is dropped when it is written.
struct Held {
    said: Said,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.said.as_ref()
    }
}

impl Door {
    async fn post(&self, request: Request, place: OwnedSemaphorePermit) -> Response<Body> {
        let (head, body) = request.into_parts();
        if let Err(problem) = body::refuse_forms(&head.headers) {
            return failure::reply(&problem);
        }
        let body = match body::take(body, &self.bodies, self.calls.limits().patience).await {
            Ok(body) => body,
            Err(problem) => return failure::reply(&problem),
        };
        let answer = self.calls.answer(body.bytes(), None).await;
        let held = answer.map(|said| Bytes::from_owner(Held { said, _place: place }));
        let mut reply = Response::new(Body::from(held.unwrap_or_default()));
        let json = HeaderValue::from_static("application/json");
        reply.headers_mut().insert(CONTENT_TYPE, json);
        reply
    }

    /// A socket has its place until it closes.
    fn socket(&self, mut request: Request, place: OwnedSemaphorePermit) -> Response<Body> {
        // Browsers let every page open one; only pages from here may.
        if !origin::same(request.headers()) {
            return plain(StatusCode::FORBIDDEN);
        }
        let Ok(reply) = Handshake::new().receive_request(&request) else {
            return plain(StatusCode::BAD_REQUEST);
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let number = self.sockets.fetch_add(1, Ordering::Relaxed);
        let (calls, bodies) = (Arc::clone(&self.calls), Arc::clone(&self.bodies));
        let stop = self.open.subscribe();
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                socket::serve(upgraded, number, calls, bodies, stop).await;
            }
            drop(place);
        });
        reply.map(|()| Body::empty())
    }
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
        let router = router(pages, chain, address, limits);
        Ok(RpcServer { listener, address, router, limits })
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
