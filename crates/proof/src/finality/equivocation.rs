//! Two votes of one seat in one view that no honest validator signs both.
//!
//! Format: `docs/format/evidence.md`. What it concludes: the holder of that seat's key broke the
//! rules of consensus. Invariant: votes that one rule-abiding validator can sign are refused.

use super::read::Reader;
use super::{FINALIZE, NAMESPACE, NotFinal};
use crate::bls::{self, VoteKey};

const NOTARIZE: &[u8] = b"_NOTARIZE";
const NULLIFY: &[u8] = b"_NULLIFY";

/// Contradicting votes; whether they are signed is [`Equivocation::check`]'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    /// The epoch.
    pub epoch: u64,
    /// The view.
    pub view: u64,
    /// The seat.
    pub seat: u64,
    votes: [Vote; 2],
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Vote {
    /// What the namespace ends in.
    kind: &'static [u8],
    epoch: u64,
    view: u64,
    seat: u64,
    /// What is signed.
    message: Vec<u8>,
    signature: [u8; bls::SIGNATURE_BYTES],
}

impl Vote {
    fn read(reader: &mut Reader<'_>, kind: &'static [u8]) -> Result<Vote, NotFinal> {
        let before = reader.before().len();
        let (epoch, view) = (reader.varint()?, reader.varint()?);
        if kind != NULLIFY {
            reader.varint()?;
            reader.array::<32>()?;
        }
        let message = reader.before().get(before..).unwrap_or_default().to_vec();
        let (seat, signature) = (reader.varint()?, reader.array()?);
        Ok(Vote { kind, epoch, view, seat, message, signature })
    }
}

impl Equivocation {
    /// Reads evidence. Errors: `Malformed`; `Agree` for votes that do not contradict each other.
    pub fn decode(bytes: &[u8]) -> Result<Equivocation, NotFinal> {
        let mut reader = Reader::new("evidence", bytes);
        let [kind] = reader.array::<1>()?;
        let kinds = match kind {
            1 => [NOTARIZE, NOTARIZE],
            2 => [FINALIZE, FINALIZE],
            3 => [NULLIFY, FINALIZE],
            _ => return Err(reader.wrong("an unknown kind")),
        };
        let [first, second] = kinds;
        let votes = [Vote::read(&mut reader, first)?, Vote::read(&mut reader, second)?];
        reader.end()?;
        let [one, other] = &votes;
        let place = |vote: &Vote| (vote.epoch, vote.view, vote.seat);
        // A vote to skip a view and one to make something of it final always contradict each other.
        let differ = one.kind != other.kind || one.message != other.message;
        if place(one) != place(other) || !differ {
            return Err(NotFinal::Agree);
        }
        let (epoch, view, seat) = place(one);
        Ok(Equivocation { epoch, view, seat, votes })
    }

    /// Checks that the holder of `key` signed both on the chain whose block 0 has the hash `genesis`.
    ///
    /// Errors: `Key`; `Vote`, naming the vote that is not signed.
    pub fn check(&self, genesis: &[u8; 32], key: &[u8; bls::KEY_BYTES]) -> Result<(), NotFinal> {
        let seat = usize::try_from(self.seat).unwrap_or(usize::MAX);
        let key = VoteKey::decode(key).ok_or(NotFinal::Key(seat))?;
        for (place, vote) in self.votes.iter().enumerate() {
            let namespace = [NAMESPACE, genesis, vote.kind].concat();
            if !bls::signed(&[key], &namespace, &vote.message, &vote.signature) {
                return Err(NotFinal::Vote(place));
            }
        }
        Ok(())
    }
}
