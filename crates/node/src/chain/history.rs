//! Which accounts a transaction has to do with: an index beside the blocks, for people who look.
//!
//! Invariant: written with its block, so it never misses one and never names another.

use alloy_consensus::{ReceiptEnvelope, Transaction as _, TxEnvelope};
use alloy_primitives::map::AddressMap;
use alloy_primitives::{Address, B256, TxKind, b256};
use terroir_ledger::Executed;

/// Logs of a transaction that are looked at: what is shown to people needs no more.
const LOGS_MAX: usize = 16;
/// `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Whom the transactions of `executed` have to do with, ascending, and the places of these, ascending.
pub(super) fn of(executed: &Executed) -> Vec<(Address, Vec<u32>)> {
    let Executed { block, senders, receipts, .. } = executed;
    let transactions = block.transactions.iter().zip(senders).zip(receipts.iter());
    let mut of = AddressMap::<Vec<u32>>::default();
    for (place, ((transaction, sender), receipt)) in (0_u32..).zip(transactions) {
        for one in concerned(transaction, sender, receipt) {
            let places = of.entry(one).or_default();
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
    }
    let mut of: Vec<_> = of.into_iter().collect();
    of.sort_unstable_by_key(|(address, _)| *address);
    of
}

/// Those whom a transaction has to do with; some may be named twice.
fn concerned(
    transaction: &TxEnvelope,
    sender: &Address,
    receipt: &ReceiptEnvelope,
) -> impl Iterator<Item = Address> {
    let other = match transaction.kind() {
        TxKind::Call(to) => to,
        TxKind::Create => sender.create(transaction.nonce()),
    };
    let parties = receipt.logs().iter().take(LOGS_MAX).flat_map(|log| match log.topics() {
        [TRANSFER, from, to] => vec![Address::from_word(*from), Address::from_word(*to)],
        _ => Vec::new(),
    });
    [*sender, other].into_iter().chain(parties)
}
