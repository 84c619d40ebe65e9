//! Final blocks on their way to the host, in order. They lie in the engine's archives by then, on disk,
//! and stay there long enough for a host that loses the newest in a crash.

use crate::application::aside;
use crate::committee::{Digest, Scheme, digest};
use crate::error::Error;
use crate::states::{States, hash};
use crate::store;
use crate::wire::Wire;
use commonware_actor::Feedback;
use commonware_codec::Encode as _;
use commonware_consensus::marshal::Update;
use commonware_consensus::marshal::core::Mailbox;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex::types::Finalization;
use commonware_consensus::types::Height;
use commonware_consensus::{Heightable as _, Reporter};
use commonware_runtime::Spawner;
use commonware_utils::Acknowledgement as _;
use commonware_utils::acknowledgement::Exact;
use std::sync::Arc;
use terroir_ledger::Block;
use tokio::sync::mpsc;

/// Most blocks that are handed to the host at a time, and so many wait at most.
pub(crate) const BATCH: usize = 32;

/// The engine's store of blocks and certificates.
pub(crate) type Archive = Mailbox<Scheme, Standard<Wire>>;

/// Takes final blocks from the engine.
#[derive(Clone)]
pub(crate) struct Inbox(pub(crate) mpsc::UnboundedSender<(Arc<Block>, Exact)>);

impl Reporter for Inbox {
    type Activity = Update<Wire>;

    fn report(&mut self, update: Update<Wire>) -> Feedback {
        // A tip may be told before anything is durable: nothing follows from it.
        if let Update::Block(block, done) = update
            && self.0.send((block.inner().block.clone(), done)).is_err()
        {
            return Feedback::Closed;
        }
        Feedback::Ok
    }
}

/// The certificate of `block`, where `finalization` says of it what its seal says. The last block of
/// an epoch may be voted final in a later view than its own, and then has no certificate of the form
/// that light clients read.
fn certificate(block: &Block, finalization: &Finalization<Scheme, Digest>) -> Option<Vec<u8>> {
    let proposal = &finalization.proposal;
    let place = (proposal.round.view().get(), proposal.parent.get());
    let same = hash(&proposal.payload) == block.hash();
    let matches = same && place == (block.seal.view, block.seal.parent_view);
    matches.then(|| finalization.encode().to_vec())
}

/// Hands final blocks to the host until the engine stops, and tells `border` of the end of each
/// epoch: the digest of its last block.
///
/// Errors: whatever the host says, and final blocks that do not follow. They end this node's part.
pub(crate) async fn run<E: Spawner>(
    runtime: E,
    states: Arc<States>,
    archive: Archive,
    mut inbox: mpsc::UnboundedReceiver<(Arc<Block>, Exact)>,
    border: mpsc::UnboundedSender<Digest>,
) -> Result<(), Error> {
    while let Some(first) = inbox.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = inbox.try_recv()
        {
            batch.push(next);
        }
        let (blocks, done): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let before = states.tip().header.number;
        hand(&runtime, &states, &archive, blocks, &border).await?;
        done.into_iter().for_each(Exact::acknowledge);
        store::prune(&states.chain, &archive, before, states.tip().header.number);
    }
    Ok(())
}

/// Hands `blocks` to the host.
async fn hand<E: Spawner>(
    runtime: &E,
    states: &Arc<States>,
    archive: &Archive,
    blocks: Vec<Arc<Block>>,
    border: &mpsc::UnboundedSender<Digest>,
) -> Result<(), Error> {
    let before = states.epoch();
    let mut finals = Vec::with_capacity(blocks.len());
    for block in blocks {
        let found = archive.get_finalization(Height::new(block.header.number)).await;
        let certificate = found.and_then(|found| certificate(&block, &found));
        finals.push((block, certificate));
    }
    let worker = states.clone();
    aside(runtime, move || worker.finalize(finals)).await??;
    for epoch in before..states.epoch() {
        let last = (epoch + 1) * states.chain.epoch_blocks - 1;
        if let Some(hash) = states.final_hash(last)? {
            // Nobody hears it when this node is being stopped.
            let _ = border.send(digest(hash));
        }
    }
    Ok(())
}

/// Hands the host what the engine's store has and the host lacks: a crash came between the two, or
/// the host went back to an earlier copy.
pub(crate) async fn catch_up<E: Spawner>(
    runtime: &E,
    states: &Arc<States>,
    archive: &Archive,
    processed: u64,
) -> Result<(), Error> {
    let mut next = states.tip().header.number + 1;
    while next <= processed {
        let mut finals = Vec::new();
        while next <= processed && finals.len() < BATCH {
            let height = Height::new(next);
            let Some(block) = archive.get_block(height).await else {
                return Err(Error::Fork { number: next });
            };
            debug_assert_eq!(block.height(), height);
            let block = block.inner().block.clone();
            let found = archive.get_finalization(height).await;
            let certificate = found.and_then(|found| certificate(&block, &found));
            finals.push((block, certificate));
            next += 1;
        }
        let worker = states.clone();
        aside(runtime, move || worker.finalize(finals)).await??;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
