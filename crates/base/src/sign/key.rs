//! Ed25519 keys (RFC 8032) and the text form in which the secret one is kept.

use super::Error;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The first word of a secret key file; the last part is its version.
pub(super) const SECRET_LABEL: &str = "terroir-ed25519-secret-v1";

/// A signing key. Memory is overwritten on drop; printing shows the public key only.
pub struct SecretKey(SigningKey);

/// 32 bytes that name a signer; checked to be a point of the curve when they are used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl SecretKey {
    /// The key that RFC 8032 derives from 32 secret random bytes.
    pub fn from_seed(seed: [u8; 32]) -> SecretKey {
        let seed = Zeroizing::new(seed);
        SecretKey(SigningKey::from_bytes(&seed))
    }

    /// The key that others check against.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The signature over `message`; the same for the same message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The 32 bytes that it was derived from, for engines that sign by themselves.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The line to keep in a key file, ended by a line feed.
    pub fn to_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(crate::hex::encode(self.0.as_bytes()));
        Zeroizing::new(format!("{SECRET_LABEL} {}\n", seed.as_str()))
    }

    /// Reads what [`SecretKey::to_text`] wrote; the line feed may be missing.
    pub fn from_text(text: &str) -> Result<SecretKey, Error> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let seed = line.strip_prefix(SECRET_LABEL).and_then(|rest| rest.strip_prefix(' '));
        let seed = seed.and_then(crate::hex::decode).ok_or(Error::SecretText)?;
        Ok(SecretKey::from_seed(seed))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

impl PublicKey {
    /// Checks a signature over `message`.
    ///
    /// Strict: refuses weak keys and second encodings, so that all checkers agree.
    /// Errors: `NotAKey`, `Signature`.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Error> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| Error::NotAKey { key: *self })?;
        key.verify_strict(message, &Signature::from_bytes(signature))
            .map_err(|_| Error::Signature { signer: *self })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<PublicKey, Error> {
        let bytes = crate::hex::decode(text).ok_or(Error::PublicText { got_bytes: text.len() })?;
        Ok(PublicKey(bytes))
    }
}
