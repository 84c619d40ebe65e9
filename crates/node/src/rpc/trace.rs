//! `debug_traceTransaction` and `debug_traceCall`: who called whom, by the EVM itself.
//!
//! Invariant: what a trace keeps and how long it takes are bounded; one beyond that is an error.

use super::args::Args;
use super::call::{self, Question};
use super::deadline::Deadline;
use super::failure::{Failure, reason};
use super::{Answer, Method, Rpc, say, shape};
use alloy_primitives::{Address, B256, Bytes, Log, U64, U256};
use alloy_rpc_types_eth::state::StateOverride;
use revm::Inspector;
use revm::context::ContextTr;
use revm::inspector::InspectEvm;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{
    CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, CreateScheme,
    InterpreterResult, SuccessOrHalt,
};
use serde::{Deserialize, Serialize};
use terroir_ledger::Transaction;
use terroir_ledger::execute::replay;

/// Most calls of a trace.
const FRAMES_MAX: usize = 1 << 16;
/// What a frame takes beside its bytes.
const FRAME_BYTES: usize = 256;

pub(super) const METHODS: &[Method] = &[
    Method::heavy("debug_traceTransaction", 2, transaction),
    Method::heavy("debug_traceCall", 3, question),
];

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Options {
    tracer: Option<String>,
    tracer_config: Config,
    state_overrides: Option<StateOverride>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    only_top_call: bool,
    with_log: bool,
}

impl Options {
    fn tracer(&self, rpc: &Rpc) -> Result<CallTracer, Failure> {
        match self.tracer.as_deref() {
            Some("callTracer") => {
                let bytes_left = rpc.limits.response_bytes / 4;
                Ok(CallTracer { config: self.tracer_config, bytes_left, ..CallTracer::default() })
            }
            other => {
                let got = other.unwrap_or("the default tracer");
                Err(Failure::unsupported(format!("{got}: there is only \"callTracer\"")))
            }
        }
    }
}

fn transaction(rpc: &Rpc, args: &mut Args) -> Answer {
    let (hash, options): (B256, Options) = (args.required()?, args.optional()?.unwrap_or_default());
    let tracer = options.tracer(rpc)?;
    let tip = rpc.chain.tip();
    let Some((found, place)) = rpc.place(&tip, &hash)? else {
        return Err(Failure::server("transaction not found"));
    };
    let chain_id = rpc.chain.chain().id;
    let header = &found.block.header;
    let parent = rpc.chain.block(&tip, header.number - 1)?;
    let parent = parent.ok_or_else(|| Failure::no_block(header.number - 1))?;
    let view = tip.kept.view(header.number - 1, parent.block.header.state_root);
    let read = |envelope: &alloy_consensus::TxEnvelope| {
        Transaction::check(envelope.clone(), chain_id).map_err(|error| Failure::internal(&error))
    };
    let transactions = found.block.transactions[..=place].iter().map(read);
    let transactions = transactions.collect::<Result<Vec<_>, _>>()?;
    let inspector = (Deadline::new(rpc.limits.execution), tracer);
    let mut machine = replay(&view, chain_id, header, &transactions[..place], inspector)?;
    let env = transactions[place].env();
    let gas_limit = env.gas_limit;
    call::outcome(machine.inspect_one_tx(env).map(|result| (result, ())))?;
    machine.inspector.1.finish(gas_limit, shape::gas_used(&found, place))
}

fn question(rpc: &Rpc, args: &mut Args) -> Answer {
    let (request, id) = (args.required()?, args.optional()?);
    let options: Options = args.optional()?.unwrap_or_default();
    let tracer = options.tracer(rpc)?;
    let mut question = Question::new(rpc, request, id)?;
    let inspector = (Deadline::new(rpc.limits.execution), tracer);
    let mut machine = question.machine(inspector, options.state_overrides)?;
    let gas_limit = question.env.gas_limit;
    let done = machine.inspect_one_tx(question.env);
    let (result, ()) = call::outcome(done.map(|result| (result, ())))?;
    machine.inspector.1.finish(gas_limit, result.tx_gas_used())
}

/// A call, as geth's `callTracer` shows it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    #[serde(rename = "type")]
    kind: &'static str,
    from: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<U256>,
    gas: U64,
    gas_used: U64,
    input: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revert_reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<FrameLog>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Frame>,
}

impl Frame {
    /// What is undone took its calls' logs with it.
    fn forget_logs(&mut self) {
        self.logs.clear();
        self.calls.iter_mut().for_each(Frame::forget_logs);
    }
}

#[derive(Debug, Serialize)]
struct FrameLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    /// Calls of the frame before it.
    position: U64,
}

/// Notes calls while the EVM runs.
#[derive(Debug, Default)]
struct CallTracer {
    config: Config,
    /// Calls that are not over, the outermost first.
    open: Vec<Frame>,
    /// Depth of calls that are not noted.
    skipped: usize,
    root: Option<Frame>,
    frames: usize,
    bytes_left: usize,
    full: bool,
}

impl CallTracer {
    fn take(&mut self, bytes: usize) {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => self.full = true,
        }
    }

    fn begin(&mut self, frame: impl FnOnce() -> Frame, bytes: usize) {
        self.frames += 1;
        self.full |= self.frames > FRAMES_MAX;
        if self.full || self.config.only_top_call && !self.open.is_empty() || self.skipped > 0 {
            self.skipped += 1;
            return;
        }
        self.take(bytes + FRAME_BYTES);
        self.open.push(frame());
    }

    fn end(&mut self, result: &InterpreterResult, created: Option<Address>) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        self.take(result.output.len());
        let Some(mut frame) = self.open.pop() else { return };
        frame.gas_used = U64::from(result.gas.total_gas_spent());
        frame.to = frame.to.or(created);
        frame.output = Some(result.output.clone()).filter(|output| !output.is_empty());
        match SuccessOrHalt::<revm::context::result::HaltReason>::from(result.result) {
            SuccessOrHalt::Success(_) => {}
            SuccessOrHalt::Revert => {
                frame.error = Some("execution reverted".into());
                frame.revert_reason = reason(&result.output);
                frame.forget_logs();
            }
            SuccessOrHalt::Halt(reason) => {
                frame.error = Some(call::halted(&reason));
                frame.output = None;
                frame.forget_logs();
            }
            SuccessOrHalt::FatalExternalError | SuccessOrHalt::Internal(_) => {
                frame.error = Some("internal error".into());
            }
        }
        match self.open.last_mut() {
            Some(above) => above.calls.push(frame),
            None => self.root = Some(frame),
        }
    }

    /// The trace of a transaction with so much gas, of which it used so much.
    fn finish(&mut self, gas_limit: u64, gas_used: u64) -> Answer {
        if self.full {
            let message = format!("the trace is longer than {FRAMES_MAX} calls or its bytes");
            return Err(Failure::limit(message));
        }
        let root = self.root.take();
        let mut root = root.ok_or_else(|| Failure::server("nothing was called"))?;
        (root.gas, root.gas_used) = (U64::from(gas_limit), U64::from(gas_used));
        say(&root)
    }
}

impl<C: ContextTr> Inspector<C, EthInterpreter> for CallTracer {
    fn call(&mut self, context: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let bytes = inputs.input.len();
        let frame = || Frame {
            kind: match inputs.scheme {
                CallScheme::Call => "CALL",
                CallScheme::CallCode => "CALLCODE",
                CallScheme::DelegateCall => "DELEGATECALL",
                CallScheme::StaticCall => "STATICCALL",
            },
            from: match inputs.scheme {
                CallScheme::DelegateCall => inputs.target_address,
                _ => inputs.caller,
            },
            to: Some(inputs.bytecode_address),
            value: match inputs.scheme {
                CallScheme::StaticCall => None,
                _ => Some(inputs.value.get()),
            },
            gas: U64::from(inputs.gas_limit),
            input: inputs.input.bytes(context),
            ..Frame::default()
        };
        self.begin(frame, bytes);
        None
    }

    fn call_end(&mut self, _: &mut C, _: &CallInputs, outcome: &mut CallOutcome) {
        self.end(&outcome.result, None);
    }

    fn create(&mut self, _: &mut C, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let frame = || Frame {
            kind: match inputs.scheme() {
                CreateScheme::Create2 { .. } => "CREATE2",
                _ => "CREATE",
            },
            from: inputs.caller(),
            value: Some(inputs.value()),
            gas: U64::from(inputs.gas_limit()),
            input: inputs.init_code().clone(),
            ..Frame::default()
        };
        self.begin(frame, inputs.init_code().len());
        None
    }

    fn create_end(&mut self, _: &mut C, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.end(&outcome.result, outcome.address);
    }

    fn log(&mut self, _: &mut C, log: Log) {
        if !self.config.with_log || self.skipped > 0 || self.full {
            return;
        }
        self.take(log.data.data.len() + FRAME_BYTES);
        if let Some(frame) = self.open.last_mut() {
            let position = U64::from(frame.calls.len());
            let (topics, data) = (log.data.topics().to_vec(), log.data.data);
            frame.logs.push(FrameLog { address: log.address, topics, data, position });
        }
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.begin(
            || Frame {
                kind: "SELFDESTRUCT",
                from: contract,
                to: Some(target),
                value: Some(value),
                ..Frame::default()
            },
            0,
        );
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if let (Some(frame), Some(above)) = (self.open.pop(), self.open.last_mut()) {
            above.calls.push(frame);
        }
    }
}
