//! How much of what a node does with a block is the EVM: the same blocks by a node and by revm alone.
//!
//! Usage: `cargo run --release -p terroir-node --example share -- FOLDER [ROUNDS]`, where FOLDER is
//! that of a member which does not run. Prints one JSON object; what it means is in
//! `docs/benchmarks.md`, whose row `cargo xtask bench chain` makes with it.

use alloy_primitives::B256;
use alloy_primitives::map::B256Map;
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::state::{AccountInfo, Bytecode};
use revm::{ExecuteCommitEvm, MainBuilder, MainContext};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::path::Path;
use terroir_ledger::evm::{SPEC, block_env};
use terroir_ledger::{Block, Genesis, Transaction, verify};
use terroir_node::chain::{Chain, PoolLimits};

type Failed = Box<dyn std::error::Error>;

/// Blocks with fewer transactions than this part of the fullest one's are not judged.
const FULL: f64 = 0.5;

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

fn read(folder: &Path, text: &str) -> Result<(Vec<Recorded>, f64), Failed> {
    let chain = Chain::open(&folder.join("chain.redb"), text, PoolLimits::DEFAULT)?;
    let (tip, id) = (chain.tip(), chain.chain().id);
    let (mut recorded, mut recovering) = (Vec::new(), Vec::new());
    for number in 1..=tip.header.number {
        let block = tip.kept.block(number)?.ok_or("a block is missing")?;
        let (header, bytes) = (block.header.clone(), block.encode());
        let count = block.transactions.len();
        let check = |one: alloy_consensus::TxEnvelope| Transaction::check(one, id);
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

/// Microseconds of every block by a node: until it is decoded, executed and its roots are compared, and
/// until it is committed too. Who sent its transactions is known, as it is to a node that had them in
/// its mempool.
fn by_node(recorded: &[Recorded], text: &str) -> Result<Vec<(f64, f64)>, Failed> {
    let folder = tempfile::tempdir()?;
    let chain = Chain::open(&folder.path().join("chain.redb"), text, PoolLimits::DEFAULT)?;
    let mut times = Vec::new();
    for one in recorded {
        let known: B256Map<&Transaction> =
            one.transactions.iter().map(|known| (known.hash, known)).collect();
        let tip = chain.tip();
        let (executed, judged) = timed(|| -> Result<_, Failed> {
            let block = Block::decode(&one.bytes)?;
            let sent = |hash: &B256| known.get(hash).map(|known| Transaction::clone(known));
            let transactions: Option<Vec<_>> =
                block.transactions.iter().map(|one| sent(one.tx_hash())).collect();
            let transactions = transactions.ok_or("a transaction is unknown")?;
            Ok(verify(chain.chain(), &tip.parent(), &block, &transactions)?)
        });
        let executed = executed?;
        let (kept, keeping) = timed(|| chain.commit(&executed, one.certificate.as_deref()));
        kept?;
        times.push((judged, judged + keeping));
    }
    Ok(times)
}

/// Microseconds of every block by revm over a map in memory.
fn by_revm(recorded: &[Recorded], text: &str) -> Result<Vec<f64>, Failed> {
    let beginning = Genesis::parse(text)?.begin()?;
    let mut state = CacheDB::new(EmptyDB::default());
    for (address, account) in &beginning.changes.accounts {
        let Some(account) = account else { continue };
        let code = beginning.changes.codes.get(&account.code_hash).cloned().unwrap_or_default();
        let (balance, nonce) = (account.balance, account.nonce);
        let code = Bytecode::new_raw(code);
        let info = AccountInfo::new(balance, nonce, account.code_hash, code);
        state.insert_account_info(*address, info);
    }
    for ((address, slot), value) in &beginning.changes.slots {
        state.insert_account_storage(*address, *slot, *value)?;
    }
    let mut rules = CfgEnv::new_with_spec(SPEC);
    rules.chain_id = beginning.chain.id;
    let mut evm = Context::mainnet().with_db(state).with_cfg(rules).build_mainnet();
    let mut times = Vec::new();
    for one in recorded {
        let transactions: Vec<TxEnv> = one.transactions.iter().map(Transaction::env).collect();
        evm.ctx.block = one.block.clone();
        let (used, time) = timed(|| {
            let run = |one| evm.transact_commit(one).map(|result| result.tx_gas_used());
            transactions.into_iter().map(run).sum::<Result<u64, _>>()
        });
        if used? != one.gas_used {
            return Err("revm alone uses other gas than the block says".into());
        }
        times.push(time);
    }
    Ok(times)
}

fn main() -> Result<(), Failed> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("expected the folder of a member")?;
    let rounds: usize = words.next().map_or(Ok(3), |rounds| rounds.parse())?;
    let folder = Path::new(&folder);
    let text = std::fs::read_to_string(folder.join("genesis.toml"))?;
    let (recorded, recovering) = read(folder, &text)?;
    let count = |one: &Recorded| one.transactions.len() as f64;
    let full = recorded.iter().map(count).fold(0.0, f64::max) * FULL;
    let judged = |at: &usize| count(&recorded[*at]) >= full.max(1.0);
    let judged: Vec<usize> = (0..recorded.len()).filter(judged).collect();
    let (mut shares, mut judge, mut node, mut revm) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        let (ours, alone) = (by_node(&recorded, &text)?, by_revm(&recorded, &text)?);
        let (until, ours): (Vec<f64>, Vec<f64>) = ours.into_iter().unzip();
        let each = |times: &[f64]| {
            median(judged.iter().map(|at| times[*at] / count(&recorded[*at])).collect())
        };
        shares.push(median(judged.iter().map(|at| alone[*at] / ours[*at]).collect()));
        judge.push(each(&until));
        node.push(each(&ours));
        revm.push(each(&alone));
    }
    let said = json!({
        "blocks": judged.len(),
        "transactions": judged.iter().map(|at| recorded[*at].transactions.len()).sum::<usize>(),
        "share_percent": median(shares) * 100.0,
        "judge_us": median(judge),
        "node_us": median(node),
        "revm_us": median(revm),
        "recover_us": recovering,
    });
    println!("{said}");
    Ok(())
}
