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
    /// Other members.
    pub network: Network,
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
        let problem = |error: toml::de::Error| Error::Settings {
            path: path.to_owned(),
            problem: error.to_string().trim().to_owned(),
        };
        toml::from_str(text).map_err(problem)
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
