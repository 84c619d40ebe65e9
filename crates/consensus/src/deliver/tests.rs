use super::certificate;
use crate::committee::{Scheme, digest};
use commonware_codec::DecodeExt as _;
use commonware_consensus::simplex::types::{Finalization, Finalize, Proposal};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::bls12381::primitives::group::Private;
use commonware_cryptography::bls12381::primitives::ops::compute_public;
use commonware_cryptography::bls12381::primitives::variant::MinSig;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_parallel::Sequential;
use commonware_utils::non_empty;
use commonware_utils::ordered::BiMap;
use terroir_ledger::{Block, Seal};
use terroir_proof::finality::Certificate;

#[test]
fn a_block_has_the_certificate_of_its_own_view_only() {
    let secret = Private::decode(vec![1; 32]).unwrap();
    let seat = (PrivateKey::from_seed(1).public_key(), compute_public::<MinSig>(&secret));
    let seats = BiMap::try_from(vec![seat]).unwrap();
    let scheme = Scheme::signer(b"test", seats, secret).unwrap();
    let seal = Seal { version: 1, epoch: 2, view: 9, parent_view: 7, ..Seal::default() };
    let block = Block { header: Default::default(), seal, transactions: Vec::new() };
    let signed = |view, parent, hash| {
        let round = Round::new(Epoch::new(2), View::new(view));
        let proposal = Proposal::new(round, View::new(parent), digest(hash));
        let vote = Finalize::sign(&scheme, proposal).unwrap();
        let votes = non_empty![@[vote].into_iter()];
        Finalization::from_owned_finalizes(&scheme, votes, &Sequential).unwrap()
    };
    let bytes = certificate(&block, &signed(9, 7, block.hash())).unwrap();
    let read = Certificate::decode(&bytes).unwrap();
    assert_eq!((read.epoch, read.view, read.parent_view), (2, 9, 7));
    assert_eq!((read.block, read.signers), (block.hash().0, vec![true]));
    // The last block of an epoch, proposed again: final, but no light client would understand.
    assert_eq!(certificate(&block, &signed(10, 9, block.hash())), None);
    assert_eq!(certificate(&block, &signed(9, 7, block.header.parent_hash)), None);
}
