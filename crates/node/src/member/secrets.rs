//! The two keys of a member on disk: who it is among peers, and what it votes with.
//!
//! Invariant: nobody but the owner of the files can read them; a key that is there is never replaced.

use crate::disk::{PRIVATE, read_small, refuse_exposed, replace};
use crate::error::Error;
use crate::home::key;
use alloy_primitives::Address;
use std::path::Path;
use terroir_base::hex;
use terroir_base::sign::SecretKey;
use terroir_consensus::Keys;
use terroir_ledger::native::possession;
use zeroize::Zeroizing;

/// The first word of a file with a key for votes; the last part is its version.
const VOTE_LABEL: &str = "terroir-bls12381-secret-v1";
/// Longer than any key file.
const KEY_BYTES_MAX: usize = 256;

/// Both keys.
pub struct Secrets {
    identity: SecretKey,
    vote: Zeroizing<[u8; 32]>,
}

impl Secrets {
    /// Reads the keys in `folder`, making those that are not there.
    ///
    /// Errors: `Exposed`, `Secrets`, `Entropy`.
    pub(super) fn make(folder: &Path) -> Result<Secrets, Error> {
        let path = folder.join("identity.key");
        let identity = match key::load(&path)? {
            Some(identity) => identity,
            None => key::make(&path)?,
        };
        let path = folder.join("vote.key");
        if read_small(&path, KEY_BYTES_MAX)?.is_none() {
            let mut vote = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *vote).map_err(Error::Entropy)?;
            // Below the order of the group, whose first byte is 0x73; zero has no chance.
            vote[0] &= 0x3f;
            let digits = Zeroizing::new(hex::encode(&*vote));
            let text = Zeroizing::new(format!("{VOTE_LABEL} {}\n", digits.as_str()));
            replace(&path, text.as_bytes(), PRIVATE)?;
        }
        Ok(Secrets { identity, vote: vote(&path)? })
    }

    /// Reads the keys in `folder`. Errors: `Exposed`, `Secrets`.
    pub(super) fn load(folder: &Path) -> Result<Secrets, Error> {
        let path = folder.join("identity.key");
        let missing = || Error::secrets(&path)("no such file: terroir node init makes it");
        let identity = key::load(&path)?.ok_or_else(missing)?;
        Ok(Secrets { identity, vote: vote(&folder.join("vote.key"))? })
    }

    /// As the consensus engine takes them. Errors: `Secrets`.
    pub fn keys(&self) -> Result<Keys, Error> {
        let wrong = |error: terroir_consensus::Error| Error::secrets(Path::new("vote.key"))(error);
        Keys::new(&self.identity.seed(), &self.vote).map_err(wrong)
    }

    /// The public identity.
    pub fn identity(&self) -> terroir_base::sign::PublicKey {
        self.identity.public()
    }

    /// The entry of a genesis file for a validator whose account is `address`, with both proofs of
    /// possession. Errors: `Secrets`.
    pub fn entry(&self, chain_id: u64, address: Address, stake: u128) -> Result<String, Error> {
        let (keys, message) = (self.keys()?, possession::message(chain_id, address));
        let hex = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
        Ok(format!(
            "[[validators]]\naddress = \"{address}\"\nkey = \"{}\"\npossession = \"{}\"\n\
             vote_key = \"{}\"\nvote_possession = \"{}\"\nstake = \"{stake}\"\n",
            hex(&self.identity.public().0),
            hex(&self.identity.sign(&message)),
            hex(&keys.vote_key()),
            hex(&keys.vote_possession(&message)),
        ))
    }
}

/// The key for votes in the file `path`.
fn vote(path: &Path) -> Result<Zeroizing<[u8; 32]>, Error> {
    let problem = |problem: &str| Error::secrets(path)(problem.to_owned());
    let bytes = read_small(path, KEY_BYTES_MAX)?;
    let bytes = Zeroizing::new(bytes.ok_or_else(|| problem("no such file"))?);
    refuse_exposed(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| problem("it is not text"))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let digits = line.strip_prefix(VOTE_LABEL).and_then(|rest| rest.strip_prefix(' '));
    let wrong = || problem("it is not one line `terroir-bls12381-secret-v1 HEX`");
    digits.and_then(hex::decode).map(Zeroizing::new).ok_or_else(wrong)
}
