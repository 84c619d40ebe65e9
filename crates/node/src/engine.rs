//! A model at work: requests in, events and receipts out.
//!
//! For `terroir ask` and the server, which go the same way. One thread owns the batch, another signs;
//! whoever submits never waits for either. Invariant: a [`Done`] is handed out only after its
//! receipt is durable, and nobody who reads slowly holds up the batch or makes it keep more than
//! the answer itself.

mod counters;
mod job;
mod mailbox;
mod signer;
mod slots;
mod worker;

pub use counters::Counters;
pub use job::{Canceller, Done, Event, Job, Timing, Usage};

use crate::clock::Moment;
use crate::{Error, Home, Receipts, telemetry};
use signer::Signer;
use slots::Slots;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use terroir_model::{Batch, BatchLimits, Model, Prepared, Request, Space};
use terroir_tensor::Isa;
use worker::{Command, Submission, Worker};

/// How an engine runs. Nothing of this can be seen in an answer.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads of the executor, at least 1.
    pub threads: usize,
    /// Instruction set of the kernels.
    pub isa: Isa,
    /// How much work it takes on.
    pub limits: Limits,
}

/// How much work an engine takes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Answers under way at once.
    pub sequences_max: usize,
    /// Rows of one step of the batch; at least `sequences_max`.
    pub rows_max: usize,
    /// Memory for the state of ended answers, kept for prompts that begin alike.
    pub cached_bytes_max: u64,
    /// Requests that wait for one of the sequences.
    pub queue_max: usize,
    /// Longest prompt, in tokens; the model's context is a limit anyway.
    pub prompt_tokens_max: usize,
}

impl Limits {
    /// For one person who asks one thing at a time.
    pub const ONE: Limits = Limits {
        sequences_max: 1,
        rows_max: 128,
        cached_bytes_max: 0,
        queue_max: 0,
        prompt_tokens_max: usize::MAX,
    };
    /// For a server on a small machine.
    pub const SERVER: Limits = Limits {
        sequences_max: 16,
        rows_max: 128,
        cached_bytes_max: 256 << 20,
        queue_max: 64,
        prompt_tokens_max: usize::MAX,
    };
}

impl Options {
    /// One thread per core of this machine, and its fastest kernels.
    pub fn detect(limits: Limits) -> Options {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Options { threads, isa: Isa::detect(), limits }
    }
}

/// How busy an engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Requests taken on and not yet ended, the waiting ones included.
    pub jobs: usize,
    /// Most of them.
    pub jobs_max: usize,
    /// Answers that may be under way at once.
    pub sequences_max: usize,
    /// Whether nothing new is taken on.
    pub closing: bool,
    /// Whether the engine's threads live, and can sign.
    pub alive: bool,
}

/// A model at work on threads of its own. Dropping it breaks off what is under way.
pub struct Engine {
    model: Arc<Model>,
    receipts: Receipts,
    limits: Limits,
    commands: mpsc::Sender<Command>,
    slots: Arc<Slots>,
    counters: Arc<Mutex<Counters>>,
    numbers: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the threads. Receipts go into the log of `home`, signed with its key.
    ///
    /// Errors: `Model` for limits that contradict each other and for an instruction set or threads
    /// that cannot be had, `Exposed` and `Secrets` for the node's key, `ChainDamaged` when nothing
    /// may be signed, `Disk` for a log that cannot be read or written and when no thread can be
    /// started.
    pub fn start(home: &Home, model: Arc<Model>, options: Options) -> Result<Engine, Error> {
        let receipts = home.receipts()?;
        receipts.recover()?;
        let Limits { sequences_max, rows_max, cached_bytes_max, queue_max, .. } = options.limits;
        let limits = BatchLimits { sequences_max, rows_max, cached_bytes_max };
        let batch = Batch::new(Arc::clone(&model), options.threads, options.isa, limits)?;
        let slots = Arc::new(Slots::new(sequences_max, queue_max));
        let (commands, orders) = mpsc::channel();
        let (ended, endings) = mpsc::channel();
        let counters = Arc::new(Mutex::new(Counters::default()));
        let signer =
            Signer::new(receipts.clone(), Arc::clone(&model), options.isa, Arc::clone(&counters));
        let worker = Worker::new(batch, orders, ended);
        let signing = spawn(home, "terroir-signer", move || signer.run(&endings))?;
        let running = spawn(home, "terroir-batch", move || worker.run())?;
        telemetry::engine_started(&model, &options);
        let threads = Mutex::new(vec![running, signing]);
        let (limits, numbers) = (options.limits, AtomicU64::new(0));
        Ok(Engine { model, receipts, limits, commands, slots, counters, numbers, threads })
    }

    /// The model at work.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The log that its receipts go to.
    pub fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    /// Takes on a request. Reads the prompt, so that what is wrong with it is known at once.
    ///
    /// Returns without waiting for the model. Dropping the job cancels it. Only requests of the
    /// same space can notice that they begin alike.
    /// Errors: `Model` when the request is refused, `PromptTooLong`, `Busy` when the queue is full,
    /// `Closing`, `SigningStopped`.
    pub fn submit(&self, request: Request, space: Space) -> Result<Job, Error> {
        self.start_job(request, space, |prepared| prepared)
    }

    /// The same, but `max_tokens` is lowered to what the context leaves after the prompt.
    ///
    /// The request of [`Done`] says how much that was.
    pub fn submit_fitting(&self, mut request: Request, space: Space) -> Result<Job, Error> {
        let wanted = std::mem::replace(&mut request.max_tokens, 1);
        let context_max = self.model.manifest.context_max;
        self.start_job(request, space, |mut prepared| {
            let prompt = u32::try_from(prepared.prompt.len()).expect("it fits the context");
            prepared.request.max_tokens = wanted.clamp(1, context_max - prompt);
            prepared
        })
    }

    fn start_job(
        &self,
        request: Request,
        space: Space,
        adapt: impl FnOnce(Prepared) -> Prepared,
    ) -> Result<Job, Error> {
        let requested = Moment::now();
        self.receipts.refuse_stopped()?;
        // Before the prompt is read: a full queue must stay cheap.
        let slot = self.slots.take()?;
        let prepared = adapt(self.model.prepare(request)?);
        let (got, max) = (prepared.prompt.len(), self.limits.prompt_tokens_max);
        if got > max {
            return Err(Error::PromptTooLong { got, max });
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = mailbox::channel();
        let submission = Submission { number, prepared, space, requested, sender, slot };
        let command = Command::Submit(Box::new(submission));
        self.commands.send(command).map_err(|_| Error::Stopped)?;
        Ok(Job::new(events, Canceller::new(self.commands.clone(), number)))
    }

    /// What was done since the start.
    pub fn counters(&self) -> Counters {
        *self.counters.lock().expect("nothing that counts can panic")
    }

    /// How busy it is.
    pub fn status(&self) -> Status {
        let (jobs, closing) = self.slots.count();
        let sequences_max = self.limits.sequences_max;
        let jobs_max = sequences_max + self.limits.queue_max;
        let working = self.threads().iter().all(|thread| !thread.is_finished());
        let alive = working && self.receipts.refuse_stopped().is_ok();
        Status { jobs, jobs_max, sequences_max, closing, alive }
    }

    /// Takes nothing new on; what was taken on goes its way.
    pub fn close(&self) {
        self.slots.close();
    }

    /// Waits until no job is left, at most `patience`; whether that came true.
    pub fn wait_idle(&self, patience: Duration) -> bool {
        self.slots.wait_empty(patience)
    }

    /// Breaks off every job. Each still ends with a receipt for what was said.
    pub fn cancel_all(&self) {
        // A worker that is gone has nothing left to cancel.
        let _ = self.commands.send(Command::CancelAll);
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().expect("nobody panics while looking at the list of threads")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
        let _ = self.commands.send(Command::Stop);
        for thread in self.threads().drain(..) {
            if thread.join().is_err() {
                telemetry::thread_panicked();
            }
        }
    }
}

fn spawn(
    home: &Home,
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(body).map_err(crate::error::disk(home.folder()))
}

#[cfg(test)]
mod tests;
