//! What waits for a certificate, and which one lets it go.

use super::{AHEAD_BYTES_MAX, Ahead, STRIDE, STRIDE_BYTES};
use crate::chain::{Chain, PoolLimits, Tip};
use crate::rpc::Whole;
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use std::sync::Arc;

const GENESIS: &str = include_str!("../../../tests/it/chain/genesis.toml");
/// Blocks of an epoch here.
const EPOCH: usize = 1_000;

fn tip() -> Arc<Tip> {
    let place = tempfile::tempdir().unwrap();
    Chain::open(&place.path().join("chain.redb"), GENESIS, PoolLimits::DEFAULT).unwrap().tip()
}

/// So many blocks after `tip`, each of `bytes` and a few more; those in `certified` have a certificate.
fn sent(tip: &Tip, count: usize, bytes: usize, certified: impl Fn(usize) -> bool) -> Vec<Whole> {
    let mut parent = tip.hash;
    let block = |number: usize| {
        let header = Header { number: number as u64, parent_hash: parent, ..Header::default() };
        parent = header.hash_slow();
        let fields = [alloy_rlp::encode(&header), alloy_rlp::encode(Bytes::from(vec![7; bytes]))];
        let payload = fields.concat();
        let mut block = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut block);
        block.extend(payload);
        let certificate = certified(number).then(|| Bytes::from_static(b"certificate"));
        Whole { block: block.into(), certificate }
    };
    (1..=count).map(block).collect()
}

/// How many blocks each certificate lets go.
fn covered(count: usize, bytes: usize, certified: impl Fn(usize) -> bool) -> Vec<usize> {
    let (tip, mut ahead) = (tip(), Ahead::default());
    ahead.extend(&tip, sent(&tip, count, bytes, certified)).unwrap();
    let mut next = || ahead.covered(0, |number| number / EPOCH as u64).unwrap().len();
    let found = std::iter::from_fn(|| Some(next()).filter(|count| *count > 0)).collect();
    assert!(ahead.bytes >= ahead.blocks.len() * bytes, "what went is still counted");
    assert!(!ahead.blocks.is_empty() || ahead.bytes == 0, "what went is still counted");
    found
}

#[test]
fn a_certificate_is_kept_in_every_stride_of_blocks_and_of_bytes() {
    assert_eq!(covered(STRIDE + 3, 0, |_| true), [STRIDE, 3]);
    assert_eq!(covered(8, STRIDE_BYTES / 4, |_| true), [3, 3, 2]);
    assert_eq!(covered(3, STRIDE_BYTES, |_| true), [1, 1, 1]);
    assert_eq!(covered(4, 0, |number| number == 3), [3]);
}

#[test]
fn where_others_have_fewer_none_of_them_is_left_out() {
    let far = STRIDE + 8;
    assert_eq!(covered(3 * far, 0, |number| number % far == 0), [far, far, far]);
    assert_eq!(covered(6, STRIDE_BYTES, |number| number % 3 == 0), [3, 3]);
}

#[test]
fn certificates_of_an_epoch_whose_committee_is_not_known_say_nothing() {
    let none: [usize; 0] = [];
    assert_eq!(covered(EPOCH + 4, 0, |number| number >= EPOCH), none);
    assert_eq!(covered(EPOCH + 4, 0, |number| number >= EPOCH - 1), [EPOCH - 1]);
}

#[test]
fn blocks_that_do_not_follow_are_refused_with_their_number() {
    let (tip, mut ahead) = (tip(), Ahead::default());
    let mut blocks = sent(&tip, 4, 0, |_| false);
    blocks.remove(2);
    let why = ahead.extend(&tip, blocks).unwrap_err();
    assert_eq!(why, (3, "does not follow the block before it".to_owned()));
    assert_eq!(ahead.next(&tip), 3);
    let other = Tip {
        hash: B256::ZERO,
        header: tip.header.clone(),
        seal: tip.seal.clone(),
        view: tip.view.clone(),
        kept: tip.kept.clone(),
    };
    let first = Ahead::default().extend(&other, sent(&tip, 1, 0, |_| false));
    assert_eq!(first.unwrap_err().0, 1);
}

#[test]
fn what_no_certificate_covers_is_bounded() {
    let (tip, mut ahead) = (tip(), Ahead::default());
    let mut most = 0;
    let why = sent(&tip, 18, (4 << 20) - (2 << 10), |_| false).into_iter().find_map(|one| {
        ahead.extend(&tip, vec![one]).unwrap();
        most = most.max(ahead.bytes);
        ahead.covered(0, |_| 0).err()
    });
    let (number, why) = why.expect("all of it waits");
    assert!(number == 1 && why.contains("no certificate"), "{why}");
    assert!((AHEAD_BYTES_MAX..AHEAD_BYTES_MAX + (4 << 20)).contains(&most), "{most}");
    let tiny = sent(&tip, 1, 0, |_| false);
    let long = Whole { block: vec![0; (4 << 20) + 1].into(), certificate: None };
    assert_eq!(Ahead::default().extend(&tip, vec![long]).unwrap_err().0, 1);
    Ahead::default().extend(&tip, tiny).unwrap();
}
