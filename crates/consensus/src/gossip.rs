//! Transactions between validators: a channel of its own, in frames of several.
//!
//! Whoever takes a transaction from a client sends it to all peers; nobody passes on what came from a
//! peer, as all validators are connected. Who sends much that is refused is not listened to for a
//! while, so that one peer's rubbish does not take the time of all others' transactions. Format and
//! limits: `docs/format/gossip.md`.

mod patience;

use crate::host::Host;
use alloy_primitives::Bytes;
use commonware_codec::{Decode as _, Encode as _, EncodeSize as _, RangeCfg};
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Spawner};
use std::sync::Arc;
use std::time::Duration;
use terroir_ledger::transaction::BYTES_MAX;
use tokio::sync::{Notify, mpsc};
use tracing::debug;

use crate::application::aside;
use crate::host::Received;
use patience::Patience;

/// Most bytes of a frame.
pub const FRAME_BYTES_MAX: usize = 256 << 10;
/// Most transactions of a frame.
pub const FRAME_TRANSACTIONS_MAX: usize = 4_096;
/// Bytes of the number of transactions of a frame.
const FRAME_LENGTH_BYTES: usize = 2;
/// Time between frames that a peer may send, in the long run.
pub(crate) const LEAST_BETWEEN: Duration = Duration::from_millis(8);
/// Time between two frames that this node sends.
const BETWEEN: Duration = Duration::from_millis(10);
/// Most transactions that wait to be sent; more are not sent, and wait in this node's own pool.
pub(crate) const WAITING_MAX: usize = 16_384;

/// Reads a frame: its transactions, not checked any further.
fn read(frame: impl commonware_codec::Buf) -> Result<Vec<Bytes>, commonware_codec::Error> {
    if frame.remaining() > FRAME_BYTES_MAX {
        return Err(commonware_codec::Error::InvalidLength(frame.remaining()));
    }
    let limits = (RangeCfg::new(1..=FRAME_TRANSACTIONS_MAX), RangeCfg::new(1..=BYTES_MAX));
    let frame = Vec::<bytes::Bytes>::decode_cfg(frame, &limits)?;
    Ok(frame.into_iter().map(Bytes::from).collect())
}

/// Takes as many of `first` and of what waits behind it as a frame holds; what is left over comes
/// first in the next.
fn frame(first: Bytes, waiting: &mut mpsc::Receiver<Bytes>) -> (Vec<bytes::Bytes>, Option<Bytes>) {
    let mut frame: Vec<bytes::Bytes> = vec![first.0];
    let mut size = FRAME_LENGTH_BYTES + frame[0].encode_size();
    while frame.len() < FRAME_TRANSACTIONS_MAX {
        let Ok(next) = waiting.try_recv() else {
            return (frame, None);
        };
        size += next.0.encode_size();
        if size > FRAME_BYTES_MAX {
            return (frame, Some(next));
        }
        frame.push(next.0);
    }
    (frame, None)
}

/// Sends what comes out of `waiting` to all peers.
pub(crate) async fn send<E: Spawner + Clock>(
    runtime: E,
    mut channel: impl Sender,
    mut waiting: mpsc::Receiver<Bytes>,
) {
    let mut left = None;
    loop {
        let first = match left.take() {
            Some(first) => first,
            None => match waiting.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let (frame, rest) = frame(first, &mut waiting);
        left = rest;
        channel.send(Recipients::All, frame.encode(), false);
        runtime.sleep(BETWEEN).await;
    }
}

/// Hands what peers send to the host, and wakes whoever waits for transactions.
///
/// A peer that sends what is no frame is blocked. Of one that has spent the [`Patience`] with it
/// frames are dropped unread.
pub(crate) async fn receive<E: Spawner + Clock, R: Receiver>(
    runtime: E,
    mut channel: R,
    mut blocker: impl Blocker<PublicKey = R::PublicKey>,
    host: Arc<dyn Host>,
    wake: Arc<Notify>,
) {
    let mut patience = Patience::default();
    while let Ok((peer, frame)) = channel.recv().await {
        if !patience.listens(&peer, runtime.current()) {
            continue;
        }
        match read(frame) {
            Ok(transactions) => {
                let host = host.clone();
                let work = move || host.receive(transactions);
                // An error here is the end of the runtime.
                let Received { new, refused } = aside(&runtime, work).await.unwrap_or_default();
                patience.spend(peer, refused, runtime.current());
                if new {
                    wake.notify_waiters();
                }
            }
            Err(why) => {
                commonware_p2p::block!(blocker, peer, %why, "no frame of transactions");
            }
        }
    }
    debug!("no more transactions from peers");
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, FRAME_BYTES_MAX, FRAME_TRANSACTIONS_MAX, frame, read};
    use alloy_primitives::Bytes;
    use commonware_codec::Encode as _;
    use tokio::sync::mpsc;

    fn encoded(transactions: &[Vec<u8>]) -> bytes::Bytes {
        let frame: Vec<_> = transactions.iter().cloned().map(bytes::Bytes::from).collect();
        frame.encode()
    }

    #[test]
    fn a_frame_beyond_any_limit_is_refused() {
        assert_eq!(read(encoded(&[vec![7; 3]])).unwrap(), [Bytes::from(vec![7; 3])]);
        let most = vec![vec![7]; FRAME_TRANSACTIONS_MAX];
        assert_eq!(read(encoded(&most)).unwrap().len(), FRAME_TRANSACTIONS_MAX);
        let large = vec![vec![7; BYTES_MAX]];
        assert_eq!(read(encoded(&large)).unwrap()[0].len(), BYTES_MAX);
        for wrong in [
            Vec::new(),
            vec![Vec::new()],
            vec![vec![7]; FRAME_TRANSACTIONS_MAX + 1],
            vec![vec![7; BYTES_MAX + 1]],
            vec![vec![7; FRAME_BYTES_MAX / 3]; 3],
        ] {
            assert!(read(encoded(&wrong)).is_err(), "{} transactions", wrong.len());
        }
        let longer = [&encoded(&[vec![7]])[..], &[0]].concat();
        assert!(read(bytes::Bytes::from(longer)).is_err());
        assert!(read(bytes::Bytes::from_static(&[2, 1, 7])).is_err());
        // One transaction, its number in a longer form than it needs.
        assert!(read(bytes::Bytes::from_static(&[0x81, 0x00, 1, 7])).is_err());
    }

    #[test]
    fn what_waits_is_sent_in_frames_that_peers_take() {
        let (sender, mut waiting) = mpsc::channel(16);
        for size in [BYTES_MAX, BYTES_MAX, BYTES_MAX, 5] {
            sender.try_send(Bytes::from(vec![7; size])).unwrap();
        }
        let mut sizes = Vec::new();
        let mut left = waiting.try_recv().ok();
        while let Some(first) = left {
            let (taken, rest) = frame(first, &mut waiting);
            sizes.push(read(taken.encode()).unwrap().len());
            left = rest;
        }
        assert_eq!(sizes, [1, 1, 2]);
    }
}
