//! What is looked at when a run is over: every honest validator's chain, from its first block on.

use crate::laws::{Seen, Violation};
use crate::world::World;
use alloy_primitives::{Address, Bytes};
use std::collections::BTreeMap;
use std::sync::Arc;
use terroir_ledger::native::staking::seats_of;
use terroir_ledger::tree::Tree;
use terroir_ledger::{Block, Error};
use terroir_node::chain::{Chain, Tip};
use terroir_proof::finality::{Light, SeatKeys};

/// A block that has a certificate, and whose it is.
type Certified = (usize, Block, Bytes);

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
            let accounts = self.ground.people.accounts.iter();
            state(*place, &tip, accounts.map(|account| account.address))
        });
        if let Err(violation) = each.and_then(|()| certificates(&chains)) {
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

/// Whether accounts are in the tables as they are in the tree, whose root all agreed on.
fn state(
    place: usize,
    tip: &Tip,
    accounts: impl Iterator<Item = Address>,
) -> Result<(), Violation> {
    for address in accounts {
        let same = || -> Result<bool, Error> {
            let tree = Tree::open(&tip.view, tip.header.state_root)?;
            Ok(tree.account(&address)? == tip.view.account(&address)?)
        };
        if !same().is_ok_and(|same| same) {
            return Err(Violation::State { place, address });
        }
    }
    Ok(())
}

/// Follows the chain as a light client does, by one certificate an epoch.
fn certificates(chains: &[(usize, Arc<Chain>)]) -> Result<(), Violation> {
    let longest = chains.iter().max_by_key(|(_, chain)| chain.tip().header.number);
    let Some((_, longest)) = longest else {
        return Ok(());
    };
    let (genesis, tip) = (longest.genesis(), longest.tip());
    let wrong = |place, number, why: String| Violation::Certificate { place, number, why };
    let first = seats(&tip, 0).map_err(|why| wrong(0, 0, why))?;
    let mut light = Light::new(&genesis, &first).map_err(|why| wrong(0, 0, why.to_string()))?;
    for (epoch, (place, block, certificate)) in certified(chains) {
        let number = block.header.number;
        let wrong = |why: String| wrong(place, number, why);
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

/// By epoch, the last block for which anybody has a certificate.
fn certified(chains: &[(usize, Arc<Chain>)]) -> BTreeMap<u64, Certified> {
    let mut certified: BTreeMap<u64, Certified> = BTreeMap::new();
    for (place, chain) in chains {
        let tip = chain.tip();
        for number in 1..=tip.header.number {
            let Ok(Some(certificate)) = tip.kept.certificate(number) else { continue };
            let Ok(Some(block)) = tip.kept.block(number) else { continue };
            let last = certified.get(&block.seal.epoch).map(|(_, block, _)| block);
            if last.is_none_or(|last| last.header.number < number) {
                certified.insert(block.seal.epoch, (*place, block, certificate));
            }
        }
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
