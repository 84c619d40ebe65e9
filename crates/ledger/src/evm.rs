//! The EVM over a view of the state, with the native contracts beside Ethereum's own.
//!
//! Rules are those of Osaka, by `revm`. Invariant: a fault of this machine's disk ends an execution
//! with an error; it never looks like an empty account.

use crate::error::Error;
use crate::native::{self, Host, Input, Now, Stop};
use crate::pending::Pending;
use crate::state::View;
use alloy_consensus::Header;
use alloy_primitives::map::AddressSet;
use alloy_primitives::{Address, Bytes, Log, U256};
use revm::context::{
    BlockEnv, Cfg, CfgEnv, Context, ContextTr, Evm, FrameStack, Journal, JournalTr, TxEnv,
};
use revm::context_interface::Block as _;
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::database_interface::DBErrorMarker;
use revm::handler::instructions::EthInstructions;
use revm::handler::{EthFrame, EthPrecompiles, PrecompileProvider};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult};
use revm::primitives::hardfork::SpecId;

/// The rules of the EVM.
pub const SPEC: SpecId = SpecId::OSAKA;

/// A fault of this machine, in the EVM's terms.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Fault(#[from] pub Error);

impl DBErrorMarker for Fault {}

/// What the EVM runs in.
pub type Env = Context<BlockEnv, TxEnv, CfgEnv, Pending, Journal<Pending>, ()>;
/// The EVM of this chain, with an inspector where one looks on.
pub type Machine<I = ()> =
    Evm<Env, I, EthInstructions<EthInterpreter, Env>, Natives, EthFrame<EthInterpreter>>;

/// The EVM over `view` in the block `block` of the chain `chain_id`.
pub fn machine<I>(view: View, chain_id: u64, block: BlockEnv, inspector: I) -> Machine<I> {
    let mut cfg = CfgEnv::new_with_spec(SPEC);
    cfg.chain_id = chain_id;
    let ctx = Context::<BlockEnv, TxEnv, CfgEnv, Pending, Journal<Pending>, ()>::new(
        Pending::new(view),
        SPEC,
    )
    .with_cfg(cfg)
    .with_block(block);
    Evm {
        ctx,
        inspector,
        instruction: EthInstructions::new_mainnet_with_spec(SPEC),
        precompiles: Natives::new(),
        frame_stack: FrameStack::new_prealloc(8),
    }
}

/// What contracts see of the block with the header `header`.
pub fn block_env(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        // Known to whoever proposes: contracts must not draw lots with it.
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, 1)),
        slot_num: header.number,
    }
}

/// Ethereum's precompiled contracts and ours.
#[derive(Clone, Debug)]
pub struct Natives {
    ethereum: EthPrecompiles,
    warm: AddressSet,
}

impl Natives {
    fn new() -> Natives {
        let ethereum = EthPrecompiles::new(SPEC);
        let mut warm = ethereum.warm_addresses().clone();
        warm.extend(native::ALL);
        Natives { ethereum, warm }
    }
}

impl<C: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<C> for Natives {
    type Output = InterpreterResult;

    fn set_spec(&mut self, _: SpecId) -> bool {
        // One set of rules; its addresses are to be warmed once a transaction.
        true
    }

    fn run(
        &mut self,
        context: &mut C,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        if !native::ALL.contains(&inputs.bytecode_address) {
            return self.ethereum.run(context, inputs);
        }
        let now = Now {
            chain_id: context.cfg().chain_id(),
            number: context.block().number().saturating_to(),
            time: context.block().timestamp().saturating_to(),
        };
        let data = inputs.input.bytes(context);
        let outcome = if inputs.bytecode_address == inputs.target_address {
            let input = Input {
                to: inputs.target_address,
                caller: inputs.caller,
                value: inputs.value.get(),
                data: &data,
                gas: inputs.gas_limit,
                write: !inputs.is_static,
            };
            native::run(&mut Journaled(context.journal_mut()), now, input)
        } else {
            // Its slots are its own: nobody runs its code over others.
            let stop = Stop::Revert("a native contract cannot be delegated to".into());
            Some(native::Outcome { result: Err(stop), gas: 0 })
        };
        let Some(native::Outcome { result, gas: used }) = outcome else { return Ok(None) };
        let mut gas = Gas::new(inputs.gas_limit);
        let (how, output) = match result {
            Ok(output) => (InstructionResult::Return, output),
            Err(Stop::Fatal(why)) => return Err(why),
            Err(Stop::OutOfGas) => {
                gas.spend_all();
                let how = InstructionResult::PrecompileOOG;
                return Ok(Some(InterpreterResult::new(how, Bytes::new(), gas)));
            }
            Err(stop) => (InstructionResult::Revert, stop.output()),
        };
        let paid = gas.record_regular_cost(used);
        debug_assert!(paid, "a meter never uses more than it has");
        Ok(Some(InterpreterResult::new(how, output, gas)))
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.warm
    }
}

/// The journal of a transaction as native contracts see it.
pub(crate) struct Journaled<'a, J>(pub &'a mut J);

impl<J: JournalTr> Host for Journaled<'_, J> {
    fn load(&mut self, address: Address, slot: U256) -> Result<(U256, bool), String> {
        // A slot is read only of an account that the journal has.
        self.0.load_account(address).map_err(|error| error.to_string())?;
        let load = self.0.sload(address, slot).map_err(|error| error.to_string())?;
        Ok((load.data, load.is_cold))
    }

    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<(U256, bool), String> {
        self.0.load_account(address).map_err(|error| error.to_string())?;
        let done = self.0.sstore(address, slot, value).map_err(|error| error.to_string())?;
        self.0.touch_account(address);
        Ok((done.data.present_value, done.is_cold))
    }

    fn event(&mut self, log: Log) {
        JournalTr::log(self.0, log);
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) -> Result<bool, String> {
        let failed = self.0.transfer(from, to, value).map_err(|error| error.to_string())?;
        Ok(failed.is_none())
    }

    fn mint(&mut self, address: Address, value: U256) -> Result<(), String> {
        self.0.balance_incr(address, value).map_err(|error| error.to_string())
    }
}
