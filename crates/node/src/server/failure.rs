//! Every failure as the one error body: what the caller may read, apart from what the log needs.

use crate::{Error, telemetry};
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use terroir_api::Problem;
use terroir_api::reply::{Kind, to_json};
use terroir_model::Error as ModelError;

/// What the caller of a request of this kind is told; what is not the caller's fault is logged.
pub(super) fn problem(kind: Kind, error: &Error) -> Problem {
    let input = match kind {
        Kind::Chat => "messages",
        Kind::Completion => "prompt",
    };
    match error {
        Error::Model(refused) => refusal(input, refused).unwrap_or_else(|| internal(error)),
        Error::PromptTooLong { .. } => {
            Problem::field("context_length_exceeded", input, error.to_string())
        }
        Error::Busy { retry_s, .. } => Problem::busy("queue_full", *retry_s, error.to_string()),
        Error::Closing | Error::CancelledEarly => {
            Problem::server(503, "shutting_down", "the node is shutting down")
        }
        Error::Stopped | Error::SigningStopped { .. } => {
            Problem::server(503, "engine_stopped", "the engine has stopped")
        }
        other => internal(other),
    }
}

/// What is wrong with the request, if that is what the model says.
fn refusal(input: &str, error: &ModelError) -> Option<Problem> {
    let message = error.to_string();
    match error {
        ModelError::ContextOverflow { .. } => {
            Some(Problem::field("context_length_exceeded", input, message))
        }
        ModelError::Field { what: "request", field, .. } => {
            Some(Problem::field("unsupported_value", *field, message))
        }
        ModelError::EmptyPrompt => Some(Problem::field("unsupported_value", input, message)),
        ModelError::NoTemplate => Some(Problem::field("no_chat_template", input, message)),
        ModelError::Template(_) => Some(Problem::field("template_refused", input, message)),
        _ => None,
    }
}

/// Nothing that the caller could mend.
pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Problem {
    telemetry::internal(error);
    Problem::server(500, "internal_error", "the node failed; its log says why")
}

/// The reply.
pub(crate) fn reply(problem: &Problem) -> Response<Body> {
    let mut reply = Response::new(Body::from(to_json(&problem.body())));
    *reply.status_mut() =
        StatusCode::from_u16(problem.status).expect("problems have statuses from a fixed list");
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = problem.retry_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    reply
}
