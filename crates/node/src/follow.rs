//! A chain followed without a seat: final blocks fetched over JSON-RPC from any node, none believed.
//!
//! Each block names the one before by its hash, so a certificate of one shows that all before it are
//! final. Whose signatures it needs follows from the state that this node executed itself, and the
//! first state from the genesis file. For `terroir node run` with `[follow]`; why so:
//! `docs/decision/0015-followers-fetch-over-json-rpc.md`. Invariant: a block is kept only if a
//! certificate covers it and this node came to the same roots.

mod ahead;
mod offer;

use crate::chain::{Certified, Chain, Tip};
use crate::clock::{Moment, pause};
use crate::error::Error;
use crate::rpc::{BLOCKS_MAX, Blocks, Client};
use ahead::{Ahead, Read};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use terroir_ledger::native::staking::{Seated, seats_of};
use terroir_ledger::{Block, Error as Ledger, Executed, Parent, Transaction, verify};
use terroir_proof::finality::{Light, SeatKeys};
use tracing::{error, info, warn};

/// Pause after a node had nothing new.
const PAUSE: Duration = Duration::from_millis(200);
/// Pause after a node was refused.
const REST: Duration = Duration::from_secs(1);
/// How long a node is asked before the next one is.
const PATIENCE: Patience = Patience {
    still: Duration::from_secs(10),
    turn: Duration::from_secs(60),
    behind: Duration::from_secs(60),
};

/// How long a node is asked.
#[derive(Clone, Copy)]
struct Patience {
    /// Without a new block.
    still: Duration,
    /// In all, while the newest block is older than `behind`: who gives true blocks a little at a time
    /// would hide the end of the chain for ever, and asking another costs nothing.
    turn: Duration,
    behind: Duration,
}

/// A thread that follows.
pub(crate) struct Following {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Who follows.
struct Follower {
    chain: Arc<Chain>,
    sources: Vec<Client>,
    patience: Patience,
}

/// Why an answer is of no use.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// The node does not answer, or not as it should.
    #[error(transparent)]
    Remote(Error),
    /// What it says is not so.
    #[error("{address}: block {number}: {why}")]
    Block { address: String, number: u64, why: String },
    /// A fault of this machine, whatever the node says.
    #[error(transparent)]
    Here(crate::chain::Error),
}

impl From<crate::chain::Error> for Refused {
    fn from(error: crate::chain::Error) -> Refused {
        Refused::Here(error)
    }
}

impl Following {
    /// Follows the chain of the nodes at `sources`, of which there is one at least. Must be called
    /// within a tokio runtime, whose tasks hand the transactions of clients on.
    ///
    /// Errors: `Setup` where there is no thread.
    pub fn start(chain: Arc<Chain>, sources: &[String]) -> Result<Following, Error> {
        let sources = sources.iter().map(|url| Client::new(url)).collect();
        let follower = Follower { chain, sources, patience: PATIENCE };
        let stop = Arc::new(AtomicBool::new(false));
        for source in &follower.sources {
            offer::start(follower.chain.clone(), source.clone(), stop.clone());
        }
        let told = Arc::clone(&stop);
        let run = move || {
            if let Err(why) = follower.run(&told) {
                error!(%why, "following ends");
            }
        };
        let thread = std::thread::Builder::new().name("follow".to_owned());
        let thread = thread.spawn(run).map_err(Error::Setup)?;
        Ok(Following { stop, thread })
    }

    /// Why it ended by itself, if it did.
    pub fn failure(&self) -> Option<String> {
        self.thread
            .is_finished()
            .then(|| "it can follow no longer: its log has the reason".to_owned())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // A request that is under way ends with the process: what is kept is whole at any moment.
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Follower {
    /// Fetches until `stop` is set. A node that is refused, or whose time is over, gives way to the next.
    ///
    /// Errors: `Chain`, for faults of this machine alone.
    fn run(&self, stop: &AtomicBool) -> Result<(), Error> {
        for source in self.sources.iter().cycle() {
            info!(source = source.url(), block = self.chain.tip().header.number, "following");
            let (mut ahead, begun) = (Ahead::default(), Moment::now());
            let mut moved = begun;
            while !self.is_over(&begun, &moved) {
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                match self.fetch(source, &mut ahead) {
                    Ok(true) => moved = Moment::now(),
                    Ok(false) => pause(PAUSE),
                    Err(Refused::Here(error)) => return Err(error.into()),
                    Err(why) => {
                        warn!(%why, "refused; the next node is asked");
                        pause(REST);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the time of a node is over that is asked since `begun`, and gave something new at `moved`.
    fn is_over(&self, begun: &Moment, moved: &Moment) -> bool {
        let (now, Patience { still, turn, behind }) = (Moment::now(), self.patience);
        let age = now.unix_ms().saturating_sub(self.chain.tip().seal.time_ms);
        let is_behind = Duration::from_millis(age) >= behind;
        now.since(moved) > still || is_behind && now.since(begun) > turn
    }

    /// Asks `source` once for what comes after `ahead`, and keeps what is covered then; whether there
    /// was anything new.
    fn fetch(&self, source: &Client, ahead: &mut Ahead) -> Result<bool, Refused> {
        let refuse = |(number, why): (u64, String)| Self::refuse(source, number, why);
        let tip = self.chain.tip();
        let params = json!([format!("{:#x}", ahead.next(&tip)), format!("{BLOCKS_MAX:#x}")]);
        let Blocks { 0: sent } = source.read("terroir_blocks", params).map_err(Refused::Remote)?;
        let new = !sent.is_empty();
        ahead.extend(&tip, sent).map_err(refuse)?;
        loop {
            let tip = self.chain.tip();
            let epoch = |number| self.chain.chain().epoch(number);
            // The state names the committee of the epoch after that of the next block.
            let known = epoch(tip.header.number + 1) + 1;
            let covered = ahead.covered(known, epoch).map_err(refuse)?;
            match covered.split_last() {
                Some((last, before)) => self.take(source, &tip, before, last)?,
                None => return Ok(new),
            }
        }
    }

    fn refuse(source: &Client, number: u64, why: impl ToString) -> Refused {
        Refused::Block { address: source.url().to_owned(), number, why: why.to_string() }
    }

    /// Checks the certificate of `last`, executes it and those `before` it, and keeps them.
    fn take(
        &self,
        source: &Client,
        tip: &Tip,
        before: &[Read],
        last: &Read,
    ) -> Result<(), Refused> {
        let certificate = last.certificate.as_ref().map_or(&[][..], |bytes| &bytes[..]);
        self.check(source, tip, &Self::decode(source, last)?, certificate)?;
        let executed = self.execute(source, tip, before.iter().chain([last]))?;
        // The others' certificates were not looked at.
        let place = executed.len() - 1;
        let certified = executed.iter().enumerate();
        let certified = certified.map(|(at, one)| (one, (at == place).then_some(certificate)));
        self.chain.commit_all(&certified.collect::<Vec<Certified<'_>>>())?;
        Ok(())
    }

    fn decode(source: &Client, read: &Read) -> Result<Block, Refused> {
        Block::decode(&read.block).map_err(|why| Self::refuse(source, read.number, why))
    }

    /// Refuses `block` unless `certificate` makes it final. Its epoch is one whose committee `tip` knows.
    fn check(
        &self,
        source: &Client,
        tip: &Tip,
        block: &Block,
        certificate: &[u8],
    ) -> Result<(), Refused> {
        let number = block.header.number;
        let epoch = self.chain.chain().epoch(number);
        let seats = seats_of(&tip.view, epoch).map_err(crate::chain::Error::from)?;
        let seat = |seat: &Seated| -> Option<SeatKeys> {
            Some((seat.key.0, seat.vote_key.as_slice().try_into().ok()?))
        };
        let seats: Option<Vec<SeatKeys>> = seats.iter().map(seat).collect();
        let seats = seats.ok_or_else(|| {
            crate::chain::Error::Ledger(Ledger::Store(format!("a committee of epoch {epoch}")))
        })?;
        let (header, seal) = (alloy_rlp::encode(&block.header), alloy_rlp::encode(&block.seal));
        Light::at(&self.chain.genesis().0, epoch, &seats)
            .and_then(|mut light| light.check(&header, &seal, certificate))
            .map(drop)
            .map_err(|why| Self::refuse(source, number, why))
    }

    /// Executes `blocks` after `tip`.
    fn execute<'a>(
        &self,
        source: &Client,
        tip: &Tip,
        blocks: impl Iterator<Item = &'a Read>,
    ) -> Result<Vec<Executed>, Refused> {
        let chain = self.chain.chain();
        let mut done: Vec<Executed> = Vec::new();
        let mut view = tip.view.clone();
        for read in blocks {
            let (number, block) = (read.number, Self::decode(source, read)?);
            let refuse = |why: &dyn std::fmt::Display| Self::refuse(source, number, why);
            let sent = block.transactions.iter();
            let sent = sent.map(|one| Transaction::check(one.clone(), chain.id));
            let transactions = sent.collect::<Result<Vec<_>, _>>().map_err(|why| refuse(&why))?;
            let parent = match done.last() {
                None => tip.parent(),
                Some(before) => Parent {
                    header: &before.block.header,
                    seal: &before.block.seal,
                    hash: before.hash,
                    view: &view,
                },
            };
            let executed =
                verify(chain, &parent, &block, &transactions).map_err(|why| match why {
                    Ledger::Store(_) | Ledger::Node(_) => Refused::Here(why.into()),
                    verdict => refuse(&verdict),
                })?;
            view = executed.view.clone();
            done.push(executed);
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
