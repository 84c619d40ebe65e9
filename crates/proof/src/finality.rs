//! Finality: that the validators of a chain agreed on a block, checked with the genesis file alone.
//!
//! A certificate is one signature of more than two thirds of a committee on one block. The header of
//! each block names the committee of the next epoch, so whoever knows the first committee walks to
//! any later one by one block an epoch: [`Light`]. Format: `docs/format/finality.md`.
//!
//! What this concludes: with fewer than a third of each committee dishonest, no other block of this
//! chain is final at that height. It says nothing about what the block did: that is execution.

mod equivocation;
mod header;
mod read;

pub use equivocation::Equivocation;
pub use header::{Header, Seal, keccak256};

use crate::bls::{self, VoteKey};
use read::Reader;

/// Most seats of a committee.
pub const SEATS_MAX: usize = 128;
/// What a namespace of votes for finality ends in.
const FINALIZE: &[u8] = b"_FINALIZE";
/// What the namespace of a chain begins with; the hash of its block 0 follows.
const NAMESPACE: &[u8] = b"terroir 2026-11 chain ";

/// Why something about finality was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFinal {
    /// The bytes are no certificate, header or seal.
    #[error("{what}: {why} at byte {at}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong.
        why: &'static str,
        /// Where.
        at: usize,
    },
    /// A seat's key for votes is none.
    #[error("seat {0}: not a key for votes")]
    Key(usize),
    /// A committee that is not the one that the chain named.
    #[error("the committee of epoch {epoch} is not the one that the chain named")]
    Committee {
        /// Its epoch.
        epoch: u64,
    },
    /// A committee without seats, or with more than there can be.
    #[error("a committee of {0} seats")]
    Seats(usize),
    /// The certificate is about another epoch than the committee that is known.
    #[error("the certificate is of epoch {got}, and the committee of epoch {expected} is known")]
    Epoch {
        /// What it says.
        got: u64,
        /// What is known.
        expected: u64,
    },
    /// The certificate is about another block.
    #[error("the certificate is about another block than this header")]
    Block,
    /// The seal is not the one that the header names.
    #[error("the seal is not the one that the header names")]
    Seal,
    /// The seal places the block elsewhere than the certificate.
    #[error("the seal and the certificate place the block in different views")]
    View,
    /// Its signers are those of a committee of another size.
    #[error("{got} seats could have signed, and the committee has {expected}")]
    Width {
        /// Bits of the certificate.
        got: usize,
        /// Seats of the committee.
        expected: usize,
    },
    /// Too few signed.
    #[error("{got} of {seats} seats signed, and {least} must")]
    Quorum {
        /// How many signed.
        got: usize,
        /// How many must.
        least: usize,
        /// How many there are.
        seats: usize,
    },
    /// Two votes that one honest validator can sign.
    #[error("the two votes do not contradict each other")]
    Agree,
    /// A vote of evidence that its seat did not sign.
    #[error("vote {0} of the evidence is not signed by the key of its seat")]
    Vote(usize),
    /// The signature does not hold.
    #[error("the signature of the certificate does not hold")]
    Signature,
}

/// A certificate of finality, as consensus encodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The epoch.
    pub epoch: u64,
    /// The view.
    pub view: u64,
    /// The view of the block's parent.
    pub parent_view: u64,
    /// The hash of the block.
    pub block: [u8; 32],
    /// Which seats signed, in their order.
    pub signers: Vec<bool>,
    /// The sum of their signatures.
    pub signature: [u8; bls::SIGNATURE_BYTES],
    /// The bytes that they signed.
    message: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate. Errors: `Malformed`.
    pub fn decode(bytes: &[u8]) -> Result<Certificate, NotFinal> {
        let mut reader = Reader::new("certificate", bytes);
        let (epoch, view) = (reader.varint()?, reader.varint()?);
        let parent_view = reader.varint()?;
        let block = reader.array::<32>()?;
        let message = reader.before().to_vec();
        let bits = reader.array::<8>()?;
        let bits = usize::try_from(u64::from_be_bytes(bits)).unwrap_or(usize::MAX);
        if bits > SEATS_MAX {
            return Err(reader.wrong("more signers than seats there can be"));
        }
        let mut signers = Vec::new();
        while signers.len() < bits {
            let [byte] = reader.array::<1>()?;
            let left = bits.saturating_sub(signers.len()).min(8);
            signers.extend((0..left).map(|bit| byte & 1_u8.wrapping_shl(width(bit)) != 0));
            if left < 8 && byte.checked_shr(width(left)).unwrap_or_default() != 0 {
                return Err(reader.wrong("signers beyond the last seat"));
            }
        }
        let signature = reader.array()?;
        reader.end()?;
        Ok(Certificate { epoch, view, parent_view, block, signers, signature, message })
    }
}

fn width(bits: usize) -> u32 {
    u32::try_from(bits).unwrap_or(u32::MAX)
}

/// A seat of a committee: 32 bytes of identity, 96 bytes of the key for votes.
pub type SeatKeys = ([u8; 32], [u8; bls::KEY_BYTES]);

/// The committee of an epoch, whose keys are known to be possessed by their holders.
#[derive(Clone, Debug)]
struct Committee {
    epoch: u64,
    keys: Vec<VoteKey>,
}

impl Committee {
    fn new(epoch: u64, seats: &[SeatKeys]) -> Result<Committee, NotFinal> {
        if seats.is_empty() || seats.len() > SEATS_MAX {
            return Err(NotFinal::Seats(seats.len()));
        }
        let key = |(place, seat): (usize, &SeatKeys)| {
            VoteKey::decode(&seat.1).ok_or(NotFinal::Key(place))
        };
        let keys = seats.iter().enumerate().map(key).collect::<Result<_, _>>()?;
        Ok(Committee { epoch, keys })
    }

    /// The fewest signers that make a certificate: all but the most that may be dishonest.
    fn quorum(&self) -> usize {
        let seats = self.keys.len();
        let faults = seats.saturating_sub(1).checked_div(3).unwrap_or_default();
        seats.saturating_sub(faults)
    }
}

/// The digest of a committee, as headers name it: keccak-256 over the keys of its seats.
pub fn committee_digest(seats: &[SeatKeys]) -> [u8; 32] {
    let bytes: Vec<u8> =
        seats.iter().flat_map(|(key, vote)| [&key[..], &vote[..]].concat()).collect();
    keccak256(&bytes)
}

/// A block that is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Final {
    /// Its hash.
    pub hash: [u8; 32],
    /// What its header says.
    pub header: Header,
    /// What consensus says.
    pub seal: Seal,
}

/// A light client: the committee of one epoch, reached from the first by certificates alone.
#[derive(Clone, Debug)]
pub struct Light {
    namespace: Vec<u8>,
    committee: Committee,
    /// What the committee of the next epoch must be, once a block of this one is known.
    next: Option<[u8; 32]>,
}

impl Light {
    /// A client of the chain whose block 0 has the hash `genesis`, with the committee of epoch 0.
    ///
    /// The caller knows both from the genesis file, whose proofs of possession it has checked.
    pub fn new(genesis: &[u8; 32], seats: &[SeatKeys]) -> Result<Light, NotFinal> {
        Light::at(genesis, 0, seats)
    }

    /// A client of the same chain with the committee of `epoch`, which the caller knows by itself: from
    /// a state that it executed.
    pub fn at(genesis: &[u8; 32], epoch: u64, seats: &[SeatKeys]) -> Result<Light, NotFinal> {
        let namespace = [NAMESPACE, genesis, FINALIZE].concat();
        Ok(Light { namespace, committee: Committee::new(epoch, seats)?, next: None })
    }

    /// The epoch whose blocks can be checked now.
    pub fn epoch(&self) -> u64 {
        self.committee.epoch
    }

    /// Checks that the block with this `header` and `seal`, RLP both, is final by `certificate`.
    pub fn check(
        &mut self,
        header: &[u8],
        seal: &[u8],
        certificate: &[u8],
    ) -> Result<Final, NotFinal> {
        let certificate = Certificate::decode(certificate)?;
        let (got, expected) = (certificate.epoch, self.committee.epoch);
        if got != expected {
            return Err(NotFinal::Epoch { got, expected });
        }
        let hash = keccak256(header);
        if certificate.block != hash {
            return Err(NotFinal::Block);
        }
        let header = Header::decode(header)?;
        if header.seal != keccak256(seal) {
            return Err(NotFinal::Seal);
        }
        let seal = Seal::decode(seal)?;
        let place = (certificate.epoch, certificate.view, certificate.parent_view);
        if (seal.epoch, seal.view, seal.parent_view) != place {
            return Err(NotFinal::View);
        }
        self.signed(&certificate)?;
        self.next = Some(seal.next);
        Ok(Final { hash, header, seal })
    }

    fn signed(&self, certificate: &Certificate) -> Result<(), NotFinal> {
        let (got, expected) = (certificate.signers.len(), self.committee.keys.len());
        if got != expected {
            return Err(NotFinal::Width { got, expected });
        }
        let both = self.committee.keys.iter().zip(&certificate.signers);
        let keys: Vec<VoteKey> = both.filter(|(_, signed)| **signed).map(|(key, _)| *key).collect();
        let (got, least) = (keys.len(), self.committee.quorum());
        if got < least {
            return Err(NotFinal::Quorum { got, least, seats: expected });
        }
        let Certificate { message, signature, .. } = certificate;
        match bls::signed(&keys, &self.namespace, message, signature) {
            true => Ok(()),
            false => Err(NotFinal::Signature),
        }
    }

    /// Moves on to the next epoch, whose committee is `seats`: the one that a block of this epoch
    /// named, which [`Light::check`] must have seen.
    ///
    /// Nobody proves possession of keys here: the chain did, when it took the validators in.
    pub fn advance(&mut self, seats: &[SeatKeys]) -> Result<(), NotFinal> {
        let epoch = self.committee.epoch.saturating_add(1);
        if self.next != Some(committee_digest(seats)) {
            return Err(NotFinal::Committee { epoch });
        }
        self.committee = Committee::new(epoch, seats)?;
        self.next = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
