//! Messages of the next epoch that come before its engine is there.
//!
//! Nodes see the end of an epoch some milliseconds apart. Votes are sent once, and without the first
//! ones of an epoch its first views would pass in vain.

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Message, Receiver};
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use tokio::sync::mpsc;

/// Most bytes that are kept of a channel.
const BYTES_MAX: usize = 1 << 20;
/// What a message costs beside its bytes.
const MESSAGE_BYTES: usize = 256;

/// A message, and the epoch that it is of.
pub(crate) type Elsewhere = (u64, Message<PublicKey>);

/// What came on one channel for epochs without an engine here.
pub(crate) struct Early {
    pub(crate) arriving: mpsc::Receiver<Elsewhere>,
    kept: VecDeque<Message<PublicKey>>,
    bytes: usize,
}

impl Early {
    pub(crate) fn new(arriving: mpsc::Receiver<Elsewhere>) -> Early {
        Early { arriving, kept: VecDeque::new(), bytes: 0 }
    }

    /// Keeps a message of the next epoch, while there is room.
    pub(crate) fn keep(&mut self, message: Message<PublicKey>) {
        let size = message.1.len() + MESSAGE_BYTES;
        if self.bytes + size <= BYTES_MAX {
            self.bytes += size;
            self.kept.push_back(message);
        }
    }

    /// What was kept for `epoch`, which has an engine now, and then what comes for it.
    pub(crate) fn before<R>(&mut self, epoch: u64, rest: R) -> Resumed<R> {
        while let Ok((theirs, message)) = self.arriving.try_recv() {
            if theirs == epoch {
                self.keep(message);
            }
        }
        self.bytes = 0;
        Resumed { first: std::mem::take(&mut self.kept), rest }
    }
}

/// A channel that gives what was kept first.
#[derive(Debug)]
pub(crate) struct Resumed<R> {
    first: VecDeque<Message<PublicKey>>,
    rest: R,
}

impl<R: Receiver<PublicKey = PublicKey>> Receiver for Resumed<R> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        match self.first.pop_front() {
            Some(message) => Ok(message),
            None => self.rest.recv().await,
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.rest.capacity()
    }
}
