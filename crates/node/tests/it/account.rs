//! Accounts of people: files that others read, and others' files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use terroir_node::account::{Accounts, Address, Signer};

/// Of the definition of Web3 Secret Storage, "Test vectors": PBKDF2, whose password is
/// `testpassword`.
const VECTOR: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":
"6087dab2f9fdbbfaddc31a909735c1e6"},"ciphertext":
"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":
{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":
"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},"mac":
"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":
"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;
const VECTOR_KEY: &str = "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

fn accounts() -> (tempfile::TempDir, Accounts) {
    let place = tempfile::tempdir().unwrap();
    let accounts = Accounts::of(place.path().join("accounts"));
    (place, accounts)
}

#[test]
fn a_key_comes_back_by_its_password_alone() {
    let (place, accounts) = accounts();
    assert!(accounts.list().unwrap().is_empty());
    let signer = Signer::random().unwrap();
    let address = accounts.keep(&signer, "correct horse").unwrap();
    assert_eq!(accounts.list().unwrap(), [address]);
    assert_eq!(*accounts.unlock(address, "correct horse").unwrap().secret(), *signer.secret());
    let error = accounts.unlock(address, "battery").err().unwrap().to_string();
    assert!(error.contains("has another password"), "{error}");
    let error = accounts.keep(&signer, "again").err().unwrap().to_string();
    assert!(error.contains("is kept here already"), "{error}");
    let error = accounts.unlock(Address::ZERO, "").err().unwrap().to_string();
    assert!(error.contains("is not kept here"), "{error}");
    let folder = place.path().join("accounts");
    let file = folder.join(format!("{address:#x}.json"));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&signer.secret()[2..]));
}

#[test]
fn files_of_other_wallets_are_read_and_damaged_ones_refused() {
    let (place, accounts) = accounts();
    let address = Signer::parse(VECTOR_KEY).unwrap().address();
    let file = place.path().join("accounts").join(format!("{address:#x}.json"));
    let good = VECTOR.replace('\n', "");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, &good).unwrap();
    assert_eq!(*accounts.unlock(address, "testpassword").unwrap().secret(), VECTOR_KEY);
    let bad = [
        ("\"version\":3", "\"version\":"),
        ("5318", "5319"),
        ("ae3c", "ae3d"),
        ("aes-128-ctr", "rot13"),
        ("6087dab2", "6087da"),
        ("262144", "26214400"),
        ("\"dklen\":32", "\"dklen\":16"),
        ("\"kdf\":\"pbkdf2\"", "\"kdf\":\"guess\""),
    ];
    for (from, to) in bad {
        assert!(good.contains(from), "{from}");
        fs::write(&file, good.replace(from, to)).unwrap();
        assert!(accounts.unlock(address, "testpassword").is_err(), "{to}");
    }
    // Another's key under this name.
    let other = place.path().join("accounts").join(format!("{:#x}.json", Address::ZERO));
    fs::write(other, &good).unwrap();
    let error = accounts.unlock(Address::ZERO, "testpassword").err().unwrap().to_string();
    assert!(error.contains("holds the key of"), "{error}");
}

#[test]
fn what_is_no_key_is_none() {
    for text in ["", "0x", "00", &"0".repeat(64), &"f".repeat(64), &"1".repeat(63), "0xzz"] {
        assert!(Signer::parse(text).is_none(), "{text}");
    }
    let one = Signer::parse(&("0".repeat(63) + "1")).unwrap();
    assert_eq!(one.address().to_string(), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
}
