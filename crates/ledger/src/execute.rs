//! Blocks built and verified: transactions on the EVM, then the end of the block, then roots.
//!
//! Building and verifying run the same code; a builder leaves out what cannot be in the block, and a
//! verifier refuses the block for it. Then the header that follows is compared with the one that
//! came, field by field.

use crate::block::{
    BLOCK_BYTES_MAX, Block, EVIDENCE_BYTES_MAX, EVIDENCE_MAX, REST_BYTES_MAX, Seal, VERSION,
    transaction_bytes,
};
use crate::bloom::Blooms;
use crate::error::Error;
use crate::evm::{Machine, block_env, machine};
use crate::genesis::Chain;
use crate::native::params::{self, BASE_FEE_MIN, BLOCK_GAS};
use crate::native::staking::{self, Conviction, End, Seated};
use crate::native::{GOVERNANCE, STAKING};
use crate::pending::Pending;
use crate::state::{Changes, View};
use crate::transaction::Transaction;
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom};
use alloy_consensus::{Transaction as _, TxReceipt as _};
use alloy_eips::eip1559::{BaseFeeParams, calc_next_block_base_fee};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use alloy_trie::EMPTY_ROOT_HASH;
use revm::context::result::{EVMError, ExecutionResult, InvalidTransaction};
use revm::handler::{ExecuteCommitEvm, SystemCallCommitEvm};
use std::sync::Arc;

/// How fast the base fee moves: by a 64th a block at most, as blocks are many times more frequent
/// than Ethereum's; the target is half of the gas.
const BASE_FEE: BaseFeeParams = BaseFeeParams::new(64, 2);

/// The block before.
#[derive(Clone, Copy)]
pub struct Parent<'a> {
    /// Its header.
    pub header: &'a Header,
    /// Its seal.
    pub seal: &'a Seal,
    /// Its hash.
    pub hash: B256,
    /// The state after it.
    pub view: &'a View,
}

/// What consensus fixes about a block that is to be built.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The view.
    pub view: u64,
    /// Unix milliseconds; above the parent's.
    pub time_ms: u64,
}

/// A block that was executed.
#[derive(Clone)]
pub struct Executed {
    /// The block.
    pub block: Arc<Block>,
    /// Its hash.
    pub hash: B256,
    /// Who signed its transactions, in their order.
    pub senders: Vec<Address>,
    /// Receipts, one a transaction.
    pub receipts: Arc<Vec<ReceiptEnvelope>>,
    /// What it changed.
    pub changes: Arc<Changes>,
    /// The state after it.
    pub view: View,
}

/// What follows from the parent before any transaction.
struct Start {
    seal: Seal,
    seats: Vec<Seated>,
    number: u64,
    gas_limit: u64,
    base_fee: u64,
    last: bool,
}

impl Start {
    fn of(chain: &Chain, parent: &Parent<'_>, place: &Place) -> Result<Start, Error> {
        let number = parent.header.number + 1;
        let epoch = chain.epoch(number);
        let wrong = |field, got: u64, expected: String| Error::Block {
            number,
            field,
            got: got.to_string(),
            expected,
        };
        let seats = staking::seats_of(parent.view, epoch)?;
        if seats.is_empty() {
            return Err(Error::Store(format!("epoch {epoch} has no committee")));
        }
        let same = parent.seal.epoch == epoch && number > 1;
        let parent_view = if same { parent.seal.view } else { 0 };
        if place.view <= parent_view {
            return Err(wrong("view", place.view, format!("above {parent_view}")));
        }
        if place.time_ms <= parent.seal.time_ms {
            let expected = format!("above {}", parent.seal.time_ms);
            return Err(wrong("time_ms", place.time_ms, expected));
        }
        let Place { view, time_ms } = *place;
        let leader = staking::leader(epoch, view, seats.len() as u64);
        let next = staking::digest(&staking::seats_of(parent.view, epoch + 1)?);
        let evidence = Vec::new();
        let seal =
            Seal { version: VERSION, epoch, view, parent_view, leader, time_ms, next, evidence };
        let gas_limit = param(parent.view, BLOCK_GAS)?;
        let base_fee = next_base_fee(parent.header, param(parent.view, BASE_FEE_MIN)?);
        let last = chain.is_last(number);
        Ok(Start { seal, seats, number, gas_limit, base_fee, last })
    }

    /// The header as far as contracts see it.
    fn header(&self, parent: &Parent<'_>) -> Header {
        let leader = usize::try_from(self.seal.leader).expect("a seat");
        Header {
            number: self.number,
            beneficiary: self.seats[leader].payout,
            timestamp: self.seal.time_ms / 1_000,
            gas_limit: self.gas_limit,
            base_fee_per_gas: Some(self.base_fee),
            mix_hash: parent.hash,
            ..Header::default()
        }
    }
}

/// The value of a parameter in the state `view`.
pub fn param(view: &View, place: u16) -> Result<u64, Error> {
    let kept = view.slot(&GOVERNANCE, &params::slot(place).0)?;
    Ok(u64::try_from(params::value(place, kept)).unwrap_or(u64::MAX))
}

/// The base fee of the block after `parent`: EIP-1559, and never below `min`.
pub fn next_base_fee(parent: &Header, min: u64) -> u64 {
    let before = parent.base_fee_per_gas.unwrap_or(min);
    calc_next_block_base_fee(parent.gas_used, parent.gas_limit, before, BASE_FEE).max(min)
}

/// Builds the block after `parent` of what `candidates` gives, in that order. What does not fit, or
/// has to wait for another block, is left out; what cannot be in the block for a reason of its own
/// is told to `left_out` with the reason. Of `evidence`, the first [`EVIDENCE_MAX`] that convict
/// somebody are in it.
///
/// Errors: `Block` for a place that does not follow from the parent; `Store`, `Node`.
pub fn build<'t>(
    chain: &Chain,
    parent: &Parent<'_>,
    place: &Place,
    evidence: &[Bytes],
    candidates: impl Iterator<Item = &'t Transaction>,
    mut left_out: impl FnMut(&'t Transaction, String),
) -> Result<Executed, Error> {
    let start = Start::of(chain, parent, place)?;
    let mut work = Work::begin(chain, parent, &start)?;
    let mut bytes = REST_BYTES_MAX;
    for transaction in candidates {
        let size = transaction_bytes(&transaction.envelope);
        if bytes + size > BLOCK_BYTES_MAX {
            continue;
        }
        match work.run(transaction)? {
            Ok(()) => bytes += size,
            Err(Left::Full | Left::Later(_)) => {}
            Err(Left::Refused(why)) => left_out(transaction, why),
        }
    }
    for one in evidence {
        if work.evidence.len() < EVIDENCE_MAX && work.convict(one)?.is_ok() {
            work.evidence.push(one.clone());
        }
    }
    work.finish(parent, start)
}

/// Whether a block after `parent` can convict somebody by `evidence`; else why it cannot.
///
/// Errors: `Block`, `Store`, `Node`.
pub fn convicts(
    chain: &Chain,
    parent: &Parent<'_>,
    evidence: &Bytes,
) -> Result<Result<(), String>, Error> {
    let same = parent.seal.epoch == chain.epoch(parent.header.number + 1);
    let view = if same { parent.seal.view } else { 0 }.saturating_add(1);
    let place = Place { view, time_ms: parent.seal.time_ms.saturating_add(1) };
    let start = Start::of(chain, parent, &place)?;
    Work::begin(chain, parent, &start)?.convict(evidence)
}

/// Executes `block`, whose transactions are `transactions`, after `parent`.
///
/// How far its time may be ahead of a clock is for consensus, which has one. Errors: `Block` and `Transaction` for a block that does not follow; `Store`, `Node`.
pub fn verify(
    chain: &Chain,
    parent: &Parent<'_>,
    block: &Block,
    transactions: &[Transaction],
) -> Result<Executed, Error> {
    let Seal { view, time_ms, .. } = block.seal;
    let start = Start::of(chain, parent, &Place { view, time_ms })?;
    let mut work = Work::begin(chain, parent, &start)?;
    let number = block.header.number;
    for (place, transaction) in transactions.iter().enumerate() {
        if let Err(left) = work.run(transaction)? {
            let why = match left {
                Left::Full => "its gas does not fit into the block".to_owned(),
                Left::Later(why) | Left::Refused(why) => why,
            };
            return Err(Error::Transaction { number, place, why });
        }
    }
    for (place, evidence) in block.seal.evidence.iter().enumerate() {
        if let Err(why) = work.convict(evidence)? {
            let expected = format!("piece {place} to convict a validator, but: {why}");
            let got = evidence.to_string();
            return Err(Error::Block { number, field: "evidence", got, expected });
        }
        work.evidence.push(evidence.clone());
    }
    let executed = work.finish(parent, start)?;
    compare(block, &executed.block)?;
    Ok(executed)
}

/// Refuses a block whose header is not the one that follows.
fn compare(got: &Block, expected: &Block) -> Result<(), Error> {
    let number = got.header.number;
    let (g, e) = (&got.header, &expected.header);
    let fields: [(&'static str, String, String); 9] = [
        ("seal", format!("{:?}", got.seal), format!("{:?}", expected.seal)),
        ("number", g.number.to_string(), e.number.to_string()),
        ("parentHash", g.parent_hash.to_string(), e.parent_hash.to_string()),
        ("miner", g.beneficiary.to_string(), e.beneficiary.to_string()),
        ("gasLimit", g.gas_limit.to_string(), e.gas_limit.to_string()),
        ("gasUsed", g.gas_used.to_string(), e.gas_used.to_string()),
        ("transactionsRoot", g.transactions_root.to_string(), e.transactions_root.to_string()),
        ("receiptsRoot", g.receipts_root.to_string(), e.receipts_root.to_string()),
        ("stateRoot", g.state_root.to_string(), e.state_root.to_string()),
    ];
    for (field, got, expected) in fields {
        if got != expected {
            return Err(Error::Block { number, field, got, expected });
        }
    }
    if got.transactions != expected.transactions {
        return Err(Error::Malformed("its transactions are not those that were executed".into()));
    }
    match got.header == expected.header {
        true => Ok(()),
        false => Err(Error::Block {
            number,
            field: "header",
            got: format!("{g:?}"),
            expected: format!("{e:?}"),
        }),
    }
}

/// The EVM in the state after `view`, in the block of `header`, before its first transaction.
fn begin<I>(
    view: &View,
    chain_id: u64,
    header: &Header,
    parent: B256,
    inspector: I,
) -> Result<Machine<I>, Error> {
    let mut machine = machine(view.clone(), chain_id, block_env(header), inspector);
    // EIP-2935: contracts can read the hashes of the last 8,191 blocks.
    system(machine.system_call_commit(HISTORY_STORAGE_ADDRESS, parent.0.into()))?;
    Ok(machine)
}

/// The EVM in the block of `header`, whose parent's state is `view`, after the first of its
/// transactions, `before`: as the next one of them found it.
///
/// Errors: `Store` also for transactions that were not in that block.
pub fn replay<I>(
    view: &View,
    chain_id: u64,
    header: &Header,
    before: &[Transaction],
    inspector: I,
) -> Result<Machine<I>, Error> {
    let mut machine = begin(view, chain_id, header, header.parent_hash, inspector)?;
    for transaction in before {
        match machine.transact_commit(transaction.env()) {
            Ok(_) => {}
            Err(EVMError::Database(fault)) => return Err(fault.0),
            Err(other) => return Err(Error::Store(other.to_string())),
        }
    }
    Ok(machine)
}

/// Why a transaction is not in a block.
enum Left {
    /// It is more than there is room for; it may be in another.
    Full,
    /// Its turn has not come or has passed, or blocks cost more now; it may be in another.
    Later(String),
    /// The state does not allow it.
    Refused(String),
}

impl Left {
    fn of(why: &InvalidTransaction) -> Left {
        match why {
            InvalidTransaction::NonceTooHigh { .. }
            | InvalidTransaction::NonceTooLow { .. }
            | InvalidTransaction::GasPriceLessThanBasefee => Left::Later(why.to_string()),
            _ => Left::Refused(why.to_string()),
        }
    }
}

/// A block while it is executed.
struct Work {
    machine: Machine,
    gas_left: u64,
    gas_used: u64,
    transactions: Vec<Transaction>,
    receipts: Vec<ReceiptEnvelope>,
    blooms: Blooms,
    evidence: Vec<Bytes>,
}

impl Work {
    fn begin(chain: &Chain, parent: &Parent<'_>, start: &Start) -> Result<Work, Error> {
        let header = start.header(parent);
        let machine = begin(parent.view, chain.id, &header, parent.hash, ())?;
        Ok(Work {
            machine,
            gas_left: start.gas_limit,
            gas_used: 0,
            transactions: Vec::new(),
            receipts: Vec::new(),
            blooms: Blooms::default(),
            evidence: Vec::new(),
        })
    }

    fn run(&mut self, transaction: &Transaction) -> Result<Result<(), Left>, Error> {
        if transaction.envelope.gas_limit() > self.gas_left {
            return Ok(Err(Left::Full));
        }
        let result = match self.machine.transact_commit(transaction.env()) {
            Ok(result) => result,
            Err(EVMError::Transaction(why)) => return Ok(Err(Left::of(&why))),
            Err(EVMError::Database(fault)) => return Err(fault.0),
            Err(other) => return Err(Error::Store(other.to_string())),
        };
        let used = result.tx_gas_used();
        self.gas_used += used;
        self.gas_left -= used;
        let receipt = Receipt {
            status: result.is_success().into(),
            cumulative_gas_used: self.gas_used,
            logs: match result {
                ExecutionResult::Success { logs, .. } => logs,
                ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. } => Vec::new(),
            },
        };
        let kind = transaction.envelope.tx_type();
        let logs_bloom = self.blooms.of(&receipt.logs);
        let receipt = ReceiptWithBloom { receipt, logs_bloom };
        self.receipts.push(ReceiptEnvelope::from_typed(kind, receipt));
        self.transactions.push(transaction.clone());
        Ok(Ok(()))
    }

    /// Punishes whom `evidence` convicts, for whoever is paid for this block; else why it cannot.
    fn convict(&mut self, evidence: &Bytes) -> Result<Result<(), String>, Error> {
        if evidence.len() > EVIDENCE_BYTES_MAX {
            return Ok(Err(format!("is longer than {EVIDENCE_BYTES_MAX} bytes")));
        }
        let reporter = self.machine.ctx.block.beneficiary;
        let input = Conviction { reporter, evidence }.input();
        match self.machine.system_call_commit(STAKING, input.into()) {
            Ok(ExecutionResult::Revert { output, .. }) => {
                let reason = alloy_sol_types::decode_revert_reason(&output);
                Ok(Err(reason.unwrap_or_else(|| output.to_string())))
            }
            other => system(other).map(Ok),
        }
    }

    fn finish(mut self, parent: &Parent<'_>, start: Start) -> Result<Executed, Error> {
        let Start { seal, number, gas_limit, base_fee, last, .. } = start;
        let seal = Seal { evidence: self.evidence, ..seal };
        let end = End {
            leader: seal.leader,
            view: seal.view,
            before: seal.parent_view,
            last,
            parent: parent.hash,
        };
        system(self.machine.system_call_commit(STAKING, end.input().into()))?;
        let beneficiary = self.machine.ctx.block.beneficiary;
        let pending: Pending = self.machine.ctx.journaled_state.database;
        let (mut changes, state_root) = pending.finish()?;
        let senders = self.transactions.iter().map(|one| one.sender).collect();
        let transactions: Vec<_> = self.transactions.into_iter().map(|one| one.envelope).collect();
        let logs_bloom =
            self.receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
        let header = Header {
            parent_hash: parent.hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary,
            state_root,
            transactions_root: calculate_transaction_root(&transactions),
            receipts_root: calculate_receipt_root(&self.receipts),
            logs_bloom,
            difficulty: U256::ZERO,
            number,
            gas_limit,
            gas_used: self.gas_used,
            timestamp: seal.time_ms / 1_000,
            extra_data: seal.hash().into(),
            mix_hash: parent.hash,
            nonce: B64::ZERO,
            base_fee_per_gas: Some(base_fee),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        };
        let block = Arc::new(Block { header, seal, transactions });
        let hash = block.hash();
        (changes.number, changes.hash) = (number, hash);
        let changes = Arc::new(changes);
        let view = parent.view.after(changes.clone(), state_root);
        let receipts = Arc::new(self.receipts);
        Ok(Executed { block, hash, senders, receipts, changes, view })
    }
}

/// What came of a system call: it cannot fail but by a fault of this machine or of the rules.
fn system(called: Result<ExecutionResult, EVMError<crate::evm::Fault>>) -> Result<(), Error> {
    match called {
        Ok(ExecutionResult::Success { .. }) => Ok(()),
        Ok(other) => Err(Error::Store(format!("a system call ended in {other:?}"))),
        Err(EVMError::Database(fault)) => Err(fault.0),
        Err(other) => Err(Error::Store(other.to_string())),
    }
}
