//! `account`: keys of people on this machine, and payments.

use crate::settings::Settings;
use crate::{Verdict, args, output};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::io::{IsTerminal, stdin};
use terroir_node::account::{Accounts, Address, Signer, U256, send, wait};
use terroir_node::rpc::Client;

/// Digits after the point of a token.
const DIGITS: usize = 18;

/// Does what was typed.
pub fn run(settings: &Settings, verb: args::Account) -> Result<Verdict> {
    let accounts = || anyhow::Ok(Accounts::of(settings.folder()?.join("accounts")));
    // Whoever keeps one makes the home that it lies in.
    let keep = |signer: &Signer, password: &str| {
        settings.open_home()?;
        anyhow::Ok(accounts()?.keep(signer, password)?)
    };
    match verb {
        args::Account::New { password, json } => {
            let password = secret(&password, true)?;
            kept(keep(&Signer::random()?, &password)?, json)
        }
        args::Account::Import { key, password, json } => {
            let text = output::read_text(&key)?;
            let signer = Signer::parse(&text).context("expected a key in 64 hexadecimal digits")?;
            let password = secret(&password, true)?;
            kept(keep(&signer, &password)?, json)
        }
        args::Account::List { json } => list(&accounts()?, json),
        args::Account::Export { address, password } => {
            let signer = accounts()?.unlock(parse(&address)?, &secret(&password, false)?)?;
            output::data(signer.secret().as_str())?;
            Ok(Verdict::Yes)
        }
        args::Account::Balance { address, rpc, json } => balance(&address, &rpc, json),
        args::Account::Send { from, to, value, rpc, password, json } => {
            let (from, to, value) = (parse(&from)?, parse(&to)?, units(&value)?);
            let signer = accounts()?.unlock(from, &secret(&password, false)?)?;
            pay(&Client::new(&rpc.rpc), &signer, to, value, json)
        }
    }
}

fn parse(text: &str) -> Result<Address> {
    text.parse().with_context(|| format!("{text:?} is no address, expected 0x and 40 digits"))
}

fn kept(address: Address, json: bool) -> Result<Verdict> {
    match json {
        true => output::json(&json!({ "address": address }))?,
        false => output::data(address)?,
    }
    Ok(Verdict::Yes)
}

fn list(accounts: &Accounts, json: bool) -> Result<Verdict> {
    let addresses = accounts.list()?;
    match json {
        true => output::json(&json!({ "accounts": addresses }))?,
        false => addresses.iter().try_for_each(output::data)?,
    }
    Ok(Verdict::Yes)
}

fn balance(address: &str, rpc: &args::Rpc, json: bool) -> Result<Verdict> {
    let address = parse(address)?;
    let client = Client::new(&rpc.rpc);
    let held = client.number("eth_getBalance", json!([address, "latest"]))?;
    match json {
        true => output::json(&json!({ "address": address, "base_units": held.to_string() }))?,
        false => output::data(tokens(U256::from(held)))?,
    }
    Ok(Verdict::Yes)
}

fn pay(client: &Client, signer: &Signer, to: Address, value: U256, json: bool) -> Result<Verdict> {
    let hash = send(client, signer, to, value)?;
    let Some(receipt) = wait(client, hash)? else {
        bail!("{hash} was sent and is in no block yet: look again later");
    };
    let done = receipt["status"] == "0x1";
    let digits = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let block = receipt["blockNumber"].as_str().and_then(digits);
    match json {
        true => output::json(&json!({ "hash": hash, "block": block, "success": done }))?,
        false => {
            let block = block.map_or_else(String::new, |block| format!(" in block {block}"));
            let what = if done { "final" } else { "reverted" };
            output::data(format_args!("{hash} {what}{block}"))?;
        }
    }
    Ok(if done { Verdict::Yes } else { Verdict::No })
}

/// Base units of a number of tokens.
fn units(text: &str) -> Result<U256> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let right = digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty());
    ensure!(right && part.len() <= DIGITS, "{text:?} is no number of tokens, such as 1.5");
    let all = format!("{whole}{part:0<DIGITS$}");
    all.parse().with_context(|| format!("{text:?} is too much"))
}

/// A number of base units in tokens.
fn tokens(units: U256) -> String {
    let text = format!("{units:0>width$}", width = DIGITS + 1);
    let (whole, part) = text.split_at(text.len() - DIGITS);
    let part = part.trim_end_matches('0');
    let point = if part.is_empty() { "" } else { "." };
    format!("{whole}{point}{part}")
}

/// The password: from a file, or typed, twice where it is a `new` one.
fn secret(typed: &args::Password, new: bool) -> Result<String> {
    if let Some(path) = &typed.password_file {
        let text = output::read_text(path)?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    ensure!(stdin().is_terminal(), "nobody can type a password here: give --password-file FILE");
    let password = output::ask_hidden("password: ")?;
    if new {
        ensure!(output::ask_hidden("again: ")? == password, "the two differ");
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::{U256, tokens, units};

    #[test]
    fn tokens_are_exact() {
        let one = 1_000_000_000_000_000_000_u128;
        for (text, want) in
            [("1", one), ("0.5", one / 2), (".000000000000000001", 1), ("12.", 12 * one)]
        {
            assert_eq!(units(text).unwrap(), U256::from(want), "{text}");
        }
        for text in
            ["", ".", "1e3", "-1", "0.0000000000000000001", "1,5", "0x1", "9".repeat(80).as_str()]
        {
            assert!(units(text).is_err(), "{text}");
        }
        for (units, want) in
            [(0, "0"), (1, "0.000000000000000001"), (one, "1"), (one * 3 / 2, "1.5")]
        {
            assert_eq!(tokens(U256::from(units)), want);
        }
    }
}
