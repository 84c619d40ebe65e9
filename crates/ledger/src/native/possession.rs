//! Proof that whoever brings a key also holds it.

use super::{Call, Part, refuse};
use alloy_primitives::{Address, B256};
use terroir_base::sign::PublicKey;

/// What the holder of a key signs: this context, the chain, and who may use the key.
const CONTEXT: &[u8] = b"terroir 2026-11 key possession";

/// The bytes that a key signs to belong to `owner` on the chain `chain_id`.
pub fn message(chain_id: u64, owner: Address) -> Vec<u8> {
    [CONTEXT, &chain_id.to_be_bytes(), owner.as_slice()].concat()
}

impl Call<'_> {
    /// Refuses an ed25519 `key` that did not sign for the caller.
    pub fn possessed(&mut self, key: B256, signature: &[u8]) -> Part<()> {
        self.gas.signature()?;
        let Ok(signature) = <[u8; 64]>::try_from(signature) else {
            return refuse(format!("possession has {} bytes, and 64 are right", signature.len()));
        };
        let message = message(self.now.chain_id, self.caller);
        match PublicKey(key.0).verify(&message, &signature) {
            Ok(()) => Ok(()),
            Err(_) => refuse("possession is not this key's signature over possessionMessage"),
        }
    }
}
