//! `terroir-cluster`: the data chain on several machines, and SQL over what it made.

mod args;
mod talk;

use anyhow::{Context, Result, bail};
use args::{Args, Executor, Run, Scheduler, Sql, Verb};
use clap::Parser;
use serde_json::json;
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use terroir_cluster::drive::{Fleet, ready};
use terroir_cluster::serve::{self, Executor as Serving};
use terroir_cluster::sql::Session;
use terroir_cluster::{Error, run};
use terroir_corpus::catalogue::Catalogue;
use terroir_node::{Home, process};

/// Longest query, in bytes: 1 MiB.
const QUERY_BYTES_MAX: u64 = 1 << 20;

fn main() -> ExitCode {
    let args = Args::parse();
    talk::listen(args.verbose);
    let done = match args.verb {
        Verb::Scheduler(typed) => scheduler(&typed),
        Verb::Executor(typed) => executor(typed),
        Verb::Run(typed) => run(typed),
        Verb::Sql(typed) => sql(&typed),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<talk::Closed>() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn scheduler(typed: &Scheduler) -> Result<()> {
    let listener = TcpListener::bind((typed.host, typed.port))
        .with_context(|| format!("cannot listen on {}:{}", typed.host, typed.port))?;
    eprintln!("scheduler on {}", listener.local_addr()?);
    let runtime = tokio::runtime::Runtime::new()?;
    Ok(runtime.block_on(serve::scheduler(listener, typed.lost_after))?)
}

fn executor(typed: Executor) -> Result<()> {
    let home = home(typed.home)?;
    // Its folder goes when the executor does.
    let own = match &typed.work {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("terroir-executor-").tempdir()?),
    };
    let scratch = match (&typed.work, &own) {
        (Some(work), _) => work.clone(),
        (None, Some(own)) => own.path().to_owned(),
        (None, None) => unreachable!("without a folder one is made"),
    };
    std::fs::create_dir_all(&scratch)
        .with_context(|| format!("cannot make {}", scratch.display()))?;
    let scratch = std::path::absolute(scratch)?;
    let scratch = scratch.into_os_string().into_string().ok().context("--work is not UTF-8")?;
    let data = Catalogue::new(std::path::absolute(home.folder().join("data"))?);
    let folder = data.folder().display().to_string();
    let told = Serving {
        data,
        listen: (typed.host, typed.port).into(),
        scheduler: typed.scheduler.clone(),
        threads: threads(typed.threads),
        scratch,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let begins = |name: &str| eprintln!("executor {name} works in {folder}");
    Ok(runtime.block_on(serve::executor(told, begins))?)
}

fn run(typed: Run) -> Result<()> {
    let start = Instant::now();
    let home = home(typed.home)?;
    let fleet = Fleet::of(&address(&typed.scheduler))?;
    let told = run::Told {
        recipe: typed.recipe,
        set: typed.set,
        memory: typed.memory,
        shard: typed.shard,
        threads: threads(typed.threads),
        tag: typed.tag,
    };
    let run::Ran { outcome, skipped } = run::run(&home, &fleet, &told, &talk::progress)?;
    if typed.json {
        let mut said = outcome.view(skipped);
        said["wall_s"] = json!(start.elapsed().as_secs_f64());
        said["cpu_s"] = json!(process::cpu_ms().map(|ms| ms as f64 / 1e3));
        said["peak_rss_mib"] = json!(process::peak_bytes().map(|bytes| bytes >> 20));
        said["threads"] = json!(told.threads);
        said["executors"] = json!(fleet.done());
        return talk::data(format_args!("{said:#}"));
    }
    talk::data(format_args!("version  {}", outcome.id))?;
    talk::data(format_args!("root     {}", outcome.version.root()))?;
    let counts = &outcome.counts;
    talk::data(format_args!("records  {} read, {} pass", counts.records, counts.kept))?;
    for (name, shards) in fleet.done() {
        talk::data(format_args!("measured {shards} shards on {name}"))?;
    }
    Ok(())
}

fn sql(typed: &Sql) -> Result<()> {
    let query = match typed.query.as_deref() {
        Some("-") | None => {
            let mut text = String::new();
            let read = std::io::stdin().take(QUERY_BYTES_MAX + 1).read_to_string(&mut text);
            read.context("cannot read the query from stdin")?;
            text
        }
        Some(text) => text.to_owned(),
    };
    if query.len() as u64 > QUERY_BYTES_MAX {
        bail!("the query has more than {QUERY_BYTES_MAX} bytes");
    }
    let folder = typed.home.clone().or_else(usual).context(NO_HOME)?;
    let home = Home::find(&folder)?;
    let home = home.with_context(|| format!("there is no home in {}", folder.display()))?;
    let catalogue = Catalogue::new(home.folder().join("data"));
    let cluster = typed.cluster.as_ref().map(address);
    if let Some(cluster) = &cluster {
        ready(cluster)?;
    }
    let session = Session::new(typed.memory, cluster.as_deref())?;
    session.add_versions(&catalogue)?;
    let version = match &typed.version {
        Some(name) => Some(catalogue.find(name)?),
        None => catalogue.latest()?.map(|id| catalogue.open(&id)).transpose()?,
    };
    let answer = tokio::runtime::Runtime::new()?.block_on(async {
        if let Some(kept) = &version {
            session.add(&catalogue, kept).await?;
        }
        session.ask(&query, typed.rows).await
    });
    let answer = answer.map_err(|error: Error| match version {
        None => anyhow::Error::new(error).context("this home has no versions yet"),
        Some(_) => error.into(),
    })?;
    talk::table(&answer, typed.json)
}

/// Said where nobody said which home.
const NO_HOME: &str = "which data? give --home DIR, or set TERROIR_HOME";

fn home(typed: Option<PathBuf>) -> Result<Home> {
    let folder = typed.or_else(usual).context(NO_HOME)?;
    Home::open(&folder).with_context(|| format!("cannot open the home {}", folder.display()))
}

fn usual() -> Option<PathBuf> {
    std::env::var_os("TERROIR_HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

fn threads(typed: Option<std::num::NonZeroU16>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    typed.map_or_else(cores, |threads| usize::from(threads.get()))
}

fn address((host, port): &(String, u16)) -> String {
    format!("{host}:{port}")
}
