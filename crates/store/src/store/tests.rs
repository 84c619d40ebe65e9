//! What a race would have to hit in the right instant, called by hand.

use super::Store;
use crate::error::Error;
use std::fs;
use terroir_base::Digest;
use terroir_base::id::BlobId;

/// A reader saw wrong bytes, but somebody healed the blob before the reader came to move it away.
#[test]
fn a_healed_blob_is_not_moved_away() {
    let root = tempfile::TempDir::new().unwrap();
    let store = Store::open(root.path()).unwrap();
    let id = store.put(b"sound").unwrap();
    let seen = Digest::of(b"unsound");
    let error = store.corrupt(&id, seen);
    assert!(matches!(error, Error::Corrupt { got: BlobId(got), .. } if got == seen));
    assert_eq!(store.get(&id).unwrap(), b"sound");
    assert_eq!(store.quarantine(&id).unwrap(), None);
    assert_eq!(store.quarantine(&BlobId::of(b"swept")).unwrap(), None);
    assert_eq!(fs::read_dir(root.path().join("quarantine")).unwrap().count(), 0);
}
