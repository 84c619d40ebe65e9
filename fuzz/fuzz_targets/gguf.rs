//! Headers of GGUF files.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_import::gguf;

fuzz_target!(|bytes: &[u8]| {
    let length = bytes.len() as u64;
    if let Ok(header) = gguf::read(&bytes.to_vec()) {
        for place in header.tensors.values() {
            assert!(place.offset.checked_add(place.bytes).is_some_and(|end| end <= length));
        }
    }
});
