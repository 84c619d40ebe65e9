//! `terroir_`: what a light client needs beside Ethereum's methods.
//!
//! Invariant: everything here can be checked by whoever has the genesis file; `docs/format/` says how.

use super::args::Args;
use super::at_most::AtMost;
use super::failure::Failure;
use super::{Answer, Method, Rpc, read, say, shape};
use crate::chain::{Final, Tip};
use alloy_consensus::ReceiptEnvelope;
use alloy_eips::BlockId;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U64};
use alloy_rpc_types_eth::Header;
use alloy_trie::proof::ProofRetainer;
use alloy_trie::root::adjust_index_for_rlp;
use alloy_trie::{HashBuilder, Nibbles};
use serde::{Deserialize, Serialize};
use terroir_ledger::Seal;
use terroir_ledger::native::staking::{digest, seats_of};

pub(super) const METHODS: &[Method] = &[
    Method::light("terroir_genesis", 0, |rpc, _| say(&rpc.chain.tip().kept.genesis()?)),
    Method::light("terroir_certificate", 1, certificate),
    Method::light("terroir_header", 1, header),
    Method::light("terroir_committee", 1, committee),
    Method::heavy("terroir_blocks", 2, blocks),
    Method::heavy("terroir_receiptProof", 1, receipt_proof),
];

/// Most blocks of an answer.
pub(crate) const BLOCKS_MAX: u64 = 256;
/// Bytes of blocks after which an answer has no more of them. Digits of the last one, which may be the
/// greatest that there are, still fit.
const BLOCKS_BYTES: usize = 2 << 20;

/// A header with what makes it final.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sealed {
    header: Header,
    seal: SealView,
    /// RLP of the header: its keccak-256 is the hash of the block.
    header_rlp: Bytes,
    /// RLP of the seal: its keccak-256 is the header's `extraData`.
    seal_rlp: Bytes,
    /// `docs/format/finality.md`; none where a later block's certificate covers it.
    certificate: Option<Bytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SealView {
    version: u8,
    epoch: U64,
    view: U64,
    parent_view: U64,
    leader: U64,
    time_ms: U64,
    next: B256,
    evidence: Vec<Bytes>,
}

impl SealView {
    fn of(seal: &Seal) -> SealView {
        SealView {
            version: seal.version,
            epoch: U64::from(seal.epoch),
            view: U64::from(seal.view),
            parent_view: U64::from(seal.parent_view),
            leader: U64::from(seal.leader),
            time_ms: U64::from(seal.time_ms),
            next: seal.next,
            evidence: seal.evidence.clone(),
        }
    }
}

fn sealed(tip: &Tip, found: &Final) -> Result<Sealed, Failure> {
    let block = &found.block;
    Ok(Sealed {
        header: shape::header(found),
        seal: SealView::of(&block.seal),
        header_rlp: alloy_rlp::encode(&block.header).into(),
        seal_rlp: alloy_rlp::encode(&block.seal).into(),
        certificate: tip.kept.certificate(block.header.number)?,
    })
}

fn certificate(rpc: &Rpc, args: &mut Args) -> Answer {
    let tip = rpc.chain.tip();
    match read::number(&tip, args.required()?)? {
        Some(number) => say(&tip.kept.certificate(number)?),
        None => say(&()),
    }
}

fn header(rpc: &Rpc, args: &mut Args) -> Answer {
    let tip = rpc.chain.tip();
    let found = rpc.found(&tip, args.required::<BlockId>()?)?;
    say(&found.map(|found| sealed(&tip, &found)).transpose()?)
}

/// A block as nodes hand it on, with its certificate where it has one of its own.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whole {
    /// `docs/format/block.md`.
    pub(crate) block: Bytes,
    /// `docs/format/finality.md`.
    pub(crate) certificate: Option<Bytes>,
}

/// What [`blocks`] gives.
pub(crate) type Blocks = AtMost<{ BLOCKS_MAX as usize }, Whole>;

/// The blocks from a number on: at most so many as were asked for.
fn blocks(rpc: &Rpc, args: &mut Args) -> Answer {
    let first: u64 = args.required::<U64>()?.to();
    let count = args.required::<U64>()?.to::<u64>().min(BLOCKS_MAX);
    let tip = rpc.chain.tip();
    let (mut found, mut bytes) = (Vec::new(), 0);
    for number in first..first.saturating_add(count) {
        let Some(block) = tip.kept.block_bytes(number)? else { break };
        bytes += block.len();
        found.push(Whole { block, certificate: tip.kept.certificate(number)? });
        if bytes > BLOCKS_BYTES {
            break;
        }
    }
    say(&found)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seat {
    validator: Address,
    key: B256,
    vote_key: Bytes,
    payout: Address,
}

#[derive(Serialize)]
struct Committee {
    epoch: U64,
    /// What the seal of every block of the epoch before names as `next`.
    digest: B256,
    seats: Vec<Seat>,
}

fn committee(rpc: &Rpc, args: &mut Args) -> Answer {
    let epoch: u64 = args.required::<U64>()?.to();
    let seats = seats_of(&rpc.chain.tip().view, epoch)?;
    if seats.is_empty() {
        return say(&());
    }
    let (digest, epoch) = (digest(&seats), U64::from(epoch));
    let seats = seats.into_iter().map(|seat| Seat {
        validator: seat.validator,
        key: seat.key,
        vote_key: seat.vote_key.into(),
        payout: seat.payout,
    });
    say(&Committee { epoch, digest, seats: seats.collect() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptProof {
    #[serde(flatten)]
    sealed: Sealed,
    /// Its place in the block: the key in the tree is the RLP of this number.
    transaction_index: U64,
    /// The receipt, encoded as EIP-2718 says.
    receipt: Bytes,
    /// RLP nodes from `receiptsRoot` down to it.
    proof: Vec<Bytes>,
}

fn receipt_proof(rpc: &Rpc, args: &mut Args) -> Answer {
    let tip = rpc.chain.tip();
    let Some((found, place)) = rpc.place(&tip, &args.required()?)? else { return say(&()) };
    let proof = prove(&found.receipts, place);
    say(&ReceiptProof {
        sealed: sealed(&tip, &found)?,
        transaction_index: U64::from(place),
        receipt: found.receipts[place].encoded_2718().into(),
        proof,
    })
}

/// The nodes from the root of the tree over `receipts` to the one at `place`.
fn prove(receipts: &[ReceiptEnvelope], place: usize) -> Vec<Bytes> {
    let key = |place: usize| Nibbles::unpack(alloy_rlp::encode(place));
    let mut builder =
        HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![key(place)]));
    // The order of the keys, which is not that of the numbers.
    for index in 0..receipts.len() {
        let index = adjust_index_for_rlp(index, receipts.len());
        builder.add_leaf(key(index), &receipts[index].encoded_2718());
    }
    builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    nodes.into_iter().map(|(_, node)| node).collect()
}
