//! Certificates of finality, signed by the validators of the genesis file of tests.
//!
//! Written without this workspace's checker, by `docs/format/finality.md`.

use alloy_primitives::B256;
use ark_bls12_381::{Fr, G1Projective, g1};
use ark_ec::CurveGroup;
use ark_ec::hashing::HashToCurve;
use ark_ec::hashing::curve_maps::wb::WBMap;
use ark_ec::hashing::map_to_curve_hasher::MapToCurveBasedHasher;
use ark_ff::PrimeField;
use ark_ff::field_hashers::DefaultFieldHasher;
use ark_serialize::CanonicalSerialize;
use sha2_old::Sha256;
use terroir_ledger::Executed;

type Hasher =
    MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256, 128>, WBMap<g1::Config>>;

/// Seeds of the keys of seats 0 to 2: seats are in the order of identities.
const SIGNERS: [u8; 3] = [2, 1, 4];

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A certificate of `executed` on the chain `genesis`, signed by the first three of its four seats.
pub fn certificate(genesis: B256, executed: &Executed) -> Vec<u8> {
    let seal = &executed.block.seal;
    let place = [seal.epoch, seal.view, seal.parent_view].map(varint).concat();
    let message = [&place[..], executed.hash.as_slice()].concat();
    let space = [b"terroir 2026-11 chain ", genesis.as_slice(), b"_FINALIZE"].concat();
    let length = u8::try_from(space.len()).unwrap();
    let bytes = [&[length][..], &space, &message].concat();
    let suite = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    let point = Hasher::new(suite).unwrap().hash(&bytes).unwrap();
    let secret: Fr = SIGNERS.map(|seed| Fr::from_le_bytes_mod_order(&[seed; 32])).iter().sum();
    let mut signature = Vec::new();
    (point * secret).into_affine().serialize_compressed(&mut signature).unwrap();
    [&message[..], &4_u64.to_be_bytes(), &[0b0111], &signature].concat()
}
