//! Packages of Node's registry, installed once and kept in the cache.
//!
//! For the chores that need a compiler or a client from there. Invariant: a folder is named by the
//! packages in it, with their versions.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::Place;
use crate::shell;

/// The compiler of Solidity.
pub const SOLC: &str = "solc@0.8.37";
/// A library that wallets and applications use.
pub const VIEM: &str = "viem@2.57.20";
/// An exchange of tokens, as its authors compiled it: pairs and their factory.
pub const UNISWAP_CORE: &str = "@uniswap/v2-core@1.0.1";
/// The same: what people call.
pub const UNISWAP_PERIPHERY: &str = "@uniswap/v2-periphery@1.1.0-beta.0";
/// Tokens, as their authors compiled them.
pub const OPENZEPPELIN: &str = "@openzeppelin/contracts@4.9.6";

/// Packages that scripts run with.
pub struct Node {
    modules: PathBuf,
}

impl Node {
    /// Finds or installs `packages`.
    ///
    /// Errors: without Node and its package manager, or when one of them cannot be installed.
    pub fn with(place: &Place, packages: &[&str]) -> Result<Node> {
        let folder = place.cache.join("node").join(packages.join("-").replace(['@', '/'], "-"));
        let ready = folder.join("ready");
        if !ready.is_file() {
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            let mut install = Command::new("npm");
            install.current_dir(&folder).args(["install", "--no-audit", "--no-fund"]);
            shell::run(install.args(packages))?;
            fs::write(&ready, packages.join("\n"))?;
        }
        Ok(Node { modules: folder.join("node_modules") })
    }

    /// A command that runs one of xtask's scripts.
    pub fn script(&self, place: &Place, script: &str) -> Command {
        let mut command = Command::new("node");
        command.env("NODE_PATH", &self.modules);
        command.arg(place.root.join("xtask").join("js").join(Path::new(script)));
        command
    }
}
