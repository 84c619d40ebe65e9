//! A development chain of the product's own binary, for chores that need one.
//!
//! Invariant: its processes end and its folder goes with the value.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::product::{Product, field};
use crate::shell;

/// The first port for wallets.
const PORT: &str = "18545";

/// A development chain in a folder that goes with it.
pub struct Devnet<'a> {
    product: &'a Product,
    folder: tempfile::TempDir,
    said: Value,
}

impl<'a> Devnet<'a> {
    /// A place for one; nothing runs yet.
    pub fn new(product: &'a Product) -> Result<Devnet<'a>> {
        let folder = tempfile::tempdir().context("no place for a chain")?;
        Ok(Devnet { product, folder, said: Value::Null })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn words(&self, verb: &str) -> Command {
        let mut command = self.product.command();
        command.args(["devnet", verb, "--json", "--dir"]).arg(self.folder.path());
        command
    }

    /// Starts what does not run; seconds until all answer.
    pub fn up(&mut self) -> Result<f64> {
        let begun = Instant::now();
        let mut command = self.words("up");
        command.args(["--port", PORT]);
        self.said = self.product.json(&mut command)?;
        Ok(begun.elapsed().as_secs_f64())
    }

    fn pids(&self) -> Result<Vec<u64>> {
        let pids = field(&self.said, "/pids")?.as_array().context("pids are a list")?;
        Ok(pids.iter().filter_map(Value::as_u64).collect())
    }

    /// Where wallets ask, one a node.
    pub fn urls(&self) -> Result<Vec<String>> {
        let urls = field(&self.said, "/rpc")?.as_array().context("rpc is a list")?;
        Ok(urls.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The key of an account that has money.
    pub fn key(&self) -> Result<String> {
        let key = field(&self.said, "/accounts/9/private_key")?;
        Ok(key.as_str().context("a key is text")?.to_owned())
    }

    /// What `devnet load` measures.
    pub fn load(&self, words: &[&str]) -> Result<Value> {
        self.product.json(self.words("load").args(words))
    }

    /// The newest block of each node; none where one does not answer.
    pub fn blocks(&self) -> Result<Vec<Option<u64>>> {
        // Its exit status says whether all run.
        let output = self.words("status").output().context("cannot run the binary")?;
        let said: Value = serde_json::from_slice(&output.stdout).context("status is no JSON")?;
        let all = field(&said, "/validators")?.as_array().context("a list")?.clone();
        Ok(all.iter().map(|one| one["block"].as_u64()).collect())
    }

    /// The most memory that a node has resident, in MiB.
    pub fn memory(&self) -> Result<f64> {
        let mut most = 0.0_f64;
        for pid in self.pids()? {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
            most = most.max(kib.context("VmRSS in kB")?.trim().parse::<f64>()? / 1024.0);
        }
        Ok(most)
    }

    /// Ends all nodes; they keep everything.
    pub fn down(&self) -> Result<()> {
        self.product.json(&mut self.words("down")).map(drop)
    }

    /// Kills the nodes at `places`, with no time for anything.
    pub fn kill(&self, places: &[usize]) -> Result<()> {
        let pids = self.pids()?;
        for place in places {
            shell::run(Command::new("kill").args(["-9", &pids[*place].to_string()]))?;
        }
        // The signal takes its time.
        while places.iter().any(|place| runs(pids[*place])) {
            std::thread::yield_now();
        }
        Ok(())
    }
}

/// Whether a process is there and has not ended.
fn runs(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

impl Drop for Devnet<'_> {
    fn drop(&mut self) {
        // The folder goes too: there is nothing left to tell.
        let _ = self.words("down").output();
    }
}
