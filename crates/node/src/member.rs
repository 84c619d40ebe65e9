//! A node of a chain in one process: what is kept, agreement with others, and the port of wallets.
//!
//! For `terroir node run`, and for `terroir devnet`, which starts several. All that a node is lies in
//! one [`Folder`]. One that follows others instead (`follow`) has no keys and never votes. Invariant:
//! whatever ends a member, nothing that was final is lost, and it never votes twice for one view.

mod folder;
pub(crate) mod gossip;
mod host;
mod secrets;
mod settings;

pub use folder::Folder;
pub use host::Hosted;
pub use secrets::Secrets;
pub use settings::{Follow, Network, Pacing, Peer, SOURCES_MAX, Settings, Wallets};

use crate::chain::{Chain, Error as ChainError, PoolLimits};
use crate::error::Error;
use crate::explorer;
use crate::follow::Following;
use crate::rpc::{RpcLimits, RpcServer};
use crate::server::signals;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use terroir_consensus::{Config, Pace, Service};
use tokio::runtime::Runtime;

/// Threads of the consensus engine.
const ENGINE_THREADS: usize = 2;
/// How often a node looks whether consensus still runs.
const WATCH: Duration = Duration::from_millis(250);

/// A member that runs.
pub struct Member {
    chain: Arc<Chain>,
    work: Work,
}

/// What lets its chain grow.
enum Work {
    Agrees(Arc<Service>),
    Follows(Following),
}

impl Member {
    /// Opens what is in `folder` and starts to agree with others, or to follow them. Must be called
    /// within a tokio runtime, whose tasks hand the transactions of clients on.
    ///
    /// Errors: those of the folder and its chain; `Consensus`.
    pub fn start(folder: &Folder) -> Result<Member, Error> {
        open_files();
        let settings = folder.settings()?;
        let text = folder.genesis(&settings)?;
        let open = || Chain::open(&folder.chain(), &text, PoolLimits::DEFAULT).map(Arc::new);
        if let Some(follow) = &settings.follow {
            let chain = open()?;
            let work = Work::Follows(Following::start(chain.clone(), &follow.rpc)?);
            return Ok(Member { chain, work });
        }
        let keys = folder.secrets()?.keys()?;
        let network = settings.network.expect("settings that were read have one of the two");
        let chain = open()?;
        let first = chain.block(&chain.tip(), 0)?;
        let genesis = first.expect("a chain that is open has block 0").block.clone();
        let config = Config {
            chain: chain.chain().clone(),
            genesis: terroir_ledger::Block::clone(&genesis),
            keys,
            pace: Pace { block_ms: settings.pace.block_ms, idle_ms: settings.pace.idle_ms },
            directory: folder.consensus(),
            listen: network.listen,
            public: network.public.unwrap_or(network.listen),
            peers: network.peers()?,
            threads: ENGINE_THREADS,
        };
        let host = Arc::new(Hosted::new(chain.clone(), folder.evidence())?);
        let service =
            Service::start(config, host).map_err(|why| Error::Consensus(why.to_string()))?;
        let service = Arc::new(service);
        let whom = Arc::downgrade(&service);
        gossip::start(chain.clone(), move |some| {
            let service = whom.upgrade();
            if let Some(service) = service.as_ref().filter(|_| !some.is_empty()) {
                service.submit(some);
            }
            std::future::ready(service.is_some())
        });
        Ok(Member { chain, work: Work::Agrees(service) })
    }

    /// What it keeps.
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// Returns when consensus ended by itself. Errors: `Consensus`, always.
    async fn failed(&self) -> Result<(), Error> {
        loop {
            tokio::time::sleep(WATCH).await;
            let failure = match &self.work {
                Work::Agrees(service) => service.failure(),
                Work::Follows(following) => following.failure(),
            };
            if let Some(why) = failure {
                return Err(Error::Consensus(why));
            }
        }
    }
}

/// Runs the node in `folder` until SIGTERM or SIGINT. Blocks; `ready` is told where wallets find it.
///
/// Errors: those of [`Member::start`]; `Listen`; `Consensus` when it ends by itself.
pub fn run(folder: &Folder, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    let runtime = Runtime::new().map_err(Error::Setup)?;
    runtime.block_on(async {
        let (stop, _) = signals()?;
        let settings = folder.settings()?;
        let member = Member::start(folder)?;
        let (chain, limits) = (member.chain.clone(), RpcLimits::DEFAULT);
        let pages = explorer::routes(chain.clone());
        let server = RpcServer::bind(settings.rpc.listen, pages, chain, limits)?;
        ready(server.address());
        let mut ended = Ok(());
        let stopped = async {
            tokio::select! {
                () = stop => {}
                failed = member.failed() => ended = failed,
            }
        };
        server.run(stopped).await;
        // Who follows may still wait for an answer, with the chain in hand, when the process ends.
        member.chain.settle()?;
        ended
    })
}

/// Lets this process have as many files open as the system allows it: peers, clients and archives take
/// more than the thousand that many systems begin with.
fn open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(why) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%why, limit = ?limit.current, "the limit of open files stays");
    }
}

impl From<ChainError> for Error {
    fn from(error: ChainError) -> Error {
        Error::Chain(Box::new(error))
    }
}
