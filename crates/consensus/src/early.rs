//! Messages of the next epoch that come before its engine is there.
//!
//! Nodes see the end of an epoch some milliseconds apart. Votes are sent once, and without the first
//! ones of an epoch its first views would pass in vain.

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Message, Receiver};
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use tokio::sync::mpsc;

/// Most bytes that are kept of a channel.
const BYTES_MAX: usize = 1 << 20;
/// Most bytes of one peer among them, so that nobody takes the room of others: the votes of some dozen
/// views.
const PEER_BYTES_MAX: usize = 32 << 10;
/// What a message costs beside its bytes.
const MESSAGE_BYTES: usize = 256;

/// A message, and the epoch that it is of.
pub(crate) type Elsewhere = (u64, Message<PublicKey>);

/// What came on one channel for epochs without an engine here.
pub(crate) struct Early {
    pub(crate) arriving: mpsc::Receiver<Elsewhere>,
    kept: VecDeque<Message<PublicKey>>,
    bytes: usize,
    bytes_of: HashMap<PublicKey, usize>,
}

impl Early {
    pub(crate) fn new(arriving: mpsc::Receiver<Elsewhere>) -> Early {
        Early { arriving, kept: VecDeque::new(), bytes: 0, bytes_of: HashMap::new() }
    }

    /// Keeps a message of the next epoch, while there is room for its sender.
    pub(crate) fn keep(&mut self, message: Message<PublicKey>) {
        let size = message.1.len() + MESSAGE_BYTES;
        let theirs = self.bytes_of.entry(message.0.clone()).or_default();
        if self.bytes + size <= BYTES_MAX && *theirs + size <= PEER_BYTES_MAX {
            self.bytes += size;
            *theirs += size;
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
        self.bytes_of.clear();
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

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, Early, MESSAGE_BYTES, PEER_BYTES_MAX};
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
    use commonware_p2p::Message;
    use tokio::sync::mpsc;

    fn message_of(peer: u64, byte: u8, size: usize) -> Message<super::PublicKey> {
        (PrivateKey::from_seed(peer).public_key(), vec![byte; size].into())
    }

    fn message(byte: u8, size: usize) -> Message<super::PublicKey> {
        message_of(1, byte, size)
    }

    #[test]
    fn messages_of_the_next_epoch_come_first_and_in_order() {
        let (sender, arriving) = mpsc::channel(8);
        let mut early = Early::new(arriving);
        early.keep(message(1, 3));
        for (epoch, byte) in [(4, 2), (5, 9), (3, 9), (4, 3)] {
            sender.try_send((epoch, message(byte, 3))).unwrap();
        }
        let resumed = early.before(4, ());
        let bytes: Vec<u8> = resumed.first.iter().map(|(_, bytes)| bytes.as_ref()[0]).collect();
        assert_eq!(bytes, [1, 2, 3]);
        assert_eq!(early.before(5, ()).first.len(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_in_number() {
        let mut early = Early::new(mpsc::channel(1).1);
        early.keep(message(1, PEER_BYTES_MAX));
        early.keep(message(2, PEER_BYTES_MAX - MESSAGE_BYTES));
        early.keep(message(3, 0));
        // One who takes all of its room leaves that of others.
        early.keep(message_of(2, 4, 0));
        assert_eq!(early.before(1, ()).first.len(), 2);
        for peer in 0..2 * (BYTES_MAX / PEER_BYTES_MAX) as u64 {
            for _ in 0..2 * PEER_BYTES_MAX / MESSAGE_BYTES {
                early.keep(message_of(peer, 5, 0));
            }
        }
        assert_eq!(early.before(2, ()).first.len(), BYTES_MAX / MESSAGE_BYTES);
    }
}
