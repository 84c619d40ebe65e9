//! The two programs of a cluster: a scheduler, and executors that ask it for work.
//!
//! Both are Ballista's; what is ours is the functions and codecs that they know. Invariant: neither
//! listens to other machines unless it is told to, as nobody is asked who they are.

use crate::codec::Codec;
use crate::error::{Error, machine, scheduler as refused};
use crate::session::{MESSAGE_BYTES_MAX, config, state};
use crate::worker::Worker;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use terroir_corpus::catalogue::Catalogue;

/// Seconds between looks for executors that are gone.
const LOOK_SECONDS: u64 = 2;
/// The same limit in Ballista's own types.
const MESSAGE_MAX: u32 = MESSAGE_BYTES_MAX as u32;

/// Runs a scheduler on `listener` until the process ends. An executor that has said nothing for
/// `lost_seconds` is lost, and what it did is done again.
///
/// Errors: `Machine`, `Scheduler`.
pub async fn scheduler(listener: TcpListener, lost_seconds: u64) -> Result<(), Error> {
    listener.set_nonblocking(true).map_err(machine("cannot listen"))?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(machine("cannot listen"))?;
    let at = listener.local_addr().map_err(machine("cannot listen"))?;
    let settings = SchedulerConfig {
        bind_host: at.ip().to_string(),
        bind_port: at.port(),
        external_host: at.ip().to_string(),
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: lost_seconds,
        no_executors_grace_period_seconds: lost_seconds,
        expire_dead_executor_interval_seconds: LOOK_SECONDS,
        grpc_server_max_decoding_message_size: MESSAGE_MAX,
        grpc_server_max_encoding_message_size: MESSAGE_MAX,
        grpc_client_max_message_size: MESSAGE_MAX,
        override_config_producer: Some(Arc::new(config)),
        override_session_builder: Some(Arc::new(state)),
        override_physical_codec: Some(Arc::new(Codec::default())),
        ..SchedulerConfig::default()
    };
    let address = at.to_string();
    let cluster = BallistaCluster::new_from_config(&settings).await;
    let cluster = cluster.map_err(refused(&address))?;
    let server = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(settings));
    let server = server.await.map_err(refused(&address))?;
    start_grpc_service_with_listener(listener, server).await.map_err(refused(&address))
}

/// What an executor is told.
pub struct Executor {
    /// The data folder that it shares with runs.
    pub data: Catalogue,
    /// Where it listens; port 0 stands for any free one.
    pub listen: SocketAddr,
    /// The scheduler's host and port.
    pub scheduler: (String, u16),
    /// Shards that it measures at a time, each on a thread.
    pub threads: usize,
    /// A folder of its own, for what it passes on to others.
    pub scratch: String,
}

/// Runs an executor until the process is told to stop; calls `begins` with its name.
///
/// Errors: `Machine`, `Scheduler`.
pub async fn executor(told: Executor, begins: impl FnOnce(&str)) -> Result<(), Error> {
    let listen = match told.listen.port() {
        0 => free(told.listen.ip())?,
        _ => told.listen,
    };
    let name = format!("{listen}/{}", std::process::id());
    let worker = Arc::new(Worker::new(told.data, name.clone()));
    let registry = state(config()).map_err(crate::error::query)?;
    let (host, port) = told.scheduler;
    let address = format!("{host}:{port}");
    let settings = ExecutorProcessConfig {
        executor_id: name.clone(),
        bind_host: listen.ip().to_string(),
        port: listen.port(),
        scheduler_host: host,
        scheduler_port: port,
        scheduler_connect_timeout_seconds: 0,
        vcores: told.threads,
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(told.scratch),
        grpc_max_decoding_message_size: MESSAGE_MAX,
        grpc_max_encoding_message_size: MESSAGE_MAX,
        override_config_producer: Some(Arc::new(config)),
        override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&registry))),
        override_physical_codec: Some(Arc::new(Codec::of(worker))),
        ..ExecutorProcessConfig::default()
    };
    begins(&name);
    start_executor_process(Arc::new(settings)).await.map_err(refused(&address))
}

/// A port that nobody listens on now.
fn free(host: IpAddr) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind((host, 0));
    let listener = listener.map_err(machine(format!("cannot listen on {host}")))?;
    listener.local_addr().map_err(machine("cannot listen"))
}
