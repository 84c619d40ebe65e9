//! Proofs of accounts and slots, checked by Ethereum's own verifier.

use crate::support::World;
use alloy_primitives::{Address, TxKind, U256, keccak256};
use alloy_trie::{Nibbles, proof::verify_proof};
use terroir_ledger::native::{ALL, STAKING};
use terroir_ledger::tree::prove;

#[test]
fn accounts_and_slots_verify_under_the_state_root() {
    let mut world = World::new();
    let tx = world.tx(&world.alice, 0, TxKind::Call(Address::repeat_byte(5)), 9, Vec::new());
    world.block(&[tx]);
    let root = world.header.state_root;
    let mut addresses = vec![world.alice.address, Address::repeat_byte(5), Address::ZERO];
    addresses.extend(ALL);
    for address in addresses {
        let proven = prove(&world.view, &address, &[U256::ZERO, U256::from(7), U256::MAX]).unwrap();
        let key = Nibbles::unpack(keccak256(address));
        let leaf = proven.account.map(alloy_rlp::encode);
        assert_eq!(proven.account, world.view.account(&address).unwrap());
        verify_proof(root, key, leaf, &proven.proof).unwrap();
        let Some(account) = proven.account else { continue };
        for ((value, nodes), slot) in
            proven.slots.iter().zip([U256::ZERO, U256::from(7), U256::MAX])
        {
            assert_eq!(*value, world.view.slot(&address, &slot).unwrap());
            let key = Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()));
            let leaf = (!value.is_zero()).then(|| alloy_rlp::encode(value));
            verify_proof(account.storage_root, key, leaf, nodes).unwrap();
        }
    }
    // Another balance does not verify.
    let proven = prove(&world.view, &STAKING, &[]).unwrap();
    let mut account = proven.account.unwrap();
    account.balance += U256::from(1);
    let key = Nibbles::unpack(keccak256(STAKING));
    assert!(verify_proof(root, key, Some(alloy_rlp::encode(account)), &proven.proof).is_err());
}
