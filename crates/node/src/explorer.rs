//! Pages about a chain for people: blocks, accounts, validators, what is registered and voted on.
//!
//! Rendered here, so they work without JavaScript; a small script fetches a page again when a block
//! comes. Guide: `docs/guide/explorer.md`. Invariant: a page reads one state of the chain, at most
//! so much of it as its limits say, and shows nothing that the chain says as markup.

mod abi;
mod account;
mod block;
mod decode;
mod governance;
mod home;
mod html;
mod nodes;
mod page;
mod query;
mod reader;
mod registry;
mod search;
mod show;
mod transaction;
mod validators;

use crate::chain::Chain;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
    LOCATION, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::routing::get;
use page::{Page, note};
use query::Query;
use reader::{Miss, Reader};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Pages that are made at once; others wait.
const WORKERS: usize = 2;
/// How long a page waits for its turn.
const WAIT: Duration = Duration::from_secs(5);
/// What a page may do: nothing but style, script, wasm, socket and form of its own server.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const WASM: &str = "application/wasm";

/// Makes a page of what is asked.
type Make = fn(&Reader<'_>, &Ask) -> Result<Page, Miss>;

/// What is asked of a page.
struct Ask {
    /// The last part of its path.
    id: String,
    query: Query,
}

/// Which page is where.
const PAGES: [(&str, Make); 21] = [
    ("/", home::home),
    ("/blocks", home::blocks),
    ("/block/{id}", block::block),
    ("/transactions", home::transactions),
    ("/tx/{id}", transaction::transaction),
    ("/address/{id}", account::account),
    ("/validators", validators::validators),
    ("/models", registry::models),
    ("/datasets", registry::datasets),
    ("/programs", registry::programs),
    ("/entry/{id}", registry::entry),
    ("/release/{id}", registry::release),
    ("/nodes", nodes::nodes),
    ("/node/{id}", nodes::node),
    ("/receipts", nodes::receipts),
    ("/parameters", governance::parameters),
    ("/proposals", governance::proposals),
    ("/proposal/{id}", governance::proposal),
    ("/search", search::search),
    ("/explorer/{id}", nothing),
    ("/{*id}", nothing),
];

/// What the pages are shown with: where, as what, and the bytes.
const ASSETS: [(&str, &str, &[u8]); 6] = [
    ("/explorer/style.css", CSS, include_bytes!("../../../web/explorer/style.css")),
    ("/explorer/script.js", SCRIPT, include_bytes!("../../../web/explorer/script.js")),
    ("/explorer/finality.mjs", SCRIPT, include_bytes!("../../../web/explorer/finality.mjs")),
    ("/explorer/door.mjs", SCRIPT, include_bytes!("../../proof/tests/wasm/door.mjs")),
    ("/explorer/proof.wasm", WASM, include_bytes!("../../../web/explorer/proof.wasm")),
    ("/explorer/icon.svg", SVG, include_bytes!("../../../web/explorer/icon.svg")),
];

struct Explorer {
    chain: Arc<Chain>,
    workers: Arc<Semaphore>,
}

/// The pages about `chain`: every path, for GET and HEAD.
pub fn routes(chain: Arc<Chain>) -> Router {
    let workers = Arc::new(Semaphore::new(WORKERS));
    let mut router = Router::new();
    for (path, make) in PAGES {
        let answer = move |State(explorer): State<Arc<Explorer>>, uri: Uri, asked: HeaderMap| async move {
            explorer.answer(make, uri, &asked).await
        };
        router = router.route(path, get(answer));
    }
    for (path, kind, bytes) in ASSETS {
        let answer = move |asked: HeaderMap| async move {
            let bytes = Bytes::from_static(bytes);
            reply(StatusCode::OK, kind, "public, max-age=300", bytes, &asked)
        };
        router = router.route(path, get(answer));
    }
    router.with_state(Arc::new(Explorer { chain, workers }))
}

fn nothing(_: &Reader<'_>, _: &Ask) -> Result<Page, Miss> {
    Err(Miss::Unknown("There is no page here.".into()))
}

impl Explorer {
    async fn answer(&self, make: Make, uri: Uri, asked: &HeaderMap) -> Response<Body> {
        let turn = timeout(WAIT, Arc::clone(&self.workers).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return busy() };
        let chain = Arc::clone(&self.chain);
        let work = move || {
            let _turn = turn;
            rendered(&chain, make, uri.path(), uri.query().unwrap_or_default())
        };
        // A page that panics is a page that failed.
        let made = spawn_blocking(work).await;
        let (status, html) = match made {
            Ok(Made::Page(status, html)) => (status, html),
            Ok(Made::Elsewhere(path)) => return elsewhere(&path),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        };
        let kept = "public, max-age=1";
        reply(status, HTML, kept, html.into(), asked)
    }
}

/// What became of a request for a page.
enum Made {
    Page(StatusCode, String),
    Elsewhere(String),
}

fn rendered(chain: &Chain, make: Make, path: &str, query: &str) -> Made {
    let reader = Reader::new(chain);
    let id = path.rsplit('/').next().unwrap_or_default().to_owned();
    let made = make(&reader, &Ask { id, query: Query::parse(query) });
    let (status, page) = match made {
        Ok(page) => (StatusCode::OK, page),
        Err(Miss::Elsewhere(path)) => return Made::Elsewhere(path),
        Err(Miss::Unknown(why)) => (StatusCode::NOT_FOUND, Page::still("Not found", note(why))),
        Err(Miss::Failed(error)) => {
            tracing::error!(%error, path, "a page of the explorer");
            let why = "This node could not read what belongs here. Its log says why.";
            (StatusCode::INTERNAL_SERVER_ERROR, Page::still("Failed", note(why)))
        }
    };
    Made::Page(status, page.document(path, &reader.about()))
}

fn reply(
    status: StatusCode,
    kind: &'static str,
    kept: &'static str,
    bytes: Bytes,
    asked: &HeaderMap,
) -> Response<Body> {
    let digest = blake3::hash(&bytes).to_hex();
    let digest = format!("\"{}\"", &digest[..32]);
    let known = asked.get(IF_NONE_MATCH).is_some_and(|known| {
        known.to_str().is_ok_and(|known| known.split(',').any(|one| one.trim() == digest))
    });
    let known = known && status == StatusCode::OK;
    let mut reply = Response::new(if known { Body::empty() } else { Body::from(bytes) });
    *reply.status_mut() = if known { StatusCode::NOT_MODIFIED } else { status };
    let headers: [(HeaderName, &str); 6] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, kept),
        (ETAG, &digest),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("letters, digits and signs");
        reply.headers_mut().insert(name, value);
    }
    reply
}

fn elsewhere(path: &str) -> Response<Body> {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(path) = HeaderValue::from_str(path) {
        reply.headers_mut().insert(LOCATION, path);
    }
    reply
}

fn busy() -> Response<Body> {
    let mut reply = Response::new(Body::from("Too many pages are asked for.\n"));
    *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}
