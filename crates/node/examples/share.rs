//! How much of what a node does with a block is the EVM: the same blocks by a node and by revm alone.
//!
//! Usage: `cargo run --release -p terroir-node --example share -- FOLDER ROUNDS FROM TO`, where FOLDER
//! is that of a member which does not run, and FROM and TO are the first and the last block that count.
//! Prints one JSON object; what it means is in `docs/benchmarks.md`, whose rows `cargo xtask bench chain`
//! makes with it.

use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::Encodable2718;
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::state::AccountInfo;
use revm::{ExecuteCommitEvm, MainBuilder, MainContext};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::path::Path;
use terroir_ledger::evm::{SPEC, block_env};
use terroir_ledger::{Block, Executed, Genesis, Transaction, verify};
use terroir_node::chain::{Chain, Origin, PoolLimits};

type Failed = Box<dyn std::error::Error>;

/// A block as it was kept, and what its round needs of it beforehand.
struct Recorded {
    bytes: Vec<u8>,
    certificate: Option<Vec<u8>>,
    transactions: Vec<Transaction>,
    gas_used: u64,
    block: BlockEnv,
}

/// Seconds of processor time of this process, all threads together.
fn processor() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Runs `work`; gives its processor time in microseconds too.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let begun = processor();
    let done = work();
    (done, (processor() - begun) * 1e6)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The blocks from 1 to `last`, and how long it took to find who sent one of their transactions.
fn read(folder: &Path, text: &str, last: u64) -> Result<(Vec<Recorded>, f64), Failed> {
    let chain = Chain::open(&folder.join("chain.redb"), text, PoolLimits::DEFAULT)?;
    let (tip, id) = (chain.tip(), chain.chain().id);
    let (mut recorded, mut recovering) = (Vec::new(), Vec::new());
    for number in 1..=last {
        let block = tip.kept.block(number)?.ok_or("a block is missing")?;
        let (header, bytes) = (block.header.clone(), block.encode());
        let count = block.transactions.len();
        let check = |one: TxEnvelope| Transaction::check(one, id);
        let (checked, time) =
            timed(|| block.transactions.into_iter().map(check).collect::<Result<Vec<_>, _>>());
        if count > 0 {
            recovering.push(time / count as f64);
        }
        let certificate = tip.kept.certificate(number)?.map(|bytes| bytes.to_vec());
        let (gas_used, block) = (header.gas_used, block_env(&header));
        recorded.push(Recorded { bytes, certificate, transactions: checked?, gas_used, block });
    }
    Ok((recorded, median(recovering)))
}

/// Microseconds of processor time of the blocks that count.
#[derive(Default)]
struct Round {
    /// By a node, until they are decoded, executed and their roots are compared. Their transactions are
    /// in its mempool, which knows who sent them.
    judging: f64,
    /// By a node, to keep them and to clear its mempool of them. Blocks are written many at once: what was
    /// left to write before the first and after the last of these is in it.
    keeping: f64,
    /// By revm over a map in memory.
    revm: f64,
}

impl Round {
    /// All blocks by a node and by revm, in turns: both find the machine as busy as the other.
    fn run(recorded: &[Recorded], first: usize, text: &str, disk: &Path) -> Result<Round, Failed> {
        let folder = tempfile::tempdir_in(disk)?;
        let chain = Chain::open(&folder.path().join("chain.redb"), text, PoolLimits::DEFAULT)?;
        let mut rules = CfgEnv::new_with_spec(SPEC);
        rules.chain_id = chain.chain().id;
        let state = beginning(text)?;
        let mut evm = Context::mainnet().with_db(state).with_cfg(rules).build_mainnet();
        let mut round = Round::default();
        for (at, one) in recorded.iter().enumerate() {
            for transaction in &one.transactions {
                chain.mempool().add(&transaction.envelope.encoded_2718(), Origin::Local)?;
            }
            let (executed, judging) = timed(|| judge(&chain, one));
            let executed = executed?;
            let (kept, keeping) = timed(|| {
                let kept = chain.commit(&executed, one.certificate.as_deref());
                drop(executed);
                kept
            });
            kept?;
            let transactions: Vec<TxEnv> = one.transactions.iter().map(Transaction::env).collect();
            evm.ctx.block = one.block.clone();
            let (used, revm) = timed(|| {
                let run = |one| evm.transact_commit(one).map(|result| result.tx_gas_used());
                transactions.into_iter().map(run).sum::<Result<u64, _>>()
            });
            if used? != one.gas_used {
                return Err("revm alone uses other gas than the block says".into());
            }
            if at >= first {
                round.judging += judging;
                round.keeping += keeping;
                round.revm += revm;
            }
        }
        let ((), keeping) = timed(|| drop(chain));
        round.keeping += keeping;
        Ok(round)
    }
}

fn judge(chain: &Chain, one: &Recorded) -> Result<Executed, Failed> {
    let block = Block::decode(&one.bytes)?;
    let known = |one: &TxEnvelope| chain.mempool().get(one.tx_hash());
    let known = block.transactions.iter().map(|one| Some(Transaction::clone(&*known(one)?)));
    let transactions = known.collect::<Option<Vec<_>>>().ok_or("a transaction is unknown")?;
    Ok(verify(chain.chain(), &chain.tip().parent(), &block, &transactions)?)
}

/// The state of block 0 as a map in memory.
fn beginning(text: &str) -> Result<CacheDB<EmptyDB>, Failed> {
    let beginning = Genesis::parse(text)?.begin()?;
    let mut state = CacheDB::new(EmptyDB::default());
    for (address, account) in &beginning.changes.accounts {
        let Some(account) = account else { continue };
        let code = beginning.changes.codes.get(&account.code_hash).cloned().unwrap_or_default();
        let (balance, nonce) = (account.balance, account.nonce);
        let info = AccountInfo::new(balance, nonce, account.code_hash, code);
        state.insert_account_info(*address, info);
    }
    for ((address, slot), value) in &beginning.changes.slots {
        state.insert_account_storage(*address, *slot, *value)?;
    }
    Ok(state)
}

fn main() -> Result<(), Failed> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rounds, from, to] = &words[..] else {
        return Err("expected the folder of a member, rounds, the first and the last block".into());
    };
    let (rounds, from, to): (usize, u64, u64) = (rounds.parse()?, from.parse()?, to.parse()?);
    let folder = Path::new(folder);
    let text = std::fs::read_to_string(folder.join("genesis.toml"))?;
    let (recorded, recovering) = read(folder, &text, to)?;
    let first = usize::try_from(from.max(1) - 1)?;
    let counted = recorded.get(first..).ok_or("there are no such blocks")?;
    let count = counted.iter().map(|one| one.transactions.len()).sum::<usize>();
    let gas: u64 = counted.iter().map(|one| one.gas_used).sum();
    let rounds = (0..rounds).map(|_| Round::run(&recorded, first, &text, folder));
    let rounds = rounds.collect::<Result<Vec<_>, _>>()?;
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let each = |figure| of(figure) / count as f64;
    let said = json!({
        "blocks": counted.len(),
        "transactions": count,
        "gas": gas,
        "share_percent": of(|one| one.revm / (one.judging + one.keeping)) * 100.0,
        "judge_us": each(|one| one.judging),
        "node_us": each(|one| one.judging + one.keeping),
        "revm_us": each(|one| one.revm),
        "recover_us": recovering,
    });
    println!("{said}");
    Ok(())
}
