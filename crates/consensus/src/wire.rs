//! Blocks as the engine sees them: the ledger's own bytes, their hash, and their place in a view.
//!
//! On the wire a block is its length as a varint and its bytes (`docs/format/block.md`). The engine's
//! context of a block is in its seal, but for the leader's identity: the seal has the seat.

use crate::committee::{Committees, Digest, Scheme, digest};
use bytes::{BufMut, Bytes};
use commonware_codec::{Buf, EncodeSize, Error, RangeCfg, Read, Write};
use commonware_consensus::simplex::types;
use commonware_consensus::types::{Epoch, Height, Round, View};
use commonware_consensus::{BoundedBlock, CertifiableBlock, Heightable};
use commonware_cryptography::certificate::Verifier;
use commonware_cryptography::{Digested, Digestible};
use std::sync::Arc;
use terroir_ledger::Block;
use terroir_ledger::block::BLOCK_BYTES_MAX;

/// Bytes of the length of a block.
const LENGTH_BYTES: usize = 5;

/// What the engine says of a proposal: its view, leader and parent.
pub(crate) type Context = types::Context<Digest, <Scheme as Verifier>::PublicKey>;

/// A block on its way.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) block: Arc<Block>,
    bytes: Bytes,
    hash: Digest,
    committees: Committees,
}

impl Wire {
    pub(crate) fn new(block: impl Into<Arc<Block>>, committees: Committees) -> Wire {
        let block = block.into();
        let bytes = Bytes::from(block.encode());
        let hash = digest(block.hash());
        Wire { block, bytes, hash, committees }
    }

    /// As the engine passes it on.
    pub(crate) fn digested(self) -> Digested<Wire> {
        let hash = self.hash;
        Digested::precomputed(self, hash)
    }
}

impl Write for Wire {
    fn write(&self, to: &mut impl BufMut) {
        self.bytes.write(to);
    }
}

impl EncodeSize for Wire {
    fn encode_size(&self) -> usize {
        self.bytes.encode_size()
    }
}

impl Read for Wire {
    type Cfg = Committees;

    fn read_cfg(from: &mut impl Buf, committees: &Committees) -> Result<Wire, Error> {
        let bytes = Bytes::read_cfg(from, &RangeCfg::new(..=BLOCK_BYTES_MAX))?;
        let block = Block::decode(&bytes).map_err(|why| Error::Wrapped("block", Box::new(why)))?;
        let hash = digest(block.hash());
        Ok(Wire { block: Arc::new(block), bytes, hash, committees: committees.clone() })
    }
}

impl BoundedBlock for Wire {
    fn max_encode_size(_: &Committees) -> usize {
        BLOCK_BYTES_MAX + LENGTH_BYTES
    }
}

impl Digestible for Wire {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        self.hash
    }
}

impl Heightable for Wire {
    fn height(&self) -> Height {
        Height::new(self.block.header.number)
    }
}

impl commonware_consensus::Block for Wire {
    fn parent(&self) -> Digest {
        digest(self.block.header.parent_hash)
    }
}

impl CertifiableBlock for Wire {
    type Context = Context;

    /// What its seal says. The hash binds all of it: the seat names one identity in an epoch. A block
    /// of an epoch that this node does not know is never in a view that it takes part in, so
    /// whatever identity stands there, its context is not the one of such a view.
    fn context(&self) -> Context {
        let seal = &self.block.seal;
        let leader = self.committees.seat(seal.epoch, seal.leader);
        Context {
            round: Round::new(Epoch::new(seal.epoch), View::new(seal.view)),
            leader: leader.unwrap_or_else(|| self.committees.me()),
            parent: (View::new(seal.parent_view), digest(self.block.header.parent_hash)),
        }
    }
}

#[cfg(test)]
mod tests;
