use super::Wire;
use crate::committee::{Committees, Scheme};
use crate::gossip::FRAME_BYTES_MAX;
use crate::keys::Keys;
use crate::start::MESSAGE_BYTES_MAX;
use alloy_primitives::B256;
use bytes::Bytes;
use commonware_codec::{Decode as _, Encode as _};
use commonware_consensus::marshal::max_payload_size;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::types::{Epoch, Round, View};
use commonware_consensus::{BoundedBlock as _, CertifiableBlock as _};
use commonware_p2p::utils::mux::prefixed;
use terroir_ledger::block::BLOCK_BYTES_MAX;
use terroir_ledger::{Block, Seal};

fn committees() -> Committees {
    Committees::new(B256::ZERO, Keys::new(&[1; 32], &[1; 32]).unwrap())
}

fn block() -> Block {
    let seal = Seal { version: 1, epoch: 3, view: 9, parent_view: 7, ..Seal::default() };
    let header = alloy_consensus::Header {
        number: 31,
        parent_hash: B256::repeat_byte(5),
        extra_data: seal.hash().into(),
        ..Default::default()
    };
    Block { header, seal, transactions: Vec::new() }
}

#[test]
fn a_block_travels_as_the_ledgers_bytes_and_nothing_else_does() {
    let wire = Wire::new(block(), committees());
    let bytes = wire.encode();
    assert_eq!(bytes[..2], [(bytes.len() - 2) as u8 & 0x7f | 0x80, ((bytes.len() - 2) >> 7) as u8]);
    assert_eq!(bytes[2..], block().encode());
    let read = Wire::decode_cfg(bytes.clone(), &committees()).unwrap();
    assert_eq!(*read.block, block());
    assert_eq!(read.encode(), bytes);
    let longer = [&bytes[..], &[0]].concat();
    assert!(Wire::decode_cfg(Bytes::from(longer), &committees()).is_err());
    let mut other = bytes.to_vec();
    *other.last_mut().unwrap() ^= 1;
    assert!(Wire::decode_cfg(Bytes::from(other), &committees()).is_err());
    // A length alone, of more than a block may have: refused before anything is read.
    let huge = (BLOCK_BYTES_MAX + 1).encode();
    let huge = Wire::decode_cfg(huge, &committees()).err().unwrap();
    assert!(huge.to_string().contains("length"), "{huge}");
}

#[test]
fn its_context_is_what_its_seal_says() {
    let context = Wire::new(block(), committees()).context();
    assert_eq!(context.round, Round::new(Epoch::new(3), View::new(9)));
    assert_eq!(context.parent.0, View::new(7));
    assert_eq!(context.parent.1.0, [5; 32]);
}

#[test]
fn every_message_has_room() {
    let most = max_payload_size::<Standard<Wire>, Scheme>(128, &committees());
    assert!(Wire::max_encode_size(&committees()) <= most);
    for size in [most, FRAME_BYTES_MAX, prefixed(1 << 10)] {
        assert!(size <= MESSAGE_BYTES_MAX as usize, "{size}");
    }
}
