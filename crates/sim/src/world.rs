//! Processes, their disks and the network between them, in one runtime.
//!
//! Invariant: a process is the production node over its production host; only what lies below both is
//! simulated.

mod process;

pub(crate) use process::{Ground, Process};

use crate::disk::Disk;
use crate::host::{Forged, Watched};
use crate::laws::Violation;
use crate::liar::{Split, Voice};
use crate::people::SEATS;
use crate::plan::Weather;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::simulated::{self, Control, Link, Oracle};
use commonware_p2p::{Recipients, Sender as _};
use commonware_runtime::Supervisor as _;
use commonware_runtime::deterministic::Context;
use commonware_utils::{NZUsize, probability};
use futures_util::FutureExt;
use process::Live;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use terroir_consensus::{CHANNELS, MESSAGE_BYTES_MAX, Network, Pace, Settings, quota, start};
use terroir_node::chain::{Chain, PoolLimits};
use terroir_node::member::Hosted;

/// A process's network.
type Wires<T> = Network<
    Control<PublicKey, Context>,
    simulated::Manager<PublicKey, Context>,
    T,
    simulated::Receiver<PublicKey>,
>;

/// Milliseconds between blocks, at least.
const BLOCK_MS: u64 = 50;

/// Everything in one runtime.
pub(crate) struct World<'a> {
    pub(crate) context: Context,
    pub(crate) ground: &'a mut Ground,
    pub(crate) processes: Vec<Process>,
    oracle: Oracle<PublicKey, Context>,
    split: Split,
    weather: Weather,
    /// Whether a message can go from one place to another.
    open: [[bool; SEATS]; SEATS],
    linked: [[Option<Weather>; SEATS]; SEATS],
}

impl<'a> World<'a> {
    /// Nothing runs and nobody is connected.
    pub(crate) fn new(context: Context, ground: &'a mut Ground) -> World<'a> {
        let config = simulated::Config {
            max_size: MESSAGE_BYTES_MAX,
            max_peers_per_set: NZUsize!(32),
            disconnect_on_block: ground.plan.disconnect,
            tracked_peer_sets: NZUsize!(4),
        };
        let (network, oracle) = simulated::Network::new(context.child("network"), config);
        network.start();
        let roles = Ground::roles(&ground.plan).into_iter().zip(&ground.disks);
        let process = |(place, disk): (_, &Disk)| Process {
            place,
            liar: ground.plan.liars.contains(&place),
            disk: disk.clone(),
            forged: Forged::default(),
            running: None,
        };
        let processes = roles.map(process).collect();
        let split = Split::new(&ground.people);
        let weather = Weather { latency_ms: 20, jitter_ms: 5, lost_percent: 0 };
        let (open, linked) = ([[true; SEATS]; SEATS], Default::default());
        World { context, ground, processes, oracle, split, weather, open, linked }
    }

    pub(crate) fn split(&self) -> &Split {
        &self.split
    }

    /// Changes how all links are.
    pub(crate) async fn weather(&mut self, weather: Weather) {
        self.weather = weather;
        self.link().await;
    }

    /// Changes who reaches whom.
    pub(crate) async fn open(&mut self, open: impl Fn(usize, usize, bool) -> bool) {
        for (from, row) in self.open.iter_mut().enumerate() {
            for (to, cell) in row.iter_mut().enumerate() {
                *cell = open(from, to, *cell);
            }
        }
        self.link().await;
    }

    async fn link(&mut self) {
        for from in 0..SEATS {
            for to in (0..SEATS).filter(|to| *to != from) {
                let wanted = self.open[from][to].then_some(self.weather);
                let linked = &mut self.linked[from][to];
                if *linked == wanted {
                    continue;
                }
                let key = |place: usize| self.ground.people.validators[place].key.clone();
                if linked.is_some() {
                    self.oracle.remove_link(key(from), key(to)).await.expect("it was linked");
                }
                if let Some(weather) = wanted {
                    let link = link(weather);
                    self.oracle.add_link(key(from), key(to), link).await.expect("it was not");
                }
                *linked = wanted;
            }
        }
    }

    /// Starts the processes of `place`, where they do not run.
    pub(crate) async fn start(&mut self, place: usize) {
        let of = |process: &Process| process.place == place;
        if self.processes.iter().any(|one| of(one) && one.runs()) {
            return;
        }
        let mut sides = self.register(place).await.into_iter();
        for which in 0..self.processes.len() {
            if of(&self.processes[which]) {
                let (network, voice) = sides.next().expect("there are as many sides as processes");
                self.start_process(which, network, voice);
            }
        }
    }

    fn start_process<T>(&mut self, which: usize, network: Wires<T>, voice: Voice)
    where
        T: commonware_p2p::Sender<PublicKey = PublicKey>,
    {
        self.ground.starts += 1;
        let process = &self.processes[which];
        let (place, honest) = (process.place, process.honest());
        let chain = match self.opened(&process.disk, place, honest) {
            Ok(chain) => Arc::new(chain),
            Err(_) if process.disk.is_off() => {
                // Power went again while it was recovering.
                self.ground.outages += 1;
                let disk = process.disk.on(&mut self.ground.dice);
                self.processes[which].disk = disk;
                return;
            }
            Err(why) => {
                let why = format!("{why}: {:?}", std::error::Error::source(&why));
                return self.ground.laws.broken(Violation::Closed { place, why });
            }
        };
        let evidence = self.ground.evidence.join(which.to_string());
        let inner = Hosted::new(chain.clone(), evidence).expect("a folder can be made");
        let host = Watched {
            place,
            inner,
            people: self.ground.people.clone(),
            laws: self.ground.laws.clone(),
            honest,
            forged: process.forged.clone(),
        };
        let context = self.context.child("process").with_attribute("number", which);
        match start(context, self.settings(which), Arc::new(host), network) {
            Ok((node, task)) => {
                self.processes[which].running = Some(Live { chain, node, task, voice });
            }
            Err(why) => {
                let why = why.to_string();
                self.ground.laws.broken(Violation::Ended { place, why });
            }
        }
    }

    /// The network as the processes of `place` have it: one, or a liar's two.
    async fn register(
        &self,
        place: usize,
    ) -> Vec<(Wires<impl commonware_p2p::Sender<PublicKey = PublicKey> + use<>>, Voice)> {
        let liar = self.ground.plan.liars.contains(&place);
        let control = self.oracle.control(self.ground.people.validators[place].key.clone());
        let split = match liar {
            true => self.split.clone(),
            false => Split::new(&self.ground.people),
        };
        let (mut firsts, mut seconds, mut voices) = (Vec::new(), Vec::new(), Vec::new());
        for channel in 0..CHANNELS {
            let registered = control.register(channel as u64, quota(channel)).await;
            let (sender, mut receiver) = registered.expect("the network runs");
            let (first, second) = sender.split_with(split.clone().forwarder());
            voices.push(first.clone());
            if liar {
                let router = split.clone();
                let context = self.context.child("split").with_attribute("channel", channel);
                let both = receiver.split_with(context, move |one: &_| router.target(&one.0));
                receiver = both.0;
                seconds.push((second, both.1));
            }
            firsts.push((first, receiver));
        }
        let sides = [firsts, seconds].into_iter().filter(|side| !side.is_empty());
        let side = |channels: Vec<_>| {
            let mut voices = voices.clone();
            let voice: Voice = Box::new(move |channel, bytes| {
                // Who is too fast is not heard; it is a liar.
                let _ = voices[channel].send(Recipients::All, bytes, true);
            });
            let channels = channels.try_into().expect("all channels are there");
            let (blocker, manager) = (control.clone(), self.oracle.manager());
            (Network { blocker, manager, channels }, voice)
        };
        sides.map(side).collect()
    }

    fn opened(
        &self,
        disk: &Disk,
        place: usize,
        honest: bool,
    ) -> Result<Chain, terroir_node::chain::Error> {
        let name = format!("validator {place}");
        let text = &self.ground.people.text;
        let chain = Chain::open_on(disk.clone(), Path::new(&name), text, PoolLimits::DEFAULT)?;
        if honest {
            let tip = chain.tip();
            let block = |number| tip.kept.block(number).ok()?;
            self.ground.laws.opens(place, tip.header.number, block);
        }
        Ok(chain)
    }

    fn settings(&self, which: usize) -> Settings {
        let people = &self.ground.people;
        let identities = people.validators.iter().map(|one| one.keys.identity());
        Settings {
            chain: people.beginning.chain.clone(),
            genesis: people.beginning.block.clone(),
            keys: people.validators[self.processes[which].place].keys.clone(),
            pace: Pace { block_ms: BLOCK_MS, idle_ms: self.ground.plan.idle_ms },
            followers: identities.collect(),
            prefix: format!("process{which}-"),
        }
    }

    /// Ends the processes of `place` at once; their disks keep what chance leaves.
    pub(crate) async fn kill(&mut self, place: usize) {
        let (processes, dice) = (&mut self.processes, &mut self.ground.dice);
        for process in processes.iter_mut().filter(|one| one.place == place) {
            let Some(Live { chain, node, task, voice }) = process.running.take() else { continue };
            process.disk.off();
            task.abort();
            let _ = task.await;
            drop((chain, node, voice));
            process.disk = process.disk.on(dice);
        }
    }

    /// Clears away processes that ended by themselves, which they may where their disk lost power.
    pub(crate) async fn bury(&mut self) {
        for which in 0..self.processes.len() {
            let process = &mut self.processes[which];
            let task = process.running.as_mut().map(|live| &mut live.task);
            let Some(ended) = task.and_then(FutureExt::now_or_never) else { continue };
            let place = process.place;
            if process.honest() && !process.disk.is_off() {
                let why = ended.map_or_else(|why| why.to_string(), |why| why.to_string());
                self.ground.laws.broken(Violation::Ended { place, why });
            }
            self.ground.outages += u64::from(process.disk.is_off());
            process.running = None;
            process.disk = process.disk.on(&mut self.ground.dice);
            // A liar's other process goes too.
            self.kill(place).await;
        }
    }

    /// Tells the laws who is not listened to any more.
    pub(crate) async fn blocks(&self) {
        let blocked = self.oracle.blocked().await.expect("the network runs");
        for (by, whom) in blocked {
            let place = |key| self.ground.people.place(key).expect("nobody else is there");
            let (by, whom) = (place(&by), place(&whom));
            if !self.ground.plan.liars.contains(&by) {
                self.ground.laws.accuses(by, whom, "blocks");
            }
        }
    }

    /// The newest epoch whose committee is fixed, and the places of those who have a seat in it.
    pub(crate) fn committee(&self) -> Option<(u64, Vec<usize>)> {
        let chains = self.processes.iter().filter(|one| one.honest()).filter_map(Process::chain);
        let tip = chains.map(|chain| chain.tip()).max_by_key(|tip| tip.header.number)?;
        let epoch = self.ground.people.beginning.chain.epoch(tip.header.number + 1) + 1;
        let seats = self.ground.people.seated(&tip.view, epoch).expect("a chain can be read");
        Some((epoch, seats))
    }

    /// Who has a seat in it, although its contradictions were proved; the epoch.
    pub(crate) fn unpunished(&self) -> Option<(usize, u64)> {
        let (epoch, seats) = self.committee()?;
        let seen = self.ground.laws.seen();
        seats.into_iter().find(|place| seen.proved.contains(place)).map(|whom| (whom, epoch))
    }

    /// All machines lose power.
    pub(crate) fn fall(self) {
        self.processes.iter().for_each(|process| process.disk.off());
        self.ground.disks = self.processes.iter().map(|process| process.disk.clone()).collect();
    }
}

fn link(weather: Weather) -> Link {
    Link {
        latency: Duration::from_millis(weather.latency_ms),
        jitter: Duration::from_millis(weather.jitter_ms),
        success_rate: probability!(100 - weather.lost_percent, 100),
    }
}
