//! `chain`: looking at a chain, and checking that a block is final.

use crate::{Verdict, args, output};
use anyhow::{Context, Result};
use serde_json::json;
use std::path::Path;
use terroir_node::light::{self, FinalBlock};
use terroir_node::rpc::Client;

/// Does what was typed.
pub fn run(verb: args::Chain) -> Result<Verdict> {
    match verb {
        args::Chain::Status { rpc, json } => status(&Client::new(&rpc.rpc), json),
        args::Chain::Header { number, rpc, out } => header(&Client::new(&rpc.rpc), number, &out),
        args::Chain::VerifyHeader { file, genesis, json } => verify(&file, &genesis, json),
        args::Chain::Genesis { file } => {
            output::data(light::genesis_hash(&output::read_text(&file)?)?)?;
            Ok(Verdict::Yes)
        }
    }
}

fn status(client: &Client, json: bool) -> Result<Verdict> {
    let chain = client.number("eth_chainId", json!([]))?;
    let block = client.call("eth_getBlockByNumber", json!(["latest", false]))?;
    let number = client.number("eth_blockNumber", json!([]))?;
    let waiting = client.call("txpool_status", json!([]))?;
    let version = client.call("web3_clientVersion", json!([]))?;
    if json {
        let hash = &block["hash"];
        output::json(&json!({
            "chain_id": chain, "block": number, "hash": hash, "waiting": waiting, "node": version,
        }))?;
        return Ok(Verdict::Yes);
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    output::data(format_args!("node     {}", text(&version)))?;
    output::data(format_args!("chain    {chain}"))?;
    output::data(format_args!("block    {number}, final, {}", text(&block["hash"])))?;
    output::data(format_args!(
        "waiting  {}, later {}",
        text(&waiting["pending"]),
        text(&waiting["queued"])
    ))?;
    Ok(Verdict::Yes)
}

fn header(client: &Client, number: u64, out: &Path) -> Result<Verdict> {
    let proof = FinalBlock::fetch(client, number)?;
    let text = serde_json::to_string_pretty(&proof)?;
    std::fs::write(out, text + "\n").with_context(|| format!("cannot write {}", out.display()))?;
    let epochs = proof.epochs.len();
    output::talk(format_args!("block {number}, {epochs} epochs after the first"));
    Ok(Verdict::Yes)
}

fn verify(file: &Path, genesis: &Path, json: bool) -> Result<Verdict> {
    let text = output::read_text(file)?;
    let proof: FinalBlock = serde_json::from_str(&text)
        .with_context(|| format!("{} is no proof that a block is final", file.display()))?;
    let checked = proof.check(&output::read_text(genesis)?);
    let said = match &checked {
        Ok(found) => {
            let hash = light::hex(&found.hash);
            json!({
                "final": true, "number": found.header.number, "hash": hash,
                "state_root": light::hex(&found.header.state_root), "epoch": found.seal.epoch,
                "view": found.seal.view, "time_ms": found.seal.time_ms,
            })
        }
        Err(why) => json!({ "final": false, "why": why.to_string() }),
    };
    match (&checked, json) {
        (_, true) => output::json(&said)?,
        (Ok(found), false) => {
            output::data(format_args!("block {} is final", found.header.number))?;
            output::data(format_args!("hash        {}", light::hex(&found.hash)))?;
            output::data(format_args!("state root  {}", light::hex(&found.header.state_root)))?;
            output::data(
                "not looked at: what the block did; that less than a third of each committee lied",
            )?;
        }
        (Err(why), false) => output::data(format_args!("refused: {why}"))?,
    }
    Ok(if checked.is_ok() { Verdict::Yes } else { Verdict::No })
}
