//! Questions to the EVM that change nothing: calls, estimates of gas, access lists.
//!
//! Invariant: a question has at most the gas of a transaction, and at most so much time.

use super::args::Args;
use super::deadline::Deadline;
use super::failure::Failure;
use super::{Answer, Method, Rpc, say};
use alloy_consensus::Header;
use alloy_eips::BlockId;
use alloy_eips::eip2930::{AccessList, AccessListItem, AccessListResult};
use alloy_primitives::map::AddressMap;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, TxKind, U64, U256};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_rpc_types_eth::state::{AccountOverride, StateOverride};
use revm::context::TxEnv;
use revm::context::either::Either;
use revm::context::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction};
use revm::inspector::InspectEvm;
use revm::state::{Account, AccountInfo, Bytecode, EvmState, EvmStorageSlot};
use revm::{Database, DatabaseCommit};
use terroir_ledger::View;
use terroir_ledger::evm::{Fault, Machine, block_env, machine};
use terroir_ledger::native;
use terroir_ledger::transaction::GAS_MAX;

/// Gas of the smallest transaction.
const GAS_MIN: u64 = 21_000;
/// Gas that a call with value brings along.
const STIPEND: u64 = 2_300;
/// An estimate may be above what is needed by one part in so many.
const ESTIMATE_PARTS: u64 = 64;
/// Rounds until an access list changes nothing any more.
const LIST_ROUNDS_MAX: usize = 4;

pub(super) const METHODS: &[Method] = &[
    Method::heavy("eth_call", 3, call),
    Method::heavy("eth_estimateGas", 3, estimate),
    Method::heavy("eth_createAccessList", 2, access_list),
];

fn call(rpc: &Rpc, args: &mut Args) -> Answer {
    let (request, id, overrides) = (args.required()?, args.optional()?, args.optional()?);
    let mut question = Question::new(rpc, request, id)?;
    let mut machine = question.machine(Deadline::new(rpc.limits.execution), overrides)?;
    let done = machine.inspect_tx(question.env.clone());
    let (result, ()) = outcome(done.map(|done| (done.result, ())))?;
    say(&output(result)?)
}

fn estimate(rpc: &Rpc, args: &mut Args) -> Answer {
    let (request, id, overrides) = (args.required()?, args.optional()?, args.optional()?);
    let mut question = Question::new(rpc, request, id)?;
    let mut machine = question.machine(Deadline::new(rpc.limits.execution), overrides)?;
    let mut run = |gas| {
        let env = TxEnv { gas_limit: gas, ..question.env.clone() };
        machine.inspect_tx(env).map(|done| done.result)
    };
    let most = question.env.gas_limit;
    let first = run(most).map_err(failed)?;
    let (used, refunded) = (first.tx_gas_used(), first.gas().inner_refunded());
    if let ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } = first {
        return Err(Failure::server(format!("gas required exceeds allowance ({most})")));
    }
    output(first)?;
    let mut suffices = |gas| match run(gas) {
        Ok(result) => Ok(result.is_success()),
        // Less than it costs before anything of it runs.
        Err(EVMError::Transaction(_)) => Ok(false),
        Err(other) => Err(failed(other)),
    };
    if used == most || suffices(used)? {
        return say(&U64::from(used));
    }
    let (mut least, mut enough) = (used, most);
    // What it used, what came back at the end, and what calls leave to their caller: EIP-150.
    let mut gas = (used + refunded + STIPEND).saturating_mul(64) / 63;
    while enough - least > (enough / ESTIMATE_PARTS).max(1) {
        gas = gas.clamp(least + 1, enough - 1);
        match suffices(gas)? {
            true => enough = gas,
            false => least = gas,
        }
        gas = least + (enough - least) / 2;
    }
    say(&U64::from(enough))
}

fn access_list(rpc: &Rpc, args: &mut Args) -> Answer {
    let (request, id) = (args.required()?, args.optional()?);
    let mut question = Question::new(rpc, request, id)?;
    let mut machine = question.machine(Deadline::new(rpc.limits.execution), None)?;
    let mut rounds = 0;
    loop {
        let done = machine.inspect_tx(question.env.clone());
        let (result, state) = outcome(done.map(|done| (done.result, done.state)))?;
        let list = touched(&state, &question);
        rounds += 1;
        if list != question.env.access_list && rounds < LIST_ROUNDS_MAX {
            question.env.access_list = list;
            question.kind()?;
            continue;
        }
        let gas_used = U256::from(result.tx_gas_used());
        let error = output(result).err().map(|failure| failure.0.message().to_owned());
        return say(&AccessListResult { access_list: list, gas_used, error });
    }
}

/// What a transaction that read `state` would list.
fn touched(state: &EvmState, question: &Question) -> AccessList {
    let target = question.env.kind.to().copied();
    let mut list: Vec<AccessListItem> = Vec::new();
    for (address, account) in state {
        let mut keys: Vec<B256> = account.storage.keys().map(|slot| B256::from(*slot)).collect();
        keys.sort_unstable();
        // These are warm anyway.
        let free = *address == question.env.caller
            || Some(*address) == target
            || *address == question.header.beneficiary
            || account.is_created()
            || native::ALL.contains(address);
        if !keys.is_empty() || !free && !is_precompile(address) {
            list.push(AccessListItem { address: *address, storage_keys: keys });
        }
    }
    list.sort_unstable_by_key(|item| item.address);
    AccessList(list)
}

fn is_precompile(address: &Address) -> bool {
    address.0[..18].iter().all(|byte| *byte == 0)
}

/// A question: what is asked, of which state.
pub(super) struct Question {
    view: View,
    pub header: Header,
    chain_id: u64,
    pub env: TxEnv,
}

impl Question {
    pub fn new(
        rpc: &Rpc,
        request: TransactionRequest,
        id: Option<BlockId>,
    ) -> Result<Question, Failure> {
        let (view, mut header) = rpc.state(&rpc.chain.tip(), id)?;
        let chain_id = rpc.chain.chain().id;
        if let Some(got) = request.chain_id.filter(|got| *got != chain_id) {
            return Err(Failure::invalid(format!("invalid chain id: have {got}, want {chain_id}")));
        }
        let env = env(request, chain_id, header.gas_limit)?;
        if env.gas_price == 0 {
            // Who does not say what it pays asks what it would do if gas were free.
            header.base_fee_per_gas = Some(0);
        }
        let mut question = Question { view, header, chain_id, env };
        question.kind()?;
        Ok(question)
    }

    /// Finds the type of transaction that what is asked for needs.
    fn kind(&mut self) -> Result<(), Failure> {
        self.env.tx_type = 0;
        self.env.derive_tx_type().map_err(|error| Failure::invalid(format!("{error:?}")))
    }

    /// The EVM for it, in the state with `overrides`.
    pub fn machine<I>(
        &mut self,
        inspector: I,
        overrides: Option<StateOverride>,
    ) -> Result<Machine<I>, Failure> {
        let block = block_env(&self.header);
        let mut machine = machine(self.view.clone(), self.chain_id, block, inspector);
        machine.ctx.cfg.disable_nonce_check = true;
        // Contracts may ask too.
        machine.ctx.cfg.disable_eip3607 = true;
        let state = &mut machine.ctx.journaled_state.database;
        let mut changes = AddressMap::default();
        for (address, change) in overrides.into_iter().flatten() {
            changes.insert(address, overridden(state, address, change)?);
        }
        state.commit(changes);
        let caller = state.basic(self.env.caller).map_err(|fault| fault.0)?.unwrap_or_default();
        self.env.nonce = caller.nonce;
        self.env.gas_limit = self.env.gas_limit.min(affordable(&self.env, caller.balance)?);
        Ok(machine)
    }
}

/// Gas that the caller can pay beside what it sends; all of it where it pays nothing for gas.
fn affordable(env: &TxEnv, balance: U256) -> Result<u64, Failure> {
    let left = balance.checked_sub(env.value);
    let gas = left.map(|left| left.checked_div(U256::from(env.gas_price)).unwrap_or(U256::MAX));
    match gas {
        Some(gas) if gas >= U256::from(GAS_MIN) => Ok(u64::try_from(gas).unwrap_or(u64::MAX)),
        _ => {
            let least = U256::from(GAS_MIN) * U256::from(env.gas_price);
            Err(short(balance, env.value.saturating_add(least)))
        }
    }
}

fn short(balance: U256, cost: U256) -> Failure {
    Failure::server(format!(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}"
    ))
}

fn env(request: TransactionRequest, chain_id: u64, block_gas: u64) -> Result<TxEnv, Failure> {
    let TransactionRequest { gas_price, max_fee_per_gas, max_priority_fee_per_gas, .. } = request;
    if gas_price.is_some() && (max_fee_per_gas.is_some() || max_priority_fee_per_gas.is_some()) {
        let message = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
        return Err(Failure::invalid(message));
    }
    if request.blob_versioned_hashes.is_some() || request.max_fee_per_blob_gas.is_some() {
        return Err(Failure::invalid("transaction type not supported: 3"));
    }
    let price = gas_price.or(max_fee_per_gas).unwrap_or_default();
    let data = request.input.try_into_unique_input();
    let data = data.map_err(|error| Failure::invalid(error.to_string()))?.unwrap_or_default();
    let kind = request.to.unwrap_or(TxKind::Create);
    let most = block_gas.min(GAS_MAX);
    Ok(TxEnv {
        caller: request.from.unwrap_or_default(),
        gas_limit: request.gas.map_or(most, |gas| gas.min(most)),
        gas_price: price,
        kind,
        value: request.value.unwrap_or_default(),
        data,
        chain_id: Some(chain_id),
        access_list: request.access_list.unwrap_or_default(),
        gas_priority_fee: max_priority_fee_per_gas.filter(|_| price > 0),
        authorization_list: request
            .authorization_list
            .unwrap_or_default()
            .into_iter()
            .map(Either::Left)
            .collect(),
        ..TxEnv::default()
    })
}

/// The account at `address` as a question wants it to be.
fn overridden<D: Database<Error = Fault>>(
    state: &mut D,
    address: Address,
    change: AccountOverride,
) -> Result<Account, Failure> {
    if change.state.is_some() || change.move_precompile_to.is_some() {
        let message = "state overrides have balance, nonce, code and stateDiff";
        return Err(Failure::unsupported(message));
    }
    let mut info = state.basic(address).map_err(|fault| fault.0)?.unwrap_or_default();
    let AccountInfo { balance, nonce, .. } = info;
    info.balance = change.balance.unwrap_or(balance);
    info.nonce = change.nonce.unwrap_or(nonce);
    if let Some(code) = change.code {
        let code = Bytecode::new_raw_checked(code)
            .map_err(|error| Failure::invalid(format!("code of {address}: {error}")))?;
        info.code_hash = if code.is_empty() { KECCAK256_EMPTY } else { code.hash_slow() };
        info.code = Some(code);
    }
    let mut account = Account::from(info);
    account.mark_touch();
    for (slot, value) in change.state_diff.into_iter().flatten() {
        let value = U256::from_be_bytes(value.0);
        let slot = U256::from_be_bytes(slot.0);
        // Whatever it was, it is now changed.
        let changed = EvmStorageSlot::new_changed(!value, value, Default::default());
        account.storage.insert(slot, changed);
    }
    Ok(account)
}

/// What the EVM says, without what would keep a transaction out of a block.
pub(super) fn outcome<T>(
    done: Result<(ExecutionResult, T), EVMError<Fault>>,
) -> Result<(ExecutionResult, T), Failure> {
    done.map_err(failed)
}

fn failed(error: EVMError<Fault>) -> Failure {
    match error {
        EVMError::Database(fault) => Failure::from(fault.0),
        EVMError::Transaction(InvalidTransaction::LackOfFundForMaxFee { fee, balance }) => {
            short(*balance, *fee)
        }
        EVMError::Transaction(InvalidTransaction::CallGasCostMoreThanGasLimit {
            initial_gas,
            gas_limit,
        }) => {
            Failure::server(format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}"))
        }
        other => Failure::server(other.to_string()),
    }
}

/// What a call gave, or why it gave nothing.
pub(super) fn output(result: ExecutionResult) -> Result<Bytes, Failure> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(Failure::reverted(&output)),
        ExecutionResult::Halt { reason, .. } => Err(Failure::server(halted(&reason))),
    }
}

/// Why the EVM stopped, in the usual words.
pub(super) fn halted(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".to_owned(),
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode => "invalid opcode".to_owned(),
        other => other.to_string(),
    }
}
