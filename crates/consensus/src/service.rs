//! A node on threads, TCP and a directory: the one instantiation of the engine that production runs.

use crate::application::Pace;
use crate::error::Error;
use crate::host::Host;
use crate::keys::Keys;
use crate::start::{MESSAGE_BYTES_MAX, Network, Running, Settings, quota, start};
use alloy_primitives::{B256, Bytes};
use commonware_codec::DecodeExt as _;
use commonware_cryptography::ChaCha20Poly1305;
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_p2p::Ingress;
use commonware_p2p::authenticated::discovery;
use commonware_runtime::{Runner as _, Supervisor as _, tokio as engine};
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::NZUsize;
use std::fs::{File, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use terroir_ledger::{Block, Chain};
use tokio::sync::oneshot;

/// What peers sign their messages for; the hash of block 0 follows.
const NAMESPACE: &[u8] = b"terroir 2026-11 peers ";
/// Most seats of a committee.
const SEATS_MAX: usize = 128;
/// Most peers of an epoch: two committees, those who are named, and this node.
const PEERS_MAX: usize = 320;
/// Epochs whose peers stay connected.
const PEER_SETS: usize = 2;
/// A peer that was not heard for so long is gone, and is called again. TCP alone waits as long again
/// as a broken link was broken before it tries it, and this bounds that: links heal in seconds,
/// however long they were down. A peer must take the greatest message in this time.
const SILENCE: Duration = Duration::from_secs(6);
/// How often every peer hears something, so that a peer with nothing to say is not silent.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// Time for a connection. A packet that opens one is sent again after one and after three seconds, so
/// a call that is made while a link is down finds it up, or ends before TCP waits for long.
const CONNECT: Duration = Duration::from_millis(3_500);
/// Time for a connection and the handshake.
const CALL: Duration = Duration::from_secs(5);
/// Time between calls, whomever they are for. One peer is called once a second at most.
const BETWEEN_CALLS: Duration = Duration::from_millis(100);

/// A peer and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its identity.
    pub identity: [u8; 32],
    /// Where it listens; `None` for one that only calls.
    pub address: Option<SocketAddr>,
}

/// How a node runs.
pub struct Config {
    /// What is fixed about the chain.
    pub chain: Chain,
    /// Its block 0.
    pub genesis: Block,
    /// The node's keys.
    pub keys: Keys,
    /// How fast it proposes.
    pub pace: Pace,
    /// Where votes, blocks and certificates lie. It belongs to the host's database: a node whose votes
    /// are lost must not vote again.
    pub directory: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where others reach it.
    pub public: SocketAddr,
    /// Peers to call first, and those without a seat to let in. More are learned from them.
    pub peers: Vec<Peer>,
    /// Threads of the engine.
    pub threads: usize,
}

/// A node that runs in threads of its own.
pub struct Service {
    running: Running,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Service {
    /// Starts a node.
    ///
    /// Errors: `Peers`, `Locked`, `Directory`, `Listen`, `Thread`, and those of [`start`].
    pub fn start(config: Config, host: Arc<dyn Host>) -> Result<Service, Error> {
        let (got, max) = (config.peers.len(), PEERS_MAX - 2 * SEATS_MAX - 1);
        if got > max {
            return Err(Error::Peers { got, max });
        }
        let lock = lock(&config.directory)?;
        let listen = config.listen;
        // The engine ends the process where it cannot listen; this gives the reason instead.
        TcpListener::bind(listen).map_err(|why| Error::Listen { address: listen, why })?;
        let (stop, stopped) = oneshot::channel();
        let (started, has_started) = std::sync::mpsc::channel();
        let failure = Arc::new(Mutex::new(None));
        let told = failure.clone();
        let work = move || {
            run(config, host, &started, stopped, &told);
            drop(lock);
        };
        let thread = std::thread::Builder::new()
            .name("consensus".into())
            .spawn(work)
            .map_err(Error::Thread)?;
        match has_started.recv() {
            Ok(Ok(running)) => {
                Ok(Service { running, stop: Some(stop), thread: Some(thread), failure })
            }
            failed => {
                // What it holds is free again before anybody hears of it.
                let _ = thread.join();
                let gone = || Error::Thread(std::io::Error::other("the engine did not start"));
                Err(failed.ok().and_then(Result::err).unwrap_or_else(gone))
            }
        }
    }

    /// Sends encoded transactions, which the host took from clients, to all peers, and wakes this
    /// node's proposer.
    pub fn submit(&self, transactions: Vec<Bytes>) {
        self.running.submit(transactions);
    }

    /// Why consensus ended by itself, if it did.
    pub fn failure(&self) -> Option<String> {
        let told = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ended = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        told.or_else(|| ended.then(|| "the engine ended".to_owned()))
    }

    /// Stops the node and waits until it has.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes the directory for this process alone: a key that votes from two contradicts itself.
fn lock(directory: &Path) -> Result<File, Error> {
    let failed = |why| Error::Directory { directory: directory.to_owned(), why };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let file = File::create(directory.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { directory: directory.to_owned() }),
        Err(TryLockError::Error(why)) => Err(failed(why)),
    }
}

type Started = std::sync::mpsc::Sender<Result<Running, Error>>;

fn run(
    config: Config,
    host: Arc<dyn Host>,
    started: &Started,
    stopped: oneshot::Receiver<()>,
    failure: &Mutex<Option<String>>,
) {
    let runtime = engine::Config::new()
        .with_storage_directory(&config.directory)
        .with_worker_threads(config.threads)
        .with_connect_timeout(CONNECT)
        .with_read_write_timeout(SILENCE);
    engine::Runner::new(runtime).start(async |context| {
        let network = network(&context, &config);
        let node = start(context.child("consensus"), settings(config), host, network);
        let (running, node) = match node {
            Ok(node) => node,
            Err(why) => {
                let _ = started.send(Err(why));
                return;
            }
        };
        let _ = started.send(Ok(running));
        tokio::select! {
            biased;
            _ = stopped => {}
            ended = node => {
                let why = ended.map_or_else(|why| why.to_string(), |why| why.to_string());
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            }
        }
        // All tasks are dropped here: what must outlive them is on disk at any moment.
    });
}

fn settings(config: Config) -> Settings {
    let Config { chain, genesis, keys, pace, peers, .. } = config;
    let followers = peers.iter().map(|peer| peer.identity).collect();
    Settings { chain, genesis, keys, pace, followers, prefix: String::new() }
}

type Upgrader = Cups<Sake<PrivateKey>, ChaCha20Poly1305>;

fn discovery_of(config: &Config) -> discovery::Config<Upgrader> {
    let sake = Sake {
        signer: config.keys.identity.clone(),
        synchrony_bound: Duration::from_secs(5),
        max_handshake_age: Duration::from_secs(10),
        version: sake::Version::V1,
    };
    let bootstrappers = config.peers.iter().filter_map(|peer| {
        let address = Ingress::from(peer.address?);
        Some((PublicKey::decode(peer.identity.to_vec()).ok()?, address))
    });
    let genesis: B256 = config.genesis.hash();
    let local = discovery::Config::local(
        Cups::new(sake, cups::Version::V1),
        &[NAMESPACE, genesis.as_slice()].concat(),
        config.listen,
        config.public,
        bootstrappers.collect(),
        NZUsize!(PEERS_MAX),
        MESSAGE_BYTES_MAX,
        NZUsize!(1_024),
    );
    // Peers are called again a second after they went, and may be on this machine.
    discovery::Config {
        tracked_peer_sets: NZUsize!(PEER_SETS),
        gossip_bit_vec_frequency: SIGN_OF_LIFE,
        dial_timeout: CALL,
        dial_frequency: BETWEEN_CALLS,
        ..local
    }
}

type Context = engine::Context;
type Wires = Network<
    discovery::Oracle<PublicKey>,
    discovery::Oracle<PublicKey>,
    discovery::Sender<PublicKey, Context>,
    discovery::Receiver<PublicKey>,
>;

/// Registers the channels and starts the network.
fn network(context: &Context, config: &Config) -> Wires {
    let (mut network, oracle) =
        discovery::Network::new(context.child("network"), discovery_of(config));
    let channels = std::array::from_fn(|channel| network.register(channel as u64, quota(channel)));
    network.start();
    Network { blocker: oracle.clone(), manager: oracle, channels }
}
