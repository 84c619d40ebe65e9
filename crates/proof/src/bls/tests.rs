use super::*;
use terroir_base::hex;

const GOLDEN: &str = include_str!("../../tests/golden/bls.txt");
const OWNER: &[u8] = b"possession of the golden file";
const SPACE: &[u8] = b"golden_FINALIZE";
const SAID: &[u8] = b"one message";

struct Signer {
    key: VoteKey,
    possession: [u8; SIGNATURE_BYTES],
}

fn signers() -> Vec<Signer> {
    let lines = GOLDEN.lines().filter_map(|line| line.strip_prefix("key "));
    let signer = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let key = VoteKey::decode(&hex::decode(words[1]).unwrap()).expect("a key");
        Signer { key, possession: hex::decode(words[2]).unwrap() }
    };
    lines.map(signer).collect()
}

fn sum(count: usize) -> [u8; SIGNATURE_BYTES] {
    let line = format!("sum {count} ");
    let found = GOLDEN.lines().find_map(|each| each.strip_prefix(&line));
    hex::decode(found.unwrap()).unwrap()
}

#[test]
fn signatures_of_another_implementation_hold() {
    let signers = signers();
    for count in 1..=4 {
        let keys: Vec<VoteKey> = signers[..count].iter().map(|one| one.key).collect();
        assert!(signed(&keys, SPACE, SAID, &sum(count)));
        assert!(!signed(&keys, SPACE, b"another message", &sum(count)));
        assert!(!signed(&keys, b"golden_NOTARIZE", SAID, &sum(count)));
        assert!(!signed(&keys[1..], SPACE, SAID, &sum(count)));
        assert!(!signed(&[], SPACE, SAID, &sum(count)));
        assert!(!signed(&keys, SPACE, SAID, &sum(count % 4 + 1)));
    }
}

#[test]
fn a_key_is_possessed_by_its_holder_alone() {
    let signers = signers();
    for (place, one) in signers.iter().enumerate() {
        assert!(one.key.possessed(OWNER, &one.possession));
        assert!(!one.key.possessed(b"somebody else", &one.possession));
        let other = &signers[(place + 1) % signers.len()];
        assert!(!one.key.possessed(OWNER, &other.possession));
        // A vote is no proof of possession, even on the same bytes.
        assert!(!one.key.possessed(OWNER, &sum(1)));
    }
}

#[test]
fn hostile_bytes_are_no_keys_and_no_signatures() {
    let signers = signers();
    assert!(VoteKey::decode(&[0; KEY_BYTES]).is_none());
    assert!(VoteKey::decode(&[0xff; KEY_BYTES]).is_none());
    // The neutral point.
    let mut neutral = [0; KEY_BYTES];
    neutral[0] = 0xc0;
    assert!(VoteKey::decode(&neutral).is_none());
    let key = signers[0].key;
    for at in 0..KEY_BYTES {
        let mut bytes = key.bytes;
        bytes[at] ^= 1;
        let other = VoteKey::decode(&bytes);
        assert!(other.is_none_or(|other| !signed(&[other], SPACE, SAID, &sum(1))));
    }
    let mut neutral = [0; SIGNATURE_BYTES];
    neutral[0] = 0xc0;
    for bytes in [neutral, [0; SIGNATURE_BYTES], [0xff; SIGNATURE_BYTES]] {
        assert!(!signed(&[key], SPACE, SAID, &bytes));
    }
    assert!(!signed(&[key], &[b'x'; 128], SAID, &sum(1)));
}
