//! The two keys of a validator: its identity among peers, and its key for votes.

use crate::error::Error;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_cryptography::Signer as _;
use commonware_cryptography::bls12381::primitives::group::Private;
use commonware_cryptography::bls12381::primitives::ops;
use commonware_cryptography::bls12381::primitives::variant::MinSig;
use commonware_cryptography::ed25519;

/// Secret keys of one node. Whoever follows without a seat has them too: the identity is who it is
/// among peers.
#[derive(Clone)]
pub struct Keys {
    pub(crate) identity: ed25519::PrivateKey,
    pub(crate) vote: Private,
}

impl Keys {
    /// Reads keys: `identity` is the seed of an ed25519 key; `vote` is a number for BLS12-381, big
    /// endian, not zero and below the group's order (any with its two highest bits zero is).
    ///
    /// Errors: `Key`.
    pub fn new(identity: &[u8; 32], vote: &[u8; 32]) -> Result<Keys, Error> {
        let wrong = |what| Error::Key { what };
        Ok(Keys {
            identity: ed25519::PrivateKey::decode(identity.to_vec())
                .map_err(|_| wrong("identity of a node"))?,
            vote: Private::decode(vote.to_vec()).map_err(|_| wrong("key for votes"))?,
        })
    }

    /// The public half of the identity.
    pub fn identity(&self) -> [u8; 32] {
        bytes(self.identity.public_key().as_ref())
    }

    /// The public half of the key for votes: a point of G2, compressed.
    pub fn vote_key(&self) -> [u8; 96] {
        bytes(&ops::compute_public::<MinSig>(&self.vote).encode())
    }

    /// Proof that this node holds its key for votes: a point of G1, compressed, which signs the key
    /// under `message`. See `docs/format/finality.md`.
    pub fn vote_possession(&self, message: &[u8]) -> [u8; 48] {
        bytes(&ops::sign_proof_of_possession::<MinSig>(&self.vote, message).encode())
    }
}

fn bytes<const N: usize>(from: &[u8]) -> [u8; N] {
    from.try_into().expect("keys and signatures have one length")
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn zero_and_the_order_are_no_keys() {
        let order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";
        let order: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap())
            .collect();
        let mut below: [u8; 32] = order.as_slice().try_into().unwrap();
        assert!(Keys::new(&[7; 32], &[0; 32]).is_err());
        assert!(Keys::new(&[7; 32], &below).is_err());
        below[31] = 0;
        assert!(Keys::new(&[7; 32], &below).is_ok());
    }
}
