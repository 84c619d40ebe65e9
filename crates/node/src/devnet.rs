//! Several members of a new chain as processes on this machine, with accounts that hold something.
//!
//! For developing and trying: `terroir devnet`. All lies in one folder, one folder a member below it,
//! and the file `devnet.json` says what runs. Invariant: a process is signalled only if it runs the
//! program with the folder of its member.

mod accounts;
mod load;
mod process;

pub use accounts::{Funded, funded};
pub use load::{Alone, Load, Sustained};

use crate::disk::{PUBLIC, lock, read_small, replace};
use crate::error::{Error, disk};
use crate::member::{Folder, Network, Pacing, Peer, Secrets, Settings, Wallets};
use crate::receipts::now_ms;
use crate::rpc::Client;
use alloy_primitives::U256;
use process::{Child, Standing};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Base units of a token.
const TOKEN: u128 = 1_000_000_000_000_000_000;
/// What a funded account holds.
const BALANCE: u128 = 1_000_000 * TOKEN;
/// What a validator stakes: one seat.
const STAKE: u128 = 10_000 * TOKEN;
/// Blocks of an epoch: a committee of another day comes soon enough to be seen.
const EPOCH_BLOCKS: u64 = 3_600;
/// Time for all members to answer.
const READY: Duration = Duration::from_secs(30);
/// Time for members to end after they were asked to.
const END: Duration = Duration::from_secs(10);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Most bytes of `devnet.json`.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Ports for wallets begin where was said; those for peers so much above.
const PEER_PORTS: u16 = 1_000;

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Devnet {
    /// The chain's id.
    pub chain_id: u64,
    /// Where wallets ask, one a member.
    pub rpc: Vec<String>,
    /// Where people look.
    pub explorer: String,
    /// Accounts that hold something. Everybody knows their keys.
    pub accounts: Vec<Funded>,
    /// Processes, one a member.
    pub pids: Vec<u32>,
    /// Where all lies.
    #[serde(skip)]
    folder: PathBuf,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Members, each with a seat: 1 to 10.
    pub validators: u16,
    /// The first port for wallets; members take this and those after it.
    pub port: u16,
    /// The chain's id.
    pub chain_id: u64,
}

/// How a member is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// Its process.
    pub pid: u32,
    /// Whether that runs.
    pub running: bool,
    /// Where wallets ask.
    pub rpc: String,
    /// Its newest block, where it answers.
    pub block: Option<u128>,
}

impl Devnet {
    /// What `folder` says. Errors: `Settings` for a file that is none.
    pub fn find(folder: &Path) -> Result<Option<Devnet>, Error> {
        let path = file(folder);
        let Some(bytes) = read_small(&path, FILE_BYTES_MAX)? else { return Ok(None) };
        let problem = |error: serde_json::Error| Error::Settings {
            path: path.clone(),
            problem: error.to_string(),
        };
        let devnet: Devnet = serde_json::from_slice(&bytes).map_err(problem)?;
        // As the members were told it.
        let folder = fs::canonicalize(folder).map_err(disk(folder))?;
        Ok(Some(Devnet { folder, ..devnet }))
    }

    /// Starts the members of the chain in `folder` that do not run, by the program `program`, and waits
    /// until all answer. A chain that is there goes on, whatever `options` say; otherwise one begins.
    ///
    /// Errors: `Devnet` where a member ends or does not answer; `Disk`.
    pub fn up(folder: &Path, program: &Path, options: &Options) -> Result<Devnet, Error> {
        fs::create_dir_all(folder).map_err(disk(folder))?;
        let folder = &fs::canonicalize(folder).map_err(disk(folder))?;
        let _alone = lock(&folder.join("devnet.lock"))?;
        let mut devnet = match Devnet::find(folder)? {
            Some(devnet) => devnet,
            None => Devnet::begin(folder, options)?,
        };
        devnet.pids.resize(devnet.rpc.len(), 0);
        let mut children: Vec<Option<Child>> = devnet.pids.iter().map(|_| None).collect();
        match devnet.start(program, &mut children).and_then(|()| devnet.answer(&mut children)) {
            Ok(()) => Ok(devnet),
            Err(error) => {
                // Members that ran before go on.
                devnet.end(&children.iter().flatten().map(Child::pid).collect::<Vec<_>>())?;
                Err(error)
            }
        }
    }

    /// Starts the members that do not run. Each is on file before the next one begins, so that one is
    /// found again whatever happens.
    fn start(&mut self, program: &Path, children: &mut [Option<Child>]) -> Result<(), Error> {
        for (place, child) in children.iter_mut().enumerate() {
            let member = self.member(place);
            let begun = Instant::now();
            let standing = loop {
                match process::standing(self.pids[place], &member) {
                    Standing::Ends if begun.elapsed() < END => crate::clock::pause(PAUSE),
                    standing => break standing,
                }
            };
            if standing != Standing::Runs {
                let started = process::start(program, &member)?;
                self.pids[place] = started.pid();
                *child = Some(started);
                self.keep()?;
            }
        }
        Ok(())
    }

    /// Makes keys, folders and a genesis file.
    fn begin(folder: &Path, options: &Options) -> Result<Devnet, Error> {
        let places: Vec<u16> = (0..options.validators).collect();
        let made = places.iter().map(|place| Folder::make(&member(folder, usize::from(*place))));
        let members: Vec<(Folder, Secrets)> = made.collect::<Result<_, _>>()?;
        let secrets: Vec<&Secrets> = members.iter().map(|(_, secrets)| secrets).collect();
        let genesis = genesis(options.chain_id, &secrets)?;
        let address = |place: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, options.port + place));
        let peers =
            |place: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, options.port + PEER_PORTS + place));
        for (place, (member, _)) in places.iter().zip(&members) {
            let others = places.iter().zip(&secrets).filter(|(other, _)| *other != place);
            let peer = |(other, secrets): (&u16, &&Secrets)| Peer {
                identity: secrets.identity().to_string(),
                address: Some(peers(*other)),
            };
            let network =
                Network { listen: peers(*place), public: None, peers: others.map(peer).collect() };
            let rpc = Wallets { listen: address(*place) };
            let pace = Pacing::default();
            let (network, follow) = (Some(network), None);
            let settings = Settings { genesis: "genesis.toml".into(), network, follow, rpc, pace };
            member.write(&settings, &genesis)?;
        }
        let rpc: Vec<String> =
            places.iter().map(|place| format!("http://{}", address(*place))).collect();
        let devnet = Devnet {
            chain_id: options.chain_id,
            explorer: format!("{}/", rpc[0]),
            rpc,
            accounts: funded(),
            pids: Vec::new(),
            folder: folder.to_owned(),
        };
        devnet.keep()?;
        Ok(devnet)
    }

    /// The folder of the member at `place`.
    fn member(&self, place: usize) -> PathBuf {
        member(&self.folder, place)
    }

    fn keep(&self) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).expect("what runs is JSON");
        replace(&file(&self.folder), text.as_bytes(), PUBLIC)
    }

    /// Waits until all members answer and a first block is final.
    fn answer(&self, children: &mut [Option<Child>]) -> Result<(), Error> {
        let begun = Instant::now();
        for (rpc, child) in self.rpc.iter().zip(children) {
            let client = Client::new(rpc);
            while !client.number("eth_blockNumber", json!([])).is_ok_and(|number| number > 0) {
                if let Some(ended) = child.as_mut().and_then(Child::ended) {
                    return Err(Error::Devnet(format!("{rpc} ended, {ended}")));
                }
                if begun.elapsed() > READY {
                    let what = "does not answer: terroir devnet logs";
                    return Err(Error::Devnet(format!("{rpc} {what}")));
                }
                crate::clock::pause(PAUSE);
            }
        }
        Ok(())
    }

    /// The processes that run.
    fn running(&self) -> Vec<u32> {
        let members = self.pids.iter().enumerate();
        let runs = |(place, pid): &(usize, &u32)| process::runs(**pid, &self.member(*place));
        members.filter(runs).map(|(_, pid)| *pid).collect()
    }

    /// Ends all members, and waits until they have. What they keep stays.
    ///
    /// Errors: `Devnet` for one that does not end.
    pub fn down(&self) -> Result<usize, Error> {
        let running = self.running();
        self.end(&running)?;
        Ok(running.len())
    }

    /// Ends those of `pids` that are members which run.
    fn end(&self, pids: &[u32]) -> Result<(), Error> {
        let left = || -> Vec<u32> {
            self.running().into_iter().filter(|pid| pids.contains(pid)).collect()
        };
        left().into_iter().for_each(process::ask_to_end);
        let begun = Instant::now();
        while begun.elapsed() < END && !left().is_empty() {
            crate::clock::pause(PAUSE);
        }
        let left = left();
        left.iter().for_each(|pid| process::end(*pid));
        match left.is_empty() {
            true => Ok(()),
            false => Err(Error::Devnet(format!("{left:?} did not end and were killed"))),
        }
    }

    /// How each member is.
    pub fn state(&self) -> Vec<State> {
        let member = |(place, (pid, rpc)): (usize, (&u32, &String))| {
            let running = process::runs(*pid, &self.member(place));
            let ask = || Client::new(rpc).number("eth_blockNumber", json!([])).ok();
            let block = running.then(ask).flatten();
            State { pid: *pid, running, rpc: rpc.clone(), block }
        };
        self.pids.iter().zip(&self.rpc).enumerate().map(member).collect()
    }

    /// The log of the member at `place`.
    pub fn log(&self, place: usize) -> Option<PathBuf> {
        (place < self.rpc.len()).then(|| process::log(&self.member(place)))
    }
}

/// Removes the members in `folder`, so that the next chain is new. Errors: `Devnet` while one runs;
/// `Disk`.
pub fn forget(folder: &Path) -> Result<(), Error> {
    if let Some(devnet) = Devnet::find(folder)? {
        if !devnet.running().is_empty() {
            return Err(Error::Devnet("runs: terroir devnet down".to_owned()));
        }
        let members = (0..devnet.rpc.len()).map(|place| devnet.member(place));
        for member in members.filter(|member| member.exists()) {
            fs::remove_dir_all(&member).map_err(disk(&member))?;
        }
        let path = file(folder);
        fs::remove_file(&path).map_err(disk(&path))?;
    }
    Ok(())
}

/// The folder of the member at `place` of a chain in `folder`.
fn member(folder: &Path, place: usize) -> PathBuf {
    folder.join(format!("node-{place}"))
}

fn file(folder: &Path) -> PathBuf {
    folder.join("devnet.json")
}

/// A genesis file: the funded accounts, of which the first are the accounts of the validators.
fn genesis(chain_id: u64, secrets: &[&Secrets]) -> Result<String, Error> {
    let time = now_ms() / 1_000;
    let mut text = format!(
        "name = \"devnet\"\nchain_id = {chain_id}\ntime = {time}\nepoch_blocks = {EPOCH_BLOCKS}\n\n"
    );
    let accounts = funded();
    for (secrets, account) in secrets.iter().zip(&accounts) {
        text += &secrets.entry(chain_id, account.address, STAKE)?;
        text.push('\n');
    }
    for account in &accounts {
        let balance = U256::from(BALANCE);
        text += &format!("[accounts.\"{}\"]\nbalance = \"{balance}\"\n\n", account.address);
    }
    Ok(text)
}
