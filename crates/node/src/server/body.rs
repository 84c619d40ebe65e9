//! Bodies of requests: read whole, within their limits of size, time and memory.

use super::{BUDGET_UNIT_BYTES, Shared};
use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use std::future::poll_fn;
use std::pin::Pin;
use terroir_api::Problem;
use tokio::time::timeout;

/// What is read and thrown away of a body that is too long, so that its sender, who looks for a
/// reply only after sending, gets to see one.
const THROWN_BYTES_MAX: usize = 64 << 20;

/// Refuses what a form of a web page could send: pages must not ask in their visitor's name.
pub(super) fn refuse_forms(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if kind.eq_ignore_ascii_case(b"application/json") {
        return Ok(());
    }
    let message = "the content-type header must be application/json";
    Err(Problem::request(415, "unsupported_media_type", message))
}

/// Reads a body.
///
/// Errors: 413 when it is too long, 408 when it takes too long, 400 when it breaks off.
pub(super) async fn read(body: Body, shared: &Shared) -> Result<Vec<u8>, Problem> {
    let limits = &shared.limits;
    let reading = async {
        let max = limits.body_bytes_max;
        let expected = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        let most = expected.unwrap_or(max).min(max).min(limits.bodies_bytes_max);
        let units = u32::try_from(most / BUDGET_UNIT_BYTES).unwrap_or(u32::MAX);
        let _budget = shared.bodies.acquire_many(units).await.expect("nobody closes it");
        collect(body, max).await
    };
    timeout(limits.body, reading).await.unwrap_or_else(|_| {
        let seconds = limits.body.as_secs_f64();
        let message = format!("the body did not arrive within {seconds} s");
        Err(Problem::request(408, "request_timeout", message))
    })
}

async fn collect(mut body: Body, max: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut got = 0_usize;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| {
            Problem::request(400, "broken_body", "the body broke off or is badly framed")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        got = got.saturating_add(data.len());
        if got <= max {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
        }
        if got.saturating_sub(max) > THROWN_BYTES_MAX {
            break;
        }
    }
    if got > max {
        let message = format!("the body is longer than {max} bytes");
        return Err(Problem::request(413, "body_too_large", message));
    }
    Ok(bytes)
}
