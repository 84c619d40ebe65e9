//! Where things lie: the checkout, cargo's target folder, and the cache that outlives both.
//!
//! For every chore. Invariant: nothing large is ever written inside the checkout, except cargo's own
//! target folder when nobody moved it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders a chore works with.
pub struct Place {
    /// The root of the checkout.
    pub root: PathBuf,
    /// Cargo's target folder: `CARGO_TARGET_DIR`, else `target` in the checkout.
    pub target: PathBuf,
    /// Downloads, Python environments and imported models: `TERROIR_CACHE`, else
    /// `$XDG_CACHE_HOME/terroir`, else `~/.cache/terroir`.
    pub cache: PathBuf,
}

impl Place {
    /// Finds the folders from the environment.
    ///
    /// Errors: when no cache folder can be named, because neither `HOME` nor the others are set.
    pub fn find() -> Result<Place> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in a folder of the checkout")?
            .to_path_buf();
        let target = match folder("CARGO_TARGET_DIR") {
            Some(path) => root.join(path),
            None => root.join("target"),
        };
        let cache = folder("TERROIR_CACHE")
            .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("terroir")))
            .or_else(|| Some(folder("HOME")?.join(".cache").join("terroir")))
            .context("set HOME or TERROIR_CACHE: there is no place for downloads")?;
        Ok(Place { root, target, cache })
    }

    /// The product's home folder for chores: the models in it are shared by all of them.
    pub fn home(&self) -> PathBuf {
        self.cache.join("home-2")
    }

    /// A Python script of xtask.
    pub fn script(&self, name: &str) -> PathBuf {
        self.root.join("xtask").join("py").join(name)
    }

    /// Where bench results go, inside the checkout and ignored by git.
    pub fn bench(&self) -> PathBuf {
        self.root.join("target").join("bench")
    }
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
