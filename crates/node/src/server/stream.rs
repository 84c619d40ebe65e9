//! Replies as a stream of events, written as fast as the client reads.
//!
//! Invariant: nothing is queued here. A chunk is made when the connection has room for it, and what
//! the model said meanwhile is in it as one piece.

use super::ask::end;
use super::failure::problem;
use crate::{Error, Event, Job};
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Response};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use terroir_api::reply::{Head, Style, event, to_json};

/// Asks proxies to pass events on at once.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

struct Events {
    job: Job,
    head: Head,
    style: Style,
    opening: bool,
    stage: Stage,
}

enum Stage {
    First,
    Middle,
    Ended,
}

/// The reply that streams a job.
pub(super) fn reply(job: Job, head: Head, style: Style, opening: bool) -> Response<Body> {
    let events = Events { job, head, style, opening, stage: Stage::First };
    let mut reply = Response::new(Body::new(events));
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (NO_BUFFERING, "no"),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

impl Events {
    /// The next piece of the stream; none after the last.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<String>> {
        loop {
            match self.stage {
                Stage::Ended => return Poll::Ready(None),
                Stage::First => {
                    self.stage = Stage::Middle;
                    if let Some(first) = self.head.first(self.style) {
                        return Poll::Ready(Some(first));
                    }
                }
                Stage::Middle => {
                    let event = ready!(self.job.poll_event(context));
                    if let Some(piece) = self.piece(event) {
                        return Poll::Ready(Some(piece));
                    }
                }
            }
        }
    }

    fn piece(&mut self, news: Option<Event>) -> Option<String> {
        let error = match news {
            Some(Event::Tokens { text, .. }) if text.is_empty() => return None,
            Some(Event::Tokens { text, .. }) => return Some(self.head.more(self.style, &text)),
            Some(Event::Done(done)) => {
                self.stage = Stage::Ended;
                return Some(self.head.last(self.style, &end(&done, self.opening)));
            }
            Some(Event::Failed(error)) => error,
            None => Error::Stopped,
        };
        // The status is out already: the body says it, and ends without the end mark.
        self.stage = Stage::Ended;
        Some(event(&to_json(&problem(self.head.kind, &error).body())))
    }
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = ready!(self.poll_piece(context));
        Poll::Ready(piece.map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }
}
