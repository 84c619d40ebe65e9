//! Final blocks and certificates: the newest in the engine's archives, all others with the host.
//!
//! An archive costs memory for every record, files for every section and time at every start, so it
//! lets go of what the host has had for long. The engine asks here, for itself and for peers that
//! come late, and finds both. Invariant: what an archive lets go of is on the host's disk, or is the
//! certificate of the last block of an epoch, which stays here: it may be of a later view than the
//! block's own, and then the host has none.

use crate::application::aside;
use crate::committee::{Committees, Digest, Scheme};
use crate::host::{Host, KeptBlock};
use crate::states::hash;
use crate::wire::Wire;
use alloy_primitives::B256;
use commonware_codec::Decode as _;
use commonware_consensus::marshal::store;
use commonware_consensus::simplex::types::Finalization;
use commonware_consensus::types::Height;
use commonware_cryptography::certificate::Verifier as _;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage};
use commonware_storage::archive::{Archive, Error, Identifier, prunable};
use commonware_storage::translator::EightCap;
use std::sync::Arc;
use terroir_ledger::Chain;
use tracing::error;

type Kept<E, V> = prunable::Archive<EightCap, E, Digest, V>;
/// The engine's archive of certificates.
pub(crate) type KeptCertificates<E> = Kept<E, Finalization<Scheme, Digest>>;
/// The engine's archive of blocks.
pub(crate) type KeptBlocks<E> = Kept<E, Arc<Wire>>;

/// What the host has of the past.
pub(crate) struct Past<E> {
    pub(crate) runtime: E,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) committees: Committees,
}

/// Which block.
#[derive(Clone, Copy)]
enum Which {
    Number(u64),
    Hash(B256),
}

impl Which {
    fn of(id: &Identifier<'_, Digest>) -> Which {
        match id {
            Identifier::Index(number) => Which::Number(*number),
            Identifier::Key(digest) => Which::Hash(hash(digest)),
        }
    }
}

impl<E: Spawner> Past<E> {
    /// The block that is asked for, with its certificate, where it is before `first`: later ones are
    /// the archives'. A host that cannot read it says why, and nobody else learns of it.
    async fn find(&self, which: Which, first: u64) -> Option<KeptBlock> {
        if matches!(which, Which::Number(number) if number >= first) || first == 0 {
            return None;
        }
        let host = self.host.clone();
        let work = move || {
            let number = match which {
                Which::Number(number) => Some(number),
                Which::Hash(hash) => host.number(&hash)?,
            };
            let number = number.filter(|number| *number < first);
            number.map_or(Ok(None), |number| host.block(number))
        };
        // An error here is the end of the runtime.
        let found = aside(&self.runtime, work).await.ok()?;
        found.unwrap_or_else(|why| {
            error!(%why, "a block that is kept cannot be read");
            None
        })
    }
}

/// Blocks.
pub(crate) struct Blocks<E: Storage + Metrics + Clock> {
    pub(crate) kept: KeptBlocks<E>,
    pub(crate) past: Past<E>,
}

impl<E: Storage + Metrics + Clock + Spawner> store::Blocks for Blocks<E> {
    type Block = Arc<Wire>;
    type Error = Error;

    async fn put(self, digest: Digest, block: &Arc<Wire>) -> Result<Self, Error> {
        let number = block.block.header.number;
        Ok(Blocks { kept: Archive::put(self.kept, number, digest, block).await?, ..self })
    }

    async fn sync(self) -> Result<Self, Error> {
        Ok(Blocks { kept: Archive::sync(self.kept).await?, ..self })
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), Error> {
        let (kept, durable) = Archive::start_sync(self.kept).await?;
        Ok((Blocks { kept, ..self }, durable))
    }

    async fn get(&self, id: Identifier<'_, Digest>) -> Result<Option<Arc<Wire>>, Error> {
        let which = Which::of(&id);
        let kept = Archive::get(&self.kept, id).await?;
        if kept.is_some() {
            return Ok(kept);
        }
        let first = self.kept.first_index().unwrap_or_default();
        let past = self.past.find(which, first).await;
        Ok(past.map(|(block, _)| Arc::new(Wire::new(block, self.past.committees.clone()))))
    }

    async fn prune(self, min: Height) -> Result<Self, Error> {
        Ok(Blocks { kept: self.kept.prune(min.get()).await?, ..self })
    }

    fn missing_items(&self, start: Height, max: usize) -> Vec<Height> {
        Archive::missing_items(&self.kept, start.get(), max).into_iter().map(Height::new).collect()
    }

    fn next_gap(&self, at: Height) -> (Option<Height>, Option<Height>) {
        let (end, next) = Archive::next_gap(&self.kept, at.get());
        (end.map(Height::new), next.map(Height::new))
    }

    fn last_index(&self) -> Option<Height> {
        Archive::last_index(&self.kept).map(Height::new)
    }
}

/// Certificates.
pub(crate) struct Certificates<E: Storage + Metrics + Clock> {
    pub(crate) kept: KeptCertificates<E>,
    /// Those of the last blocks of epochs, by epoch.
    pub(crate) ends: KeptCertificates<E>,
    pub(crate) chain: Chain,
    pub(crate) past: Past<E>,
}

impl<E: Storage + Metrics + Clock + Spawner> store::Certificates for Certificates<E> {
    type BlockDigest = Digest;
    type Commitment = Digest;
    type Scheme = Scheme;
    type Error = Error;

    async fn put(
        mut self,
        height: Height,
        digest: Digest,
        certificate: &Finalization<Scheme, Digest>,
    ) -> Result<Self, Error> {
        let number = height.get();
        if self.chain.is_last(number) {
            // Once an epoch: what is asked for later need not cover it.
            let epoch = self.chain.epoch(number);
            self.ends = self.ends.put_sync(epoch, digest, certificate).await?;
        }
        Ok(Certificates {
            kept: Archive::put(self.kept, number, digest, certificate).await?,
            ..self
        })
    }

    async fn sync(self) -> Result<Self, Error> {
        Ok(Certificates { kept: Archive::sync(self.kept).await?, ..self })
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), Error> {
        let (kept, durable) = Archive::start_sync(self.kept).await?;
        Ok((Certificates { kept, ..self }, durable))
    }

    async fn get(
        &self,
        id: Identifier<'_, Digest>,
    ) -> Result<Option<Finalization<Scheme, Digest>>, Error> {
        let which = Which::of(&id);
        let kept = Archive::get(&self.kept, id).await?;
        let Which::Number(number) = which else { return Ok(kept) };
        if kept.is_some() {
            return Ok(kept);
        }
        if self.chain.is_last(number) {
            return Archive::get(&self.ends, Identifier::Index(self.chain.epoch(number))).await;
        }
        let first = self.kept.first_index().unwrap_or_default();
        let past = self.past.find(which, first).await;
        let limits = Scheme::certificate_codec_config_unbounded();
        // The host has what this engine once encoded.
        let read = |bytes: Vec<u8>| Finalization::decode_cfg(bytes, &limits).ok();
        Ok(past.and_then(|(_, certificate)| certificate).and_then(read))
    }

    /// Whether it is here: of the past nothing is to be stored any more.
    async fn has(&self, height: Height) -> Result<bool, Error> {
        Archive::has(&self.kept, Identifier::Index(height.get())).await
    }

    async fn prune(self, min: Height) -> Result<Self, Error> {
        Ok(Certificates { kept: self.kept.prune(min.get()).await?, ..self })
    }

    fn last_index(&self) -> Option<Height> {
        Archive::last_index(&self.kept).map(Height::new)
    }

    fn ranges_from(&self, from: Height) -> impl Iterator<Item = (Height, Height)> {
        let both = |(first, last)| (Height::new(first), Height::new(last));
        Archive::ranges_from(&self.kept, from.get()).map(both)
    }
}

#[cfg(test)]
mod tests;
