#![expect(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests")]

use super::*;
use ark_bls12_381::{Fr, G1Projective, G2Affine, g1};
use ark_ec::hashing::HashToCurve;
use ark_ec::hashing::curve_maps::wb::WBMap;
use ark_ec::hashing::map_to_curve_hasher::MapToCurveBasedHasher;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::PrimeField;
use ark_ff::field_hashers::DefaultFieldHasher;
use ark_serialize::CanonicalSerialize;
use sha2_old::Sha256;

type Hasher =
    MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256, 128>, WBMap<g1::Config>>;

const GENESIS: [u8; 32] = [7; 32];

fn secret(seed: u8) -> Fr {
    Fr::from_le_bytes_mod_order(&[seed; 32])
}

fn seats(seeds: &[u8]) -> Vec<SeatKeys> {
    let seat = |seed: &u8| {
        let mut key = [0; 96];
        let point = (G2Affine::generator() * secret(*seed)).into_affine();
        point.serialize_compressed(&mut key[..]).unwrap();
        ([*seed; 32], key)
    };
    seeds.iter().map(seat).collect()
}

fn rlp(items: &[Vec<u8>]) -> Vec<u8> {
    list(strings(items))
}

fn strings(items: &[Vec<u8>]) -> Vec<u8> {
    let string = |bytes: &Vec<u8>| match bytes.as_slice() {
        [byte] if *byte < 0x80 => bytes.clone(),
        _ if bytes.len() < 56 => [&[0x80 + bytes.len() as u8], &bytes[..]].concat(),
        _ => [&[0xb9, (bytes.len() >> 8) as u8, bytes.len() as u8], &bytes[..]].concat(),
    };
    items.iter().flat_map(string).collect()
}

fn list(body: Vec<u8>) -> Vec<u8> {
    let head = match body.len() {
        0..56 => vec![0xc0 + body.len() as u8],
        56..256 => vec![0xf8, body.len() as u8],
        _ => vec![0xf9, (body.len() >> 8) as u8, body.len() as u8],
    };
    [head, body].concat()
}

fn number(value: u64) -> Vec<u8> {
    value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

struct Made {
    header: Vec<u8>,
    seal: Vec<u8>,
    hash: [u8; 32],
    place: (u64, u64, u64),
}

/// A block of `epoch` whose next committee is `next`.
fn block(epoch: u64, next: &[SeatKeys]) -> Made {
    let place = (epoch, 300, 299);
    let fields = [2, epoch, 300, 299, 2, 1_790_000_000_123].map(number);
    let mut fields = fields.to_vec();
    fields.push(committee_digest(next).to_vec());
    // Its last field is a list of what nobody reads here.
    let seal = list([strings(&fields), rlp(&[vec![7; 40], vec![8]])].concat());
    let mut header: Vec<Vec<u8>> = vec![vec![1; 32], vec![2; 32], vec![3; 20]];
    header.extend([vec![4; 32], vec![5; 32], vec![6; 32], vec![0; 256], vec![]]);
    header.extend([77, 30_000_000, 21_000, 1_790_000_000].map(number));
    header.push(keccak256(&seal).to_vec());
    header.extend([vec![8; 32], vec![0; 8], number(1_000_000)]);
    let header = rlp(&header);
    Made { hash: keccak256(&header), header, seal, place }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A certificate on `block` of a committee of `seeds`, by those who `sign`.
fn certificate(block: &Made, seeds: &[u8], sign: &[bool], genesis: &[u8; 32]) -> Vec<u8> {
    let (epoch, view, parent) = block.place;
    let mut message = [varint(epoch), varint(view), varint(parent)].concat();
    message.extend(block.hash);
    let space = [b"terroir 2026-11 chain ", &genesis[..], b"_FINALIZE"].concat();
    let bytes = [&[space.len() as u8][..], &space, &message].concat();
    let suite = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    let point = Hasher::new(suite).unwrap().hash(&bytes).unwrap();
    let key: Fr = seeds.iter().zip(sign).filter(|one| *one.1).map(|one| secret(*one.0)).sum();
    let mut signature = [0; 48];
    (point * key).into_affine().serialize_compressed(&mut signature[..]).unwrap();
    let mut bits = vec![0_u8; sign.len().div_ceil(8)];
    for (place, _) in sign.iter().enumerate().filter(|(_, signed)| **signed) {
        bits[place / 8] |= 1 << (place % 8);
    }
    [&message[..], &(sign.len() as u64).to_be_bytes(), &bits, &signature].concat()
}

const THREE: [bool; 4] = [true, false, true, true];

#[test]
fn a_client_walks_from_the_first_committee_to_a_later_one() {
    let (first, second) = (seats(&[1, 2, 3, 4]), seats(&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    let mut light = Light::new(&GENESIS, &first).unwrap();
    let block0 = block(0, &second);
    let signed = certificate(&block0, &[1, 2, 3, 4], &THREE, &GENESIS);
    let known = light.check(&block0.header, &block0.seal, &signed).unwrap();
    assert_eq!((known.header.number, known.header.time), (77, 1_790_000_000));
    assert_eq!(known.header.state_root, [4; 32]);
    assert_eq!(known.seal.leader, 2);
    assert_eq!(light.clone().advance(&first), Err(NotFinal::Committee { epoch: 1 }));
    light.advance(&second).unwrap();
    let block1 = block(1, &first);
    let mut sign = [true; 10];
    sign[..3].fill(false);
    let signed = certificate(&block1, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &sign, &GENESIS);
    light.check(&block1.header, &block1.seal, &signed).unwrap();
    assert_eq!(light.epoch(), 1);
    // Without a block of the epoch nothing names the next committee.
    let mut skips = Light::new(&GENESIS, &first).unwrap();
    assert_eq!(skips.advance(&second), Err(NotFinal::Committee { epoch: 1 }));
}

#[test]
fn a_committee_that_is_known_by_itself_checks_its_own_epoch_alone() {
    let seeds = [1, 2, 3, 4];
    let mut light = Light::at(&GENESIS, 3, &seats(&seeds)).unwrap();
    assert_eq!(light.epoch(), 3);
    let mut check = |epoch: u64| {
        let made = block(epoch, &seats(&seeds));
        let signed = certificate(&made, &seeds, &[true, true, true, false], &GENESIS);
        light.check(&made.header, &made.seal, &signed).map(|found| found.seal.epoch)
    };
    assert_eq!(check(3), Ok(3));
    assert_eq!(check(2), Err(NotFinal::Epoch { got: 2, expected: 3 }));
}

#[test]
fn everything_that_does_not_fit_is_refused_by_name() {
    let committee = seats(&[1, 2, 3, 4]);
    let light = Light::new(&GENESIS, &committee).unwrap();
    let good = block(0, &committee);
    let check = |made: &Made, bytes: &[u8]| {
        light.clone().check(&made.header, &made.seal, bytes).unwrap_err()
    };
    let signed = |sign: &[bool]| certificate(&good, &[1, 2, 3, 4], sign, &GENESIS);
    let two = signed(&[true, true, false, false]);
    assert_eq!(check(&good, &two), NotFinal::Quorum { got: 2, least: 3, seats: 4 });
    let five = certificate(&good, &[1, 2, 3, 4, 5], &[true; 5], &GENESIS);
    assert_eq!(check(&good, &five), NotFinal::Width { got: 5, expected: 4 });
    let other_chain = certificate(&good, &[1, 2, 3, 4], &THREE, &[8; 32]);
    assert_eq!(check(&good, &other_chain), NotFinal::Signature);
    let others = certificate(&good, &[1, 2, 3, 5], &THREE, &GENESIS);
    assert_eq!(check(&good, &others), NotFinal::Signature);
    let next = block(1, &committee);
    let later = certificate(&next, &[1, 2, 3, 4], &THREE, &GENESIS);
    assert_eq!(check(&next, &later), NotFinal::Epoch { got: 1, expected: 0 });
    let elsewhere = block(0, &seats(&[9]));
    assert_eq!(check(&elsewhere, &signed(&THREE)), NotFinal::Block);
    let seal = Made { seal: elsewhere.seal.clone(), header: good.header.clone(), ..next };
    assert_eq!(check(&seal, &signed(&THREE)), NotFinal::Seal);
    let moved = Made { place: (0, 301, 299), hash: good.hash, ..block(0, &committee) };
    let moved_bytes = certificate(&moved, &[1, 2, 3, 4], &THREE, &GENESIS);
    assert_eq!(check(&good, &moved_bytes), NotFinal::View);
    assert!(Light::new(&GENESIS, &[]).is_err());
    assert!(matches!(Light::new(&GENESIS, &[([0; 32], [0; 96])]), Err(NotFinal::Key(0))));
}

#[test]
fn no_flipped_or_missing_byte_is_final() {
    let committee = seats(&[1, 2, 3, 4]);
    let good = block(0, &committee);
    let bytes = certificate(&good, &[1, 2, 3, 4], &THREE, &GENESIS);
    let light = Light::new(&GENESIS, &committee).unwrap();
    light.clone().check(&good.header, &good.seal, &bytes).unwrap();
    let flips = |all: &[u8]| -> Vec<Vec<u8>> {
        let flip = |at: usize| {
            let mut other = all.to_vec();
            other[at] ^= 1 << (at % 8);
            other
        };
        let cut = |at: usize| all[..at].to_vec();
        (0..all.len()).flat_map(|at| [flip(at), cut(at)]).chain([[all, &[0]].concat()]).collect()
    };
    for other in flips(&bytes) {
        assert!(light.clone().check(&good.header, &good.seal, &other).is_err());
    }
    for other in flips(&good.header) {
        assert!(light.clone().check(&other, &good.seal, &bytes).is_err());
    }
    for other in flips(&good.seal) {
        assert!(light.clone().check(&good.header, &other, &bytes).is_err());
    }
}

/// What the wasm build is held against: a walk of one epoch, as the golden file has it.
#[test]
fn the_golden_walk_is_final() {
    let (first, second) = (seats(&[1, 2, 3, 4]), seats(&[2, 3, 4, 5]));
    let (block0, block1) = (block(0, &second), block(1, &first));
    let signed = [
        certificate(&block0, &[1, 2, 3, 4], &THREE, &GENESIS),
        certificate(&block1, &[2, 3, 4, 5], &[true; 4], &GENESIS),
    ];
    let mut light = Light::new(&GENESIS, &first).unwrap();
    light.check(&block0.header, &block0.seal, &signed[0]).unwrap();
    light.advance(&second).unwrap();
    light.check(&block1.header, &block1.seal, &signed[1]).unwrap();
    let mut text = format!("genesis: {}\n", hex(&GENESIS));
    for (epoch, (made, seats)) in [(block0, first), (block1, second)].iter().enumerate() {
        let committee: Vec<u8> =
            seats.iter().flat_map(|(key, vote)| [&key[..], &vote[..]].concat()).collect();
        let parts: [(&str, &[u8]); 5] = [
            ("committee", &committee),
            ("header", &made.header),
            ("seal", &made.seal),
            ("certificate", &signed[epoch]),
            ("hash", &made.hash),
        ];
        for (name, bytes) in parts {
            text += &format!("{name} {epoch}: {}\n", hex(bytes));
        }
    }
    assert_eq!(text, include_str!("../../tests/golden/finality.txt"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
