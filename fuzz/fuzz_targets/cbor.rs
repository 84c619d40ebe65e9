//! Deterministic CBOR: what is accepted is the one encoding of its value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_base::cbor::{Limits, decode, encode};

const LIMITS: Limits = Limits { bytes_max: 1 << 16, depth_max: 16, items_max: 1 << 12 };

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = decode(bytes, &LIMITS) {
        assert_eq!(encode(&value), bytes);
    }
});
