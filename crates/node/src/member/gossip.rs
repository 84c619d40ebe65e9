//! Transactions of this node's clients on their way to its peers, or to the nodes that it follows.
//!
//! Each is sent at once, and again while it waits here: a link that breaks, or a peer that comes later,
//! would lose it for good on a node that never leads. Invariant: what came from a peer is not passed
//! on, but where the news of what came were missed.

use crate::chain::{Added, Chain, Origin};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use terroir_ledger::Transaction;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

/// Most transactions that are taken from the news at a time.
const NEWS_MAX: usize = 256;
/// What waited for one such time, and for two at most, is sent again.
const AGAIN: Duration = Duration::from_secs(3);
/// Most transactions that are sent again at a time; others have their turn the next time.
const AGAIN_MAX: usize = 4_096;
/// Most that are remembered. Others are sent once.
const KEPT_MAX: usize = 1 << 16;

/// What was sent and may wait still.
#[derive(Default)]
struct Sent {
    /// Since [`AGAIN`] ago at least, the one that is sent next first.
    before: VecDeque<B256>,
    now: Vec<B256>,
}

impl Sent {
    fn keep(&mut self, some: &[Arc<Transaction>]) {
        let room = KEPT_MAX.saturating_sub(self.before.len() + self.now.len());
        self.now.extend(some.iter().take(room).map(|one| one.hash));
    }

    /// Those that waited long enough, of which `waits` gives what waits still.
    fn again(
        &mut self,
        waits: impl Fn(&B256) -> Option<Arc<Transaction>>,
    ) -> Vec<Arc<Transaction>> {
        self.before.retain(|hash| waits(hash).is_some());
        let count = self.before.len().min(AGAIN_MAX);
        let some: Vec<_> = self.before.iter().take(count).filter_map(&waits).collect();
        self.before.rotate_left(count);
        self.before.extend(self.now.drain(..));
        some
    }
}

/// Hands what clients bring from now on to `hand`, until that says that there is nobody to hand it to;
/// now and then it is asked with nothing. Must be called within a tokio runtime.
pub(crate) fn start<F, Fut>(chain: Arc<Chain>, hand: F)
where
    F: FnMut(Vec<Bytes>) -> Fut + Send + 'static,
    Fut: Future<Output = bool> + Send + 'static,
{
    // What comes before the task first runs is news, too.
    let added = chain.mempool().added();
    tokio::spawn(send(chain, hand, added));
}

async fn send<Fut: Future<Output = bool>>(
    chain: Arc<Chain>,
    mut hand: impl FnMut(Vec<Bytes>) -> Fut,
    mut added: Receiver<Added>,
) {
    let mut sent = Sent::default();
    let mut again = interval(AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let some = tokio::select! {
            news = added.recv() => {
                let Some(some) = news_of(&chain, news, &mut added) else { return };
                sent.keep(&some);
                some
            }
            _ = again.tick() => sent.again(|hash| chain.mempool().get(hash)),
        };
        if !hand(some.iter().map(|one| one.envelope.encoded_2718().into()).collect()).await {
            return;
        }
    }
}

/// What clients brought, from `news` on; `None` when there will be no more.
fn news_of(
    chain: &Chain,
    news: Result<Added, RecvError>,
    added: &mut Receiver<Added>,
) -> Option<Vec<Arc<Transaction>>> {
    let local = |one: Added| match one.origin {
        Origin::Local => chain.mempool().get(&one.hash),
        Origin::Peer => None,
    };
    let mut some = Vec::new();
    match news {
        Ok(one) => some.extend(local(one)),
        // What was missed waits there, if it is in no block yet.
        Err(RecvError::Lagged(_)) => {
            some.extend(chain.mempool().list(KEPT_MAX).into_iter().map(|(one, _)| one));
        }
        Err(RecvError::Closed) => return None,
    }
    while some.len() < NEWS_MAX
        && let Ok(one) = added.try_recv()
    {
        some.extend(local(one));
    }
    Some(some)
}

#[cfg(test)]
mod tests;
