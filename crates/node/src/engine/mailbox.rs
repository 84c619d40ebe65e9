//! From the batch to whoever asked: one box per job, never full and never long.
//!
//! Invariant: the writer never waits. What the reader has not fetched is joined into one piece, so
//! a box holds at most one answer, whose length the request limits.

use super::job::{Done, Event};
use crate::Error;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
struct Content {
    text: String,
    tokens: Vec<u32>,
    end: Option<Result<Box<Done>, Error>>,
    ended: bool,
    reader: Option<Waker>,
}

/// The batch's side. Dropped without [`Sender::end`], it tells the reader that the engine stopped.
#[derive(Debug)]
pub(super) struct Sender(Arc<Mutex<Content>>);

/// The side of whoever asked.
#[derive(Debug)]
pub(super) struct Receiver(Arc<Mutex<Content>>);

/// A new box.
pub(super) fn channel() -> (Sender, Receiver) {
    let content = Arc::new(Mutex::new(Content::default()));
    (Sender(Arc::clone(&content)), Receiver(content))
}

impl Sender {
    /// Adds tokens and the text that became certain with them.
    pub(super) fn say(&self, tokens: &[u32], text: &str) {
        let mut content = open(&self.0);
        content.tokens.extend_from_slice(tokens);
        content.text.push_str(text);
        wake(content);
    }

    /// Puts the end in. Nothing comes after it.
    pub(super) fn end(self, end: Result<Box<Done>, Error>) {
        self.put_end(end);
    }

    fn put_end(&self, end: Result<Box<Done>, Error>) {
        let mut content = open(&self.0);
        if !content.ended {
            content.ended = true;
            content.end = Some(end);
            wake(content);
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.put_end(Err(Error::Stopped));
    }
}

impl Receiver {
    /// The next event; none after the last.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut content = open(&self.0);
        if !content.tokens.is_empty() || !content.text.is_empty() {
            let tokens = std::mem::take(&mut content.tokens);
            let text = std::mem::take(&mut content.text);
            return Poll::Ready(Some(Event::Tokens { tokens, text }));
        }
        match content.end.take() {
            Some(Ok(done)) => Poll::Ready(Some(Event::Done(done))),
            Some(Err(error)) => Poll::Ready(Some(Event::Failed(error))),
            None if content.ended => Poll::Ready(None),
            None => {
                content.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn open(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().expect("nothing that fills or empties a box can panic")
}

/// Wakes the reader after the box is closed again.
fn wake(mut content: MutexGuard<'_, Content>) {
    let reader = content.reader.take();
    drop(content);
    if let Some(reader) = reader {
        reader.wake();
    }
}
