//! Blocks proposed and verified: where the engine asks, and the ledger answers.

use crate::states::{Head, Known, States};
use crate::wire::{Context, Wire};
use commonware_consensus::Application as EngineApplication;
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_cryptography::Digested;
use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use commonware_utils::SystemTimeExt as _;
use futures_util::StreamExt as _;
use futures_util::future::pending;
use std::sync::Arc;
use std::time::Duration;
use terroir_ledger::{Block, Error as Ledger, Place};
use tokio::sync::Notify;
use tracing::{debug, error, warn};

use crate::committee::Scheme;
use crate::error::Error;

/// A block whose time is further ahead of this node's clock is not voted for before it is not.
pub const AHEAD_MS: u64 = 500;
/// Nobody waits longer than this for such a block.
const WAIT_MS: u64 = 60_000;

/// Most milliseconds that a leader lets pass in which it could propose.
pub const IDLE_MS_MAX: u64 = 1_000;

/// How fast blocks follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Least milliseconds between a block and its parent.
    pub block_ms: u64,
    /// Milliseconds after which a block is proposed although nothing waits to be in it. It must be well
    /// below [`crate::LEADER_TIMEOUT`]: [`IDLE_MS_MAX`] at most, together with `block_ms`.
    pub idle_ms: u64,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { block_ms: 50, idle_ms: 500 }
    }
}

/// What the engine asks about blocks.
#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) states: Arc<States>,
    pub(crate) pace: Pace,
    /// Told when transactions arrive.
    pub(crate) wake: Arc<Notify>,
}

/// Runs what may take long beside the engine's tasks. Errors: `Stopped`.
pub(crate) async fn aside<E: Spawner, T: Send + 'static>(
    runtime: &E,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let handle = runtime.child("aside").shared(true).spawn(move |_| async move { work() });
    handle.await.map_err(|_| Error::Stopped)
}

/// Whether an error is a verdict about the block, and not a fault of this machine.
fn verdict(why: &Error) -> bool {
    use Ledger::{Block, Malformed, Refused, Transaction};
    matches!(why, Error::Ledger(Block { .. } | Malformed(_) | Refused(_) | Transaction { .. }))
}

impl Application {
    /// The state after `block`, for which its ancestors are executed where that is not done yet;
    /// `None` where it cannot become final or is not to be had.
    async fn state<E: Spawner>(
        &self,
        runtime: &E,
        mut block: Wire,
        mut ancestry: impl Ancestry<Wire>,
    ) -> Result<Option<Head>, Error> {
        let hash = block.block.hash();
        if self.states.far(block.block.header.number) {
            return Ok(None);
        }
        let mut missing: Vec<Arc<Block>> = Vec::new();
        loop {
            let (number, at) = (block.block.header.number, block.block.hash());
            match self.states.known(number, at)? {
                Known::State => break,
                Known::Past | Known::Dead => {
                    // What was missing a moment ago may have become final on the way back.
                    let Some(newest) = self.newest(&missing)? else {
                        return Ok(None);
                    };
                    missing.truncate(newest);
                    break;
                }
                Known::Nothing => missing.push(block.block),
            }
            let Some(parent) = ancestry.next().await else {
                return Ok(None);
            };
            block = parent.inner().clone();
        }
        let states = self.states.clone();
        let work = move || {
            for block in missing.iter().rev() {
                if !states.execute(block)? {
                    return Ok(None);
                }
            }
            Ok(states.head(hash))
        };
        aside(runtime, work).await?
    }

    /// Where in `blocks`, the newest first, the newest is whose state is known.
    fn newest(&self, blocks: &[Arc<Block>]) -> Result<Option<usize>, Error> {
        for (at, block) in blocks.iter().enumerate() {
            if self.states.known(block.header.number, block.hash())? == Known::State {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Waits until a block may follow `parent`, and then for something to be in it.
    async fn candidates<E: Spawner + Clock>(
        &self,
        runtime: &E,
        parent: &Head,
    ) -> Result<Vec<terroir_ledger::Transaction>, Error> {
        let before = parent.seal.time_ms;
        let now = runtime.current().epoch_millis();
        let earliest = before.saturating_add(self.pace.block_ms);
        // A parent may be ahead of this clock, by so much and no more.
        let wait = earliest.saturating_sub(now).min(AHEAD_MS + self.pace.block_ms);
        runtime.sleep(Duration::from_millis(wait)).await;
        let idle = runtime.sleep(Duration::from_millis(self.pace.idle_ms));
        tokio::pin!(idle);
        loop {
            let woken = self.wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let (states, view) = (self.states.clone(), parent.view.clone());
            let found = aside(runtime, move || states.host.candidates(&view)).await?;
            if !found.is_empty() {
                return Ok(found);
            }
            tokio::select! {
                biased;
                () = &mut woken => {}
                () = &mut idle => return Ok(found),
            }
        }
    }

    async fn build<E: Spawner + Clock>(
        &self,
        runtime: &E,
        context: &Context,
        parent: Wire,
        ancestry: impl Ancestry<Wire>,
    ) -> Result<Option<Wire>, Error> {
        let Some(parent) = self.state(runtime, parent, ancestry).await? else {
            return Ok(None);
        };
        let candidates = self.candidates(runtime, &parent).await?;
        let now = runtime.current().epoch_millis();
        let time_ms = now.max(parent.seal.time_ms.saturating_add(1));
        let place = Place { view: context.round.view().get(), time_ms };
        let states = self.states.clone();
        let work = move || states.build(&parent, &place, &candidates);
        aside(runtime, work).await?.map(Some)
    }

    /// Whether `block` follows; `None` where nobody can tell.
    async fn check<E: Spawner + Clock>(
        &self,
        runtime: &E,
        block: Wire,
        mut ancestry: impl Ancestry<Wire>,
    ) -> Result<Option<bool>, Error> {
        let block = block.block;
        match self.states.known(block.header.number, block.hash())? {
            Known::State | Known::Past => return Ok(Some(true)),
            Known::Dead => return Ok(Some(false)),
            Known::Nothing => {}
        }
        if self.states.far(block.header.number) {
            return Ok(None);
        }
        let Some(parent) = ancestry.next().await else {
            return Ok(None);
        };
        let parent = parent.inner().clone();
        if self.state(runtime, parent, ancestry).await?.is_none() {
            // It may have become final meanwhile.
            return Ok(match self.states.known(block.header.number, block.hash())? {
                Known::State | Known::Past => Some(true),
                Known::Dead => Some(false),
                Known::Nothing => None,
            });
        }
        let now = runtime.current().epoch_millis();
        let early = block.seal.time_ms.saturating_sub(now.saturating_add(AHEAD_MS));
        if early > WAIT_MS {
            return Ok(None);
        }
        runtime.sleep(Duration::from_millis(early)).await;
        let states = self.states.clone();
        let executed = aside(runtime, move || states.execute(&block)).await??;
        Ok(executed.then_some(true))
    }
}

impl<E> EngineApplication<E> for Application
where
    E: Spawner + Metrics + Clock + Storage,
{
    type SigningScheme = Scheme;
    type Context = Context;
    type Block = Wire;
    type Input = ();

    async fn propose(
        &mut self,
        (runtime, context): (E, Context),
        mut ancestry: impl Ancestry<Wire>,
        (): (),
    ) -> Option<Digested<Wire>> {
        let parent = ancestry.next().await?.inner().clone();
        match self.build(&runtime, &context, parent, ancestry).await {
            Ok(built) => built.map(Wire::digested),
            Err(why) => {
                error!(round = %context.round, %why, "no block is proposed");
                None
            }
        }
    }

    async fn verify(
        &mut self,
        (runtime, context): (E, Context),
        mut ancestry: impl Ancestry<Wire>,
    ) -> bool {
        let Some(block) = ancestry.next().await else {
            return pending().await;
        };
        match self.check(&runtime, block.inner().clone(), ancestry).await {
            Ok(Some(holds)) => holds,
            Ok(None) => {
                debug!(round = %context.round, "a block cannot be judged");
                pending().await
            }
            Err(why) if verdict(&why) => {
                warn!(round = %context.round, %why, "a block is refused");
                false
            }
            Err(why) => {
                error!(round = %context.round, %why, "a block cannot be verified");
                pending().await
            }
        }
    }
}

#[cfg(test)]
mod tests;
