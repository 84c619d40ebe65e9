use super::convicts;
use crate::committee::{Digest, Scheme, digest};
use crate::keys::Keys;
use commonware_codec::DecodeExt as _;
use commonware_consensus::simplex::types::{
    Activity, ConflictingFinalize, ConflictingNotarize, Finalize, Notarize, Nullify,
    NullifyFinalize, Proposal,
};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::bls12381::primitives::group::Private;
use commonware_cryptography::bls12381::primitives::ops::compute_public;
use commonware_cryptography::bls12381::primitives::variant::MinSig;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_utils::ordered::BiMap;
use commonware_utils::test_rng;
use terroir_proof::finality::{Equivocation, NotFinal};

fn scheme(namespace: &[u8]) -> Scheme {
    let secret = Private::decode(vec![1; 32]).unwrap();
    let seat = (PrivateKey::from_seed(1).public_key(), compute_public::<MinSig>(&secret));
    Scheme::signer(namespace, BiMap::try_from(vec![seat]).unwrap(), secret).unwrap()
}

fn contradictions(scheme: &Scheme) -> [Activity<Scheme, Digest>; 3] {
    let round = Round::new(Epoch::new(5), View::new(9));
    let proposal = |hash| Proposal::new(round, View::new(8), digest([hash; 32].into()));
    let notarize = |hash| Notarize::sign(scheme, proposal(hash)).unwrap();
    let finalize = |hash| Finalize::sign(scheme, proposal(hash)).unwrap();
    let nullify = Nullify::sign::<Digest>(scheme, round).unwrap();
    [
        Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(1), notarize(2))),
        Activity::ConflictingFinalize(ConflictingFinalize::new(finalize(1), finalize(2))),
        Activity::NullifyFinalize(NullifyFinalize::new(nullify, finalize(1))),
    ]
}

/// What the engine tells is what a light client, or the chain, reads and checks by itself.
#[test]
fn evidence_of_every_kind_convicts_by_the_key_and_the_genesis_alone() {
    let (genesis, other) = ([7; 32], [8; 32]);
    let here = scheme(&[b"terroir 2026-11 chain ", &genesis[..]].concat());
    let key = Keys::new(&[1; 32], &[1; 32]).unwrap().vote_key();
    let stranger = Keys::new(&[2; 32], &[2; 32]).unwrap().vote_key();
    for activity in contradictions(&here) {
        let evidence = convicts(&activity, &here, &mut test_rng()).unwrap();
        let read = Equivocation::decode(&evidence.bytes).unwrap();
        assert_eq!((read.epoch, read.view, read.seat), (5, 9, 0));
        assert_eq!(read.check(&genesis, &key), Ok(()));
        assert_eq!(read.check(&genesis, &stranger), Err(NotFinal::Vote(0)));
        assert_eq!(read.check(&other, &key), Err(NotFinal::Vote(0)));
        let mut torn = evidence.bytes;
        *torn.last_mut().unwrap() ^= 1;
        assert_eq!(
            Equivocation::decode(&torn).unwrap().check(&genesis, &key),
            Err(NotFinal::Vote(1))
        );
    }
}

#[test]
fn contradictions_convict_and_votes_that_are_not_the_seats_do_not() {
    let here = scheme(b"here");
    let sizes = [2 * 84, 2 * 84, 2 + 1 + 48 + 84];
    for (place, activity) in contradictions(&here).into_iter().enumerate() {
        let evidence = convicts(&activity, &here, &mut test_rng()).unwrap();
        assert_eq!((evidence.epoch, evidence.seat), (5, 0));
        assert_eq!(usize::from(evidence.bytes[0]), place + 1);
        assert_eq!(evidence.bytes.len(), 1 + sizes[place]);
        assert_eq!(convicts(&activity, &scheme(b"elsewhere"), &mut test_rng()), None);
    }
    let round = Round::new(Epoch::new(5), View::new(9));
    let one = Activity::Nullify(Nullify::sign::<Digest>(&here, round).unwrap());
    assert_eq!(convicts(&one, &here, &mut test_rng()), None);
}
