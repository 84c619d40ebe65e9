//! Which handler answers on which route, and what holds for all of them.

use super::{Shared, ask, failure};
use crate::Error;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::handler::Handler;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use std::sync::Arc;
use terroir_api::reply::{Kind, ModelCard, ModelList, to_json};
use terroir_api::{Method, Problem, Route, openapi};
use terroir_base::id::ReceiptId;
use terroir_model::Space;

/// Name of all other paths in metrics.
const NO_ROUTE: &str = "none";
const JSON: &str = "application/json";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

type Answer = Result<Response<Body>, Problem>;

/// The router: exactly the routes of [`Route::ALL`].
pub(super) fn new(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in Route::ALL {
        let handler = match route {
            Route::Models => at(route, models),
            Route::Model => at(route, model),
            Route::Chat => at(route, chat),
            Route::Completions => at(route, completions),
            Route::Receipt => at(route, receipt),
            Route::Health => at(route, health),
            Route::Metrics => at(route, metrics),
            Route::OpenApi => at(route, document),
        };
        let handler = handler.fallback(wrong_method);
        let guard = from_fn_with_state((Arc::clone(&shared), route), guard);
        router = router.route(route.path(), handler.layer(guard));
    }
    router.fallback(no_route).with_state(shared)
}

fn at<H: Handler<T, Arc<Shared>>, T: 'static>(
    route: Route,
    handler: H,
) -> MethodRouter<Arc<Shared>> {
    let method = match route.method() {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
    };
    on(method, handler)
}

/// Asks for a key where one is needed, and counts.
async fn guard(
    State((shared, route)): State<(Arc<Shared>, Route)>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let reply = match admit(&shared, route, request.headers()) {
        Ok(space) => {
            request.extensions_mut().insert(space);
            next.run(request).await
        }
        Err(problem) => failure::reply(&problem),
    };
    shared.metrics.replied(route.path(), reply.status().as_u16());
    reply
}

/// Whose space the request is in: each key has its own, and all who need none share one.
fn admit(shared: &Shared, route: Route, headers: &HeaderMap) -> Result<Space, Problem> {
    let Some(keys) = shared.keys.as_ref().filter(|_| route.needs_key()) else {
        return Ok(Space::default());
    };
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        let message = "an API key is needed: authorization: Bearer KEY";
        return Err(Problem::unauthorized(message));
    };
    let known = keys.admit(authorization.as_bytes());
    known.ok_or_else(|| Problem::unauthorized("this API key is not known here"))
}

async fn chat(
    State(shared): State<Arc<Shared>>,
    Extension(space): Extension<Space>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    finish(ask::answer(shared, (Kind::Chat, space), &headers, body).await)
}

async fn completions(
    State(shared): State<Arc<Shared>>,
    Extension(space): Extension<Space>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    finish(ask::answer(shared, (Kind::Completion, space), &headers, body).await)
}

async fn models(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let list = ModelList { object: "list", data: vec![card(&shared)] };
    reply(JSON, to_json(&list))
}

async fn model(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
) -> Response<Body> {
    let card = card(&shared);
    finish(segment(name).and_then(|name| match name == card.id || name == card.digest {
        true => Ok(reply(JSON, to_json(&card))),
        false => Err(Problem::model_not_found(&name)),
    }))
}

async fn receipt(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Response<Body> {
    let found = match segment(id).and_then(|id| parse_id(&id)) {
        Err(problem) => Err(problem),
        Ok(id) => {
            let read = tokio::task::spawn_blocking(move || shared.receipts.get(&id)).await;
            read.map_err(|panicked| failure::internal(&panicked)).and_then(|got| got.map_err(lost))
        }
    };
    finish(found.map(|bytes| reply(terroir_proof::MEDIA_TYPE, bytes)))
}

fn parse_id(id: &str) -> Result<ReceiptId, Problem> {
    id.parse().map_err(|_| {
        let message = "a receipt id is 64 lower-case hexadecimal digits";
        Problem::field("unsupported_value", "id", message)
    })
}

fn lost(error: Error) -> Problem {
    match error {
        Error::NoReceipt { .. } => {
            Problem::request(404, "receipt_not_found", "this node has no such receipt")
        }
        other => failure::internal(&other),
    }
}

async fn health(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let status = shared.engine.status();
    finish(match (status.alive, status.closing) {
        (true, false) => Ok(reply(JSON, b"{\"status\":\"ok\"}".to_vec())),
        (true, true) => Err(failure::problem(Kind::Chat, &Error::Closing)),
        (false, _) => Err(failure::problem(Kind::Chat, &Error::Stopped)),
    })
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let (status, counters) = (shared.engine.status(), shared.engine.counters());
    reply(PROMETHEUS, shared.metrics.page(&status, &counters, shared.bodies.held()).into_bytes())
}

async fn document() -> Response<Body> {
    reply(JSON, to_json(&openapi::document()))
}

async fn no_route(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    shared.metrics.replied(NO_ROUTE, 404);
    let path: String = request.uri().path().chars().take(100).collect();
    let message = format!("there is nothing at {path}; /openapi.json lists what there is");
    failure::reply(&Problem::request(404, "no_such_route", message))
}

pub(crate) async fn wrong_method(request: Request) -> Response<Body> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let shown: String = path.chars().take(100).collect();
    let method: String = method.chars().take(20).collect();
    let message = format!("{shown} does not take {method}");
    failure::reply(&Problem::request(405, "wrong_method", message))
}

fn card(shared: &Shared) -> ModelCard {
    let model = shared.engine.model();
    ModelCard {
        id: shared.model_name.clone(),
        object: "model",
        created: shared.started_s,
        owned_by: "terroir",
        digest: model.id.to_string(),
        profile: model.manifest.profile.name(),
        context_length: model.manifest.context_max,
        licence: model.manifest.licence.clone(),
        node: shared.receipts.node().to_string(),
    }
}

/// What a path names.
pub(crate) fn segment<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    let bad = |_| Problem::request(400, "bad_path", "the path is not UTF-8");
    path.map(|Path(names)| names).map_err(bad)
}

pub(crate) fn finish(answer: Answer) -> Response<Body> {
    answer.unwrap_or_else(|problem| failure::reply(&problem))
}

fn reply(kind: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut reply = Response::new(Body::from(body));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}
