//! Claims: any receipt with any list of files, also a list that a liar signed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_base::Digest;
use terroir_base::sign::SecretKey;
use terroir_corpus::claim::Claim;
use terroir_proof::{Draft, Files, Leaves, Place, Stage, Times, Work};

fuzz_target!(|bytes: &[u8]| {
    let _ = Claim::decode(bytes, bytes);
    let leaves = Leaves { root: Digest([1; 32]), count: 1 };
    let files = Files { list: Digest::of(bytes), count: 1 };
    let (name, program) = ("exact".to_owned(), Digest([2; 32]));
    let stage = Stage { name, program, inputs: leaves, outputs: leaves, files };
    let times = Times { requested_ms: 0, first_ms: None, done_ms: 1 };
    let draft = Draft { place: Place::FIRST, work: Work::Stage(stage), times };
    let receipt = draft.sign(&SecretKey::from_seed([7; 32])).expect("the stage is one").bytes;
    if let Ok((claim, _)) = Claim::decode(&receipt, bytes) {
        assert_eq!(claim.list(), bytes);
    }
});
