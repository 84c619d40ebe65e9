//! Filters that clients poll: new blocks, new logs, new transactions that wait.
//!
//! Invariant: there are at most so many; whoever has not asked for longest gives way.

use super::args::Args;
use super::failure::Failure;
use super::{Answer, Method, Rpc, logs, say};
use crate::chain::Added;
use alloy_primitives::{B256, U128};
use alloy_rpc_types_eth::Filter;
use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

/// A filter that nobody asks for so long is forgotten.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// Hashes of transactions that one poll gives.
const HASHES_MAX: usize = 10_000;

pub(super) const METHODS: &[Method] = &[
    Method::light("eth_newFilter", 1, new_logs),
    Method::light("eth_newBlockFilter", 0, new_blocks),
    Method::light("eth_newPendingTransactionFilter", 1, new_waiting),
    Method::heavy("eth_getFilterChanges", 1, changes),
    Method::heavy("eth_getFilterLogs", 1, all_logs),
    Method::light("eth_uninstallFilter", 1, uninstall),
];

/// What a filter waits for.
enum Kind {
    /// Blocks from this number on.
    Blocks(u64),
    /// Logs of blocks from this number on.
    Logs(Box<Filter>, u64),
    /// Transactions.
    Waiting(Receiver<Added>),
}

struct Installed {
    kind: Kind,
    asked: Instant,
}

/// All filters, by their ids.
#[derive(Default)]
pub(super) struct Filters {
    filters: HashMap<U128, Installed>,
}

impl Filters {
    fn install(&mut self, id: U128, kind: Kind, max: usize) {
        let now = Instant::now();
        self.filters.retain(|_, one| now.duration_since(one.asked) < IDLE);
        if self.filters.len() >= max {
            let oldest = self.filters.iter().min_by_key(|(_, one)| one.asked);
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.filters.remove(&id);
            }
        }
        self.filters.insert(id, Installed { kind, asked: now });
    }

    fn asked(&mut self, id: &U128) -> Result<&mut Kind, Failure> {
        let now = Instant::now();
        let found = self.filters.get_mut(id).filter(|one| now.duration_since(one.asked) < IDLE);
        let found = found.ok_or_else(|| Failure::server("filter not found"))?;
        found.asked = now;
        Ok(&mut found.kind)
    }
}

impl Rpc {
    fn filters(&self) -> std::sync::MutexGuard<'_, Filters> {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn install(&self, kind: Kind) -> Answer {
        let id = super::random_id()?;
        self.filters().install(id, kind, self.limits.filters);
        say(&id)
    }
}

fn new_logs(rpc: &Rpc, args: &mut Args) -> Answer {
    let logs::Bounded(filter) = args.required()?;
    if filter.get_block_hash().is_some() {
        return Err(Failure::invalid("a filter of one block has nothing to wait for"));
    }
    let next = rpc.chain.tip().header.number + 1;
    let next = next.max(filter.get_from_block().unwrap_or_default());
    rpc.install(Kind::Logs(Box::new(filter), next))
}

fn new_blocks(rpc: &Rpc, _: &mut Args) -> Answer {
    rpc.install(Kind::Blocks(rpc.chain.tip().header.number + 1))
}

fn new_waiting(rpc: &Rpc, args: &mut Args) -> Answer {
    if args.optional()?.unwrap_or(false) {
        return Err(Failure::unsupported("filters of whole transactions: there are their hashes"));
    }
    rpc.install(Kind::Waiting(rpc.chain.mempool().added()))
}

fn changes(rpc: &Rpc, args: &mut Args) -> Answer {
    let id = args.required()?;
    let tip = rpc.chain.tip();
    let newest = tip.header.number;
    let most = rpc.limits.log_blocks - 1;
    let (filter, from) = match rpc.filters().asked(&id)? {
        Kind::Waiting(added) => return say(&received(added)),
        Kind::Blocks(next) => {
            let until = newest.min(next.saturating_add(most));
            let hashes = (*next..=until).filter_map(|number| tip.kept.hash(number).transpose());
            let hashes = hashes.collect::<Result<Vec<_>, _>>()?;
            *next = until.max(*next - 1) + 1;
            return say(&hashes);
        }
        Kind::Logs(filter, next) => (filter.clone(), *next),
    };
    // What is far behind comes with the next polls.
    let until = filter.get_to_block().unwrap_or(newest).min(newest).min(from.saturating_add(most));
    if until < from {
        return say(&[(); 0]);
    }
    let found = logs::within(rpc, &tip, &filter, from..=until)?;
    let reached = match found.rest {
        None => until + 1,
        // The rest comes with the next polls too.
        Some((rest, _)) if rest > from => rest,
        Some((_, why)) => return Err(why),
    };
    if let Ok(Kind::Logs(_, next)) = rpc.filters().asked(&id) {
        *next = reached;
    }
    say(&found.logs)
}

fn received(added: &mut Receiver<Added>) -> Vec<B256> {
    let mut hashes = Vec::new();
    while hashes.len() < HASHES_MAX {
        match added.try_recv() {
            Ok(one) => hashes.push(one.hash),
            // Who asks too seldom misses some; the rest is still there.
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    hashes
}

fn all_logs(rpc: &Rpc, args: &mut Args) -> Answer {
    let filter = match rpc.filters().asked(&args.required()?)? {
        Kind::Logs(filter, _) => filter.clone(),
        Kind::Blocks(_) | Kind::Waiting(_) => return Err(Failure::server("filter not found")),
    };
    let tip = rpc.chain.tip();
    say(&logs::asked(rpc, &tip, &filter)?)
}

fn uninstall(rpc: &Rpc, args: &mut Args) -> Answer {
    let id = args.required()?;
    say(&rpc.filters().filters.remove(&id).is_some())
}
