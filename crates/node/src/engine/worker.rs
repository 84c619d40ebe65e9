//! The thread that owns the batch.
//!
//! It takes orders between steps, gives out what each step said, and hands finished answers to the
//! signer, so that no disk holds up a step. Invariant: it alone touches the batch, and it never
//! waits for anybody while the batch has work.

use super::mailbox::Sender;
use super::signer::Ended;
use super::slots::Slot;
use crate::clock::Moment;
use crate::{Error, telemetry};
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::mpsc;
use terroir_model::{Batch, Event, Outcome, Prepared, Request, Space, Ticket};

/// An order to the worker.
#[derive(Debug)]
pub(super) enum Command {
    /// A new job.
    Submit(Box<Submission>),
    /// Break job number so and so off.
    Cancel(u64),
    /// Break every job off.
    CancelAll,
    /// Break every job off and end.
    Stop,
}

/// A job on its way to the batch.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) number: u64,
    pub(super) prepared: Prepared,
    pub(super) space: Space,
    pub(super) requested: Moment,
    pub(super) sender: Sender,
    pub(super) slot: Slot,
}

/// A job in the batch.
struct Running {
    number: u64,
    request: Request,
    requested: Moment,
    admitted: Moment,
    first: Option<Moment>,
    /// Bytes of text given out.
    said: usize,
    sender: Sender,
    slot: Slot,
}

pub(super) struct Worker {
    batch: Batch,
    orders: mpsc::Receiver<Command>,
    ended: mpsc::Sender<Ended>,
    waiting: VecDeque<Submission>,
    running: BTreeMap<Ticket, Running>,
    stopping: bool,
}

impl Worker {
    pub(super) fn new(
        batch: Batch,
        orders: mpsc::Receiver<Command>,
        ended: mpsc::Sender<Ended>,
    ) -> Worker {
        let (waiting, running) = Default::default();
        Worker { batch, orders, ended, waiting, running, stopping: false }
    }

    /// Works until it is told to stop and everything has ended.
    pub(super) fn run(mut self) {
        while self.take_orders().is_continue() {
            self.admit();
            if let Err(error) = self.step() {
                // The batch did not move and never will: everybody is told by the senders' end.
                telemetry::batch_failed(&error);
                return;
            }
        }
    }

    /// Follows every order there is; waits for one if there is nothing else to do.
    fn take_orders(&mut self) -> ControlFlow<()> {
        loop {
            let order = match self.batch.is_idle() && self.waiting.is_empty() {
                true if self.stopping => return ControlFlow::Break(()),
                true => self.orders.recv().map_err(|_| mpsc::TryRecvError::Disconnected),
                false => self.orders.try_recv(),
            };
            match order {
                Ok(command) => self.follow(command),
                Err(mpsc::TryRecvError::Empty) => return ControlFlow::Continue(()),
                // Nobody is left who could want anything.
                Err(mpsc::TryRecvError::Disconnected) => return ControlFlow::Break(()),
            }
        }
    }

    fn follow(&mut self, command: Command) {
        match command {
            Command::Submit(job) if self.stopping => job.sender.end(Err(Error::Closing)),
            Command::Submit(job) => self.waiting.push_back(*job),
            Command::Cancel(number) => self.cancel(|job| job == number),
            Command::CancelAll => self.cancel(|_| true),
            Command::Stop => {
                self.stopping = true;
                self.cancel(|_| true);
            }
        }
    }

    fn cancel(&mut self, wanted: impl Fn(u64) -> bool) {
        let (unwanted, waiting): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|job| wanted(job.number));
        self.waiting = waiting.into();
        let tickets = self.running.iter().filter(|(_, job)| wanted(job.number));
        for (ticket, _) in tickets {
            self.batch.cancel(*ticket);
        }
        for Submission { sender, slot, .. } in unwanted {
            drop(slot);
            sender.end(Err(Error::CancelledEarly));
        }
    }

    /// Moves those who wait into the batch, in the order in which they came.
    fn admit(&mut self) {
        while self.batch.has_room()
            && let Some(job) = self.waiting.pop_front()
        {
            let Submission { number, prepared, space, requested, sender, slot } = job;
            let request = prepared.request.clone();
            match self.batch.admit_prepared(prepared, space) {
                Ok(ticket) => {
                    let (admitted, first) = (requested.later(), None);
                    let job = Running {
                        number,
                        request,
                        requested,
                        admitted,
                        first,
                        said: 0,
                        sender,
                        slot,
                    };
                    self.running.insert(ticket, job);
                }
                Err(error) => sender.end(Err(error.into())),
            }
        }
    }

    fn step(&mut self) -> Result<(), terroir_model::Error> {
        for event in self.batch.step()? {
            match event {
                Event::Token { ticket, token, text } => self.say(ticket, token, &text),
                Event::Done { ticket, outcome } => self.end(ticket, outcome),
            }
        }
        Ok(())
    }

    fn say(&mut self, ticket: Ticket, token: u32, text: &str) {
        let Some(job) = self.running.get_mut(&ticket) else { return };
        job.first.get_or_insert_with(|| job.requested.later());
        job.said += text.len();
        job.sender.say(&[token], text);
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        let Some(job) = self.running.remove(&ticket) else { return };
        let Running { request, requested, admitted, first, said, sender, slot, .. } = job;
        // Text that was held back, because a stop string might have begun in it.
        if let Some(rest) = outcome.answer.text.get(said..).filter(|rest| !rest.is_empty()) {
            sender.say(&[], rest);
        }
        let done = requested.later();
        let ended = Ended { request, outcome, requested, admitted, first, done, sender, slot };
        // A signer that is gone drops the job, which tells its owner.
        let _ = self.ended.send(ended);
    }
}
