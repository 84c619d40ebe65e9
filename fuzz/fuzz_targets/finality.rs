//! Certificates of finality, headers and seals as light clients read them, and evidence.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_proof::finality::{Certificate, Equivocation, Header, Seal};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::decode(bytes) {
        assert_eq!(encoded(&certificate), bytes);
    }
    if let Ok(found) = Equivocation::decode(bytes) {
        assert!(found.check(&[7; 32], &[0; 96]).is_err());
    }
    let _ = (Header::decode(bytes), Seal::decode(bytes));
});

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn encoded(of: &Certificate) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [of.epoch, of.view, of.parent_view] {
        varint(number, &mut bytes);
    }
    bytes.extend(of.block);
    bytes.extend((of.signers.len() as u64).to_be_bytes());
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bytes.extend(of.signers.chunks(8).map(byte));
    bytes.extend(of.signature);
    bytes
}
