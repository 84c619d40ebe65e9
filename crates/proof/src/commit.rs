//! What a receipt says about bytes that it does not show: salted commitments.
//!
//! For the node, which makes them, and for the checker, who holds the salt and makes them again.
//! Invariant: without the salt a commitment says nothing, however few requests are likely.
//! Format: `docs/format/receipt.md`, section 4.

use std::fmt;
use terroir_base::{Digest, hex};

/// Tokens in one chunk of the stream chain.
pub const CHUNK_TOKENS: usize = 32;

/// 32 random bytes that the node draws for one job and gives to the client with the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl Salt {
    /// The salt that 64 lower-case hexadecimal digits spell.
    pub fn from_hex(text: &str) -> Option<Salt> {
        hex::decode(text).map(Salt)
    }

    /// The 64 digits; whoever reads them can open the commitments.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// Name of the job: nobody else's job has it, and it says nothing about the request.
    ///
    /// `request` is the commitment, not the request. The client part is empty in version 1.
    pub fn job(&self, request: &Digest) -> Digest {
        let nonce = Digest::derive("terroir 2026-11 salt job", &[&self.0]);
        Digest::derive("terroir 2026-11 job", &[&[], &nonce.0, &request.0])
    }

    /// Commitment to the canonical encoding of a request.
    pub fn request(&self, request: &[u8]) -> Digest {
        let salt = Digest::derive("terroir 2026-11 salt request", &[&self.0]);
        Digest::derive("terroir 2026-11 commit request", &[&salt.0, request])
    }

    /// Commitment to the canonical encoding of an answer.
    pub fn answer(&self, answer: &[u8]) -> Digest {
        Digest::derive("terroir 2026-11 commit answer", &[&self.output().0, answer])
    }

    /// Commitment to the trace root of a run.
    pub fn trace(&self, root: &Digest) -> Digest {
        let salt = Digest::derive("terroir 2026-11 salt trace", &[&self.0]);
        Digest::derive("terroir 2026-11 commit trace", &[&root.0, &salt.0])
    }

    /// The chain over the tokens of an answer, before the first one.
    pub fn stream(&self) -> Stream {
        let head = Digest::derive("terroir 2026-11 stream start", &[&self.output().0]);
        Stream { head, chunk: Vec::new(), tokens: 0 }
    }

    fn output(&self) -> Digest {
        Digest::derive("terroir 2026-11 salt output", &[&self.0])
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// Hash chain over chunks of [`CHUNK_TOKENS`] token ids; the last chunk may be shorter.
#[derive(Clone, Debug)]
pub struct Stream {
    head: Digest,
    /// Little-endian bytes of the tokens of the open chunk.
    chunk: Vec<u8>,
    /// Tokens of the open chunk.
    tokens: usize,
}

impl Stream {
    /// Adds the next token.
    pub fn push(&mut self, token: u32) {
        self.chunk.extend_from_slice(&token.to_le_bytes());
        self.tokens = self.tokens.saturating_add(1);
        if self.tokens == CHUNK_TOKENS {
            self.head = self.root();
            self.chunk.clear();
            self.tokens = 0;
        }
    }

    /// Adds tokens in order.
    pub fn extend(&mut self, tokens: &[u32]) {
        tokens.iter().for_each(|token| self.push(*token));
    }

    /// The root over all tokens so far.
    pub fn root(&self) -> Digest {
        match self.tokens {
            0 => self.head,
            _ => Digest::derive("terroir 2026-11 stream chunk", &[&self.head.0, &self.chunk]),
        }
    }
}
