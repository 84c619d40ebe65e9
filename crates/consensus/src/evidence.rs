//! Contradicting votes: found by the engine, checked here, kept by the host.

use crate::committee::{Digest, Scheme};
use crate::host::{Evidence, Host};
use commonware_actor::Feedback;
use commonware_codec::Encode as _;
use commonware_consensus::simplex::types::{Activity, Attributable as _};
use commonware_consensus::{Epochable as _, Reporter};
use commonware_parallel::Sequential;
use rand_core::CryptoRng;
use std::sync::{Arc, Mutex, PoisonError};

/// Hears what the engine sees in one epoch, and tells the host of contradictions.
pub(crate) struct Witness<R> {
    pub(crate) random: Arc<Mutex<R>>,
    pub(crate) scheme: Scheme,
    pub(crate) host: Arc<dyn Host>,
}

impl<R> Clone for Witness<R> {
    fn clone(&self) -> Witness<R> {
        let Witness { random, scheme, host } = self;
        Witness { random: random.clone(), scheme: scheme.clone(), host: host.clone() }
    }
}

/// What convicts the seat that `activity` is about; nothing where it is no contradiction, or is not
/// signed by that seat: the engine reports votes that it did not check.
fn convicts(
    activity: &Activity<Scheme, Digest>,
    scheme: &Scheme,
    random: &mut impl CryptoRng,
) -> Option<Evidence> {
    let (kind, seat, votes) = match activity {
        Activity::ConflictingNotarize(both) => (1, both.signer(), both.encode()),
        Activity::ConflictingFinalize(both) => (2, both.signer(), both.encode()),
        Activity::NullifyFinalize(both) => (3, both.signer(), both.encode()),
        _ => return None,
    };
    let bytes = [&[kind], &votes[..]].concat();
    let evidence = Evidence { epoch: activity.epoch().get(), seat: seat.get(), bytes };
    activity.verify(random, scheme, &Sequential).then_some(evidence)
}

impl<R: CryptoRng + Send + 'static> Reporter for Witness<R> {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(evidence) = convicts(&activity, &self.scheme, &mut *random) {
            self.host.evidence(evidence);
        }
        Feedback::Ok
    }
}

#[cfg(test)]
mod tests;
