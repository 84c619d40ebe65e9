//! A connection that gives up on clients who take nothing, or too little.
//!
//! Invariant: writes wait for the client to make room at most the given time, and as long as it
//! needs at the least speed for what it takes; a little now and then buys it no more than that.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes that a client has to take in a second on average, once its patience is used up.
const SPEED_MIN: u64 = 32 << 10;

/// How long a client kept its writes waiting, less what it took and the time in which none waited.
struct Pace {
    waited: Duration,
    /// When the last wait ended.
    rested: Instant,
    /// When the wait that is under way began.
    began: Option<Instant>,
}

impl Pace {
    fn new(now: Instant) -> Pace {
        Pace { waited: Duration::ZERO, rested: now, began: None }
    }

    /// A wait begins, if none is under way.
    fn wait(&mut self, now: Instant) {
        if self.began.is_none() {
            self.waited = self.waited.saturating_sub(now - self.rested);
            self.began = Some(now);
        }
    }

    /// The client took so many bytes, and the wait is over.
    fn took(&mut self, bytes: usize, now: Instant) {
        if let Some(began) = self.began.take() {
            self.waited += now - began;
            self.rested = now;
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let worth = Duration::from_micros(bytes.saturating_mul(1_000_000) / SPEED_MIN);
        self.waited = self.waited.saturating_sub(worth);
    }
}

/// A stream whose writes time out.
pub(super) struct Stall<S> {
    stream: S,
    patience: Duration,
    pace: Pace,
    /// Runs while a write waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Stall<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Stall<S> {
        Stall { stream, patience, pace: Pace::new(Instant::now()), timer: None }
    }

    /// Passes on what a write says, of which `bytes` tells how many were taken, or ends its waiting.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        let now = Instant::now();
        if let Poll::Ready(written) = written {
            self.pace.took(written.as_ref().map_or(0, bytes), now);
            self.timer = None;
            return Poll::Ready(written);
        }
        self.pace.wait(now);
        let until = now + self.patience.saturating_sub(self.pace.waited);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client takes too little")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written, |bytes| *bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, written, |bytes| *bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, duplex};

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_little_now_and_then_is_too_little_and_a_fair_speed_is_not() {
        let begin = Instant::now();
        // How long it waited after an hour of so many bytes every 29 seconds.
        let waited = |bytes| {
            let (mut pace, mut now) = (Pace::new(begin), begin);
            while now < begin + HOUR {
                pace.wait(now);
                now += Duration::from_secs(29);
                pace.took(bytes, now);
            }
            pace.waited
        };
        assert!(waited(4 << 10) > HOUR - HOUR / 100);
        assert_eq!(waited(29 * (32 << 10)), Duration::ZERO);
    }

    #[test]
    fn time_in_which_nothing_waits_is_given_back() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(begin);
        pace.wait(begin);
        pace.wait(begin + 5 * second);
        pace.took(0, begin + 20 * second);
        assert_eq!(pace.waited, 20 * second);
        pace.wait(begin + 32 * second);
        assert_eq!(pace.waited, 8 * second);
    }

    #[test]
    fn a_write_that_goes_through_does_not_make_up_for_long_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (stream, _other) = duplex(16);
            let mut stall = Stall::new(stream, HOUR);
            (stall.pace.waited, stall.pace.began) = (HOUR, Some(Instant::now()));
            assert_eq!(stall.write(&[7; 16]).await.unwrap(), 16);
            assert_eq!(stall.write(&[7; 1]).await.unwrap_err().kind(), ErrorKind::TimedOut);
        });
    }
}
