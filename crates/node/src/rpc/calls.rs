//! Requests and batches: read, brought to their methods, answered.
//!
//! For POST and for WebSockets alike. Invariant: whatever the bytes are, what comes of them is an
//! answer of the protocol, within its limit of bytes, and what it takes is within the budget of all.

use super::RpcLimits;
use super::budget::{Budget, Claim, Said};
use super::failure::Failure;
use axum::http::Extensions;
use jsonrpsee::core::server::{
    BatchResponseBuilder, BoundedSubscriptions, ConnectionId, MethodCallback, MethodResponse,
    MethodSink, SubscriptionState,
};
use jsonrpsee::core::traits::IdProvider;
use jsonrpsee::types::error::{
    ErrorCode, reject_too_big_batch_request, reject_too_many_subscriptions,
};
use jsonrpsee::types::{ErrorObject, Id, InvalidRequest, Notification, Params, Request};
use jsonrpsee::{Methods, types::SubscriptionId};
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Longest id of a request: it comes back with every answer.
const ID_BYTES_MAX: usize = 1 << 10;

/// All methods, for requests of all connections.
pub(super) struct Calls {
    methods: Methods,
    limits: RpcLimits,
    budget: Budget,
}

/// Where the news of a connection go.
pub(super) struct Feed {
    connection: ConnectionId,
    /// Of the first and the last words of subscriptions, which are few.
    sink: MethodSink,
    news: mpsc::Sender<Said>,
    subscriptions: BoundedSubscriptions,
}

impl Feed {
    /// Of the connection with this number, which no other has; `sink` is told how a subscription
    /// begins and ends, and `news` what there is between.
    pub fn new(
        connection: usize,
        sink: MethodSink,
        news: mpsc::Sender<Said>,
        limits: &RpcLimits,
    ) -> Feed {
        let subscriptions = BoundedSubscriptions::new(limits.subscriptions);
        Feed { connection: ConnectionId(connection), sink, news, subscriptions }
    }
}

/// Subscriptions have ids in the form that Ethereum's clients know.
#[derive(Debug)]
struct Ids;

impl IdProvider for Ids {
    fn next_id(&self) -> SubscriptionId<'static> {
        // Without random bytes there is no id, and no other subscription has the empty one.
        let id = super::random_id().map(|id| format!("{id:#x}")).unwrap_or_default();
        SubscriptionId::Str(id.into())
    }
}

fn error<'a>(id: Id<'a>, why: impl Into<ErrorObject<'a>>) -> MethodResponse {
    MethodResponse::error(id, why)
}

/// The id of a request that may be none; that of one which is too long is not told.
fn id_of(text: &[u8]) -> Id<'_> {
    let id = serde_json::from_slice::<InvalidRequest<'_>>(text).map_or(Id::Null, |it| it.id);
    if too_long(&id) { Id::Null } else { id }
}

fn too_long(id: &Id<'_>) -> bool {
    id.as_str().is_some_and(|id| id.len() > ID_BYTES_MAX)
}

impl Calls {
    pub fn new(methods: Methods, limits: RpcLimits, budget: Budget) -> Calls {
        Calls { methods, limits, budget }
    }

    pub fn limits(&self) -> &RpcLimits {
        &self.limits
    }

    /// The answer to the text of a request or of a batch; none to those that ask for none, and none
    /// to subscriptions, which are answered by `feed`. Without a feed there are no subscriptions.
    pub async fn answer(&self, text: &[u8], feed: Option<&Feed>) -> Option<Said> {
        let mut claim = self.budget.claim();
        let answer = match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => {
                let answer = self.one(text, feed).await?;
                let room = claim.grow(answer.as_ref().len());
                room.map_or_else(|_| error(id_of(text), Failure::full().0), |()| answer)
            }
            Some(b'[') => self.batch(text, &mut claim).await?,
            _ => error(Id::Null, ErrorCode::ParseError),
        };
        Some(Said { text: answer.into_json(), _claim: Arc::new(claim) })
    }

    /// The answer to what cannot be read as a request, because of `why`.
    pub fn refusal<'a>(&self, why: impl Into<ErrorObject<'a>>) -> Said {
        let text = error(Id::Null, why).into_json();
        Said { text, _claim: Arc::new(self.budget.claim()) }
    }

    async fn one(&self, text: &[u8], feed: Option<&Feed>) -> Option<MethodResponse> {
        if let Ok(request) = serde_json::from_slice::<Request<'_>>(text) {
            return self.call(request, feed).await;
        }
        if serde_json::from_slice::<Notification<'_, Option<&RawValue>>>(text).is_ok() {
            return None;
        }
        let id = id_of(text);
        let json = serde_json::from_slice::<&RawValue>(text).is_ok();
        Some(error(id, if json { ErrorCode::InvalidRequest } else { ErrorCode::ParseError }))
    }

    /// What waits for the rest of a batch is claimed as it comes.
    async fn batch(&self, text: &[u8], claim: &mut Claim) -> Option<MethodResponse> {
        let Ok(requests) = serde_json::from_slice::<Vec<&RawValue>>(text) else {
            return Some(error(Id::Null, ErrorCode::ParseError));
        };
        let max = self.limits.batch as usize;
        if requests.len() > max {
            return Some(error(Id::Null, reject_too_big_batch_request(max)));
        }
        let mut answers = BatchResponseBuilder::new_with_limit(self.limits.response_bytes);
        for request in &requests {
            let Some(answer) = self.one(request.get().as_bytes(), None).await else { continue };
            if claim.grow(answer.as_ref().len()).is_err() {
                return Some(error(Id::Null, Failure::full().0));
            }
            if let Err(too_long) = answers.append(answer) {
                return Some(too_long);
            }
        }
        // Nothing is said where nothing was asked; to an empty batch, that it is none.
        let silent = answers.is_empty() && !requests.is_empty();
        (!silent).then(|| MethodResponse::from_batch(answers.finish()))
    }

    async fn call(&self, request: Request<'_>, feed: Option<&Feed>) -> Option<MethodResponse> {
        let Request { id, method, params, .. } = request;
        if too_long(&id) {
            return Some(error(Id::Null, ErrorCode::InvalidRequest));
        }
        let params = Params::new(params.as_deref().map(RawValue::get));
        let (max, mut more) = (self.limits.response_bytes, Extensions::new());
        let connection = feed.map_or(ConnectionId(0), |feed| feed.connection);
        Some(match (self.methods.method(&method), feed) {
            (None, _) => error(id, ErrorCode::MethodNotFound),
            (Some(MethodCallback::Sync(run)), _) => run(id, params, max, more),
            (Some(MethodCallback::Async(run)), _) => {
                run(id.into_owned(), params.into_owned(), connection, max, more).await
            }
            (Some(MethodCallback::Unsubscription(run)), Some(_)) => {
                run(id, params, connection, max, more)
            }
            (Some(MethodCallback::Subscription(run)), Some(feed)) => {
                let Some(place) = feed.subscriptions.acquire() else {
                    let most = feed.subscriptions.max();
                    return Some(error(id, reject_too_many_subscriptions(most)));
                };
                more.insert(feed.news.clone());
                let state = SubscriptionState {
                    conn_id: connection,
                    id_provider: &Ids,
                    subscription_permit: place,
                };
                let answer = run(id, params, feed.sink.clone(), state, more).await;
                // What it says is on its way through the feed.
                return Some(answer).filter(|answer| !answer.is_subscription());
            }
            (Some(_), None) => {
                let why = "subscriptions need a WebSocket, and a request of their own";
                error(id, Failure::unsupported(why).0)
            }
        })
    }
}
