//! Blocks of four validators become final, and whoever has the genesis file alone can check it.

use crate::cluster::{Cluster, simulate};
use crate::host::Kept;
use crate::keys::{EPOCH, Person, TOKEN, beginning, validators};
use alloy_primitives::U256;
use terroir_ledger::Block;
use terroir_ledger::native::staking::{leader, seats_of};
use terroir_proof::finality::{Certificate, Light, NotFinal, SeatKeys};

/// Committees do not change in these tests.
fn seats(host: &Kept) -> Vec<SeatKeys> {
    let seats = seats_of(&host.view(), 0).unwrap();
    seats.into_iter().map(|seat| (seat.key.0, seat.vote_key.try_into().unwrap())).collect()
}

fn check(light: &mut Light, block: &Block, certificate: &[u8]) -> Result<(), NotFinal> {
    let (header, seal) = (alloy_rlp::encode(&block.header), alloy_rlp::encode(&block.seal));
    light.check(&header, &seal, certificate).map(drop)
}

#[test]
fn transfers_are_final_on_all_nodes_and_a_light_client_agrees() {
    let people = validators(4);
    let (alice, bob) = (Person::new(101), Person::new(102));
    let start = beginning(&people, &[&alice]);
    simulate(1, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..4).await;
        for nonce in 0..40_u64 {
            // Each comes to another node, and all but the first would have to wait for those before.
            let bytes = alice.call(nonce, bob.address, TOKEN, Vec::new());
            cluster.submit(nonce as usize % 4, bytes);
        }
        for place in 0..4 {
            let paid = |host: &Kept| host.balance(bob.address) == U256::from(40 * TOKEN);
            cluster.until(place, "bob is not paid", paid).await;
        }
        cluster.reach(0..4, 3 * EPOCH).await;
        let chain = cluster.agree();
        let sent: Vec<_> = chain.iter().flat_map(|(block, _)| &block.transactions).collect();
        assert_eq!(sent.len(), 40, "each transfer is in the chain once");
        for member in &cluster.members {
            light_client(&member.host, &start.hash.0);
            leaders(&member.host);
        }
    });
}

/// Follows a node's certificates from block 0, one epoch after the other.
fn light_client(host: &Kept, genesis: &[u8; 32]) {
    let seats = seats(host);
    let mut light = Light::new(genesis, &seats).unwrap();
    let mut other = Light::new(&[7; 32], &seats).unwrap();
    let mut checked = 0;
    for (block, certificate) in host.blocks() {
        let Some(certificate) = certificate else { continue };
        if block.seal.epoch > light.epoch() {
            light.advance(&seats).unwrap();
        }
        check(&mut light, &block, &certificate).unwrap();
        checked += 1;
        if block.seal.epoch == 0 {
            assert_eq!(check(&mut other, &block, &certificate), Err(NotFinal::Signature));
            let mut forged = certificate.clone();
            let bits = Certificate::decode(&certificate).unwrap().signers;
            let missing = bits.iter().position(|signed| *signed).unwrap();
            let at = forged.len() - 49;
            forged[at] ^= 1 << missing;
            assert!(check(&mut light, &block, &forged).is_err());
        }
    }
    assert!(checked >= 2 * EPOCH, "{checked} blocks have certificates");
    assert!(light.epoch() >= 2);
}

/// The engine elects whom the ledger says, which also verified each block.
fn leaders(host: &Kept) {
    for (block, _) in host.blocks().iter().skip(1) {
        let seal = &block.seal;
        assert_eq!(seal.leader, leader(seal.epoch, seal.view, 4));
    }
}
