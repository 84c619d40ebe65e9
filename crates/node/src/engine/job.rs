//! A request under way, as whoever asked sees it.

use super::mailbox::Receiver;
use super::worker::Command;
use crate::Error;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;
use terroir_base::id::ReceiptId;
use terroir_model::{Answer, Request};
use terroir_proof::Salt;

/// What happens to a job. The last event is `Done` or `Failed`.
#[derive(Debug)]
pub enum Event {
    /// Tokens were drawn. A reader who comes late gets several at once, none is lost.
    Tokens {
        /// The tokens, in order.
        tokens: Vec<u32>,
        /// The text that has become certain; may be empty. All texts together are the answer's.
        text: String,
    },
    /// The answer is complete and its receipt is on disk.
    Done(Box<Done>),
    /// There is no answer, or no receipt for it.
    Failed(Error),
}

/// A finished job.
#[derive(Clone, Debug)]
pub struct Done {
    /// What was asked.
    pub request: Request,
    /// What was said.
    pub answer: Answer,
    /// How many tokens it took.
    pub usage: Usage,
    /// The name of the receipt.
    pub receipt: ReceiptId,
    /// The receipt.
    pub receipt_bytes: Vec<u8>,
    /// The secret that opens the receipt's commitments. The node forgets it.
    pub salt: Salt,
    /// How long it took.
    pub timing: Timing,
}

/// Tokens of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub completion_tokens: u32,
    /// Tokens of the prompt whose state was still there from an earlier request.
    pub cached_tokens: u32,
}

/// How long the parts of a job took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the request to the batch.
    pub waited: Duration,
    /// From the batch to the first token.
    pub prefill: Duration,
    /// From the first token to the last one.
    pub decode: Duration,
    /// From the last token to the durable receipt.
    pub receipt: Duration,
}

impl Timing {
    /// Tokens of the prompt that were run, per second.
    pub fn prefill_tok_s(&self, usage: &Usage) -> f64 {
        rate(usage.prompt_tokens.saturating_sub(usage.cached_tokens), self.prefill)
    }

    /// Tokens of the answer after the first one, per second.
    pub fn decode_tok_s(&self, usage: &Usage) -> f64 {
        rate(usage.completion_tokens.saturating_sub(1), self.decode)
    }
}

fn rate(tokens: u32, time: Duration) -> f64 {
    if tokens == 0 { 0.0 } else { f64::from(tokens) / time.as_secs_f64().max(1e-9) }
}

/// A request under way. Dropping it cancels it.
#[derive(Debug)]
pub struct Job {
    events: Receiver,
    canceller: Canceller,
}

impl Job {
    pub(super) fn new(events: Receiver, canceller: Canceller) -> Job {
        Job { events, canceller }
    }

    /// Waits for the next event; none after the last.
    pub fn wait(&mut self) -> Option<Event> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match self.poll_event(&mut context) {
                Poll::Ready(event) => return event,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// Waits for the next event without holding a thread; none after the last.
    pub async fn event(&mut self) -> Option<Event> {
        pin!(std::future::poll_fn(|context| self.poll_event(context))).await
    }

    /// The next event, if it is there; none after the last.
    pub fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll(context)
    }

    /// A handle that cancels this job from elsewhere, such as a signal handler's thread.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Breaks the answer off; the job still ends with a receipt for what was said.
    pub fn cancel(&self) {
        self.canceller.cancel();
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.canceller.cancel();
    }
}

/// Cancels a job from anywhere.
#[derive(Clone, Debug)]
pub struct Canceller {
    commands: mpsc::Sender<Command>,
    number: u64,
}

impl Canceller {
    pub(super) fn new(commands: mpsc::Sender<Command>, number: u64) -> Canceller {
        Canceller { commands, number }
    }

    /// Breaks the answer off. A job that has ended stays as it is.
    pub fn cancel(&self) {
        // An engine that is gone has ended all its jobs.
        let _ = self.commands.send(Command::Cancel(self.number));
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
