//! Transactions of this node's clients, on their way to the nodes that it follows.
//!
//! Each of them is offered all that waits, again and again, and none waits for another. Invariant: one
//! that does not answer, or says yes and forgets, loses nothing.

use crate::chain::Chain;
use crate::member::gossip;
use crate::rpc::{BATCH_MAX, Client};
use alloy_primitives::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::warn;

/// Most bytes of transactions in a request, unless one alone has more; as digits they are within what
/// nodes take, 1 MiB.
const REQUEST_BYTES_MAX: usize = 384 << 10;

/// Offers what clients bring from now on to `source`, until `stop` is set.
pub(super) fn start(chain: Arc<Chain>, source: Client, stop: Arc<AtomicBool>) {
    gossip::start(chain, move |some| {
        let (source, stop) = (source.clone(), stop.clone());
        async move {
            let told = stop.clone();
            let offered = tokio::task::spawn_blocking(move || offer(&source, &some, &stop));
            // What panics here has said so, and is tried again.
            let _ = offered.await;
            !told.load(Ordering::Relaxed)
        }
    });
}

/// Offers all of `some`; the rest has to wait for the next time where a request fails.
fn offer(source: &Client, some: &[Bytes], stop: &AtomicBool) {
    let mut rest = some;
    while !rest.is_empty() && !stop.load(Ordering::Relaxed) {
        let (part, after) = rest.split_at(fit(rest));
        let calls: Vec<Value> = part.iter().map(|bytes| json!([bytes])).collect();
        // What it says of single ones is mostly that it has them already.
        if let Err(why) = source.batch::<IgnoredAny>("eth_sendRawTransaction", &calls) {
            warn!(%why, "transactions are not taken");
            return;
        }
        rest = after;
    }
}

/// How many of the first ones a request has.
fn fit(some: &[Bytes]) -> usize {
    let mut bytes = 0;
    let fits = some.iter().take(BATCH_MAX).take_while(|one| {
        bytes += one.len();
        bytes <= REQUEST_BYTES_MAX
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::{BATCH_MAX, REQUEST_BYTES_MAX, fit};
    use alloy_primitives::Bytes;

    #[test]
    fn a_request_has_as_many_as_nodes_take() {
        let of = |count: usize, bytes: usize| fit(&vec![Bytes::from(vec![0; bytes]); count]);
        assert_eq!((of(7, 100), of(BATCH_MAX + 1, 100)), (7, BATCH_MAX));
        assert_eq!((of(4, REQUEST_BYTES_MAX / 2), of(2, REQUEST_BYTES_MAX + 1)), (2, 1));
    }
}
