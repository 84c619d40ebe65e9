//! Pairs that were compared before: those of the parents, checked, and those of this run, signed.

use super::{Driver, table_key};
use crate::claim::{self, Bytes, Claim};
use crate::error::Error;
use crate::merge::Tree;
use crate::pairs::Pairs;
use crate::stage::Stage;
use std::path::{Path, PathBuf};

impl Driver<'_> {
    /// What `stage`, whose pairs go to `own`, found about pairs of these records or of a parent's.
    ///
    /// Those of a parent that another node signed are left out: nothing rests on them, and comparing
    /// again gives the same. Errors: `Damaged` for a file that is not what was signed, and for `own`
    /// of another node, whose version may rest on it; those of opening a parent.
    pub(super) fn compared(&self, stage: &Stage, own: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut paths = vec![own.to_owned()];
        for parent in &self.records.parents {
            let parent = self.catalogue.open(parent)?;
            let path = self.catalogue.pairs(&table_key(stage, &parent.version.records));
            if claim::known(&path) && claim::signer(&path)? == self.options.node {
                paths.push(path);
            }
        }
        paths.retain(|path| claim::known(path));
        paths
            .iter()
            .try_for_each(|path| claim::check(self.catalogue, stage, &self.options.node, path))?;
        Ok(paths)
    }

    /// Signs the pairs of `stage` over all `records`, where it compared any.
    pub(super) fn vouch_pairs(
        &self,
        stage: &Stage,
        file: &Path,
        records: Tree,
    ) -> Result<(), Error> {
        if !file.exists() {
            return Ok(());
        }
        let bytes = Bytes::of(self.catalogue, file)?;
        let leaves = Pairs::open(file, |_| ())?.total();
        let claim = Claim {
            kind: format!("{}{}", stage.facts().kind, claim::PAIRS),
            program: stage.id,
            inputs: records,
            outputs: Tree { root: bytes.digest, leaves },
            files: vec![bytes],
        };
        claim.keep(&claim::path(file), self.options.sign)
    }
}
