//! The mempool: transactions from here and from peers, until they are in a final block.
//!
//! For the JSON-RPC server, for consensus, and for gossip. Invariant: what is kept was valid at the
//! last tip, each sender could pay for all that it has here when it came.

use super::Tip;
use super::pool::{Pool, PoolLimits, Put, Sender, Waiting};
use super::refused::Refused;
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::KECCAK_EMPTY;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terroir_ledger::block::BLOCK_BYTES_MAX;
use terroir_ledger::execute::param;
use terroir_ledger::native::params::{BASE_FEE_MIN, BLOCK_GAS};
use terroir_ledger::{Error, Executed, Transaction, View};
use tokio::sync::{broadcast, watch};

/// News that are kept for who has not listened to them yet.
const NEWS_MAX: usize = 1 << 13;
/// Gas of the smallest transaction.
const GAS_MIN: u64 = 21_000;

/// Where a transaction came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From a client of this node: peers do not have it.
    Local,
    /// From another node.
    Peer,
}

/// A transaction that was taken; it waits here until it does not any more.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    /// Its hash.
    pub hash: B256,
    /// Where it came from.
    pub origin: Origin,
}

/// All transactions that wait.
pub struct Mempool {
    chain_id: u64,
    state: Mutex<State>,
    executable: watch::Sender<u64>,
    added: broadcast::Sender<Added>,
}

struct State {
    pool: Pool,
    view: View,
    gas_max: u64,
    fee_min: u64,
}

impl Mempool {
    pub(super) fn new(chain_id: u64, limits: PoolLimits, tip: &Tip) -> Result<Mempool, Error> {
        let view = tip.view.clone();
        let (gas_max, fee_min) = (param(&view, BLOCK_GAS)?, param(&view, BASE_FEE_MIN)?);
        let pool = Pool::new(limits, tip.next_base_fee()?);
        let state = Mutex::new(State { pool, view, gas_max, fee_min });
        let (executable, added) = (watch::Sender::new(0), broadcast::Sender::new(NEWS_MAX));
        Ok(Mempool { chain_id, state, executable, added })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it is held breaks an invariant of the pool at most by one transaction.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an encoded transaction (EIP-2718); its hash.
    pub fn add(&self, bytes: &[u8], origin: Origin) -> Result<B256, Refused> {
        // The same one comes from many peers, and finding its sender costs most.
        if bytes.len() <= terroir_ledger::transaction::BYTES_MAX
            && self.get(&keccak256(bytes)).is_some()
        {
            return Err(Refused::Known);
        }
        let transaction = Transaction::decode(bytes, self.chain_id)?;
        let Put { hash, executable } = self.state().put(transaction)?;
        // Nobody may listen.
        let _ = self.added.send(Added { hash, origin });
        if executable {
            self.executable.send_modify(|count| *count += 1);
        }
        Ok(hash)
    }

    /// Changes whenever more can be executed than before.
    pub fn executable(&self) -> watch::Receiver<u64> {
        self.executable.subscribe()
    }

    /// Every transaction that is taken from now on. Who is slow misses some, and is told.
    pub fn added(&self) -> broadcast::Receiver<Added> {
        self.added.subscribe()
    }

    /// The transaction `hash`, if it waits here.
    pub fn get(&self, hash: &B256) -> Option<Arc<Transaction>> {
        self.state().pool.get(hash)
    }

    /// Checks a transaction of a block, and finds its sender; of one that waits here both are known,
    /// which spares a node most of the work of verifying a block.
    pub fn checked(&self, envelope: TxEnvelope) -> Result<Transaction, terroir_ledger::Refused> {
        match self.get(envelope.tx_hash()) {
            Some(known) => Ok((*known).clone()),
            None => Transaction::check(envelope, self.chain_id),
        }
    }

    /// What can be in a block with `base_fee` after the state `view`: the best tip first, nonces of
    /// a sender in order; as many as could fit.
    ///
    /// Errors: `Store` when the state cannot be read.
    pub fn candidates(&self, view: &View, base_fee: u64) -> Result<Vec<Arc<Transaction>>, Error> {
        let gas = param(view, BLOCK_GAS)?;
        let (mut count, mut bytes) = (0, 0);
        let enough = |transaction: &Transaction| {
            count += 1;
            bytes += transaction.envelope.encode_2718_len();
            count > gas / GAS_MIN || bytes > BLOCK_BYTES_MAX
        };
        let nonce = |sender: &Address| Ok(view.account(sender)?.map_or(0, |account| account.nonce));
        self.state().pool.best(base_fee, nonce, enough)
    }

    /// Takes in that a block was built without the transaction `hash` for a reason of its own; it
    /// is dropped when that happens again and again.
    pub fn left_out(&self, hash: &B256) {
        self.state().pool.left_out(hash);
    }

    /// Takes in what a final block changed.
    pub(super) fn committed(&self, tip: &Tip, executed: &Executed) -> Result<(), Error> {
        let view = tip.view.clone();
        let (gas_max, fee_min) = (param(&view, BLOCK_GAS)?, param(&view, BASE_FEE_MIN)?);
        let base_fee = tip.next_base_fee()?;
        let mut state = self.state();
        state.pool.reprice(base_fee);
        for (address, account) in &executed.changes.accounts {
            let (nonce, balance) = account.map_or((0, U256::ZERO), |now| (now.nonce, now.balance));
            state.pool.settle(*address, nonce, balance);
        }
        (state.view, state.gas_max, state.fee_min) = (view, gas_max, fee_min);
        // The block may have closed a gap, and it made room for others in the next one.
        if state.pool.waiting_any() {
            self.executable.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    /// The nonce that `sender` has next, after those that could be in the next block.
    pub fn next_nonce(&self, sender: &Address) -> Result<u64, Error> {
        let state = self.state();
        match state.pool.next_nonce(sender) {
            Some(nonce) => Ok(nonce),
            None => Ok(state.view.account(sender)?.map_or(0, |account| account.nonce)),
        }
    }

    /// How many wait.
    pub fn waiting(&self) -> Waiting {
        self.state().pool.waiting()
    }

    /// At most `max` of those that wait, by sender and nonce, and whether each could be in the next
    /// block.
    pub fn list(&self, max: usize) -> Vec<(Arc<Transaction>, bool)> {
        self.state().pool.list(max)
    }
}

impl State {
    fn put(&mut self, transaction: Transaction) -> Result<Put, Refused> {
        let tx = &transaction.envelope;
        let (got, max) = (tx.gas_limit(), self.gas_max);
        if got > max {
            return Err(Refused::BlockGas { got, max });
        }
        let (got, min) = (tx.max_fee_per_gas(), self.fee_min);
        if got < u128::from(min) {
            return Err(Refused::BelowBaseFee { got, min });
        }
        let account = self.view.account(&transaction.sender)?.unwrap_or_default();
        let delegated = account.code_hash != KECCAK_EMPTY;
        if delegated {
            // Accounts that lend themselves code are still accounts: EIP-7702.
            let code = self.view.code(&account.code_hash)?;
            if !code.is_eip7702() {
                return Err(Refused::Code(transaction.sender));
            }
        }
        let (nonce, balance) = (account.nonce, account.balance);
        self.pool.put(transaction, Sender { nonce, balance, delegated })
    }
}
