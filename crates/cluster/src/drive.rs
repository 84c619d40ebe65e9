//! `run`: the embedded driver, with its passes over shards done by the executors of a cluster.
//!
//! Taking files in, comparing records and folding verdicts happen here; so does signing, as this
//! process holds the key. Invariant: no claim is made about a file that was not read here and found
//! to be what the executor said.

use crate::codec::Codec;
use crate::error::{Error, scheduler as refused};
use crate::job::Job;
use crate::plan::Measure;
use crate::report::{self, Done, Row};
use crate::session::config;
use ballista_core::config::BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK;
use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt;
use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::common::collect;
use datafusion_proto::protobuf::PhysicalPlanNode;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terroir_corpus::catalogue::Catalogue;
use terroir_corpus::claim::Bytes;
use terroir_corpus::error::damaged;
use terroir_corpus::measure::Took;
use terroir_corpus::run::{Made, Passed, Task};
use terroir_corpus::stage::Stage;

/// How long a scheduler may take to say whether it has executors.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends passes to the executors of one scheduler.
pub struct Fleet {
    address: String,
    runtime: tokio::runtime::Runtime,
    /// How many shards each executor measured.
    done: Mutex<BTreeMap<String, u64>>,
}

impl Fleet {
    /// The executors of the scheduler at `address`, a host and port.
    ///
    /// Errors: `Scheduler` when it does not answer or has none, `Machine`.
    pub fn of(address: &str) -> Result<Fleet, Error> {
        ready(address)?;
        let runtime = tokio::runtime::Runtime::new().map_err(crate::error::machine("threads"))?;
        Ok(Fleet { address: address.to_owned(), runtime, done: Mutex::default() })
    }

    /// How many shards each executor measured so far.
    pub fn done(&self) -> BTreeMap<String, u64> {
        self.done.lock().expect("nobody panics with the lock").clone()
    }

    /// Has `tasks` done with the chain `stages` of `job`, over the shards in `catalogue`.
    ///
    /// Errors: `Scheduler`; `Executor` for the first task that failed; `Corpus` when a file is not
    /// what an executor said.
    pub fn measure(
        &self,
        catalogue: &Catalogue,
        job: &Arc<Job>,
        stages: &[Stage],
        tasks: &[Task],
    ) -> Result<Vec<Passed>, Error> {
        let batches = self.runtime.block_on(self.send(job, tasks));
        let batches = batches.map_err(|error| refused(&self.address)(error.strip_backtrace()))?;
        let wrong = || refused(&self.address)("its executors answer in another way");
        let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for batch in &batches {
            for row in report::read(batch).ok_or_else(wrong)? {
                rows.entry(row.shard.clone()).or_default().push(row);
            }
        }
        let mut all = Vec::with_capacity(tasks.len());
        for task in tasks {
            let rows = rows.remove(&task.shard).unwrap_or_default();
            if let Some(row) = rows.first() {
                let mut done = self.done.lock().expect("nobody panics with the lock");
                *done.entry(row.executor.clone()).or_default() += 1;
            }
            all.push(passed(catalogue, stages, task, rows)?.ok_or_else(wrong)?);
        }
        Ok(all)
    }

    async fn send(
        &self,
        job: &Arc<Job>,
        tasks: &[Task],
    ) -> Result<Vec<RecordBatch>, DataFusionError> {
        let parts: Vec<Vec<RecordBatch>> =
            tasks.iter().map(|task| vec![report::task(task)]).collect();
        let shards = MemorySourceConfig::try_new_exec(&parts, report::wanted(), None)?;
        let measure = Arc::new(Measure::new(job.clone(), None, shards));
        // Brought together on one executor: when another is lost with what it had ready, the
        // scheduler sees that and has it done again.
        let plan = Arc::new(CoalescePartitionsExec::new(measure));
        // What an executor loses when it fails is then one shard for each of its threads.
        let config = config().set_usize(BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, 1);
        let session = format!("terroir-{}-{}", std::process::id(), terroir_node::now_ms());
        let rows = execute_physical_plan::<PhysicalPlanNode>(
            format!("http://{}", self.address),
            &config.ballista_config(),
            plan,
            &Codec::default(),
            session,
            config,
        )
        .await?;
        collect(rows).await
    }
}

/// Refuses a scheduler that does not answer or has no executor: what it is given would wait for ever.
///
/// Errors: `Scheduler`.
pub fn ready(address: &str) -> Result<(), Error> {
    let answer = ask(address).map_err(refused(address))?;
    match answer.starts_with("HTTP/1.1 200") {
        true => Ok(()),
        false => {
            let what = answer.lines().last().unwrap_or_default();
            Err(refused(address)(format!("has no executor ({what})")))
        }
    }
}

/// What the scheduler at `address` answers when it is asked whether it has executors.
fn ask(address: &str) -> std::io::Result<String> {
    let mut last = std::io::Error::other("has no address");
    for at in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&at, PATIENCE) {
            Ok(mut stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                let ask =
                    format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
                stream.write_all(ask.as_bytes())?;
                let mut answer = Vec::new();
                stream.take(1 << 16).read_to_end(&mut answer)?;
                return Ok(String::from_utf8_lossy(&answer).trim_end().to_owned());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What the `rows` about `task` tell; none where they tell something else.
fn passed(
    catalogue: &Catalogue,
    stages: &[Stage],
    task: &Task,
    rows: Vec<Row>,
) -> Result<Option<Passed>, Error> {
    let mut took = Took { stages_ns: Vec::new(), commit_ns: 0 };
    let mut made = Vec::new();
    for (place, Row { shard, executor: name, done }) in rows.into_iter().enumerate() {
        let Done { stage, cpu_ns, commit_ns, wrote } =
            done.map_err(|what| Error::Executor { name: name.clone(), what })?;
        let asked = task.wanted.get(place) == Some(&wrote.is_some());
        let Some(known) = stages.get(place).filter(|_| asked && stage as usize == place) else {
            return Ok(None);
        };
        took.stages_ns.push(cpu_ns);
        took.commit_ns += commit_ns;
        made.push(match wrote {
            None => None,
            Some(wrote) => {
                let path = catalogue.measured(known, &shard);
                let found = Made::of(catalogue, &path, wrote.out)?;
                let Bytes { digest, length, .. } = found.bytes;
                if (digest, length) != (wrote.digest, wrote.length) {
                    let what = format!(
                        "has {length} bytes with the digest {digest} here, and executor {name} \
                         wrote {} with {}: do both have the same data folder?",
                        wrote.length, wrote.digest
                    );
                    return Err(damaged(&path, what).into());
                }
                Some(found)
            }
        });
    }
    Ok((made.len() == stages.len()).then_some(Passed { made, took }))
}

#[cfg(test)]
mod tests;
