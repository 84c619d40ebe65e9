//! Votes of validators: BLS signatures over BLS12-381, keys in G2 and signatures in G1.
//!
//! draft-irtf-cfrg-bls-signature-05, minimal signature size, with the suites
//! `BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_` and `BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_`;
//! points hashed to by RFC 9380, encoded compressed as ZCash does. What is signed is a namespace,
//! its length before it as a varint, and a message. Invariant: keys are in their group and not
//! neutral before anything is checked with them.

use ark_bls12_381::{Bls12_381, G1Affine, G1Projective, G2Affine, G2Projective, g1};
use ark_ec::hashing::HashToCurve;
use ark_ec::hashing::curve_maps::wb::WBMap;
use ark_ec::hashing::map_to_curve_hasher::MapToCurveBasedHasher;
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::field_hashers::DefaultFieldHasher;
use ark_serialize::CanonicalDeserialize;
use sha2_old::Sha256;

type Hasher =
    MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256, 128>, WBMap<g1::Config>>;

const MESSAGE: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const POSSESSION: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
/// Longest namespace: its length is one byte.
const NAMESPACE_BYTES_MAX: usize = 127;

/// Bytes of a key.
pub const KEY_BYTES: usize = 96;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 48;

/// A validator's key for votes: a point of G2 that is in the group and not neutral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteKey {
    point: G2Affine,
    bytes: [u8; KEY_BYTES],
}

impl VoteKey {
    /// The key that `bytes` encode; `None` where they encode no key.
    pub fn decode(bytes: &[u8; KEY_BYTES]) -> Option<VoteKey> {
        let point = G2Affine::deserialize_compressed(bytes.as_slice()).ok()?;
        (!point.is_zero()).then_some(VoteKey { point, bytes: *bytes })
    }

    /// Whether the holder of this key signed it under `namespace`: without that, a key could be made
    /// of others' keys so that it signs for them (rogue keys).
    pub fn possessed(&self, namespace: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        holds(self.point, POSSESSION, namespace, &self.bytes, signature)
    }
}

/// Whether `signature` is the sum of the signatures of all `keys`, each possessed by its holder, on
/// `message` under `namespace`. `false` without keys.
pub fn signed(
    keys: &[VoteKey],
    namespace: &[u8],
    message: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> bool {
    let sum: G2Projective = keys.iter().map(|key| key.point).sum();
    let sum = sum.into_affine();
    !sum.is_zero() && holds(sum, MESSAGE, namespace, message, signature)
}

fn holds(
    key: G2Affine,
    suite: &[u8],
    namespace: &[u8],
    message: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> bool {
    let Ok(length) = u8::try_from(namespace.len()) else { return false };
    if namespace.len() > NAMESPACE_BYTES_MAX {
        return false;
    }
    let Ok(signature) = G1Affine::deserialize_compressed(signature.as_slice()) else {
        return false;
    };
    let bytes = [&[length], namespace, message].concat();
    let Ok(hashed) = Hasher::new(suite).and_then(|hasher| hasher.hash(&bytes)) else {
        return false;
    };
    // e(signature, G2) = e(hashed, key)
    Bls12_381::pairing(signature, G2Affine::generator()) == Bls12_381::pairing(hashed, key)
}

#[cfg(test)]
mod tests;
