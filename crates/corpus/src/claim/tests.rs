use super::*;
use crate::golden;
use crate::hostile;
use proptest::prelude::*;
use terroir_base::sign::{SecretKey, sign1};
use terroir_proof::{CONTENT_TYPE, Draft, Place, Times, Work};

fn claim() -> Claim {
    let tree = |byte: u8, leaves| Tree { root: Digest([byte; 32]), leaves };
    Claim {
        kind: "exact".into(),
        program: Digest([1; 32]),
        inputs: tree(2, 3),
        outputs: tree(4, 3),
        files: vec![Bytes {
            name: "rows/aa/bb.parquet".into(),
            digest: Digest([5; 32]),
            length: 1 << 20,
        }],
    }
}

/// The receipt of a node with nothing before it.
fn receipt(stage: &proof::Stage) -> Vec<u8> {
    let times = Times { requested_ms: 1, first_ms: None, done_ms: 2 };
    let draft = Draft { place: Place::FIRST, work: Work::Stage(stage.clone()), times };
    draft.sign(&SecretKey::from_seed([9; 32])).unwrap().bytes
}

fn kept(folder: &Path) -> PathBuf {
    let path = folder.join("x.rcpt");
    claim().keep(&path, &|stage| Ok(receipt(stage))).unwrap();
    path
}

#[test]
fn claims_have_the_bytes_of_the_golden_file() {
    let none = Claim { kind: VERSION.into(), files: Vec::new(), ..claim() };
    let line = |claim: Claim| {
        let (list, signed) = (claim.list(), receipt(&claim.stage()));
        assert_eq!(read_list(&list).unwrap(), claim.files);
        format!("{} {} {}", claim.kind, golden::hex(&list), golden::hex(&signed))
    };
    let lines = [claim(), none].map(line);
    golden::check("claim.txt", "kind, list, receipt signed with the seed 09 32 times", &lines);
}

#[test]
fn a_changed_byte_of_a_receipt_or_its_list_breaks_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path());
    assert_eq!(Claim::open(&path).unwrap().0, claim());
    for path in [&path, &path.with_extension("files")] {
        let good = fs::read(path).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            fs::write(path, bytes).unwrap();
            let opened = Claim::open(&folder.path().join("x.rcpt"));
            assert!(matches!(opened, Err(Error::Damaged { .. })), "byte {at}");
        }
        fs::write(path, &good).unwrap();
    }
    assert_eq!(Claim::open(&path).unwrap().0, claim());
}

#[test]
fn only_receipts_about_stages_with_their_own_list_are_claims() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path());
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        let error = Claim::open(&path).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    let key = SecretKey::from_seed([9; 32]);
    refused(&sign1(b"\xa0", &key, "text/plain"), "not that of a receipt");
    refused(&sign1(b"\xa0", &key, CONTENT_TYPE), "incomplete");
    let stage = claim().stage();
    let counted = proof::Stage { files: Files { count: 2, ..stage.files }, ..stage.clone() };
    refused(&receipt(&counted), "counts other files");
    let other = Files { list: Digest([0; 32]), ..stage.files };
    refused(&receipt(&proof::Stage { files: other, ..stage }), "is not the list");
}

proptest! {
    #[test]
    fn hostile_lists_are_refused_or_read_as_they_are(list in hostile::bytes(claim().list())) {
        let stage = claim().stage();
        let files = Files { list: Digest::of(&list), count: 1 };
        let signed = receipt(&proof::Stage { files, ..stage });
        if let Ok((read, _)) = Claim::decode(&signed, &list) {
            prop_assert_eq!(read.list(), list);
        }
    }

    #[test]
    fn hostile_receipts_are_refused(bytes in hostile::bytes(receipt(&claim().stage()))) {
        if let Ok((read, _)) = Claim::decode(&bytes, &claim().list()) {
            prop_assert_eq!(read, claim());
        }
    }
}
