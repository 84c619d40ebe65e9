//! Several nodes in one runtime, their network, and what can be done to both.

use crate::host::Kept;
use crate::keys::Person;
use alloy_primitives::Bytes;
use commonware_codec::DecodeExt as _;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::simulated::{self, Link, Oracle};
use commonware_runtime::deterministic::{Checkpoint, Config, Context, Runner};
use commonware_runtime::{Clock as _, Handle, Supervisor as _};
use commonware_utils::{NZUsize, probability};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use terroir_consensus::{
    CHANNELS, Error, MESSAGE_BYTES_MAX, Network, Pace, Running, Settings, quota, start,
};
use terroir_ledger::genesis::Beginning;

/// Nobody waits longer for anything, in simulated time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A node, whether it runs or not.
pub struct Member {
    pub host: Arc<Kept>,
    pub key: PublicKey,
    running: Option<(Running, Handle<Error>)>,
}

/// Nodes on one network.
pub struct Cluster<'a> {
    pub context: Context,
    pub oracle: Oracle<PublicKey, Context>,
    pub people: &'a [Person],
    pub members: Vec<Member>,
    beginning: &'a Beginning,
}

/// The key of a person among peers.
pub fn key(person: &Person) -> PublicKey {
    PublicKey::decode(person.keys.identity().to_vec()).unwrap()
}

fn link() -> Link {
    Link {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        success_rate: probability!(0.99),
    }
}

/// Runs `work` in a runtime of its own, whose clock begins with the chain.
pub fn simulate<F, T>(seed: u64, work: F) -> (T, Checkpoint)
where
    F: AsyncFnOnce(Context) -> T,
{
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_001);
    let config = Config::default().with_seed(seed).with_start_time(start);
    Runner::new(config).start_and_recover(|context| work(context))
}

/// Goes on where a runtime was when everything in it was killed.
pub fn resume<F, T>(checkpoint: Checkpoint, work: F) -> (T, Checkpoint)
where
    F: AsyncFnOnce(Context) -> T,
{
    Runner::from(checkpoint).start_and_recover(|context| work(context))
}

impl<'a> Cluster<'a> {
    /// All nodes connected, none started.
    pub async fn new(
        context: Context,
        people: &'a [Person],
        beginning: &'a Beginning,
        hosts: Vec<Arc<Kept>>,
    ) -> Cluster<'a> {
        let config = simulated::Config {
            max_size: MESSAGE_BYTES_MAX,
            max_peers_per_set: NZUsize!(32),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(4),
        };
        let (network, oracle) = simulated::Network::new(context.child("network"), config);
        network.start();
        let member = |(person, host)| Member { host, key: key(person), running: None };
        let members = people.iter().zip(hosts).map(member).collect();
        let cluster = Cluster { context, oracle, people, members, beginning };
        let all: Vec<usize> = (0..people.len()).collect();
        cluster.connect(&all, &all).await;
        cluster
    }

    /// Connects `some` with `others`.
    pub async fn connect(&self, some: &[usize], others: &[usize]) {
        for (from, to) in pairs(some, others) {
            let (from, to) = (self.members[from].key.clone(), self.members[to].key.clone());
            self.oracle.add_link(from, to, link()).await.unwrap();
        }
    }

    /// Cuts `some` from `others`.
    pub async fn cut(&self, some: &[usize], others: &[usize]) {
        for (from, to) in pairs(some, others) {
            let (from, to) = (self.members[from].key.clone(), self.members[to].key.clone());
            self.oracle.remove_link(from, to).await.unwrap();
        }
    }

    /// Starts the nodes `which`.
    pub async fn start(&mut self, which: impl IntoIterator<Item = usize>) {
        for place in which {
            self.start_at(place).await;
        }
    }

    async fn start_at(&mut self, place: usize) {
        let member = &self.members[place];
        let control = self.oracle.control(member.key.clone());
        let mut channels = Vec::new();
        for channel in 0..CHANNELS {
            channels.push(control.register(channel as u64, quota(channel)).await.unwrap());
        }
        let network = Network {
            blocker: control,
            manager: self.oracle.manager(),
            channels: channels.try_into().ok().unwrap(),
        };
        let settings = Settings {
            chain: self.beginning.chain.clone(),
            genesis: self.beginning.block.clone(),
            keys: self.people[place].keys.clone(),
            pace: Pace::default(),
            followers: self.people.iter().map(|one| one.keys.identity()).collect(),
            prefix: format!("node{place}-"),
        };
        let context = self.context.child("member").with_attribute("place", place);
        let started = start(context, settings, member.host.clone(), network).unwrap();
        self.members[place].running = Some(started);
    }

    /// Waits until a node ends by itself, and gives the reason.
    pub async fn end(&mut self, place: usize) -> Error {
        self.members[place].running.take().unwrap().1.await.unwrap()
    }

    /// Kills a node. What its host kept stays.
    pub async fn kill(&mut self, place: usize) {
        let (_, task) = self.members[place].running.take().unwrap();
        task.abort();
        let _ = task.await;
    }

    /// Brings a client's transaction to a node.
    pub fn submit(&self, place: usize, bytes: Bytes) {
        self.members[place].host.take(&bytes);
        self.members[place].running.as_ref().unwrap().0.submit(vec![bytes]);
    }

    /// Waits until `holds` says so of the host of the node `place`.
    pub async fn until(&self, place: usize, what: &str, holds: impl Fn(&Kept) -> bool) {
        let host = &self.members[place].host;
        let late = self.context.sleep(PATIENCE);
        tokio::pin!(late);
        loop {
            let news = host.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if holds(host) {
                return;
            }
            tokio::select! {
                biased;
                () = &mut news => {}
                () = &mut late => panic!("node {place} at {}: {what}", host.height()),
            }
        }
    }

    /// Waits until the nodes `which` have the block `height`.
    pub async fn reach(&self, which: impl IntoIterator<Item = usize>, height: u64) {
        for place in which {
            self.until(place, "does not get there", |host| host.height() >= height).await;
        }
    }

    /// Whether all nodes agree on every block that two of them have; gives the longest chain.
    pub fn agree(&self) -> Vec<(terroir_ledger::Block, Option<Vec<u8>>)> {
        let chains: Vec<_> = self.members.iter().map(|member| member.host.blocks()).collect();
        let longest = chains.iter().max_by_key(|chain| chain.len()).unwrap();
        for chain in &chains {
            for ((one, _), (other, _)) in chain.iter().zip(longest) {
                assert_eq!(one.hash(), other.hash(), "two blocks at {}", one.header.number);
                assert_eq!(one.header.state_root, other.header.state_root);
            }
        }
        longest.clone()
    }

    /// Lets simulated time pass.
    pub async fn pass(&self, time: Duration) {
        self.context.sleep(time).await;
    }
}

fn pairs(some: &[usize], others: &[usize]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for &one in some {
        for &other in others {
            pairs.extend([(one, other), (other, one)]);
        }
    }
    pairs.retain(|(one, other)| one != other);
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
