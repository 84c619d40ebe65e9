//! Committees: who votes in an epoch, and with which keys.

use crate::error::Error;
use crate::keys::Keys;
use alloy_primitives::B256;
use commonware_codec::DecodeExt as _;
use commonware_consensus::simplex::scheme::bls12381_multisig;
use commonware_consensus::types::Epoch;
use commonware_cryptography::bls12381::primitives::ops;
use commonware_cryptography::bls12381::primitives::variant::{MinSig, Variant};
use commonware_cryptography::certificate::{Provider, Scoped};
use commonware_cryptography::ed25519::PublicKey;
use commonware_cryptography::{Signer as _, keccak256};
use commonware_utils::ordered::BiMap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use terroir_ledger::View;
use terroir_ledger::native::staking::{Seated, seats_of};

/// The hash of a block, as the engine names it.
pub(crate) type Digest = keccak256::Digest;
/// How votes are signed and summed.
pub(crate) type Scheme = bls12381_multisig::Scheme<PublicKey, MinSig>;

/// What the namespace of a chain's votes begins with; the hash of its block 0 follows.
const NAMESPACE: &[u8] = b"terroir 2026-11 chain ";
/// Epochs before the newest whose committees stay: for certificates that are still on their way.
const KEPT: u64 = 2;

/// The digest of a hash.
pub(crate) fn digest(hash: B256) -> Digest {
    keccak256::Digest(hash.0)
}

/// Committees that this node knows, shared.
#[derive(Clone)]
pub(crate) struct Committees {
    namespace: Arc<[u8]>,
    keys: Keys,
    known: Arc<Mutex<BTreeMap<u64, Committee>>>,
}

struct Committee {
    seats: Vec<PublicKey>,
    scheme: Arc<Scheme>,
    votes: bool,
}

impl Committees {
    pub(crate) fn new(genesis: B256, keys: Keys) -> Committees {
        let namespace = [NAMESPACE, genesis.as_slice()].concat().into();
        Committees { namespace, keys, known: Arc::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Committee>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns the committees of `epoch` and the next from a state in it. Those of epochs before are
    /// not read: who sat there may have other keys by now.
    pub(crate) fn learn(&self, view: &View, epoch: u64) -> Result<(), Error> {
        for epoch in epoch..=epoch + 1 {
            if !self.known().contains_key(&epoch) {
                let committee = self.committee(epoch, &seats_of(view, epoch)?)?;
                self.known().insert(epoch, committee);
            }
        }
        self.known().retain(|known, _| known + KEPT >= epoch);
        Ok(())
    }

    fn committee(&self, epoch: u64, seats: &[Seated]) -> Result<Committee, Error> {
        let wrong = |why: &str| Error::Committee { epoch, why: why.to_owned() };
        let mut keys = Vec::with_capacity(seats.len());
        for seat in seats {
            let identity = PublicKey::decode(seat.key.to_vec())
                .map_err(|_| wrong("an identity is no key of ed25519"))?;
            let vote = <MinSig as Variant>::Public::decode(seat.vote_key.clone())
                .map_err(|_| wrong("a key for votes is no point of G2"))?;
            keys.push((identity, vote));
        }
        let me = self.keys.identity.public_key();
        let mine = ops::compute_public::<MinSig>(&self.keys.vote);
        let votes = keys.iter().any(|(identity, vote)| *identity == me && *vote == mine);
        let seats: Vec<PublicKey> = keys.iter().map(|(identity, _)| identity.clone()).collect();
        if seats.is_empty() {
            return Err(wrong("it has no seat"));
        }
        if !seats.is_sorted() {
            return Err(wrong("its seats are not in the order of identities"));
        }
        let keys = BiMap::try_from(keys).map_err(|_| wrong("two seats have one key"))?;
        let scheme = match votes {
            true => Scheme::signer(&self.namespace, keys, self.keys.vote.clone()),
            false => Some(Scheme::verifier(&self.namespace, keys)),
        };
        let scheme = Arc::new(scheme.expect("the key was found in it"));
        Ok(Committee { seats, scheme, votes })
    }

    /// The identity that has the seat `seat` in `epoch`.
    pub(crate) fn seat(&self, epoch: u64, seat: u64) -> Option<PublicKey> {
        let seat = usize::try_from(seat).ok()?;
        self.known().get(&epoch)?.seats.get(seat).cloned()
    }

    /// All identities with a seat in `epoch`.
    pub(crate) fn seats(&self, epoch: u64) -> Vec<PublicKey> {
        self.known().get(&epoch).map(|committee| committee.seats.clone()).unwrap_or_default()
    }

    /// How votes of `epoch` are checked, and signed where this node has a seat.
    pub(crate) fn scheme_of(&self, epoch: u64) -> Option<Scheme> {
        self.known().get(&epoch).map(|committee| Scheme::clone(&committee.scheme))
    }

    /// This node's identity.
    pub(crate) fn me(&self) -> PublicKey {
        self.keys.identity.public_key()
    }
}

impl Provider for Committees {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        let known = self.known();
        let committee = known.get(&epoch.get())?;
        Some(match committee.votes {
            true => Scoped::scheme(committee.scheme.clone()),
            false => Scoped::verifier(committee.scheme.clone()),
        })
    }
}

#[cfg(test)]
mod tests;
