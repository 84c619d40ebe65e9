//! Blocks that were fetched and that no certificate covers yet.
//!
//! A function of what it is told. Invariant: each names the one before by its hash, the first one names
//! the tip, and together they are within [`AHEAD_BYTES_MAX`].

use crate::chain::Tip;
use crate::rpc::Whole;
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Decodable;
use terroir_ledger::block::BLOCK_BYTES_MAX;

/// Of so many blocks, one at least is kept with a certificate where there is one: whoever asks this
/// node for the proof that a block is final finds one near it.
const STRIDE: usize = 32;
/// The same of so many bytes of blocks: a node that follows this one has to hold what comes before the
/// next certificate.
const STRIDE_BYTES: usize = 1 << 20;
/// Most bytes that wait for a certificate: 16 of the greatest blocks. Between two certificates of an
/// honest node there are a few blocks that became final through a later one, or what [`STRIDE`] lets
/// go.
const AHEAD_BYTES_MAX: usize = 64 << 20;
/// What a block takes beside its bytes, at most.
const BLOCK_MORE: usize = 256;

/// A block that was fetched, and what came with it. It is kept as it came: what is not known to be
/// final may take many times its bytes to read.
pub(super) struct Read {
    pub(super) number: u64,
    pub(super) block: Bytes,
    pub(super) certificate: Option<Bytes>,
    hash: B256,
}

/// What is known beyond the tip, from one node.
#[derive(Default)]
pub(super) struct Ahead {
    blocks: Vec<Read>,
    bytes: usize,
}

impl Ahead {
    /// The number of the block after these, where they follow `tip`.
    pub(super) fn next(&self, tip: &Tip) -> u64 {
        self.blocks.last().map_or(tip.header.number, |last| last.number) + 1
    }

    /// Takes in what comes after these, where they follow `tip`. Errors: which block is wrong, and why.
    pub(super) fn extend(&mut self, tip: &Tip, sent: Vec<Whole>) -> Result<(), (u64, String)> {
        for Whole { block, certificate } in sent {
            let number = self.next(tip);
            let parent = self.blocks.last().map_or(tip.hash, |last| last.hash);
            let header = header(&block).map_err(|why| (number, why))?;
            if (header.number, header.parent_hash) != (number, parent) {
                return Err((number, "does not follow the block before it".to_owned()));
            }
            let read = Read { number, block, certificate, hash: header.hash_slow() };
            self.bytes += read.bytes();
            self.blocks.push(read);
        }
        Ok(())
    }

    /// The next blocks that are final if the certificate of the last of them is right; `known` is the
    /// last epoch whose committee is known. That is the last one within a stride that has one, or else
    /// the first: whoever follows this node finds certificates no farther apart than it did.
    ///
    /// Errors: more is there than may wait, and no certificate.
    pub(super) fn covered(
        &mut self,
        known: u64,
        epoch: impl Fn(u64) -> u64,
    ) -> Result<Vec<Read>, (u64, String)> {
        let (mut bytes, mut last) = (0, None);
        for (place, read) in self.blocks.iter().enumerate() {
            bytes += read.block.len();
            let near = place < STRIDE && bytes <= STRIDE_BYTES;
            if epoch(read.number) > known || last.is_some() && !near {
                break;
            }
            if read.certificate.is_some() {
                last = Some(place);
            }
        }
        if let Some(last) = last {
            let covered: Vec<Read> = self.blocks.drain(..=last).collect();
            self.bytes -= covered.iter().map(Read::bytes).sum::<usize>();
            return Ok(covered);
        }
        match self.blocks.first() {
            Some(first) if self.bytes > AHEAD_BYTES_MAX => {
                let got = self.bytes;
                let why = format!("{got} bytes from here on, and no certificate of a known epoch");
                Err((first.number, why))
            }
            Some(_) | None => Ok(Vec::new()),
        }
    }
}

impl Read {
    fn bytes(&self) -> usize {
        let certificate = self.certificate.as_ref().map_or(0, |bytes| bytes.len());
        self.block.len() + certificate + BLOCK_MORE
    }
}

/// The header of an encoded block, without the rest of it.
fn header(block: &[u8]) -> Result<Header, String> {
    if block.len() > BLOCK_BYTES_MAX {
        return Err(format!("{} bytes, and {BLOCK_BYTES_MAX} is the most", block.len()));
    }
    let mut bytes = block;
    alloy_rlp::Header::decode_bytes(&mut bytes, true)
        .and_then(|mut fields| Header::decode(&mut fields))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
