//! `node`: one node of a chain.
//!
//! Invariant: stdout of `node run` has one line, the address for wallets, printed once it is taken.

use crate::{Verdict, args, output};
use anyhow::{Context, Result};
use std::io::stderr;
use std::path::Path;
use terroir_node::member::{self, Folder, Follow, Network, Pacing, Peer, Settings, Wallets};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Base units of a token.
const TOKEN: u128 = 1_000_000_000_000_000_000;

/// Does what was typed.
pub fn run(verb: args::Node) -> Result<Verdict> {
    match verb {
        args::Node::Init(typed) => init(*typed),
        args::Node::Run { config, log } => serve(&config, log),
    }
}

fn init(typed: args::NodeInit) -> Result<Verdict> {
    let (rpc, pace) = (Wallets { listen: typed.rpc }, Pacing::default());
    let settings =
        |network, follow| Settings { genesis: "genesis.toml".into(), network, follow, rpc, pace };
    if let (Some(genesis), false) = (&typed.genesis, typed.follow.is_empty()) {
        let folder = Folder::without_keys(&typed.dir)?;
        let settings = settings(None, Some(Follow { rpc: typed.follow }));
        return write(&folder, &settings, genesis);
    }
    let (folder, secrets) = Folder::make(&typed.dir)?;
    output::talk(format_args!("identity {}", secrets.identity()));
    if let (Some(chain_id), Some(address)) = (typed.chain_id, &typed.address) {
        let address = address.parse().with_context(|| format!("{address:?} is no address"))?;
        output::piece(secrets.entry(chain_id, address, u128::from(typed.stake) * TOKEN)?)?;
    }
    let Some(genesis) = typed.genesis else { return Ok(Verdict::Yes) };
    let peer = |peer: args::PeerArg| Peer {
        identity: peer.identity.to_string(),
        address: Some(peer.address),
    };
    let network = Network {
        listen: typed.listen,
        public: typed.public,
        peers: typed.peers.into_iter().map(peer).collect(),
    };
    write(&folder, &settings(Some(network), None), &genesis)
}

fn write(folder: &Folder, settings: &Settings, genesis: &Path) -> Result<Verdict> {
    folder.write(settings, &output::read_text(genesis)?)?;
    let config = folder.config();
    output::talk(format_args!("run it: terroir node run --config {}", config.display()));
    Ok(Verdict::Yes)
}

fn serve(config: &Path, log: tracing::Level) -> Result<Verdict> {
    // The consensus engine tells every step of every view; who wants to see that asks for debug.
    let engine = if log >= tracing::Level::DEBUG { log } else { log.min(tracing::Level::WARN) };
    let wanted = Targets::new().with_default(engine).with_target("terroir", log);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(wanted)).init();
    member::run(&Folder::of(config)?, |address| {
        if let Err(error) = output::data(format_args!("listening on http://{address}")) {
            output::talk(format_args!("error: {error:#}"));
        }
    })?;
    Ok(Verdict::Yes)
}
