//! Proofs of presence, of absence and of leaves of a tree, and versions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_base::Digest;
use terroir_corpus::absent::Absence;
use terroir_corpus::present::{self, Presence};
use terroir_corpus::tree::Proof;
use terroir_corpus::version::Version;

fuzz_target!(|bytes: &[u8]| {
    let _ = present::check(bytes);
    if let Ok(presence) = Presence::decode(bytes) {
        assert_eq!(presence.encode(), bytes);
    }
    if let Ok(absence) = Absence::decode(bytes) {
        assert_eq!(absence.encode(), bytes);
    }
    if let Ok(proof) = Proof::decode(bytes) {
        assert_eq!(proof.encode(), bytes);
        assert!(proof.verify(&Digest([1; 32])).is_err());
    }
    if let Ok(version) = Version::decode(bytes) {
        assert_eq!(version.encode(), bytes);
    }
});
