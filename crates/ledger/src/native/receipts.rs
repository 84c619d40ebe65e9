//! Settled receipts: each node's chain of receipts, in batches whose roots stand here for good.
//!
//! A batch follows the one before without a gap, so a node can neither drop a receipt nor slip one
//! in. The tree of a batch: `docs/format/receipt-batch.md`.

use super::abi::IReceipts;
use super::abi::IReceipts::IReceiptsCalls as Calls;
use super::params::RECEIPT_WINDOW;
use super::slots::Slot;
use super::{Call, Part, decoded, from_address, refuse, require, small, to_address};
use alloy_primitives::{B256, U256};
use alloy_sol_types::{SolInterface, SolValue};
use terroir_base::Digest;

/// Most receipts of a batch.
const COUNT_MAX: u64 = 1 << 20;
const LEAF: &str = "terroir 2026-11 receipt batch leaf";
const NODE: &str = "terroir 2026-11 receipt batch node";

/// Batches by key: how many, and each by number.
const BATCHES: Slot = Slot::number(0);

const ROOT: u64 = 0;
const FIRST: u64 = 1;
const COUNT: u64 = 2;
const BLOCK: u64 = 3;
const OPERATOR: u64 = 4;
/// The number after the last receipt of the last batch, beside the number of batches.
const NEXT: u64 = 1;

/// The call `input` of the contract of receipts.
pub fn run(call: &mut Call<'_>, input: &[u8]) -> Part<Vec<u8>> {
    match decoded(Calls::abi_decode_validate(input))? {
        Calls::settle(ask) => call.settle(ask),
        Calls::batches(ask) => Ok(small(call.load(BATCHES.of(ask.key))?).abi_encode()),
        Calls::batch(ask) => {
            let batch = call.batch(ask.key, ask.index)?;
            Ok(batch.abi_encode())
        }
        Calls::isFinal(ask) => {
            let batch = call.batch(ask.key, ask.index)?;
            Ok((call.now.number >= batch.finalAt).abi_encode())
        }
        Calls::included(ask) => {
            let batch = call.batch(ask.key, ask.index)?;
            Ok(call.included(&batch, &ask)?.abi_encode())
        }
    }
}

/// The leaf of the receipt whose digest is `receipt`.
pub fn leaf(receipt: B256) -> Digest {
    Digest::derive(LEAF, &[receipt.as_slice()])
}

/// The node over two others.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    Digest::derive(NODE, &[left.as_bytes(), right.as_bytes()])
}

/// The root over receipts by their digests, in the order of their numbers: pairs from the left, level
/// by level; what has no pair goes up as it is. `None` without receipts.
pub fn root(receipts: impl IntoIterator<Item = B256>) -> Option<Digest> {
    let mut level: Vec<Digest> = receipts.into_iter().map(leaf).collect();
    while level.len() > 1 {
        let pair = |pair: &[Digest]| match pair {
            [left, right] => node(left, right),
            rest => rest[0],
        };
        level = level.chunks(2).map(pair).collect();
    }
    level.pop()
}

impl Call<'_> {
    fn settle(&mut self, ask: IReceipts::settleCall) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let IReceipts::settleCall { key, root, first, count } = ask;
        let (operator, bond) = self.node_of(key)?;
        require(operator == self.caller, || format!("the node {key} is run by {operator}"))?;
        self.bonded(bond)?;
        require((1..=COUNT_MAX).contains(&count), || {
            format!("{count} receipts, and 1 to {COUNT_MAX} are right")
        })?;
        let list = BATCHES.of(key);
        let index = small(self.load(list)?);
        let next = small(self.load(list.field(NEXT))?);
        require(index == 0 || first == next, || {
            format!("the batch begins at receipt {first}, and {next} follows the last one")
        })?;
        let Some(after) = first.checked_add(count) else {
            return refuse(format!("receipts {first} and {count} on are past the last number"));
        };
        let slot = list.at(index);
        self.store(slot.field(ROOT), root.into())?;
        self.store(slot.field(FIRST), U256::from(first))?;
        self.store(slot.field(COUNT), U256::from(count))?;
        self.store(slot.field(BLOCK), U256::from(self.now.number))?;
        self.store(slot.field(OPERATOR), from_address(operator))?;
        self.store(list, U256::from(index + 1))?;
        self.store(list.field(NEXT), U256::from(after))?;
        self.emit(&IReceipts::Settled { key, index, root, first, count })?;
        Ok(index.abi_encode())
    }

    fn batch(&mut self, key: B256, index: u64) -> Part<IReceipts::Batch> {
        let slot = BATCHES.of(key).at(index);
        let count = small(self.load(slot.field(COUNT))?);
        require(count > 0, || format!("the node {key} has no batch {index}"))?;
        let block = small(self.load(slot.field(BLOCK))?);
        Ok(IReceipts::Batch {
            root: self.load(slot.field(ROOT))?.into(),
            first: small(self.load(slot.field(FIRST))?),
            count,
            block_: block,
            finalAt: block.saturating_add(self.param_small(RECEIPT_WINDOW)?),
            operator: to_address(self.load(slot.field(OPERATOR))?),
        })
    }

    fn included(&mut self, batch: &IReceipts::Batch, ask: &IReceipts::includedCall) -> Part<bool> {
        if ask.place >= batch.count {
            return Ok(false);
        }
        let (mut place, mut width) = (ask.place, batch.count);
        let mut digest = leaf(ask.receipt);
        let mut path = ask.path.iter();
        while width > 1 {
            // The last of an odd level has nothing beside it.
            if place ^ 1 < width {
                self.gas.hash()?;
                let Some(beside) = path.next() else { return Ok(false) };
                let beside = Digest(beside.0);
                digest = match place % 2 {
                    0 => node(&digest, &beside),
                    _ => node(&beside, &digest),
                };
            }
            (place, width) = (place / 2, width.div_ceil(2));
        }
        Ok(path.next().is_none() && digest.0 == batch.root.0)
    }
}
