//! Bodies of requests in memory: those that arrive, and those that are being read.
//!
//! Invariant: together they never hold more than their budget, which is charged for what has come
//! and not for what was promised, past the first bytes of each; and only a few are read at once,
//! because reading takes memory too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinError, spawn_blocking};

/// Bodies that are read at once.
const READERS_MAX: usize = 4;

/// All bodies of a server.
pub(crate) struct Bodies {
    /// Longest body.
    body_bytes_max: usize,
    /// All of them together, but not what is each one's own.
    bytes_max: usize,
    /// The first bytes of each, which nobody can take from it.
    own_bytes: usize,
    state: Mutex<State>,
    readers: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    /// Memory of all bodies past what is each one's own, the whole ones included.
    held: usize,
    /// Bodies so far.
    numbers: u64,
    /// By number, so that who has been sending longest comes first.
    arriving: BTreeMap<u64, Arriving>,
}

struct Arriving {
    bytes: Vec<u8>,
    /// Dropped with the entry, which tells the arrival that it had to give way.
    _here: oneshot::Sender<()>,
}

/// A body that arrives. Dropping it frees its memory.
pub(crate) struct Arrival {
    bodies: Arc<Bodies>,
    number: u64,
    here: oneshot::Receiver<()>,
}

/// A body had to give way to younger ones.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GaveWay;

/// A body that has arrived. Dropping it frees its memory.
pub(crate) struct Whole {
    bodies: Arc<Bodies>,
    bytes: Vec<u8>,
}

impl Bodies {
    pub(crate) fn new(body_bytes_max: usize, bytes_max: usize) -> Bodies {
        let readers = Arc::new(Semaphore::new(READERS_MAX));
        Bodies { body_bytes_max, bytes_max, own_bytes: 0, state: Mutex::default(), readers }
    }

    /// The same, where the first `own_bytes` of each are not charged: short ones always find room.
    pub(crate) fn with_own(self, own_bytes: usize) -> Bodies {
        Bodies { own_bytes, ..self }
    }

    /// What is charged for a body with so much memory.
    fn charged(&self, capacity: usize) -> usize {
        capacity.saturating_sub(self.own_bytes)
    }

    /// Longest body.
    pub(crate) fn body_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    /// A body of which nothing has come.
    pub(crate) fn arrival(self: &Arc<Bodies>) -> Arrival {
        let (sender, here) = oneshot::channel();
        let mut state = self.state();
        let number = state.numbers;
        state.numbers += 1;
        state.arriving.insert(number, Arriving { bytes: Vec::new(), _here: sender });
        Arrival { bodies: Arc::clone(self), number, here }
    }

    /// Memory of all bodies here, past what is each one's own.
    pub(super) fn held(&self) -> usize {
        self.state().held
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that keeps bodies can panic")
    }
}

impl Arrival {
    /// Adds what has come. The caller keeps the body within its own limit.
    ///
    /// Where there is no room for it, those give way that have been arriving longest: a client who
    /// sends slowly, or promises and does not send, cannot keep others out.
    pub(crate) fn push(&self, data: &[u8]) -> Result<(), GaveWay> {
        let mut state = self.bodies.state();
        let Some(body) = state.arriving.get(&self.number) else { return Err(GaveWay) };
        let (length, room) = (body.bytes.len(), body.bytes.capacity());
        let needed = length + data.len();
        // Doubled as vectors do, but not past the longest body, and known before it is taken.
        let wanted = if needed <= room { room } else { needed.max(2 * room) };
        let wanted = wanted.min(self.bodies.body_bytes_max).max(needed);
        let charged = |bytes: &Vec<u8>| self.bodies.charged(bytes.capacity());
        let more = self.bodies.charged(wanted) - self.bodies.charged(room);
        while state.held + more > self.bodies.bytes_max {
            // Those that have no more than their own would make no room.
            let all = &mut state.arriving.iter();
            let number =
                all.find(|(number, one)| **number == self.number || charged(&one.bytes) > 0);
            let number = *number.expect("this one is among them").0;
            let oldest = state.arriving.remove(&number).expect("it was found just now");
            state.held -= charged(&oldest.bytes);
            if number == self.number {
                return Err(GaveWay);
            }
        }
        let State { held, arriving, .. } = &mut *state;
        let body = arriving.get_mut(&self.number).expect("it did not give way");
        body.bytes.reserve_exact(wanted - length);
        body.bytes.extend_from_slice(data);
        *held += charged(&body.bytes) - self.bodies.charged(room);
        Ok(())
    }

    /// Comes back once the body had to give way.
    pub(super) async fn gave_way(&mut self) -> GaveWay {
        // Nothing is ever sent: the other end is dropped.
        let _ = (&mut self.here).await;
        GaveWay
    }

    /// The body, now that all of it has come.
    pub(crate) fn finish(self) -> Result<Whole, GaveWay> {
        let body = self.bodies.state().arriving.remove(&self.number).ok_or(GaveWay)?;
        Ok(Whole { bodies: Arc::clone(&self.bodies), bytes: body.bytes })
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut state = self.bodies.state();
        if let Some(body) = state.arriving.remove(&self.number) {
            state.held -= self.bodies.charged(body.bytes.capacity());
        }
    }
}

impl Whole {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Runs `read` on the bytes where it may take long, after those that came before.
    ///
    /// The body and its place among the readers are given back when `read` ends, also where nobody
    /// waits for it any more.
    pub(super) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&[u8]) -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let readers = Arc::clone(&self.bodies.readers);
        let place = readers.acquire_owned().await.expect("nobody closes it");
        let reading = spawn_blocking(move || {
            let said = read(&self.bytes);
            drop((self, place));
            said
        });
        reading.await
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.bodies.state().held -= self.bodies.charged(self.bytes.capacity());
    }
}

#[cfg(test)]
mod tests;
