//! `eth_subscribe`: news over a WebSocket, for as long as it is open.
//!
//! Invariant: who listens sees every final block once and in order, or is let go of because it takes
//! them too slowly; nothing is kept for it meanwhile, not even an old state of the chain.

use super::args::Args;
use super::failure::Failure;
use super::{Rpc, logs, shape};
use crate::chain::{Added, Final, Tip};
use alloy_rpc_types_eth::pubsub::SubscriptionKind;
use alloy_rpc_types_eth::{Filter, Log};
use jsonrpsee::core::SubscriptionError;
use jsonrpsee::core::server::SubscriptionSink;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use jsonrpsee::{PendingSubscriptionSink, RpcModule, SubscriptionMessage};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::spawn_blocking;

/// What is listened to.
enum Wanted {
    Heads,
    Logs(Box<Filter>),
    /// Whether they come whole.
    Waiting(bool),
    Syncing,
}

/// Why no more is told.
enum Gone {
    /// Nobody listens.
    Left,
    /// Whoever listens takes it too slowly.
    Behind,
}

pub(super) fn register(module: &mut RpcModule<Rpc>) {
    let registered = module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, rpc, _| async move { serve(params, pending, rpc).await },
    );
    registered.expect("no other method is called so");
}

/// Serves one subscription; the error is the last that it is told.
async fn serve(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    rpc: Arc<Rpc>,
) -> Result<(), SubscriptionError> {
    let Ok(_place) = rpc.subscriptions.clone().try_acquire_owned() else {
        let full = Failure::limit("too many subscriptions are open, try again");
        pending.reject(ErrorObjectOwned::from(full)).await;
        return Ok(());
    };
    // What comes from now on is seen, also while the answer is on its way.
    let (mut tips, added) = (rpc.chain.tips(), rpc.chain.mempool().added());
    let next = tips.borrow_and_update().header.number + 1;
    let wanted = match wanted(&params) {
        Ok(wanted) => wanted,
        Err(failure) => {
            pending.reject(ErrorObjectOwned::from(failure)).await;
            return Ok(());
        }
    };
    let Ok(sink) = pending.accept().await else { return Ok(()) };
    let behind = rpc.limits.behind;
    let feed = Feed { rpc, tips, next, sink: &sink };
    let told = async {
        match wanted {
            Wanted::Heads => feed.blocks(|found| vec![shape::header(found)]).await,
            Wanted::Logs(filter) => {
                let filter = Arc::new(filter);
                let logs = move |found: &Final| {
                    let passes = filter.matches_bloom(found.block.header.logs_bloom);
                    let logs = passes.then(|| logs::of_block(found, &filter).collect());
                    logs.unwrap_or_else(Vec::<Log>::new)
                };
                feed.blocks(logs).await
            }
            Wanted::Waiting(whole) => waiting(&feed.rpc, added, &sink, whole).await,
            // It began before there was a server.
            Wanted::Syncing => {
                let _ = tell(&sink, &false).await;
                std::future::pending().await
            }
        }
    };
    let gone = tokio::select! {
        gone = told => gone,
        () = sink.closed() => Err(Gone::Left),
    };
    match gone {
        Err(Gone::Behind) => Err(format!("{behind} blocks behind: subscribe again").into()),
        Ok(()) | Err(Gone::Left) => Ok(()),
    }
}

impl From<Failure> for ErrorObjectOwned {
    fn from(failure: Failure) -> ErrorObjectOwned {
        failure.0
    }
}

fn wanted(params: &Params<'_>) -> Result<Wanted, Failure> {
    let mut args = Args::parse(params.as_str(), 2)?;
    let kind: SubscriptionKind = args.required()?;
    match kind {
        SubscriptionKind::NewHeads => Ok(Wanted::Heads),
        SubscriptionKind::Logs => {
            let filter: Filter = args.optional()?.unwrap_or_default();
            logs::check(&filter)?;
            Ok(Wanted::Logs(Box::new(filter)))
        }
        SubscriptionKind::NewPendingTransactions => {
            Ok(Wanted::Waiting(args.optional()?.unwrap_or(false)))
        }
        SubscriptionKind::Syncing => Ok(Wanted::Syncing),
        SubscriptionKind::TransactionReceipts => {
            Err(Failure::unsupported("no \"transactionReceipts\" subscription"))
        }
    }
}

async fn tell(sink: &SubscriptionSink, news: &impl Serialize) -> Result<(), Gone> {
    let (method, id) = (sink.method_name(), sink.subscription_id());
    let message = SubscriptionMessage::new(method, id, news).map_err(|_| Gone::Left)?;
    sink.send(message).await.map_err(|_| Gone::Left)
}

/// Blocks for one subscription.
struct Feed<'s> {
    rpc: Arc<Rpc>,
    tips: watch::Receiver<Arc<Tip>>,
    /// The first block that it is told of.
    next: u64,
    sink: &'s SubscriptionSink,
}

impl Feed<'_> {
    /// Tells what `of` says of every block.
    async fn blocks<T: Serialize + Send + 'static>(
        mut self,
        of: impl Fn(&Final) -> Vec<T> + Send + Sync + 'static,
    ) -> Result<(), Gone> {
        let of = Arc::new(of);
        loop {
            self.tips.changed().await.map_err(|_| Gone::Left)?;
            // Not the tip itself: what it keeps would be kept as long as a client takes.
            let mut newest = self.tips.borrow_and_update().header.number;
            while self.next <= newest {
                if newest - self.next >= self.rpc.limits.behind {
                    return Err(Gone::Behind);
                }
                for one in self.news(&of).await? {
                    tell(self.sink, &one).await?;
                }
                self.next += 1;
                newest = self.tips.borrow_and_update().header.number;
            }
        }
    }

    /// What `of` says of the next block, read when it is this subscription's turn.
    async fn news<T: Send + 'static>(
        &self,
        of: &Arc<impl Fn(&Final) -> Vec<T> + Send + Sync + 'static>,
    ) -> Result<Vec<T>, Gone> {
        let turn = Arc::clone(&self.rpc.readers).acquire_owned().await.map_err(|_| Gone::Left)?;
        let (rpc, of, number) = (Arc::clone(&self.rpc), Arc::clone(of), self.next);
        let reading = spawn_blocking(move || {
            let found = rpc.chain.block(&rpc.chain.tip(), number).map_err(Failure::from)?;
            drop(turn);
            Ok::<_, Failure>(found.map(|found| of(&found)).unwrap_or_default())
        });
        reading.await.map_err(|_| Gone::Left)?.map_err(|_| Gone::Left)
    }
}

async fn waiting(
    rpc: &Rpc,
    mut added: broadcast::Receiver<Added>,
    sink: &SubscriptionSink,
    whole: bool,
) -> Result<(), Gone> {
    loop {
        let hash = match added.recv().await {
            Ok(one) => one.hash,
            // Who takes them too slowly misses some.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return Err(Gone::Left),
        };
        let news = match whole {
            true => {
                // It may be in a block by now.
                let Some(one) = rpc.chain.mempool().get(&hash) else { continue };
                serde_json::to_value(shape::waiting(&one)).map_err(|_| Gone::Left)?
            }
            false => Value::String(hash.to_string()),
        };
        tell(sink, &news).await?;
    }
}
