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

/// Kind, seat and bytes of a contradiction; nothing where the activity is none.
fn contradiction(activity: &Activity<Scheme, Digest>) -> Option<(u8, u32, Vec<u8>)> {
    let (kind, seat, votes) = match activity {
        Activity::ConflictingNotarize(both) => (1, both.signer(), both.encode()),
        Activity::ConflictingFinalize(both) => (2, both.signer(), both.encode()),
        Activity::NullifyFinalize(both) => (3, both.signer(), both.encode()),
        _ => return None,
    };
    Some((kind, seat.get(), votes.to_vec()))
}

impl<R: CryptoRng + Send + 'static> Reporter for Witness<R> {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        if let Some((kind, seat, votes)) = contradiction(&activity) {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            // The engine reports votes that it did not check.
            if activity.verify(&mut *random, &self.scheme, &Sequential) {
                let bytes = [&[kind], votes.as_slice()].concat();
                self.host.evidence(Evidence { epoch: activity.epoch().get(), seat, bytes });
            }
        }
        Feedback::Ok
    }
}
