//! Headers and seals of blocks, as far as they are needed here: `docs/format/block.md`.

use super::NotFinal;
use super::read::Reader;
use tiny_keccak::{Hasher, Keccak};

/// What a header says, as far as others want to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Hash of the block before.
    pub parent: [u8; 32],
    /// Root of the state after the block.
    pub state_root: [u8; 32],
    /// Root over its transactions.
    pub transactions_root: [u8; 32],
    /// Root over their receipts.
    pub receipts_root: [u8; 32],
    /// Number of the block.
    pub number: u64,
    /// Its time in Unix seconds.
    pub time: u64,
    /// Hash of its seal.
    pub seal: [u8; 32],
}

/// What consensus says about a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Version of the rules.
    pub version: u64,
    /// The epoch.
    pub epoch: u64,
    /// The view.
    pub view: u64,
    /// The view of the parent.
    pub parent_view: u64,
    /// The seat that proposed it.
    pub leader: u64,
    /// Its time in Unix milliseconds.
    pub time_ms: u64,
    /// Digest of the committee of the next epoch.
    pub next: [u8; 32],
}

/// The hash of Ethereum.
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Keccak::v256();
    hasher.update(bytes);
    let mut out = [0; 32];
    hasher.finalize(&mut out);
    out
}

impl Header {
    /// Reads an encoded header: the first 13 fields of Ethereum's.
    pub fn decode(bytes: &[u8]) -> Result<Header, NotFinal> {
        let mut fields = Reader::new("header", bytes).list()?;
        let parent = fields.string_of()?;
        fields.string()?; // ommers
        fields.string()?; // whose tips
        let (state_root, transactions_root) = (fields.string_of()?, fields.string_of()?);
        let receipts_root = fields.string_of()?;
        fields.string()?; // bloom
        fields.string()?; // difficulty
        let number = fields.number()?;
        fields.string()?; // gas limit
        fields.string()?; // gas used
        let time = fields.number()?;
        let seal = fields.string_of()?;
        Ok(Header { parent, state_root, transactions_root, receipts_root, number, time, seal })
    }
}

impl Seal {
    /// Reads an encoded seal.
    pub fn decode(bytes: &[u8]) -> Result<Seal, NotFinal> {
        let mut fields = Reader::new("seal", bytes).list()?;
        let (version, epoch) = (fields.number()?, fields.number()?);
        let (view, parent_view) = (fields.number()?, fields.number()?);
        let (leader, time_ms) = (fields.number()?, fields.number()?);
        let next = fields.string_of()?;
        let mut evidence = fields.inner_list()?;
        while !evidence.is_empty() {
            evidence.string()?;
        }
        fields.end()?;
        Ok(Seal { version, epoch, view, parent_view, leader, time_ms, next })
    }
}
