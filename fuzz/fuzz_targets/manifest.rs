//! Signed manifests of training and of private shards: any file, and any payload that a liar signed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_base::sign::{SecretKey, sign1};
use terroir_corpus::{lead, seal};

fuzz_target!(|bytes: &[u8]| {
    let key = SecretKey::from_seed([7; 32]);
    let _ = (lead::Manifest::open(bytes), seal::Manifest::open(bytes));
    if let Ok((manifest, _)) = lead::Manifest::open(&sign1(bytes, &key, lead::CONTENT_TYPE)) {
        assert_eq!(manifest.encode(), bytes);
        for place in manifest.order().batch(0, 4) {
            let source = &manifest.sources[place.source as usize];
            assert!(place.sequence < source.packed.stored);
        }
    }
    if let Ok((manifest, _)) = seal::Manifest::open(&sign1(bytes, &key, seal::CONTENT_TYPE)) {
        assert_eq!(manifest.encode(), bytes);
    }
});
