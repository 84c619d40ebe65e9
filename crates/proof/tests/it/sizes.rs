//! Limits in bytes.

use crate::world;
use terroir_proof::{Given, RECEIPT_BYTES_MAX, Rejected, check};

#[test]
fn the_largest_receipt_fits() {
    let job = world::largest();
    let bytes = job.signed.bytes.len();
    assert_eq!(bytes, 818, "docs/format/receipt.md states this size");
    assert!(bytes <= RECEIPT_BYTES_MAX);
    assert!(job.check().is_ok());
}

#[test]
fn a_longer_file_is_refused_unread() {
    let bytes = vec![0xd2; RECEIPT_BYTES_MAX + 1];
    let verdict = check(&bytes, Given::default()).unwrap_err();
    assert_eq!(verdict, Rejected::TooLong { got: 1025, max: 1024 });
    assert_eq!(check(&bytes[1..], Given::default()).unwrap_err().number(), 2);
}

#[test]
fn lengths_that_lie_are_not_believed() {
    // An array, a map, a byte string and a text that announce 2^63 parts.
    for initial in [0x9b, 0xbb, 0x5b, 0x7b] {
        let lie = [0xd2, 0x84, initial, 0x80, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(check(&lie, Given::default()).unwrap_err().number(), 2);
        let verdict = check(&world::seal(&lie[2..]), Given::default()).unwrap_err();
        assert_eq!(verdict.number(), 10);
    }
}
