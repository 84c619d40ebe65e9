//! How a member runs: its file `node.toml`.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use terroir_base::sign::PublicKey;

/// Most bytes of the file.
pub(super) const BYTES_MAX: usize = 1 << 20;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The genesis file, relative to the folder.
    #[serde(default = "genesis")]
    pub genesis: PathBuf,
    /// Other members, for one that takes part; either this or `follow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Whom to follow, for one that does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<Follow>,
    /// The port of wallets.
    #[serde(default)]
    pub rpc: Wallets,
    /// How fast it proposes.
    #[serde(default)]
    pub pace: Pacing,
}

/// Where other members are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Where to listen for them.
    pub listen: SocketAddr,
    /// Where they reach this one, if elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<SocketAddr>,
    /// Members to call first, and those without a seat that may call; others are learned from them.
    #[serde(default)]
    pub peers: Vec<Peer>,
}

/// Another member.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its identity: 64 hexadecimal digits.
    pub identity: String,
    /// Where it listens; none for one that only calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
}

/// Nodes whose chain is followed. None is believed: `docs/decision/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// Their ports for wallets, such as `http://203.0.113.8:8545`: 1 to [`SOURCES_MAX`].
    pub rpc: Vec<String>,
}

/// Most nodes that are followed.
pub const SOURCES_MAX: usize = 16;

/// Where wallets ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wallets {
    /// Where to listen; on this machine alone, where nothing is said. Port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for Wallets {
    fn default() -> Wallets {
        Wallets { listen: SocketAddr::from(([127, 0, 0, 1], 8545)) }
    }
}

/// How fast blocks follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pacing {
    /// Least milliseconds between two blocks.
    pub block_ms: u64,
    /// Milliseconds after which a block comes although nothing waits.
    pub idle_ms: u64,
}

impl Default for Pacing {
    fn default() -> Pacing {
        let pace = terroir_consensus::Pace::default();
        Pacing { block_ms: pace.block_ms, idle_ms: pace.idle_ms }
    }
}

fn genesis() -> PathBuf {
    PathBuf::from("genesis.toml")
}

impl Settings {
    /// Reads the text of the file `path`. Errors: `Settings`, with the line.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Settings, Error> {
        let problem = |problem: String| Error::Settings { path: path.to_owned(), problem };
        let settings: Settings =
            toml::from_str(text).map_err(|error| problem(error.to_string().trim().to_owned()))?;
        match (&settings.network, &settings.follow) {
            (Some(_), Some(_)) | (None, None) => {
                Err(problem("expected either [network] or [follow]".to_owned()))
            }
            (None, Some(Follow { rpc })) if rpc.is_empty() || rpc.len() > SOURCES_MAX => {
                let got = rpc.len();
                Err(problem(format!("follow.rpc: {got} nodes, 1 to {SOURCES_MAX} are taken")))
            }
            _ => Ok(settings),
        }
    }
}

impl Network {
    /// The peers as consensus takes them. Errors: `Settings`.
    pub(super) fn peers(&self) -> Result<Vec<terroir_consensus::Peer>, Error> {
        let peer = |peer: &Peer| {
            let key: PublicKey = peer.identity.parse().map_err(|error| Error::Settings {
                path: PathBuf::from("node.toml"),
                problem: format!("network.peers, identity {:?}: {error}", peer.identity),
            })?;
            Ok(terroir_consensus::Peer { identity: key.0, address: peer.address })
        };
        self.peers.iter().map(peer).collect()
    }
}
