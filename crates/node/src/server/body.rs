//! Bodies of requests: taken in whole, within their limits of size, time and memory.
//!
//! Invariant: whatever a client sends or does not send, its body ends in one of the errors here or
//! whole.

use super::bodies::{Arrival, Bodies, GaveWay, Whole};
use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use terroir_api::Problem;
use tokio::time::timeout;

/// What is read and thrown away of a body that is too long, so that its sender, who looks for a
/// reply only after sending, gets to see one.
const THROWN_BYTES_MAX: usize = 64 << 20;

/// When a client whose body had to give way is told to come back, in seconds.
const RETRY_S: u64 = 1;

/// Refuses what a form of a web page could send: pages must not ask in their visitor's name.
pub(crate) fn refuse_forms(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if kind.eq_ignore_ascii_case(b"application/json") {
        return Ok(());
    }
    let message = "the content-type header must be application/json";
    Err(Problem::request(415, "unsupported_media_type", message))
}

/// Takes a body in.
///
/// Errors: 413 when it is too long, 408 when it takes too long, 429 when it has to give way to
/// others, 400 when it breaks off.
pub(crate) async fn take(
    body: Body,
    bodies: &Arc<Bodies>,
    patience: Duration,
) -> Result<Whole, Problem> {
    let arriving = collect(body, bodies.arrival(), bodies.body_bytes_max());
    timeout(patience, arriving).await.unwrap_or_else(|_| {
        let seconds = patience.as_secs_f64();
        let message = format!("the body did not arrive within {seconds} s");
        Err(Problem::request(408, "request_timeout", message))
    })
}

async fn collect(mut body: Body, arrival: Arrival, max: usize) -> Result<Whole, Problem> {
    let mut arrival = Some(arrival);
    let mut got = 0_usize;
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let frame = tokio::select! {
            biased;
            gave_way = gave_way(&mut arrival) => return Err(no_room(gave_way)),
            frame = frame => frame,
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| {
            Problem::request(400, "broken_body", "the body broke off or is badly framed")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        got = got.saturating_add(data.len());
        match &arrival {
            Some(arrival) if got <= max => arrival.push(&data).map_err(no_room)?,
            // It is read on, but no longer kept.
            _ => arrival = None,
        }
        if got.saturating_sub(max) > THROWN_BYTES_MAX {
            break;
        }
    }
    let Some(arrival) = arrival else {
        let message = format!("the body is longer than {max} bytes");
        return Err(Problem::request(413, "body_too_large", message));
    };
    arrival.finish().map_err(no_room)
}

/// Comes back once the body had to give way; what is not kept never has to.
async fn gave_way(arrival: &mut Option<Arrival>) -> GaveWay {
    match arrival {
        Some(arrival) => arrival.gave_way().await,
        None => pending().await,
    }
}

fn no_room(_: GaveWay) -> Problem {
    let message = "too much is being sent here at once, try again";
    Problem::busy("bodies_full", RETRY_S, message)
}
