//! Headers of safetensors files.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_import::safetensors;

fuzz_target!(|bytes: &[u8]| {
    let length = bytes.len() as u64;
    if let Ok(tensors) = safetensors::read(&bytes.to_vec(), 0) {
        for place in tensors.values() {
            assert!(place.offset.checked_add(place.bytes).is_some_and(|end| end <= length));
        }
    }
});
