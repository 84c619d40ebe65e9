//! A validator that votes twice in a view is found out, and its votes convict it.

use crate::cluster::{Cluster, key, simulate};
use crate::host::Kept;
use crate::keys::{beginning, validators};
use commonware_codec::DecodeExt as _;
use commonware_codec::Encode as _;
use commonware_codec::varint::UInt;
use commonware_consensus::simplex::scheme::bls12381_multisig::Scheme;
use commonware_consensus::simplex::types::{Notarize, Proposal, Vote};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::bls12381::primitives::group::Private;
use commonware_cryptography::bls12381::primitives::ops::compute_public;
use commonware_cryptography::bls12381::primitives::variant::MinSig;
use commonware_cryptography::keccak256::Digest;
use commonware_p2p::{Recipients, Sender as _};
use commonware_utils::ordered::BiMap;
use terroir_consensus::quota;
use terroir_proof::bls::{VoteKey, signed};

fn secret(seed: u8) -> Private {
    let mut vote = [seed; 32];
    vote[0] = 0;
    Private::decode(vote.to_vec()).unwrap()
}

#[test]
fn two_votes_in_a_view_become_evidence_that_stands_alone() {
    let people = validators(4);
    let start = beginning(&people, &[]);
    let namespace = [b"terroir 2026-11 chain ".as_slice(), start.hash.as_slice()].concat();
    simulate(8, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..3).await;
        cluster.reach(0..3, 2).await;
        // The fourth is no node at all: it says what it likes with its own key.
        let secrets: Vec<_> = (1..=4).map(secret).collect();
        let mine = people[3].keys.vote_key();
        let mine =
            secrets.iter().find(|one| compute_public::<MinSig>(one).encode()[..] == mine).unwrap();
        let seats: Vec<_> = people
            .iter()
            .map(|one| {
                let vote = one.keys.vote_key();
                let find =
                    |secret: &&Private| compute_public::<MinSig>(secret).encode()[..] == vote;
                (key(one), compute_public::<MinSig>(secrets.iter().find(find).unwrap()))
            })
            .collect();
        let seats = BiMap::try_from(seats).unwrap();
        let scheme = Scheme::signer(&namespace, seats, mine.clone()).unwrap();
        let control = cluster.oracle.control(cluster.members[3].key.clone());
        let (mut votes, _receiver) = control.register(0, quota(0)).await.unwrap();
        let view = cluster.members[0].host.blocks().last().unwrap().0.seal.view;
        for hash in [1, 2] {
            let round = Round::new(Epoch::zero(), View::new(view + 2));
            let proposal = Proposal::new(round, View::new(view), Digest([hash; 32]));
            let vote = Notarize::<Scheme<_, MinSig>, _>::sign(&scheme, proposal).unwrap();
            let message = [UInt(0_u64).encode(), Vote::Notarize(vote).encode()].concat();
            votes.send(Recipients::All, bytes::Bytes::from(message), true);
        }
        cluster.until(0, "sees nothing", |host| !host.evidence().is_empty()).await;
        let found = cluster.members[0].host.evidence().remove(0);
        assert_eq!((found.epoch, found.seat), (0, 3));
        convicts(&found.bytes, &people[3].keys.vote_key(), &namespace, view + 2);
        cluster.reach(0..3, 5).await;
    });
}

/// Reads evidence of kind 1 as its page says, with numbers below 128, and checks both votes.
fn convicts(bytes: &[u8], key: &[u8; 96], namespace: &[u8], view: u64) {
    let key = VoteKey::decode(key).unwrap();
    let namespace = [namespace, b"_NOTARIZE"].concat();
    let (kind, votes) = bytes.split_first().unwrap();
    assert_eq!(*kind, 1);
    let (first, second) = votes.split_at(votes.len() / 2);
    assert_ne!(first, second);
    for vote in [first, second] {
        assert_eq!(vote.len(), 3 + 32 + 1 + 48);
        assert_eq!((vote[0], u64::from(vote[1]), vote[35]), (0, view, 3));
        let signature = vote[36..].try_into().unwrap();
        assert!(signed(&[key], &namespace, &vote[..35], &signature));
    }
}
