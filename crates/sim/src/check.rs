//! What is looked at when a run is over: every honest validator's chain, from its first block on.

use crate::laws::{Seen, Violation};
use crate::world::World;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use terroir_ledger::native::staking::seats_of;
use terroir_ledger::tree::Tree;
use terroir_ledger::{Block, Error, Memory, View};
use terroir_node::chain::{Chain, Tip};
use terroir_proof::finality::{Light, SeatKeys};

impl World<'_> {
    /// Holds every honest validator's chain against what was seen, and the certificates of all
    /// against a light client.
    pub(crate) fn check(&self) {
        let honest = self.processes.iter().filter(|one| one.honest());
        let chains: Vec<(usize, Arc<Chain>)> =
            honest.filter_map(|one| Some((one.place, one.chain()?.clone()))).collect();
        let mut seen = self.ground.laws.seen();
        let each = chains.iter().try_for_each(|(place, chain)| {
            let tip = chain.tip();
            blocks(*place, &tip, &seen)?;
            state(*place, &tip)?;
            certificates(*place, chain)
        });
        if let Err(violation) = each {
            seen.broken(violation);
        }
    }
}

/// Whether all blocks and payments are where they were seen.
fn blocks(place: usize, tip: &Tip, seen: &Seen) -> Result<(), Violation> {
    for (number, first) in seen.blocks.range(..=tip.header.number) {
        let got = tip.kept.hash(*number).ok().flatten().unwrap_or_default();
        if got != *first {
            return Err(Violation::Fork { number: *number, place, got, first: *first });
        }
    }
    for (hash, number) in &seen.transactions {
        let found = tip.kept.place_of(hash).ok().flatten();
        if found.is_none_or(|(found, _)| found != *number) {
            return Err(Violation::Gone { hash: *hash, number: *number, place });
        }
    }
    Ok(())
}

/// Whether all accounts and slots in the tables are those of the tree, whose root all agreed on.
fn state(place: usize, tip: &Tip) -> Result<(), Violation> {
    let expected = tip.header.state_root;
    let made = tip.kept.accounts().and_then(|accounts| Ok((accounts, tip.kept.slots()?)));
    let made = made.ok().and_then(|(accounts, slots)| root(accounts, slots).ok());
    match made.unwrap_or_default() {
        got if got == expected => Ok(()),
        got => Err(Violation::State { place, got, expected }),
    }
}

/// The root of a state, made of nothing but all of it.
fn root(
    accounts: Vec<(Address, TrieAccount)>,
    slots: Vec<(Address, U256, U256)>,
) -> Result<B256, Error> {
    let empty = View::new(Arc::new(Memory::default()), EMPTY_ROOT_HASH);
    let tree = || Tree::open(&empty, EMPTY_ROOT_HASH);
    let mut storages: BTreeMap<Address, Tree> = BTreeMap::new();
    for (address, slot, value) in slots {
        let storage = match storages.entry(address) {
            Entry::Vacant(vacant) => vacant.insert(tree()?),
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        storage.set_slot(&slot, value)?;
    }
    let mut state = tree()?;
    for (address, account) in accounts {
        let storage = storages.remove(&address).map(Tree::finish).transpose()?;
        let storage_root = storage.map_or(EMPTY_ROOT_HASH, |(root, _)| root);
        state.set_account(&address, Some(&TrieAccount { storage_root, ..account }))?;
    }
    // Slots without an account are no state.
    Ok(if storages.is_empty() { state.finish()?.0 } else { B256::ZERO })
}

/// Follows a chain as a light client does, by one certificate of every epoch that ended.
fn certificates(place: usize, chain: &Chain) -> Result<(), Violation> {
    let (genesis, tip) = (chain.genesis(), chain.tip());
    let wrong = |number, why: String| Violation::Certificate { place, number, why };
    let first = seats(&tip, 0).map_err(|why| wrong(0, why))?;
    let mut light = Light::new(&genesis, &first).map_err(|why| wrong(0, why.to_string()))?;
    let certified = certified(&tip);
    let ended = chain.chain().epoch(tip.header.number + 1);
    if let Some(epoch) = (0..ended).find(|epoch| !certified.contains_key(epoch)) {
        let last = (epoch + 1) * chain.chain().epoch_blocks - 1;
        return Err(wrong(last, format!("no block of epoch {epoch} has one")));
    }
    for (epoch, (block, certificate)) in certified {
        let number = block.header.number;
        let wrong = |why: String| wrong(number, why);
        if light.epoch() < epoch {
            let seats = seats(&tip, number).map_err(wrong)?;
            light.advance(&seats).map_err(|why| wrong(why.to_string()))?;
        }
        let (header, seal) = (alloy_rlp::encode(&block.header), alloy_rlp::encode(&block.seal));
        let checked = light.check(&header, &seal, &certificate);
        checked.map_err(|why| wrong(why.to_string()))?;
    }
    Ok(())
}

/// By epoch, the last block that has a certificate.
fn certified(tip: &Tip) -> BTreeMap<u64, (Block, Bytes)> {
    let mut certified = BTreeMap::new();
    for number in 1..=tip.header.number {
        let Ok(Some(certificate)) = tip.kept.certificate(number) else { continue };
        let Ok(Some(block)) = tip.kept.block(number) else { continue };
        certified.insert(block.seal.epoch, (block, certificate));
    }
    certified
}

/// The keys of the committee of the block `number`, as the state after it has them.
fn seats(tip: &Tip, number: u64) -> Result<Vec<SeatKeys>, String> {
    let block = tip.kept.block(number).map_err(|why| why.to_string())?;
    let block = block.ok_or_else(|| format!("block {number} is missing"))?;
    let view = tip.kept.view(number, block.header.state_root);
    let seats = seats_of(&view, block.seal.epoch).map_err(|why| why.to_string())?;
    let keys = |vote_key: Vec<u8>| vote_key.try_into().map_err(|_| "a key is too short".to_owned());
    seats.into_iter().map(|seat| Ok((seat.key.0, keys(seat.vote_key)?))).collect()
}

#[cfg(test)]
mod tests;
