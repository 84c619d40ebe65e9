//! Methods that read blocks and the state: the larger part of `eth_`, `net_` and `web3_`.
//!
//! Invariant: one request reads one tip, so its parts fit together.

use super::args::Args;
use super::failure::Failure;
use super::{Answer, Method, Rpc, say, shape};
use crate::chain::{Final, Tip};
use alloy_consensus::Header;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, EIP1186StorageProof, SyncInfo, SyncStatus};
use alloy_trie::TrieAccount;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use terroir_ledger::{View, tree};

/// Most slots that one proof is for.
const PROOF_SLOTS_MAX: usize = 1_024;

pub(super) const METHODS: &[Method] = &[
    Method::light("web3_clientVersion", 0, client_version),
    Method::light("web3_sha3", 1, |_, args| say(&keccak256(args.required::<Bytes>()?))),
    Method::light("net_version", 0, |rpc, _| say(&rpc.chain.chain().id.to_string())),
    Method::light("net_listening", 0, |_, _| say(&true)),
    Method::light("net_peerCount", 0, peer_count),
    Method::light("eth_chainId", 0, |rpc, _| say(&U64::from(rpc.chain.chain().id))),
    Method::light("eth_accounts", 0, |_, _| say(&[(); 0])),
    Method::light("eth_syncing", 0, syncing),
    Method::light("eth_blockNumber", 0, |rpc, _| say(&U64::from(rpc.chain.tip().header.number))),
    Method::full("eth_getBlockByHash", 2, block_by_hash),
    Method::full("eth_getBlockByNumber", 2, block_by_number),
    Method::light("eth_getBlockTransactionCountByHash", 1, count_by_hash),
    Method::light("eth_getBlockTransactionCountByNumber", 1, count_by_number),
    Method::light("eth_getUncleCountByBlockHash", 1, uncles_by_hash),
    Method::light("eth_getUncleCountByBlockNumber", 1, uncles_by_number),
    Method::light("eth_getUncleByBlockHashAndIndex", 2, |_, _| say(&())),
    Method::light("eth_getUncleByBlockNumberAndIndex", 2, |_, _| say(&())),
    Method::light("eth_getTransactionByHash", 1, transaction_by_hash),
    Method::light("eth_getTransactionByBlockHashAndIndex", 2, transaction_by_block_hash),
    Method::light("eth_getTransactionByBlockNumberAndIndex", 2, transaction_by_number),
    Method::light("eth_getTransactionReceipt", 1, receipt),
    Method::heavy("eth_getBlockReceipts", 1, block_receipts),
    Method::light("eth_getBalance", 2, balance),
    Method::light("eth_getCode", 2, code),
    Method::light("eth_getStorageAt", 3, storage),
    Method::light("eth_getTransactionCount", 2, transaction_count),
    Method::heavy("eth_getProof", 3, proof),
];

fn client_version(_: &Rpc, _: &mut Args) -> Answer {
    let system = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    say(&format!("terroir/{}/{system}", env!("CARGO_PKG_VERSION")))
}

fn peer_count(rpc: &Rpc, _: &mut Args) -> Answer {
    say(&U64::from(rpc.chain.network().borrow().peers))
}

fn syncing(rpc: &Rpc, _: &mut Args) -> Answer {
    let (highest, number) = (rpc.chain.network().borrow().highest, rpc.chain.tip().header.number);
    if highest <= number {
        return say(&SyncStatus::None);
    }
    say(&SyncStatus::Info(Box::new(SyncInfo {
        current_block: U256::from(number),
        highest_block: U256::from(highest),
        ..SyncInfo::default()
    })))
}

/// The number of the block that `id` means, if `tip` has it.
pub(super) fn number(tip: &Tip, id: BlockId) -> Result<Option<u64>, Failure> {
    Ok(match id {
        BlockId::Hash(hash) => tip.kept.number_of(&hash.block_hash)?,
        BlockId::Number(BlockNumberOrTag::Earliest) => Some(0),
        BlockId::Number(BlockNumberOrTag::Number(number)) => {
            Some(number).filter(|number| *number <= tip.header.number)
        }
        // Every block that is here is final, and none is begun here.
        BlockId::Number(
            BlockNumberOrTag::Latest
            | BlockNumberOrTag::Safe
            | BlockNumberOrTag::Finalized
            | BlockNumberOrTag::Pending,
        ) => Some(tip.header.number),
    })
}

impl Rpc {
    /// The block that `id` means.
    pub(super) fn found(&self, tip: &Tip, id: BlockId) -> Result<Option<Arc<Final>>, Failure> {
        match number(tip, id)? {
            Some(number) => Ok(self.chain.block(tip, number)?),
            None => Ok(None),
        }
    }

    /// The state after the block that `id` means, and its header; of the tip without an id.
    pub(super) fn state(&self, tip: &Tip, id: Option<BlockId>) -> Result<(View, Header), Failure> {
        let id = id.unwrap_or_default();
        let number = number(tip, id)?.ok_or_else(|| Failure::no_block(id))?;
        if number == tip.header.number {
            return Ok((tip.view.clone(), tip.header.clone()));
        }
        let found = self.chain.block(tip, number)?.ok_or_else(|| Failure::no_block(id))?;
        let header = found.block.header.clone();
        Ok((tip.kept.view(number, header.state_root), header))
    }

    /// Where the transaction `hash` is.
    pub(super) fn place(
        &self,
        tip: &Tip,
        hash: &B256,
    ) -> Result<Option<(Arc<Final>, usize)>, Failure> {
        let Some((number, place)) = tip.kept.place_of(hash)? else { return Ok(None) };
        let found = self.chain.block(tip, number)?;
        Ok(found.map(|found| (found, place as usize)))
    }
}

fn by_hash(rpc: &Rpc, args: &mut Args) -> Result<Option<Arc<Final>>, Failure> {
    rpc.found(&rpc.chain.tip(), BlockId::from(args.required::<B256>()?))
}

fn by_number(rpc: &Rpc, args: &mut Args) -> Result<Option<Arc<Final>>, Failure> {
    rpc.found(&rpc.chain.tip(), BlockId::from(args.required::<BlockNumberOrTag>()?))
}

fn block(found: Option<Arc<Final>>, args: &mut Args) -> Answer {
    let full = args.optional()?.unwrap_or(false);
    say(&found.map(|found| shape::block(&found, full)).transpose()?)
}

fn block_by_hash(rpc: &Rpc, args: &mut Args) -> Answer {
    block(by_hash(rpc, args)?, args)
}

fn block_by_number(rpc: &Rpc, args: &mut Args) -> Answer {
    block(by_number(rpc, args)?, args)
}

fn count(found: Option<Arc<Final>>) -> Answer {
    say(&found.map(|found| U64::from(found.block.transactions.len())))
}

fn count_by_hash(rpc: &Rpc, args: &mut Args) -> Answer {
    count(by_hash(rpc, args)?)
}

fn count_by_number(rpc: &Rpc, args: &mut Args) -> Answer {
    count(by_number(rpc, args)?)
}

fn uncles_by_hash(rpc: &Rpc, args: &mut Args) -> Answer {
    say(&by_hash(rpc, args)?.map(|_| U64::ZERO))
}

fn uncles_by_number(rpc: &Rpc, args: &mut Args) -> Answer {
    say(&by_number(rpc, args)?.map(|_| U64::ZERO))
}

fn transaction_by_hash(rpc: &Rpc, args: &mut Args) -> Answer {
    let hash = args.required()?;
    // First what waits: between the two looks it may get into a block, and not out of one.
    let waiting = rpc.chain.mempool().get(&hash);
    match rpc.place(&rpc.chain.tip(), &hash)? {
        Some((found, place)) => say(&shape::transaction(&found, place)?),
        None => say(&waiting.map(|one| shape::waiting(&one))),
    }
}

fn transaction_at(found: Option<Arc<Final>>, args: &mut Args) -> Answer {
    let place = args.required::<U64>()?.to::<usize>();
    let found = found.filter(|found| place < found.block.transactions.len());
    say(&found.map(|found| shape::transaction(&found, place)).transpose()?)
}

fn transaction_by_block_hash(rpc: &Rpc, args: &mut Args) -> Answer {
    transaction_at(by_hash(rpc, args)?, args)
}

fn transaction_by_number(rpc: &Rpc, args: &mut Args) -> Answer {
    transaction_at(by_number(rpc, args)?, args)
}

fn receipt(rpc: &Rpc, args: &mut Args) -> Answer {
    let found = rpc.place(&rpc.chain.tip(), &args.required()?)?;
    say(&found.map(|(found, place)| shape::receipt(&found, place)).transpose()?)
}

fn block_receipts(rpc: &Rpc, args: &mut Args) -> Answer {
    let Some(found) = rpc.found(&rpc.chain.tip(), args.required()?)? else { return say(&()) };
    let all = (0..found.receipts.len()).map(|place| shape::receipt(&found, place));
    say(&all.collect::<Result<Vec<_>, _>>()?)
}

fn balance(rpc: &Rpc, args: &mut Args) -> Answer {
    let (address, id) = (args.required()?, args.optional()?);
    let (view, _) = rpc.state(&rpc.chain.tip(), id)?;
    say(&view.account(&address)?.map_or(U256::ZERO, |account| account.balance))
}

fn code(rpc: &Rpc, args: &mut Args) -> Answer {
    let (address, id) = (args.required()?, args.optional()?);
    let (view, _) = rpc.state(&rpc.chain.tip(), id)?;
    match view.account(&address)? {
        Some(account) => say(&view.code(&account.code_hash)?.original_bytes()),
        None => say(&Bytes::new()),
    }
}

/// A slot: of 32 bytes, or as a number.
#[derive(Clone, Copy)]
struct Slot(U256, Form);

#[derive(Clone, Copy)]
enum Form {
    Bytes,
    Number,
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Slot, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        let form = if digits.len() == 64 { Form::Bytes } else { Form::Number };
        let slot = match digits {
            "" => Ok(U256::ZERO),
            digits => U256::from_str_radix(digits, 16),
        };
        slot.map(|slot| Slot(slot, form)).map_err(|error| {
            serde::de::Error::custom(format!("unable to decode storage key {text:.70?}: {error}"))
        })
    }
}

fn storage(rpc: &Rpc, args: &mut Args) -> Answer {
    let (address, slot, id) = (args.required()?, args.required::<Slot>()?, args.optional()?);
    let (view, _) = rpc.state(&rpc.chain.tip(), id)?;
    say(&B256::from(view.slot(&address, &slot.0)?))
}

fn transaction_count(rpc: &Rpc, args: &mut Args) -> Answer {
    let (address, id) = (args.required::<Address>()?, args.optional::<BlockId>()?);
    if id.is_some_and(|id| id.is_pending()) {
        return say(&U64::from(rpc.chain.mempool().next_nonce(&address)?));
    }
    let (view, _) = rpc.state(&rpc.chain.tip(), id)?;
    say(&U64::from(view.account(&address)?.map_or(0, |account| account.nonce)))
}

fn proof(rpc: &Rpc, args: &mut Args) -> Answer {
    let (address, asked, id) = (args.required()?, args.required::<Vec<Value>>()?, args.optional()?);
    if asked.len() > PROOF_SLOTS_MAX {
        let message = format!("{} slots are asked for, limit {PROOF_SLOTS_MAX}", asked.len());
        return Err(Failure::invalid(message));
    }
    let read = |value| {
        serde_json::from_value::<Slot>(value)
            .map_err(|error| Failure::invalid(format!("invalid argument 1: {error}")))
    };
    let asked = asked.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let (view, _) = rpc.state(&rpc.chain.tip(), id)?;
    let slots: Vec<U256> = asked.iter().map(|slot| slot.0).collect();
    let proven = tree::prove(&view, &address, &slots)?;
    let account = proven.account.unwrap_or(TrieAccount::default());
    let of = |(Slot(slot, form), (value, proof))| {
        let key = match form {
            Form::Bytes => B256::from(slot).into(),
            Form::Number => slot.into(),
        };
        EIP1186StorageProof { key, value, proof }
    };
    say(&EIP1186AccountProofResponse {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: account.storage_root,
        account_proof: proven.proof,
        storage_proof: asked.into_iter().zip(proven.slots).map(of).collect(),
    })
}
