//! A manifest with the digest of each stored sequence: enough to say of any tokens whether they are
//! those that were signed.
//!
//! For whoever reads tokens, from a disk or from a stranger. Invariant: the digests lead to the root
//! in the manifest.

use super::manifest::{Manifest, Order};
use super::pack::table_path;
use super::sequence::{self, Place};
use crate::error::{Error, damaged, disk};
use crate::tree::{Builder, SaltKey};
use std::fs;
use std::ops::Range;
use std::path::Path;
use terroir_base::Digest;
use terroir_base::sign::PublicKey;

/// The manifest in the folder `at`, and who signed it.
///
/// Errors: `Disk`; `Damaged` when it is no manifest or not the one that the folder is named after.
pub fn manifest(at: &Path) -> Result<(Manifest, PublicKey), Error> {
    let path = at.join("manifest.cose");
    let bytes = fs::read(&path).map_err(disk(&path))?;
    let (manifest, signer) = Manifest::open(&bytes).map_err(|what| damaged(&path, what))?;
    let id = manifest.id();
    match at.file_name().is_some_and(|name| name == id.to_string().as_str()) {
        true => Ok((manifest, signer)),
        false => Err(damaged(&path, format!("holds manifest {id}"))),
    }
}

/// What tokens are compared with.
#[derive(Debug)]
pub struct Index {
    manifest: Manifest,
    signer: PublicKey,
    order: Order,
    digests: Vec<Vec<Digest>>,
}

impl Index {
    /// Reads the manifest and the tables of sequences in the folder `at`; files of tokens need not be
    /// there.
    ///
    /// Holds 32 bytes a stored sequence. Errors: `Disk`, `Damaged` with what differs.
    pub fn open(at: &Path, salt: &SaltKey) -> Result<Index, Error> {
        let (manifest, signer) = manifest(at)?;
        let mut digests = Vec::new();
        let mut tree = Builder::default();
        for (source, share) in (0..).zip(&manifest.sources) {
            let path = table_path(at, source);
            let mut own = Vec::new();
            for (sequence, row) in (0..).zip(sequence::read(&path)?) {
                // A table from elsewhere may go on and on.
                if sequence == share.packed.stored {
                    let what = format!("has more than the {sequence} sequences of its source");
                    return Err(damaged(&path, what));
                }
                let row = row?;
                tree.push(row.leaf(Place { source, sequence }, salt));
                own.push(row.tokens);
            }
            digests.push(own);
        }
        let (expected, got) = (manifest.stored, tree.root());
        if (got, tree.leaves()) != (expected.root, expected.leaves) {
            let (expected, all) = (expected.root, tree.leaves());
            let what = format!("the {all} sequences have the root {got}, not {expected}");
            return Err(damaged(at, what));
        }
        let order = manifest.order();
        Ok(Index { manifest, signer, order, digests })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who signed it.
    pub fn signer(&self) -> PublicKey {
        self.signer
    }

    /// Which sequence stands where.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Places of the sources.
    pub(super) fn sources(&self) -> Range<u32> {
        0..u32::try_from(self.digests.len()).expect("a mixture is small")
    }

    /// Whether `tokens`, as they are stored, are the sequence `place`.
    ///
    /// Errors: in words.
    pub fn check(&self, place: Place, tokens: &[u8]) -> Result<(), String> {
        let own = self.digests.get(place.source as usize);
        let sequence = usize::try_from(place.sequence).ok();
        let digest = own.zip(sequence).and_then(|(own, sequence)| own.get(sequence));
        let digest = digest.ok_or("is none of the manifest")?;
        match Digest::of(tokens) {
            got if got == *digest => Ok(()),
            got => Err(format!("has the digest {got}, not {digest}")),
        }
    }
}
