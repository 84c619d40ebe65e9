//! The passes over each shard that lacks a table or keys, here or elsewhere.

use super::pass::{Made, Out, Passed, Task, pass};
use super::{Driver, StageOutcome};
use crate::claim;
use crate::clock::Work as Clock;
use crate::error::{Error, damaged};
use crate::fold;
use crate::keys::Run;
use crate::measure::Took;
use crate::stage::{Stage, Work};
use std::path::Path;

/// Most tasks that are given elsewhere at a time: what is vouched for is not lost with the run.
const TASKS_MAX: usize = 1024;

impl Driver<'_> {
    /// Measures what is not known yet.
    pub(super) fn measure(&self) -> Result<(Vec<StageOutcome>, u64), Error> {
        let shards = &self.records.shards;
        let task = |shard: &String| Task { shard: shard.clone(), wanted: self.missing(shard) };
        let tasks: Vec<(usize, Task)> = shards.iter().map(task).enumerate().collect();
        let reused = |place: usize| tasks.iter().filter(|(_, task)| !task.wanted[place]).count();
        let outcome = |(place, stage): (usize, &Stage)| StageOutcome {
            name: stage.name.clone(),
            cpu_ns: 0,
            reused: reused(place),
        };
        let mut outcomes: Vec<StageOutcome> = self.stages.iter().enumerate().map(outcome).collect();
        // What was measured before is compared with others and judged: it must be what it was.
        self.begin("check", tasks.len());
        self.each(&tasks, |(_, task)| self.known(task))?;
        let work: Vec<(usize, Task)> =
            tasks.into_iter().filter(|(_, task)| task.wanted.contains(&true)).collect();
        self.begin("measure", work.len());
        let times = match self.options.elsewhere {
            None => self.each(&work, |(place, task)| {
                let passed = pass(self.catalogue, self.stages, task, &self.options.salt)?;
                self.vouched(*place, &task.shard, &passed)
            })?,
            Some(elsewhere) => {
                let mut times = Vec::with_capacity(work.len());
                for part in work.chunks(TASKS_MAX) {
                    let (places, tasks): (Vec<usize>, Vec<Task>) = part.iter().cloned().unzip();
                    let passed = elsewhere(&tasks)?;
                    assert_eq!(passed.len(), tasks.len(), "whoever does passes answers for each");
                    let done: Vec<_> = places.into_iter().zip(passed).collect();
                    times.extend(self.each(&done, |(place, passed)| {
                        let name = &self.records.shards[*place];
                        self.examine(name, passed)?;
                        self.vouched(*place, name, passed)
                    })?);
                }
                times
            }
        };
        let mut commit_ns = 0;
        for took in times {
            commit_ns += took.commit_ns;
            for (outcome, ns) in outcomes.iter_mut().zip(took.stages_ns) {
                outcome.cpu_ns += ns;
            }
        }
        Ok((outcomes, commit_ns))
    }

    /// Which stages have nothing yet for the shard `name`.
    fn missing(&self, name: &str) -> Vec<bool> {
        self.stages
            .iter()
            .map(|stage| !claim::known(&self.catalogue.measured(stage, name)))
            .collect()
    }

    /// Refuses tables and runs of a shard that are known and not what they were.
    fn known(&self, task: &Task) -> Result<(), Error> {
        let known = self.stages.iter().zip(&task.wanted).filter(|(_, wanted)| !**wanted);
        known.into_iter().try_for_each(|(stage, _)| {
            let table = self.catalogue.measured(stage, &task.shard);
            claim::check(self.catalogue, stage, &self.options.node, &table)
        })
    }

    /// Refuses what somebody else's pass over the shard `name` says it left, unless that is there and
    /// can be read to its end.
    fn examine(&self, name: &str, passed: &Passed) -> Result<(), Error> {
        for (stage, made) in self.stages.iter().zip(&passed.made) {
            let Some(Made { out, .. }) = made else { continue };
            let path = self.catalogue.measured(stage, name);
            let there = match stage.work {
                Work::Local(_) => Out::Rows(fold::root(std::slice::from_ref(&path))?),
                Work::Global(_) => Out::Keys(read(&path)?),
            };
            if there != *out {
                return Err(damaged(
                    &path,
                    format!("holds {there:?}, and was said to hold {out:?}"),
                ));
            }
        }
        Ok(())
    }

    /// Signs what a pass over the shard `name` at `place` left; gives all that it took.
    fn vouched(&self, place: usize, name: &str, passed: &Passed) -> Result<Took, Error> {
        let start = Clock::begin();
        for (stage, made) in self.stages.iter().zip(&passed.made) {
            if let Some(made) = made {
                self.vouch(stage, place, &self.catalogue.measured(stage, name), made)?;
            }
        }
        let Took { stages_ns, commit_ns } = &passed.took;
        Ok(Took { stages_ns: stages_ns.clone(), commit_ns: commit_ns + start.cpu_ns() })
    }
}

/// Reads all items and sketches of the run `path`; gives the number of items.
fn read(path: &Path) -> Result<u64, Error> {
    let mut run = Run::open(path)?;
    run.sketches(|_, _| ())?;
    run.try_fold(0, |count, item| item.map(|_| count + 1))
}
