//! A host in memory: what it keeps outlives the node that runs on it, as a disk does.

use crate::keys::{CHAIN_ID, checked};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use terroir_consensus::{Evidence, Final, Host, KeptBlock, Received, Tip};
use terroir_ledger::genesis::Beginning;
use terroir_ledger::{Error, Memory, Store, Transaction, View};
use tokio::sync::Notify;

/// What a node keeps, and what waits.
pub struct Kept {
    inner: Mutex<Inner>,
    /// Told of every commit and every evidence.
    pub news: Notify,
}

#[derive(Clone)]
struct Inner {
    store: Arc<Memory>,
    /// Final blocks by number, with their certificates.
    blocks: Vec<KeptBlock>,
    pool: BTreeMap<(Address, u64), Transaction>,
    by_hash: HashMap<B256, Transaction>,
    evidence: Vec<Evidence>,
    left_out: Vec<String>,
    /// How many transactions of peers were refused.
    refused: usize,
    /// What is proposed instead of anything honest, and how often it was.
    forged: Option<(Transaction, usize)>,
    fails: bool,
}

impl Kept {
    pub fn new(beginning: &Beginning) -> Arc<Kept> {
        let mut store = Memory::default();
        store.apply(&beginning.changes);
        let inner = Inner {
            store: Arc::new(store),
            blocks: vec![(beginning.block.clone(), None)],
            pool: BTreeMap::new(),
            by_hash: HashMap::new(),
            evidence: Vec::new(),
            left_out: Vec::new(),
            refused: 0,
            forged: None,
            fails: false,
        };
        Arc::new(Kept { inner: Mutex::new(inner), news: Notify::new() })
    }

    /// A copy as it is now: what a backup would be.
    pub fn copy(&self) -> Arc<Kept> {
        let inner = self.inner.lock().unwrap().clone();
        Arc::new(Kept { inner: Mutex::new(inner), news: Notify::new() })
    }

    /// The number of the newest block.
    pub fn height(&self) -> u64 {
        self.inner.lock().unwrap().blocks.last().unwrap().0.header.number
    }

    /// Final blocks and their certificates, from block 0.
    pub fn blocks(&self) -> Vec<KeptBlock> {
        self.inner.lock().unwrap().blocks.clone()
    }

    /// The newest state.
    pub fn view(&self) -> View {
        let inner = self.inner.lock().unwrap();
        View::new(inner.store.clone(), inner.blocks.last().unwrap().0.header.state_root)
    }

    pub fn balance(&self, of: Address) -> U256 {
        self.view().account(&of).unwrap().map_or(U256::ZERO, |account| account.balance)
    }

    pub fn evidence(&self) -> Vec<Evidence> {
        self.inner.lock().unwrap().evidence.clone()
    }

    pub fn left_out(&self) -> Vec<String> {
        self.inner.lock().unwrap().left_out.clone()
    }

    /// How many transactions of peers were looked at and refused.
    pub fn refused(&self) -> usize {
        self.inner.lock().unwrap().refused
    }

    /// Proposes `forged` from now on.
    pub fn forge(&self, forged: Transaction) {
        self.inner.lock().unwrap().forged = Some((forged, 0));
    }

    /// How often something forged was proposed.
    pub fn forged(&self) -> usize {
        self.inner.lock().unwrap().forged.as_ref().map_or(0, |(_, count)| *count)
    }

    /// Keeps nothing from now on.
    pub fn fail(&self) {
        self.inner.lock().unwrap().fails = true;
    }

    /// Takes a client's transaction.
    pub fn take(&self, bytes: &[u8]) {
        self.pool(checked(bytes));
    }

    fn pool(&self, transaction: Transaction) -> bool {
        let mut inner = self.inner.lock().unwrap();
        inner.by_hash.insert(transaction.hash, transaction.clone());
        let nonce = alloy_consensus::Transaction::nonce(&transaction.envelope);
        inner.pool.insert((transaction.sender, nonce), transaction).is_none()
    }
}

impl Host for Kept {
    fn tip(&self) -> Result<Tip, Error> {
        let block = self.inner.lock().unwrap().blocks.last().unwrap().0.clone();
        Ok(Tip { block, view: self.view() })
    }

    fn commit(&self, blocks: &[Final]) -> Result<Arc<dyn Store>, Error> {
        let mut inner = self.inner.lock().unwrap();
        if inner.fails {
            return Err(Error::Store("the disk is full".into()));
        }
        let mut store = Memory::clone(&inner.store);
        for one in blocks {
            let block = &one.executed.block;
            let newest = &inner.blocks.last().unwrap().0;
            assert_eq!(block.header.number, newest.header.number + 1);
            assert_eq!(block.header.parent_hash, newest.hash());
            store.apply(&one.executed.changes);
            inner.blocks.push((terroir_ledger::Block::clone(block), one.certificate.clone()));
            for envelope in &block.transactions {
                let hash = envelope.tx_hash();
                inner.pool.retain(|_, waits| waits.hash != *hash);
            }
        }
        inner.store = Arc::new(store);
        let store = inner.store.clone();
        drop(inner);
        self.news.notify_waiters();
        Ok(store)
    }

    fn block(&self, number: u64) -> Result<Option<KeptBlock>, Error> {
        Ok(self.inner.lock().unwrap().blocks.get(number as usize).cloned())
    }

    fn number(&self, hash: &B256) -> Result<Option<u64>, Error> {
        let inner = self.inner.lock().unwrap();
        let found = inner.blocks.iter().find(|(block, _)| block.hash() == *hash);
        Ok(found.map(|(block, _)| block.header.number))
    }

    fn candidates(&self, view: &View) -> Vec<Transaction> {
        let mut inner = self.inner.lock().unwrap();
        if let Some((forged, count)) = &mut inner.forged {
            *count += 1;
            return vec![forged.clone()];
        }
        let next = |of: &Address| view.account(of).unwrap().map_or(0, |account| account.nonce);
        let waits = inner.pool.iter().filter(|((sender, nonce), _)| *nonce >= next(sender));
        waits.map(|(_, transaction)| transaction.clone()).collect()
    }

    fn left_out(&self, transaction: &Transaction, why: &str) {
        let mut inner = self.inner.lock().unwrap();
        inner.left_out.push(why.to_owned());
        inner.pool.retain(|_, waits| waits.hash != transaction.hash);
    }

    fn known(&self, hash: &B256) -> Option<Transaction> {
        self.inner.lock().unwrap().by_hash.get(hash).cloned()
    }

    fn receive(&self, transactions: Vec<Bytes>) -> Received {
        let mut received = Received::default();
        for bytes in &transactions {
            match Transaction::decode(bytes, CHAIN_ID) {
                Ok(one) => received.new |= self.pool(one),
                Err(_) => received.refused += 1,
            }
        }
        self.inner.lock().unwrap().refused += received.refused;
        received
    }

    fn evidence(&self, evidence: Evidence) {
        self.inner.lock().unwrap().evidence.push(evidence);
        self.news.notify_waiters();
    }

    fn convictions(&self) -> Vec<Bytes> {
        self.evidence().into_iter().map(|one| one.bytes.into()).collect()
    }
}
