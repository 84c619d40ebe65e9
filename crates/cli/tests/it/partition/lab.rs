//! Machines on a network of their own: name spaces joined by a switch, whose cables can be moved.
//!
//! Two switches stand in a name space without machines. Whoever is moved to the second one reaches
//! nobody at the first: nothing is refused, everything is lost, as with a broken link far away.
//! Invariant: what was made goes with the value, processes first; what a killed test left goes with
//! the next.

use crate::support::{BINARY, Home, until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Machines, each with a validator.
pub const MACHINES: usize = 4;
/// An account with money: one of those that development chains have.
const PAYER: &str = "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";
const WALLETS: &str = "http://127.0.0.1:8545";
/// A link address that no machine has.
const NOBODY: &str = "02:00:00:00:00:ff";
/// What a node says whenever it votes to skip a view, at first and again.
const TIMEOUT: &str = "broadcasting nullify round";
/// Set where a machine without networks is a failure.
const REQUIRED: &str = "TERROIR_NETWORKS";

/// Four machines.
pub struct Lab {
    name: String,
    home: Home,
    nodes: Vec<Child>,
    payer: String,
    password: String,
}

fn ip(words: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(words).output().map_err(|why| format!("ip: {why}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("ip {words:?}: {said}"))
}

fn address(place: usize) -> String {
    format!("10.77.0.{}", place + 1)
}

impl Lab {
    /// The machines, with nodes of a new chain that have agreed on a block; none where the system has
    /// no networks to give.
    pub fn up() -> Option<Lab> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        sweep();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("terroir-{}-{number}", std::process::id());
        let [payer, password] = [String::new(), String::new()];
        let mut lab = Lab { name, home: Home::empty(), nodes: Vec::new(), payer, password };
        if let Err(why) = lab.wire() {
            assert!(std::env::var_os(REQUIRED).is_none(), "{why}");
            eprintln!("skipped: no networks can be made here, which takes root: {why}");
            return None;
        }
        lab.begin();
        (0..MACHINES).for_each(|place| lab.start(place));
        until("the nodes do not begin", || {
            (0..MACHINES).for_each(|place| lab.expect_runs(place));
            (0..MACHINES).all(|place| lab.block(place).is_some_and(|(newest, _)| newest > 1))
        });
        Some(lab)
    }

    fn space(&self, what: impl std::fmt::Display) -> String {
        format!("{}-{what}", self.name)
    }

    fn wire(&self) -> Result<(), String> {
        let switches = self.space("switch");
        ip(&["netns", "add", &switches])?;
        for switch in ["first", "second"] {
            ip(&["-n", &switches, "link", "add", switch, "type", "bridge"])?;
            ip(&["-n", &switches, "link", "set", switch, "up"])?;
        }
        for place in 0..MACHINES {
            let (space, port) = (self.space(place), format!("port{place}"));
            ip(&["netns", "add", &space])?;
            let pair = ["netns", &switches, "type", "veth", "peer", "name", "eth0"];
            ip(&[&["link", "add", &port][..], &pair, &["netns", &space]].concat())?;
            ip(&["-n", &space, "address", "add", &(address(place) + "/24"), "dev", "eth0"])?;
            ip(&["-n", &space, "link", "set", "eth0", "up"])?;
            ip(&["-n", &space, "link", "set", "lo", "up"])?;
            ip(&["-n", &switches, "link", "set", &port, "master", "first", "up"])?;
        }
        Ok(())
    }

    /// Makes the keys and the folders of a new chain.
    fn begin(&mut self) {
        let key = self.home.write("key", PAYER).display().to_string();
        self.password = self.home.write("password", "correct horse\n").display().to_string();
        let secret = ["--json", "--password-file", &self.password];
        let kept = self.home.json([&["account", "import", &key][..], &secret].concat());
        self.payer = kept["address"].as_str().unwrap().to_owned();
        let mut genesis =
            "name = \"partition\"\nchain_id = 7702\ntime = 1700000000\nepoch_blocks = 3600\n\n"
                .to_owned();
        let mut peers = Vec::new();
        for place in 0..MACHINES {
            let validator = format!("0x{:040x}", 0x1000 + place);
            let words = ["--chain-id", "7702", "--address", &validator];
            let said = self.init(place, &words);
            let identity = said.err.lines().find_map(|line| line.strip_prefix("identity "));
            peers.push(format!("{}@{}:30301", identity.unwrap(), address(place)));
            genesis += &said.out;
        }
        genesis += &format!("\n[accounts.\"{}\"]\nbalance = \"{}\"\n", self.payer, 10_u128.pow(24));
        let genesis = self.home.write("genesis.toml", genesis).display().to_string();
        for place in 0..MACHINES {
            let listen = format!("{}:30301", address(place));
            let mut words = vec!["--genesis", &genesis, "--listen", &listen];
            for peer in peers.iter().enumerate().filter(|(other, _)| *other != place) {
                words.extend(["--peer", peer.1]);
            }
            self.init(place, &words);
        }
    }

    fn init(&self, place: usize, words: &[&str]) -> crate::support::Said {
        let folder = self.home.path(&format!("node-{place}")).display().to_string();
        let said = self.home.run([&["node", "init", "--dir", &folder][..], words].concat());
        said.expect(0);
        said
    }

    fn log(&self, place: usize) -> PathBuf {
        self.home.path(&format!("log-{place}"))
    }

    fn start(&mut self, place: usize) {
        let config = self.home.path(&format!("node-{place}/node.toml"));
        let log = OpenOptions::new().create(true).append(true).open(self.log(place)).unwrap();
        let mut node = self.terroir(place, &["node", "run", "--log", "debug", "--config"]);
        node.arg(config).stdout(Stdio::null()).stderr(log);
        self.nodes.push(node.spawn().unwrap());
    }

    fn expect_runs(&mut self, place: usize) {
        let ended = self.nodes[place].try_wait().unwrap();
        let log = || fs::read_to_string(self.log(place)).unwrap();
        assert!(ended.is_none(), "node {place} ended:\n{}", log());
    }

    /// The binary on the machine `place`.
    fn terroir(&self, place: usize, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(place), BINARY]).args(words);
        command.env("TERROIR_HOME", self.home.folder.path()).stdin(Stdio::null());
        command
    }

    fn json(&self, place: usize, words: &[&str]) -> Option<Value> {
        let wallets = ["--rpc", WALLETS, "--json"];
        let output = self.terroir(place, &[words, &wallets].concat()).output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Moves the machines at `places` to a switch of their own.
    pub fn cut(&self, places: &[usize]) {
        places.iter().for_each(|place| self.plug(*place, "second"));
    }

    /// Joins all machines again.
    pub fn heal(&self) {
        (0..MACHINES).for_each(|place| self.plug(place, "first"));
    }

    fn plug(&self, place: usize, switch: &str) {
        let port = format!("port{place}");
        ip(&["-n", &self.space("switch"), "link", "set", &port, "master", switch]).unwrap();
    }

    /// What the machine `from` sends to `to` gets lost from now on; the other way nothing does.
    pub fn mute(&self, from: usize, to: usize) {
        let entry = ["lladdr", NOBODY, "dev", "eth0", "nud", "permanent"];
        let words = ["-n", &self.space(from), "neighbour", "replace", &address(to)];
        ip(&[&words[..], &entry].concat()).unwrap();
    }

    /// Ends that.
    pub fn unmute(&self, from: usize, to: usize) {
        let words = ["-n", &self.space(from), "neighbour", "delete", &address(to), "dev", "eth0"];
        ip(&words).unwrap();
    }

    /// The newest final block of the node at `place`, where it answers.
    pub fn block(&self, place: usize) -> Option<(u64, String)> {
        let said = self.json(place, &["chain", "status"])?;
        Some((said["block"].as_u64()?, said["hash"].as_str()?.to_owned()))
    }

    /// The numbers of the newest blocks of all nodes.
    pub fn numbers(&self) -> Vec<u64> {
        (0..MACHINES).map(|place| self.block(place).unwrap().0).collect()
    }

    /// Waits until the nodes at `places` each voted so many more times to skip a view.
    pub fn wait_timeouts(&self, places: &[usize], more: usize) {
        let passed = |place: &usize| {
            let log = fs::read(self.log(*place)).unwrap();
            String::from_utf8_lossy(&log).matches(TIMEOUT).count()
        };
        let wanted: Vec<usize> = places.iter().map(|place| passed(place) + more).collect();
        until("views do not time out", || {
            places.iter().zip(&wanted).all(|(place, wanted)| passed(place) >= *wanted)
        });
    }

    /// Waits until every node has a block above `number`.
    pub fn wait_above(&self, number: u64) {
        let above = |place| self.block(place).is_some_and(|(newest, _)| newest > number);
        until("a node does not go on", || (0..MACHINES).all(above));
    }

    /// Waits until all four had one same newest block after `number`. Two blocks of one number end it.
    pub fn wait_agreed(&self, number: u64) {
        let mut seen: BTreeMap<u64, BTreeMap<usize, String>> = BTreeMap::new();
        until("they are not seen at one block", || {
            for place in 0..MACHINES {
                let (newest, hash) = self.block(place).unwrap();
                seen.entry(newest).or_default().insert(place, hash);
            }
            for (number, hashes) in &seen {
                let mut hashes = hashes.values();
                let first = hashes.next();
                assert!(hashes.all(|hash| Some(hash) == first), "block {number}: {seen:?}");
            }
            seen.range(number + 1..).any(|(_, hashes)| hashes.len() == MACHINES)
        });
    }

    /// Begins a payment of 1.5 tokens to `to` by the node at `place`; the process ends when it is final.
    pub fn pay(&self, place: usize, to: &str) -> Child {
        let words = ["account", "send", "--from", &self.payer, "--to", to, "--value", "1.5"];
        let with = ["--rpc", WALLETS, "--json", "--password-file", &self.password];
        let mut send = self.terroir(place, &[&words[..], &with].concat());
        send.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until every node has `to` with so many payments.
    pub fn wait_paid(&self, to: &str, count: u64) {
        let want = (count * 15).to_string() + "00000000000000000";
        let words = ["account", "balance", to];
        let paid = |place| {
            self.json(place, &words).is_some_and(|said| said["base_units"] == want.as_str())
        };
        until("a payment is lost", || (0..MACHINES).all(paid));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
        (0..MACHINES).for_each(|place| remove(&self.space(place)));
        remove(&self.space("switch"));
    }
}

/// Removes a name space and whoever is in it.
fn remove(space: &str) {
    let pids = Command::new("ip").args(["netns", "pids", space]).output();
    for pid in pids.iter().flat_map(|said| said.stdout.split(u8::is_ascii_whitespace)) {
        let pid = String::from_utf8_lossy(pid);
        let _ = Command::new("kill").args(["-9", &pid]).stderr(Stdio::null()).status();
    }
    let _ = ip(&["netns", "delete", space]);
}

/// Removes what tests left that were killed: the names have the numbers of their processes.
fn sweep() {
    let spaces = Command::new("ip").args(["netns", "list"]).output();
    let spaces = spaces.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    for space in spaces.unwrap_or_default().lines().filter_map(|line| line.split(' ').next()) {
        let mut parts = space.split('-');
        let (prefix, pid) = (parts.next(), parts.next().and_then(|pid| pid.parse::<u32>().ok()));
        let dead = |pid| !Path::new(&format!("/proc/{pid}")).exists();
        if prefix == Some("terroir") && pid.is_some_and(dead) {
            remove(space);
        }
    }
}
