//! Blocks: Ethereum's header, what consensus says about it, and transactions.
//!
//! The header is Ethereum's own, so its hash, roots and proofs are checked by every client that knows
//! Ethereum. What consensus adds is a [`Seal`], whose hash is the header's `extraData`: so the
//! hash of the header binds all of it. Format: `docs/format/block.md`.

use crate::error::Error;
use alloy_consensus::{Header, TxEnvelope};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable, length_of_length};

/// Most bytes of an encoded block.
pub const BLOCK_BYTES_MAX: usize = 4 << 20;
/// Most transactions of a block: what [`BLOCK_BYTES_MAX`] could hold of the smallest.
pub const TRANSACTIONS_MAX: usize = 1 << 16;

/// Most bytes of a block beside its transactions: a header and a seal with the greatest numbers and all
/// the evidence there can be, and what says how long the lists are.
pub(crate) const REST_BYTES_MAX: usize = 2 << 10;

/// Most evidence of one block.
pub const EVIDENCE_MAX: usize = 4;
/// Most bytes of one piece of evidence: longer than two votes with the greatest numbers.
pub const EVIDENCE_BYTES_MAX: usize = 256;

/// What consensus says about a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Seal {
    /// Version of the rules of execution: 2.
    pub version: u8,
    /// The epoch.
    pub epoch: u64,
    /// The view in which it was proposed; views ascend in an epoch.
    pub view: u64,
    /// The view of its parent in the same epoch; 0 where the parent ended the epoch before.
    pub parent_view: u64,
    /// The seat that proposed it.
    pub leader: u64,
    /// Its time in Unix milliseconds; the header has the seconds.
    pub time_ms: u64,
    /// Digest of the committee of the next epoch ([`crate::native::staking::digest`]).
    pub next: B256,
    /// Votes that convict validators (`docs/format/evidence.md`), each punished by this block.
    pub evidence: Vec<Bytes>,
}

/// The version of the rules that this code follows.
pub const VERSION: u8 = 2;

impl Seal {
    /// What the header has as `extraData`.
    pub fn hash(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Ethereum's header.
    pub header: Header,
    /// What consensus says.
    pub seal: Seal,
    /// Transactions in order.
    pub transactions: Vec<TxEnvelope>,
}

/// What is on the wire: header, seal, encoded transactions.
#[derive(RlpDecodable)]
struct Wire {
    header: Header,
    seal: Seal,
    transactions: Vec<Bytes>,
}

/// Bytes that a transaction takes of an encoded block, with those that say how long it is.
pub(crate) fn transaction_bytes(transaction: &TxEnvelope) -> usize {
    length_in_list(transaction)
}

fn length_in_list(one: &impl Encodable2718) -> usize {
    let bytes = one.encode_2718_len();
    length_of_length(bytes) + bytes
}

/// Appends `all` as an RLP list of byte strings, each with one of them (EIP-2718).
pub fn encode_list(all: &[impl Encodable2718], out: &mut Vec<u8>) {
    let payload_length = all.iter().map(length_in_list).sum();
    alloy_rlp::Header { list: true, payload_length }.encode(out);
    for one in all {
        let payload_length = one.encode_2718_len();
        alloy_rlp::Header { list: false, payload_length }.encode(out);
        one.encode_2718(out);
    }
}

/// Bytes of that list.
fn length_of_list(all: &[impl Encodable2718]) -> usize {
    let payload_length = all.iter().map(length_in_list).sum();
    length_of_length(payload_length) + payload_length
}

impl Block {
    /// Its hash: that of its header.
    pub fn hash(&self) -> B256 {
        self.header.hash_slow()
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let payload_length =
            self.header.length() + self.seal.length() + length_of_list(&self.transactions);
        let mut bytes = Vec::with_capacity(length_of_length(payload_length) + payload_length);
        alloy_rlp::Header { list: true, payload_length }.encode(&mut bytes);
        self.header.encode(&mut bytes);
        self.seal.encode(&mut bytes);
        encode_list(&self.transactions, &mut bytes);
        bytes
    }

    /// Reads a block: each transaction is one in its only encoding, the seal is the header's.
    /// Whether it follows from its parent is for [`crate::verify`].
    ///
    /// Errors: `Malformed`.
    pub fn decode(bytes: &[u8]) -> Result<Block, Error> {
        let malformed = |why: String| Error::Malformed(why);
        if bytes.len() > BLOCK_BYTES_MAX {
            let (got, max) = (bytes.len(), BLOCK_BYTES_MAX);
            return Err(malformed(format!("{got} bytes, and {max} is the most")));
        }
        let mut rest = bytes;
        let wire = Wire::decode(&mut rest).map_err(|error| malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes after its end", rest.len())));
        }
        if wire.transactions.len() > TRANSACTIONS_MAX {
            return Err(malformed(format!("{} transactions", wire.transactions.len())));
        }
        let evidence = &wire.seal.evidence;
        if evidence.len() > EVIDENCE_MAX
            || evidence.iter().any(|one| one.len() > EVIDENCE_BYTES_MAX)
        {
            return Err(malformed(format!(
                "more than {EVIDENCE_MAX} pieces of evidence, or one above {EVIDENCE_BYTES_MAX} bytes"
            )));
        }
        if wire.header.extra_data[..] != wire.seal.hash()[..] {
            return Err(malformed("its seal is not the one that the header names".into()));
        }
        let transaction = |(place, bytes): (usize, &Bytes)| {
            TxEnvelope::decode_2718_exact(bytes)
                .map_err(|error| malformed(format!("transaction {place}: {error}")))
        };
        let transactions =
            wire.transactions.iter().enumerate().map(transaction).collect::<Result<Vec<_>, _>>()?;
        let block = Block { header: wire.header, seal: wire.seal, transactions };
        // RLP of numbers and lists has one form, but decoders are not asked to insist on it.
        match block.encode() == bytes {
            true => Ok(block),
            false => Err(malformed("is not in its only encoding".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B64, Bloom, U256};

    #[test]
    fn the_longest_block_without_transactions_is_within_its_bound() {
        let (digest, most) = (B256::repeat_byte(0xff), u64::MAX);
        let header = Header {
            parent_hash: digest,
            ommers_hash: digest,
            beneficiary: Address::repeat_byte(0xff),
            state_root: digest,
            transactions_root: digest,
            receipts_root: digest,
            logs_bloom: Bloom::repeat_byte(0xff),
            difficulty: U256::MAX,
            number: most,
            gas_limit: most,
            gas_used: most,
            timestamp: most,
            extra_data: digest.into(),
            mix_hash: digest,
            nonce: B64::repeat_byte(0xff),
            base_fee_per_gas: Some(most),
            withdrawals_root: Some(digest),
            blob_gas_used: Some(most),
            excess_blob_gas: Some(most),
            parent_beacon_block_root: Some(digest),
            requests_hash: Some(digest),
            ..Header::default()
        };
        let seal = Seal {
            version: u8::MAX,
            epoch: most,
            view: most,
            parent_view: most,
            leader: most,
            time_ms: most,
            next: digest,
            evidence: vec![vec![0xff; EVIDENCE_BYTES_MAX].into(); EVIDENCE_MAX],
        };
        let bytes = Block { header, seal, transactions: Vec::new() }.encode().len();
        // The list of transactions and the whole are longer than 55 bytes then: 3 and 4 bytes say so.
        assert!(bytes + 3 <= REST_BYTES_MAX, "{bytes}");
    }
}
