//! `eth_subscribe`: news over a WebSocket, for as long as it is open.
//!
//! Invariant: who listens sees every final block once and in order, or is let go of because it takes
//! them too slowly; nothing is kept for it meanwhile but the news of one block, which are within the
//! budget of all that waits, and not even an old state of the chain.

use super::args::Args;
use super::budget::{Claim, Said};
use super::failure::Failure;
use super::{Rpc, logs, shape};
use crate::chain::{Added, Final, Tip};
use alloy_rpc_types_eth::pubsub::SubscriptionKind;
use alloy_rpc_types_eth::{Filter, Log};
use axum::http::Extensions;
use jsonrpsee::core::SubscriptionError;
use jsonrpsee::core::server::SubscriptionSink;
use jsonrpsee::types::{ErrorObjectOwned, Params, SubscriptionPayload, SubscriptionResponse};
use jsonrpsee::{PendingSubscriptionSink, RpcModule};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
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
    /// Clients have more to take than is kept for them.
    Full,
}

/// Where the news of a subscription go.
struct Outlet {
    sink: SubscriptionSink,
    news: mpsc::Sender<Said>,
}

pub(super) fn register(module: &mut RpcModule<Rpc>) {
    let registered = module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, rpc, more| async move { serve(params, pending, rpc, more).await },
    );
    registered.expect("no other method is called so");
}

/// Serves one subscription; the error is the last that it is told.
async fn serve(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    rpc: Arc<Rpc>,
    more: Extensions,
) -> Result<(), SubscriptionError> {
    let news = more.get::<mpsc::Sender<Said>>().cloned();
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
    let (Ok(sink), Some(news)) = (pending.accept().await, news) else { return Ok(()) };
    let outlet = Outlet { sink, news };
    let behind = rpc.limits.behind;
    let feed = Feed { rpc, tips, next, outlet: &outlet };
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
            Wanted::Waiting(whole) => waiting(&feed.rpc, added, &outlet, whole).await,
            // It began before there was a server.
            Wanted::Syncing => {
                outlet.tell_one(&feed.rpc, &false).await?;
                std::future::pending().await
            }
        }
    };
    let gone = tokio::select! {
        gone = told => gone,
        () = outlet.sink.closed() => Err(Gone::Left),
    };
    match gone {
        Err(Gone::Behind) => Err(format!("{behind} blocks behind: subscribe again").into()),
        Err(Gone::Full) => Err("too much waits to be taken: subscribe again".into()),
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
            let logs::Bounded(filter) = args.optional()?.unwrap_or_default();
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

impl Outlet {
    /// Tells `result`, which is among what `claim` is for.
    async fn tell(&self, result: &RawValue, claim: &Arc<Claim>) -> Result<(), Gone> {
        let payload = SubscriptionPayload { subscription: self.sink.subscription_id(), result };
        let message = SubscriptionResponse::new(self.sink.method_name().into(), payload);
        let text = to_raw_value(&message).map_err(|_| Gone::Left)?;
        let said = Said { text, _claim: Arc::clone(claim) };
        self.news.send(said).await.map_err(|_| Gone::Left)
    }

    /// Tells `news` that are all there is to tell now.
    async fn tell_one(&self, rpc: &Rpc, news: &impl Serialize) -> Result<(), Gone> {
        let result = to_raw_value(news).map_err(|_| Gone::Left)?;
        let mut claim = rpc.budget.claim();
        claim.grow(result.get().len()).map_err(|_| Gone::Full)?;
        self.tell(&result, &Arc::new(claim)).await
    }
}

/// Blocks for one subscription.
struct Feed<'s> {
    rpc: Arc<Rpc>,
    tips: watch::Receiver<Arc<Tip>>,
    /// The first block that it is told of.
    next: u64,
    outlet: &'s Outlet,
}

/// What there is to tell of a block, and the claim to what it takes.
type News = (Vec<Box<RawValue>>, Arc<Claim>);

impl Feed<'_> {
    /// Tells what `of` says of every block.
    async fn blocks<T: Serialize + 'static>(
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
                let (news, claim) = self.news(&of).await?;
                for one in news {
                    self.outlet.tell(&one, &claim).await?;
                }
                self.next += 1;
                newest = self.tips.borrow_and_update().header.number;
            }
        }
    }

    /// What `of` says of the next block, read when it is this subscription's turn.
    async fn news<T: Serialize + 'static>(
        &self,
        of: &Arc<impl Fn(&Final) -> Vec<T> + Send + Sync + 'static>,
    ) -> Result<News, Gone> {
        let turn = Arc::clone(&self.rpc.readers).acquire_owned().await.map_err(|_| Gone::Left)?;
        let (rpc, of, number) = (Arc::clone(&self.rpc), Arc::clone(of), self.next);
        let reading = spawn_blocking(move || {
            let found = rpc.chain.block(&rpc.chain.tip(), number).map_err(Failure::from);
            let found = found.map_err(|_| Gone::Left)?;
            let mut claim = rpc.budget.claim();
            let mut news = Vec::new();
            for one in found.iter().flat_map(|found| of(found)) {
                let one = to_raw_value(&one).map_err(|_| Gone::Left)?;
                claim.grow(one.get().len()).map_err(|_| Gone::Full)?;
                news.push(one);
            }
            drop(turn);
            Ok((news, Arc::new(claim)))
        });
        reading.await.map_err(|_| Gone::Left)?
    }
}

async fn waiting(
    rpc: &Rpc,
    mut added: broadcast::Receiver<Added>,
    outlet: &Outlet,
    whole: bool,
) -> Result<(), Gone> {
    loop {
        let hash = match added.recv().await {
            Ok(one) => one.hash,
            // Who takes them too slowly misses some.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return Err(Gone::Left),
        };
        if !whole {
            outlet.tell_one(rpc, &hash).await?;
        // It may be in a block by now.
        } else if let Some(one) = rpc.chain.mempool().get(&hash) {
            outlet.tell_one(rpc, &shape::waiting(&one)).await?;
        }
    }
}
