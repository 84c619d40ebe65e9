//! Blocks with as much in them as there is room for.

use crate::staking::guilty;
use crate::support::{CHAIN_ID, World};
use alloy_consensus::TxEnvelope;
use alloy_consensus::transaction::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind};
use proptest::prelude::*;
use terroir_ledger::block::{BLOCK_BYTES_MAX, EVIDENCE_MAX};
use terroir_ledger::execute::build;
use terroir_ledger::{Block, Transaction};

/// Lengths of inputs: with shorter ones gas would end first, longer ones make fewer transactions.
const INPUT_BYTES: std::ops::Range<usize> = 420..2_000;

/// Transactions whose inputs have `lengths` again and again, more of them than a block has bytes for.
/// Builders do not ask who signed, so one signature does for all.
fn many(world: &World, lengths: &[usize]) -> Vec<Transaction> {
    let signature = world.alice.sign_hash(B256::ZERO);
    let one = |(nonce, length): (u64, &usize)| {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            // Zeros, by EIP-7623.
            gas_limit: 21_000 + 10 * *length as u64,
            max_fee_per_gas: 10_000_000_000,
            to: TxKind::Call(Address::repeat_byte(9)),
            input: Bytes::from(vec![0; *length]),
            ..TxEip1559::default()
        };
        let envelope = TxEnvelope::from(tx.into_signed(signature));
        let hash = *envelope.tx_hash();
        Transaction { envelope, sender: world.alice.address, hash }
    };
    let mut left = BLOCK_BYTES_MAX + INPUT_BYTES.end;
    let enough = lengths.iter().cycle().take_while(|length| {
        left = left.saturating_sub(**length);
        left > 0
    });
    (0..).zip(enough).map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_built_is_read_again(lengths in prop::collection::vec(INPUT_BYTES, 1..4)) {
        let mut world = World::with("parameters = { block_gas = 200000000 }");
        world.block(&[]);
        let evidence: Vec<Bytes> = (0..EVIDENCE_MAX).map(|one| guilty(&world, one).0).collect();
        let all = many(&world, &lengths);
        let refused = |one: &Transaction, why| panic!("{} is left out: {why}", one.hash);
        let place = world.place(0);
        let built =
            build(&world.chain, &world.parent(), &place, &evidence, all.iter(), refused).unwrap();
        prop_assert_eq!(built.block.seal.evidence.len(), EVIDENCE_MAX);
        let bytes = built.block.encode();
        // It is bytes that ended, and they are used.
        prop_assert!(built.block.transactions.len() < all.len());
        prop_assert!(bytes.len() + INPUT_BYTES.end + (2 << 10) > BLOCK_BYTES_MAX, "{}", bytes.len());
        prop_assert_eq!(Block::decode(&bytes).unwrap(), Block::clone(&built.block));
    }
}
