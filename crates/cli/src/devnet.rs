//! `devnet`: a chain of several validators on this machine.

use crate::settings::Settings;
use crate::{Verdict, args, output};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use terroir_node::account::Signer;
use terroir_node::devnet::{Alone, Devnet, Load, Options, Sustained, forget};

/// Does what was typed.
pub fn run(settings: &Settings, verb: args::Devnet) -> Result<Verdict> {
    let place = |dir: Option<PathBuf>| match dir {
        Some(dir) => anyhow::Ok(dir),
        None => Ok(settings.folder()?.join("devnet")),
    };
    match verb {
        args::Devnet::Up(typed) => {
            if typed.dir.is_none() {
                settings.open_home()?;
            }
            up(place(typed.dir.clone())?, &typed)
        }
        args::Devnet::Down { dir, forget, json } => down(&place(dir)?, forget, json),
        args::Devnet::Status { dir, json } => status(&place(dir)?, json),
        args::Devnet::Load { dir, alone, seconds, json } => {
            load(&place(dir)?, alone, Duration::from_secs(seconds), json)
        }
        args::Devnet::Logs { validator, dir } => logs(&place(dir)?, validator),
    }
}

fn up(folder: PathBuf, typed: &args::DevnetUp) -> Result<Verdict> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let args::DevnetUp { validators, port, chain_id, .. } = *typed;
    let devnet = Devnet::up(&folder, &program, &Options { validators, port, chain_id })?;
    if typed.json {
        output::json(&serde_json::to_value(&devnet)?)?;
        return Ok(Verdict::Yes);
    }
    output::data(format_args!("chain     {}", devnet.chain_id))?;
    for rpc in &devnet.rpc {
        output::data(format_args!("rpc       {rpc}"))?;
    }
    output::data(format_args!("explorer  {}", devnet.explorer))?;
    output::data("accounts, whose keys everybody knows:")?;
    for account in &devnet.accounts {
        output::data(format_args!("  {}  {}", account.address, account.private_key))?;
    }
    output::talk("end it: terroir devnet down");
    Ok(Verdict::Yes)
}

fn down(folder: &std::path::Path, forgets: bool, json: bool) -> Result<Verdict> {
    let ended = match Devnet::find(folder)? {
        Some(devnet) => devnet.down()?,
        None => 0,
    };
    if forgets {
        forget(folder)?;
    }
    match json {
        true => output::json(&json!({ "ended": ended, "forgotten": forgets }))?,
        false => output::data(format_args!("{ended} validators ended"))?,
    }
    Ok(Verdict::Yes)
}

fn status(folder: &std::path::Path, json: bool) -> Result<Verdict> {
    let states = Devnet::find(folder)?.map(|devnet| devnet.state()).unwrap_or_default();
    let all = !states.is_empty() && states.iter().all(|state| state.running);
    if json {
        output::json(&json!({ "running": all, "validators": states }))?;
    }
    for state in states.iter().filter(|_| !json) {
        let block = match (state.running, state.block) {
            (false, _) => "does not run".to_owned(),
            (true, None) => "does not answer".to_owned(),
            (true, Some(block)) => format!("block {block}"),
        };
        output::data(format_args!("{}  pid {:<8} {block}", state.rpc, state.pid))?;
    }
    if states.is_empty() && !json {
        output::data("nothing runs: terroir devnet up")?;
    }
    Ok(if all { Verdict::Yes } else { Verdict::No })
}

fn load(folder: &std::path::Path, alone: u64, time: Duration, json: bool) -> Result<Verdict> {
    let devnet = Devnet::find(folder)?.context("nothing runs: terroir devnet up")?;
    // The last account: it is nobody's who sits in the committee.
    let account = devnet.accounts.last().context("no account has money")?;
    let payer = Signer::parse(&account.private_key.to_string()).context("a key that is none")?;
    let load = Load::new(&devnet.rpc, payer)?;
    let alone = (alone > 0).then(|| load.alone(alone)).transpose()?;
    if let Some(alone) = alone.filter(|_| !json) {
        let Alone { count, p50_ms, p99_ms, .. } = alone;
        output::data(format_args!(
            "{count} alone: half final in {p50_ms:.0} ms, 99 of 100 in {p99_ms:.0}"
        ))?;
    }
    let sustained = (!time.is_zero()).then(|| load.sustained(time)).transpose()?;
    if let Some(sustained) = sustained.filter(|_| !json) {
        let Sustained { per_s, payments, seconds, .. } = sustained;
        output::data(format_args!("{payments} in {seconds:.0} s: {per_s:.0} final a second"))?;
    }
    if json {
        output::json(&json!({ "alone": alone, "sustained": sustained }))?;
    }
    Ok(Verdict::Yes)
}

fn logs(folder: &std::path::Path, validator: usize) -> Result<Verdict> {
    let path = Devnet::find(folder)?.and_then(|devnet| devnet.log(validator));
    let Some(path) = path else { bail!("there is no validator {validator}") };
    let mut log = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    match io::copy(&mut log, &mut io::stdout().lock()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(output::Closed.into()),
        copied => copied.map(|_| Verdict::Yes).context("cannot copy the log"),
    }
}
