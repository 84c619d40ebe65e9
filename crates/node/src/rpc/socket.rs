//! WebSockets: one request after the other, and news as they come.
//!
//! Invariant: of one socket at most one request is under way; the next is read when its answer is on
//! its way. So a client who takes nothing is soon not listened to either, and the memory that a
//! socket takes is bounded by its answers', which have a budget, and not by what is sent.

mod frames;

use super::budget::Said;
use super::calls::{Calls, Feed};
use crate::server::bodies::Bodies;
use frames::{Broken, Frames, Incoming, NORMAL, TOO_SLOW, Writer};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use jsonrpsee::MethodSink;
use jsonrpsee::types::error::reject_too_big_request;
use serde_json::value::RawValue;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval_at, timeout};

/// Answers and news that wait for their client to take them, beside the one that is being sent.
const MESSAGES_MAX: usize = 1;
/// Pings that a client may miss.
const PINGS_MISSED: u32 = 2;
/// The server ends: RFC 6455, section 7.4.1.
const GOING_AWAY: u16 = 1_001;

/// What is said beside messages.
enum Control {
    Pong(Vec<u8>),
    /// The last that is said, and why.
    Close(u16),
}

/// Serves the client of one socket, the one with this number, until it goes, breaks a rule, or
/// the sender of `stop` is dropped.
pub(super) async fn serve(
    upgraded: Upgraded,
    number: usize,
    calls: Arc<Calls>,
    bodies: Arc<Bodies>,
    stop: watch::Receiver<()>,
) {
    let (reader, writer) = split(TokioIo::new(upgraded));
    let (answers, messages) = mpsc::channel(MESSAGES_MAX);
    let (sink, words) = mpsc::channel(MESSAGES_MAX);
    let (control, orders) = mpsc::channel(1);
    let feed = Feed::new(number, MethodSink::new(sink), answers.clone(), calls.limits());
    let frames = Frames::new(reader, bodies, calls.limits().patience);
    tokio::select! {
        () = listen(frames, &calls, &feed, answers, control) => {}
        _ = speak(Writer::new(writer), (words, messages), orders, stop, calls.limits().ping) => {}
    }
}

/// Answers what comes, one after the other; ends when nobody takes the answers.
async fn listen(
    mut frames: Frames<impl AsyncRead + Unpin>,
    calls: &Calls,
    feed: &Feed,
    answers: mpsc::Sender<Said>,
    control: mpsc::Sender<Control>,
) {
    let patience = PINGS_MISSED * calls.limits().ping;
    let close = loop {
        let answer = match timeout(patience, frames.next()).await {
            Ok(Ok(Incoming::Message(message))) => calls.answer(message.bytes(), Some(feed)).await,
            Ok(Ok(Incoming::TooLong)) => {
                let most = u32::try_from(calls.limits().request_bytes).unwrap_or(u32::MAX);
                Some(calls.refusal(reject_too_big_request(most)))
            }
            Ok(Ok(Incoming::Ping(payload))) => {
                if control.send(Control::Pong(payload)).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(Ok(Incoming::Pong)) => continue,
            Ok(Ok(Incoming::Close)) => break NORMAL,
            Ok(Err(Broken::Rule(code))) => break code,
            Ok(Err(Broken::Gone)) => return,
            Err(_) => break TOO_SLOW,
        };
        // The next is read when there is room for another: this one is on its way.
        if let Some(answer) = answer
            && (answers.send(answer).await.is_err() || answers.reserve().await.is_err())
        {
            return;
        }
    };
    // Whoever speaks says so and ends.
    if control.send(Control::Close(close)).await.is_ok() {
        std::future::pending().await
    }
}

/// Sends what there is to say, and pings. Before answers and news come the words with which
/// subscriptions begin and end.
async fn speak(
    mut writer: Writer<impl AsyncWrite + Unpin>,
    (mut words, mut messages): (mpsc::Receiver<Box<RawValue>>, mpsc::Receiver<Said>),
    mut orders: mpsc::Receiver<Control>,
    mut stop: watch::Receiver<()>,
    ping: Duration,
) -> io::Result<()> {
    let mut pings = interval_at(Instant::now() + ping, ping);
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return writer.close(GOING_AWAY).await,
            _ = pings.tick() => writer.ping().await?,
            Some(order) = orders.recv() => match order {
                Control::Pong(payload) => writer.pong(&payload).await?,
                Control::Close(code) => return writer.close(code).await,
            },
            Some(text) = words.recv() => writer.text(text.get()).await?,
            Some(said) = messages.recv() => writer.text(said.text.get()).await?,
        }
    }
}
