use super::convicts;
use crate::committee::{Digest, Scheme, digest};
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
