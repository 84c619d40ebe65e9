//! The parts of a node wired together, over any runtime and network of the engine's.
//!
//! One function, so that the simulator runs what production runs. Order: archives, dissemination,
//! the store of final blocks, the application, then the epochs' engines.

use crate::application::{Application, IDLE_MS_MAX, Pace};
use crate::committee::{Committees, Digest, Scheme};
use crate::deliver::{self, Inbox};
use crate::early::Early;
use crate::epochs::Epochs;
use crate::error::Error;
use crate::gossip;
use crate::host::Host;
use crate::keys::Keys;
use crate::states::States;
use crate::store;
use crate::wire::Wire;
use alloy_primitives::Bytes;
use commonware_broadcast::buffered;
use commonware_codec::DecodeExt as _;
use commonware_consensus::marshal::resolver::handler::Receiver as Requests;
use commonware_consensus::marshal::resolver::p2p as resolver;
use commonware_consensus::marshal::standard::Deferred;
use commonware_consensus::types::FixedEpocher;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::utils::mux::{Builder as _, MuxHandle, Muxer};
use commonware_p2p::{Blocker, Manager, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Clock, Handle, Metrics, Quota, Spawner, Storage};
use commonware_utils::{NZDuration, NZU16, NZU32, NZUsize};
use rand_core::CryptoRng;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use terroir_ledger::{Block, Chain};
use tokio::sync::{Notify, mpsc};
use tracing::error;

/// Channels of the network, by their numbers: votes, certificates, requests for certificates,
/// blocks, requests for blocks, transactions.
pub const CHANNELS: usize = 6;
/// Time between messages that a peer may send on a channel of the engine, in the long run.
const BETWEEN: Duration = Duration::from_millis(1);
/// Messages that a peer may send at once. The network has room for so many of every peer that there
/// can be, on every channel, from the start: this bounds its memory.
const BURST: NonZeroU32 = NZU32!(32);

/// The engine's view of this crate's application.
pub(crate) type Decider<E> = Deferred<E, Scheme, Application, Wire, FixedEpocher>;

/// What a node is.
pub struct Settings {
    /// What is fixed about the chain.
    pub chain: Chain,
    /// Its block 0.
    pub genesis: Block,
    /// The node's keys.
    pub keys: Keys,
    /// How fast it proposes.
    pub pace: Pace,
    /// Identities that are let in although they have no seat.
    pub followers: Vec<[u8; 32]>,
    /// What the names of its storage begin with: empty, but where nodes share a storage.
    pub prefix: String,
}

/// The network of a node, as the engine has it.
pub struct Network<B, M, T, R> {
    /// Blocks peers that misbehave.
    pub blocker: B,
    /// Learns who is a peer.
    pub manager: M,
    /// The channels 0 to 5, each registered with its [`quota`].
    pub channels: [(T, R); CHANNELS],
}

/// How many messages a peer may send on a channel, by the channel's number.
pub fn quota(channel: usize) -> Quota {
    let between = if channel == CHANNELS - 1 { gossip::LEAST_BETWEEN } else { BETWEEN };
    Quota::with_period(between).expect("not zero").allow_burst(BURST)
}

/// Most bytes of a message on any channel: the greatest block and what the engine says around it.
/// All nodes must have the same.
pub const MESSAGE_BYTES_MAX: u32 = (4 << 20) + (64 << 10);

/// A running node.
#[derive(Clone)]
pub struct Running {
    wake: Arc<Notify>,
    out: mpsc::Sender<Bytes>,
}

impl Running {
    /// Sends encoded transactions to all peers, and wakes this node's proposer. For transactions that
    /// clients brought to this node and its host took.
    ///
    /// Where too many wait to be sent they stay in this node's pool alone.
    pub fn submit(&self, transactions: Vec<Bytes>) {
        for transaction in transactions {
            // Full or stopped: the pool has it, and this node proposes in its turn.
            let _ = self.out.try_send(transaction);
        }
        self.wake.notify_waiters();
    }
}

/// What all epochs of a node share.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) committees: Committees,
    pub(crate) host: Arc<dyn Host>,
    prefix: String,
}

impl Parts {
    /// Where the votes of an epoch are kept.
    pub(crate) fn partition(&self, epoch: u64) -> String {
        format!("{}votes-{epoch}", self.prefix)
    }
}

/// Starts a node on `runtime` over `network`. All of it runs below the task that is given, which ends
/// with the reason when the host fails, and never otherwise; aborting it ends the node.
///
/// Errors: whatever the host says about its newest block; `Committee`, `Pace`.
pub fn start<E, B, M, T, R>(
    runtime: E,
    settings: Settings,
    host: Arc<dyn Host>,
    network: Network<B, M, T, R>,
) -> Result<(Running, Handle<Error>), Error>
where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
    B: Blocker<PublicKey = PublicKey>,
    M: Manager<PublicKey = PublicKey>,
    T: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let Pace { block_ms, idle_ms } = settings.pace;
    let got = block_ms.saturating_add(idle_ms);
    if got > IDLE_MS_MAX {
        return Err(Error::Pace { got, max: IDLE_MS_MAX });
    }
    let committees = Committees::new(settings.genesis.hash(), settings.keys.clone());
    let states = States::new(settings.chain.clone(), host, committees)?;
    let (out, waiting) = mpsc::channel(gossip::WAITING_MAX);
    let running = Running { wake: Arc::default(), out };
    let wake = running.wake.clone();
    let node = Node { settings, states: Arc::new(states), wake, waiting };
    let task = runtime.child("node").spawn(|runtime| async move {
        match node.run(runtime, network).await {
            Err(why) => {
                error!(%why, "consensus ends");
                why
            }
            Ok(()) => std::future::pending().await,
        }
    });
    Ok((running, task))
}

struct Node {
    settings: Settings,
    states: Arc<States>,
    wake: Arc<Notify>,
    waiting: mpsc::Receiver<Bytes>,
}

/// A channel whose messages are told apart by epoch, and what comes for epochs without an engine.
fn by_epoch<E: Spawner, T, R>(runtime: E, (sender, receiver): (T, R)) -> (MuxHandle<T>, Early)
where
    T: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let (mux, handle, elsewhere) = Muxer::builder(runtime, sender, receiver).with_backup().build();
    mux.start();
    (handle, Early::new(elsewhere))
}

type Buffer<E, M> = buffered::Engine<E, PublicKey, Wire, M, Sequential>;

/// What sends blocks to all peers, and keeps those that came.
fn spread<E, M>(
    runtime: &E,
    committees: &Committees,
    peer_provider: M,
) -> (Buffer<E, M>, buffered::Mailbox<PublicKey, Wire>)
where
    E: Clock + Spawner + Metrics,
    M: Manager<PublicKey = PublicKey>,
{
    let config = buffered::Config {
        public_key: committees.me(),
        mailbox_size: NZUsize!(1_024),
        deque_size: 8,
        priority: true,
        codec_config: committees.clone(),
        peer_provider,
        strategy: Sequential,
    };
    buffered::Engine::new(runtime.child("buffer"), config)
}

/// What asks peers for blocks that are missing.
fn fetcher<E, B, M, T, R>(
    runtime: E,
    public_key: PublicKey,
    blocker: B,
    peer_provider: M,
    channel: (T, R),
) -> (Requests<Digest>, resolver::Mailbox<Digest, PublicKey>)
where
    E: Clock + CryptoRng + Spawner + Metrics,
    B: Blocker<PublicKey = PublicKey>,
    M: Manager<PublicKey = PublicKey>,
    T: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let config = resolver::Config {
        public_key,
        peer_provider,
        blocker,
        mailbox_size: NZUsize!(1_024),
        fetch_timeout: NZDuration!(Duration::from_secs(1)),
        fetch_retry_delay: Duration::from_millis(100),
        priority_requests: false,
        priority_responses: false,
    };
    resolver::init(runtime, config, channel)
}

impl Node {
    /// Runs until the host fails, or until the engine ends because the runtime does.
    async fn run<E, B, M, T, R>(self, runtime: E, network: Network<B, M, T, R>) -> Result<(), Error>
    where
        E: Clock + CryptoRng + Spawner + Storage + Metrics,
        B: Blocker<PublicKey = PublicKey>,
        M: Manager<PublicKey = PublicKey>,
        T: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Node { settings, states, wake, waiting } = self;
        let Network { blocker, manager, channels } = network;
        let [votes, certificates, fetches, blocks, backfill, transactions] = channels;
        let (sender, receiver) = transactions;
        let (peers, host, woken) = (blocker.clone(), states.host.clone(), wake.clone());
        runtime.child("send").spawn(|runtime| gossip::send(runtime, sender, waiting));
        runtime
            .child("receive")
            .spawn(|runtime| gossip::receive(runtime, receiver, peers, host, woken));
        let cache = CacheRef::new(NZU16!(4_084), NZUsize!(1_024));
        let (actor, archive, processed) = store::open(&runtime, &settings, &states, &cache).await?;
        let (inbox, arrived) = mpsc::unbounded_channel();
        let me = states.committees.me();
        let (peers, sets) = (blocker.clone(), manager.clone());
        let backfill = fetcher(runtime.child("backfill"), me.clone(), peers, sets, backfill);
        let (buffer, buffered) = spread(&runtime, &states.committees, manager.clone());
        buffer.start(blocks);
        actor.start(Inbox(inbox), buffered, backfill);

        deliver::catch_up(&runtime, &states, &archive, processed).await?;
        let epoch = states.epoch();
        let floor = store::floor(&states, &archive, epoch).await?;
        let application =
            Application { states: states.clone(), pace: settings.pace, wake: wake.clone() };
        let epocher = store::epocher(&settings.chain);
        let decider =
            Deferred::new(runtime.child("decider"), application, archive.clone(), epocher.clone());
        let (border, borders) = mpsc::unbounded_channel();
        // Bytes that are no key are nobody's identity.
        let followers = settings.followers.iter();
        let followers = followers.filter_map(|one| PublicKey::decode(one.to_vec()).ok()).collect();
        let (votes, early_votes) = by_epoch(runtime.child("votes"), votes);
        let (certificates, early_certificates) =
            by_epoch(runtime.child("certificates"), certificates);
        let (fetches, _) = by_epoch(runtime.child("fetches"), fetches);
        let epochs = Epochs {
            runtime: runtime.child("epochs"),
            blocker,
            manager,
            followers,
            parts: Parts {
                committees: states.committees.clone(),
                host: states.host.clone(),
                prefix: settings.prefix.clone(),
            },
            decider,
            archive: archive.clone(),
            epocher,
            votes,
            early_votes,
            certificates,
            early_certificates,
            fetches,
            cache,
        };
        runtime.child("epochs").spawn(move |_| epochs.run(epoch, floor, borders));
        deliver::run(runtime, states, archive, arrived, border).await
    }
}
