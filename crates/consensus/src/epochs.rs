//! Epochs: one engine for each, with the committee that the state names.
//!
//! When the last block of an epoch is final and the host has it, the engine of the epoch stops and
//! the next one starts on that block. A node that hears votes of a later epoch than its own asks
//! whoever sent them for the end of its own, and so follows however late it comes.

use crate::committee::{Committees, Digest, Scheme};
use crate::deliver::Archive;
use crate::early::Early;
use crate::evidence::Witness;
use crate::host::Host;
use crate::start::{Decider, Parts};
use commonware_consensus::Reporters;
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::simplex::{self, Engine, Floor, ForwardPolicy, SkipBudget, SkipPolicy};
use commonware_consensus::types::{Epoch, Epocher as _, FixedEpocher, ViewDelta};
use commonware_cryptography::Sha256;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::utils::mux::MuxHandle;
use commonware_p2p::{Blocker, Manager, Sender, TrackedPeers};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage};
use commonware_utils::ordered::Set;
use commonware_utils::{NZDuration, NZUsize, vec::NonEmptyVec};
use rand_core::CryptoRng;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::{info, warn};

/// How long a view waits for its leader's block.
pub const LEADER_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How long a view waits until a block is certified.
const CERTIFICATION_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How often votes to skip a view are sent again.
const RETRY: Duration = Duration::from_millis(1_500);
/// Views of a leader that was not heard for so long are skipped at once.
const SKIP_TIMEOUT: Duration = Duration::from_millis(3_000);
/// Views below the newest final one of which votes are kept: so far back a contradiction is seen.
const VIEWS_KEPT: u64 = 64;

/// What starts and stops engines.
pub(crate) struct Epochs<E, B, M, T>
where
    E: Clock + Spawner + Storage + Metrics,
    T: Sender,
{
    pub(crate) runtime: E,
    pub(crate) blocker: B,
    pub(crate) manager: M,
    pub(crate) followers: Vec<PublicKey>,
    pub(crate) parts: Parts,
    pub(crate) decider: Decider<E>,
    pub(crate) archive: Archive,
    pub(crate) epocher: FixedEpocher,
    pub(crate) votes: MuxHandle<T>,
    pub(crate) early_votes: Early,
    pub(crate) certificates: MuxHandle<T>,
    pub(crate) early_certificates: Early,
    pub(crate) fetches: MuxHandle<T>,
    pub(crate) cache: CacheRef,
}

impl<E, B, M, T> Epochs<E, B, M, T>
where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
    B: Blocker<PublicKey = PublicKey>,
    M: Manager<PublicKey = PublicKey>,
    T: Sender<PublicKey = PublicKey>,
{
    /// Runs the engine of `epoch`, which begins after the block `floor`, and those after it.
    pub(crate) async fn run(
        mut self,
        mut epoch: u64,
        mut floor: Digest,
        mut borders: mpsc::UnboundedReceiver<Digest>,
    ) {
        loop {
            let Some(engine) = self.enter(epoch, floor).await else {
                return;
            };
            if let Some(before) = epoch.checked_sub(1) {
                // Nobody starts that epoch's engine again, so its votes are never needed.
                let _ = self.runtime.remove(&self.parts.partition(before), None).await;
            }
            floor = loop {
                let heard = tokio::select! {
                    biased;
                    border = borders.recv() => match border {
                        Some(border) => break border,
                        None => return,
                    },
                    heard = self.early_votes.arriving.recv() => {
                        heard.map(|heard| (heard, &mut self.early_votes))
                    }
                    heard = self.early_certificates.arriving.recv() => {
                        heard.map(|heard| (heard, &mut self.early_certificates))
                    }
                };
                let Some(((theirs, message), early)) = heard else {
                    return;
                };
                let peer = message.0.clone();
                if theirs == epoch + 1 {
                    early.keep(message);
                }
                self.hear(epoch, theirs, peer);
            };
            engine.abort();
            let _ = engine.await;
            epoch += 1;
        }
    }

    /// `peer` sent something of the epoch `theirs`: if that is a later one, it knows how this one ended.
    fn hear(&self, epoch: u64, theirs: u64, peer: PublicKey) {
        // The store asks for what it lacks, and once at a time.
        if theirs > epoch
            && let Some(last) = self.epocher.last(Epoch::new(epoch))
        {
            self.archive.hint_finalized(last, NonEmptyVec::new(peer));
        }
    }

    async fn enter(&mut self, epoch: u64, floor: Digest) -> Option<Handle<()>> {
        let committees = self.parts.committees.clone();
        self.track(&committees, epoch);
        let Some(scheme) = committees.scheme_of(epoch) else {
            warn!(epoch, "no committee is known");
            return None;
        };
        let (sender, receiver) = self.votes.register(epoch).await.ok()?;
        let votes = (sender, self.early_votes.before(epoch, receiver));
        let (sender, receiver) = self.certificates.register(epoch).await.ok()?;
        let certificates = (sender, self.early_certificates.before(epoch, receiver));
        let fetches = self.fetches.register(epoch).await.ok()?;
        info!(epoch, seats = committees.seats(epoch).len(), "an epoch begins");
        let config = self.config(epoch, floor, scheme);
        let engine =
            Engine::new(self.runtime.child("engine").with_attribute("epoch", epoch), config);
        Some(engine.start(votes, certificates, fetches))
    }

    /// Peers of an epoch: both committees that are known by then, so that whoever joins is connected
    /// before it votes. All nodes must name the same ones.
    fn track(&mut self, committees: &Committees, epoch: u64) {
        let seats = [committees.seats(epoch), committees.seats(epoch + 1)].concat();
        let primary = Set::from_iter_dedup(seats);
        let secondary = Set::from_iter_dedup(self.followers.iter().cloned());
        self.manager.track(epoch, TrackedPeers::new(primary, secondary));
    }

    #[expect(clippy::type_complexity, reason = "the engine has so many parts")]
    fn config(
        &self,
        epoch: u64,
        floor: Digest,
        scheme: Scheme,
    ) -> simplex::Config<
        Scheme,
        RoundRobin<Sha256>,
        B,
        Digest,
        Decider<E>,
        Decider<E>,
        Reporters<Witness<E>, Decider<E>>,
        Sequential,
    > {
        let host: Arc<dyn Host> = self.parts.host.clone();
        let random = Arc::new(Mutex::new(self.runtime.child("witness")));
        let witness = Witness { random, scheme: scheme.clone(), host };
        simplex::Config {
            scheme,
            // Seat (epoch + view) mod seats, as the ledger has it; a test compares them.
            elector: RoundRobin::default(),
            blocker: self.blocker.clone(),
            automaton: self.decider.clone(),
            relay: self.decider.clone(),
            reporter: (witness, self.decider.clone()).into(),
            track_historical_votes: true,
            strategy: Sequential,
            partition: self.parts.partition(epoch),
            mailbox_size: NZUsize!(1_024),
            epoch: Epoch::new(epoch),
            floor: Floor::Genesis(floor),
            replay_buffer: NZUsize!(1 << 20),
            write_buffer: NZUsize!(1 << 18),
            page_cache: self.cache.clone(),
            leader_timeout: LEADER_TIMEOUT,
            certification_timeout: CERTIFICATION_TIMEOUT,
            timeout_retry: RETRY,
            view_retention: ViewDelta::new(VIEWS_KEPT),
            skip: SkipPolicy::Enabled { timeout: SKIP_TIMEOUT, budget: SkipBudget::Participants },
            fetch_timeout: NZDuration!(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(100),
            forward: ForwardPolicy::Disabled,
        }
    }
}
