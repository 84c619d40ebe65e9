//! `eth_subscribe`: news over a WebSocket, for as long as it is open.
//!
//! Invariant: who listens sees every final block once and in order, however slowly it takes them;
//! nothing is kept for it meanwhile.

use super::args::Args;
use super::failure::Failure;
use super::{Rpc, logs, shape};
use crate::chain::{Final, Tip};
use alloy_rpc_types_eth::pubsub::SubscriptionKind;
use alloy_rpc_types_eth::{Filter, Log};
use jsonrpsee::core::server::SubscriptionSink;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use jsonrpsee::{PendingSubscriptionSink, RpcModule, SubscriptionMessage};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_blocking;

/// What is listened to.
enum Wanted {
    Heads,
    Logs(Box<Filter>),
    /// Whether they come whole.
    Waiting(bool),
    Syncing,
}

/// Nobody listens any more.
struct Gone;

pub(super) fn register(module: &mut RpcModule<Rpc>) {
    let registered = module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, rpc, _| async move { serve(params, pending, rpc).await },
    );
    registered.expect("no other method is called so");
}

async fn serve(params: Params<'static>, pending: PendingSubscriptionSink, rpc: Arc<Rpc>) {
    // What comes from now on is seen, also while the answer is on its way.
    let (tips, added) = (rpc.chain.tips(), rpc.chain.mempool().added());
    let wanted = match wanted(&params) {
        Ok(wanted) => wanted,
        Err(failure) => return pending.reject(ErrorObjectOwned::from(failure)).await,
    };
    let Ok(sink) = pending.accept().await else { return };
    let told = async {
        match wanted {
            Wanted::Heads => blocks(&rpc, tips, &sink, |found| vec![shape::header(found)]).await,
            Wanted::Logs(filter) => {
                let filter = Arc::new(filter);
                let logs = move |found: &Final| {
                    let passes = filter.matches_bloom(found.block.header.logs_bloom);
                    let logs = passes.then(|| logs::of_block(found, &filter).collect());
                    logs.unwrap_or_else(Vec::<Log>::new)
                };
                blocks(&rpc, tips, &sink, logs).await
            }
            Wanted::Waiting(whole) => waiting(added, &sink, whole).await,
            // It began before there was a server.
            Wanted::Syncing => {
                let _ = tell(&sink, &false).await;
                std::future::pending().await
            }
        }
    };
    tokio::select! {
        _ = told => {}
        () = sink.closed() => {}
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
    let message = SubscriptionMessage::new(method, id, news).map_err(|_| Gone)?;
    sink.send(message).await.map_err(|_| Gone)
}

/// Tells what `of` says of every block from the next one on.
async fn blocks<T: Serialize + Send + 'static>(
    rpc: &Arc<Rpc>,
    mut tips: tokio::sync::watch::Receiver<Arc<Tip>>,
    sink: &SubscriptionSink,
    of: impl Fn(&Final) -> Vec<T> + Send + Sync + 'static,
) -> Result<(), Gone> {
    let of = Arc::new(of);
    let mut next = tips.borrow_and_update().header.number + 1;
    loop {
        tips.changed().await.map_err(|_| Gone)?;
        let tip = tips.borrow_and_update().clone();
        while next <= tip.header.number {
            let (rpc, tip, of) = (Arc::clone(rpc), tip.clone(), Arc::clone(&of));
            let news = spawn_blocking(move || {
                let found = rpc.chain.block(&tip, next).map_err(Failure::from)?;
                Ok::<_, Failure>(found.map(|found| of(&found)).unwrap_or_default())
            });
            let news = news.await.map_err(|_| Gone)?.map_err(|_| Gone)?;
            for one in news {
                tell(sink, &one).await?;
            }
            next += 1;
        }
    }
}

async fn waiting(
    mut added: tokio::sync::broadcast::Receiver<crate::chain::Added>,
    sink: &SubscriptionSink,
    whole: bool,
) -> Result<(), Gone> {
    loop {
        let one = match added.recv().await {
            Ok(one) => one.transaction,
            // Who takes them too slowly misses some.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return Err(Gone),
        };
        let news = match whole {
            true => serde_json::to_value(shape::waiting(&one)).map_err(|_| Gone)?,
            false => Value::String(one.hash.to_string()),
        };
        tell(sink, &news).await?;
    }
}
