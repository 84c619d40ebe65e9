//! The pass over each shard that lacks a table or keys.

use super::{Driver, StageOutcome};
use crate::error::Error;
use crate::keys;
use crate::measure::{COLUMNS, Found, Pass};
use crate::stage::Stage;
use crate::table;

impl Driver<'_> {
    /// Measures what is not known yet.
    pub(super) fn measure(&self) -> Result<(Vec<StageOutcome>, u64), Error> {
        let shards = &self.records.shards;
        let missing: Vec<(&String, Vec<bool>)> =
            shards.iter().map(|name| (name, self.missing(name))).collect();
        let reused = |place: usize| missing.iter().filter(|(_, wanted)| !wanted[place]).count();
        let outcome = |(place, stage): (usize, &Stage)| StageOutcome {
            name: stage.name.clone(),
            cpu_ns: 0,
            reused: reused(place),
        };
        let mut outcomes: Vec<StageOutcome> = self.stages.iter().enumerate().map(outcome).collect();
        let work: Vec<&(&String, Vec<bool>)> =
            missing.iter().filter(|(_, wanted)| wanted.contains(&true)).collect();
        self.begin("measure", work.len());
        let times = self.each(&work, |(name, wanted)| self.pass(name, wanted))?;
        let mut commit_ns = 0;
        for (took, committed) in times {
            commit_ns += committed;
            for (outcome, ns) in outcomes.iter_mut().zip(took) {
                outcome.cpu_ns += ns;
            }
        }
        Ok((outcomes, commit_ns))
    }

    /// Which stages have nothing yet for the shard `name`.
    fn missing(&self, name: &str) -> Vec<bool> {
        self.stages.iter().map(|stage| !self.catalogue.measured(stage, name).exists()).collect()
    }

    /// One pass over one shard; gives the nanoseconds of each stage, and of commitments.
    fn pass(&self, name: &str, wanted: &[bool]) -> Result<(Vec<u64>, u64), Error> {
        let mut pass = Pass::new(self.stages, wanted, &self.options.salt);
        for batch in table::read(&self.catalogue.shard(name), &COLUMNS)? {
            pass.batch(&batch?)?;
        }
        let (found, took) = pass.finish();
        let mut commit_ns = 0;
        for (stage, found) in self.stages.iter().zip(found) {
            let path = self.catalogue.measured(stage, name);
            match found {
                Some(Found::Rows(rows)) => {
                    commit_ns += rows.commit_ns();
                    rows.write(&path)?;
                }
                Some(Found::Keys(found)) => keys::write(&path, &found)?,
                None => {}
            }
        }
        Ok((took, commit_ns))
    }
}
