//! A chain of one validator in memory: what this crate's own tests run on.

use crate::application::Pace;
use crate::committee::{Committees, Digest, Scheme, digest};
use crate::host::{Evidence, Final, Host, KeptBlock, Received, Tip};
use crate::keys::Keys;
use crate::start::Settings;
use crate::states::States;
use crate::wire::Wire;
use alloy_primitives::{Address, B256, Bytes};
use commonware_codec::Encode as _;
use commonware_consensus::simplex::types::{Finalization, Finalize, Proposal};
use commonware_consensus::types::{Epoch, Round, View as EngineView};
use commonware_parallel::Sequential;
use commonware_utils::non_empty;
use std::sync::{Arc, Mutex};
use terroir_base::sign::SecretKey;
use terroir_ledger::genesis::{Beginning, Genesis};
use terroir_ledger::{Block, Error as Fault, Memory, Place, Seal, Store, Transaction, View};

const CHAIN_ID: u64 = 7_701;

/// What is kept.
pub(crate) struct Solo {
    inner: Mutex<(Arc<Memory>, Vec<KeptBlock>)>,
}

fn keys() -> Keys {
    Keys::new(&[1; 32], &[1; 32]).unwrap()
}

fn beginning(epoch_blocks: u64) -> Beginning {
    let (keys, address) = (keys(), Address::repeat_byte(1));
    let message = terroir_ledger::native::possession::message(CHAIN_ID, address);
    let hex = |bytes: &[u8]| Bytes::copy_from_slice(bytes).to_string();
    let text = format!(
        "name = \"test\"\nchain_id = {CHAIN_ID}\ntime = 1790000000\nepoch_blocks = {epoch_blocks}\n\
         [[validators]]\naddress = \"{address}\"\nkey = \"{}\"\npossession = \"{}\"\n\
         vote_key = \"{}\"\nvote_possession = \"{}\"\nstake = \"10000000000000000000000\"\n\
         [accounts.\"{address}\"]\nbalance = \"10000000000000000000000\"\n",
        hex(&keys.identity()),
        hex(&SecretKey::from_seed([1; 32]).sign(&message)),
        hex(&keys.vote_key()),
        hex(&keys.vote_possession(&message)),
    );
    Genesis::parse(&text).unwrap().begin().unwrap()
}

/// A chain at its beginning, whose epochs have so many blocks.
pub(crate) fn solo(epoch_blocks: u64) -> (Arc<Solo>, Arc<States>) {
    let start = beginning(epoch_blocks);
    let mut memory = Memory::default();
    memory.apply(&start.changes);
    let blocks = vec![(start.block.clone(), None)];
    let host = Arc::new(Solo { inner: Mutex::new((Arc::new(memory), blocks)) });
    let committees = Committees::new(start.hash, keys());
    let states = States::new(start.chain, host.clone(), committees).unwrap();
    (host, Arc::new(states))
}

/// So many blocks after the newest final one, none of which becomes final here.
pub(crate) fn ahead(states: &States, count: usize) -> Vec<Wire> {
    let mut blocks: Vec<Wire> = Vec::new();
    for _ in 0..count {
        let parent = match blocks.last() {
            Some(last) => states.head(last.block.hash()).unwrap(),
            None => states.tip(),
        };
        let view = parent.header.number + 1;
        let place = Place { view, time_ms: parent.seal.time_ms + 1_000 };
        blocks.push(states.build(&parent, &place, &[]).unwrap());
    }
    blocks
}

/// What the one validator signs of `block` in the view `view`.
pub(crate) fn certificate(
    states: &States,
    block: &Block,
    view: u64,
) -> Finalization<Scheme, Digest> {
    // All epochs have the same committee, and those of old ones are forgotten.
    let scheme = states.committees.scheme_of(states.epoch()).unwrap();
    let round = Round::new(Epoch::new(block.seal.epoch), EngineView::new(view));
    let parent = EngineView::new(block.seal.parent_view);
    let proposal = Proposal::new(round, parent, digest(block.hash()));
    let votes = non_empty![@[Finalize::sign(&scheme, proposal).unwrap()].into_iter()];
    Finalization::from_owned_finalizes(&scheme, votes, &Sequential).unwrap()
}

/// Makes so many blocks final, one after the other. The host has the certificates of every second.
pub(crate) fn grow(states: &States, count: usize) -> Vec<Wire> {
    let mut blocks = Vec::new();
    for _ in 0..count {
        let next = ahead(states, 1).remove(0);
        let Seal { view, .. } = next.block.seal;
        let signed = next.block.header.number.is_multiple_of(2);
        let signed = signed.then(|| certificate(states, &next.block, view).encode().to_vec());
        states.finalize(vec![(next.block.clone(), signed)]).unwrap();
        blocks.push(next);
    }
    blocks
}

/// How the one validator runs.
pub(crate) fn settings(states: &States) -> Settings {
    Settings {
        chain: states.chain.clone(),
        genesis: states.host.block(0).unwrap().unwrap().0,
        keys: keys(),
        pace: Pace::default(),
        followers: Vec::new(),
        prefix: String::new(),
    }
}

impl Host for Solo {
    fn tip(&self) -> Result<Tip, Fault> {
        let (memory, blocks) = &*self.inner.lock().unwrap();
        let block = blocks.last().unwrap().0.clone();
        let view = View::new(memory.clone(), block.header.state_root);
        Ok(Tip { block, view })
    }

    fn commit(&self, blocks: &[Final]) -> Result<Arc<dyn Store>, Fault> {
        let mut inner = self.inner.lock().unwrap();
        let mut memory = Memory::clone(&inner.0);
        for one in blocks {
            memory.apply(&one.executed.changes);
            inner.1.push((Block::clone(&one.executed.block), one.certificate.clone()));
        }
        inner.0 = Arc::new(memory);
        Ok(inner.0.clone())
    }

    fn block(&self, number: u64) -> Result<Option<KeptBlock>, Fault> {
        Ok(self.inner.lock().unwrap().1.get(number as usize).cloned())
    }

    fn number(&self, hash: &B256) -> Result<Option<u64>, Fault> {
        let inner = self.inner.lock().unwrap();
        let found = inner.1.iter().find(|(block, _)| block.hash() == *hash);
        Ok(found.map(|(block, _)| block.header.number))
    }

    fn candidates(&self, _: &View) -> Vec<Transaction> {
        Vec::new()
    }

    fn left_out(&self, _: &Transaction, _: &str) {}

    fn known(&self, _: &B256) -> Option<Transaction> {
        None
    }

    fn receive(&self, _: Vec<Bytes>) -> Received {
        Received::default()
    }

    fn evidence(&self, _: Evidence) {}

    fn convictions(&self) -> Vec<Bytes> {
        Vec::new()
    }
}
