//! What an executor has: the shared data folder, and the stages of the job that it works on.

use crate::job::Job;
use crate::report::{self, Row};
use datafusion::arrow::array::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use terroir_base::Digest;
use terroir_corpus::catalogue::Catalogue;
use terroir_corpus::run::{Task, pass};
use terroir_corpus::shard::ShardName;
use terroir_corpus::stage::Stage;
use terroir_corpus::tree::SaltKey;

/// Does passes over shards of one data folder.
pub struct Worker {
    catalogue: Catalogue,
    name: String,
    /// The stages of the last job: models and evaluation sets take a while to read.
    last: Mutex<Option<(Digest, Arc<Vec<Stage>>)>>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Worker({} in {})", self.name, self.catalogue.folder().display())
    }
}

impl Worker {
    /// A worker called `name`.
    pub fn new(catalogue: Catalogue, name: String) -> Worker {
        Worker { catalogue, name, last: Mutex::default() }
    }

    /// Does the passes that `tasks` ask for, on this thread; gives the rows about them.
    ///
    /// What goes wrong with a shard is a row as well: trying again elsewhere would hide it, and the
    /// run stops by it with the words that the embedded driver would use. Errors: tasks that are
    /// none.
    pub fn measure(&self, job: &Job, tasks: &RecordBatch) -> Result<RecordBatch> {
        let tasks = report::tasks(tasks, job.stages.len()).ok_or_else(|| {
            DataFusionError::Plan("the rows that name shards have other columns".to_owned())
        })?;
        let mut rows = Vec::new();
        for task in tasks {
            match self.pass(job, &task) {
                Ok(done) => rows.extend(done),
                Err(what) => rows.push(Row {
                    shard: task.shard,
                    executor: self.name.clone(),
                    done: Err(what),
                }),
            }
        }
        Ok(report::batch(&rows)?)
    }

    fn pass(&self, job: &Job, task: &Task) -> std::result::Result<Vec<Row>, String> {
        task.shard.parse::<ShardName>()?;
        let stages = self.chain(job)?;
        let passed = pass(&self.catalogue, &stages, task, &SaltKey::PUBLIC);
        let passed = passed.map_err(|error| error.to_string())?;
        Ok(report::rows(&task.shard, &self.name, &passed))
    }

    fn chain(&self, job: &Job) -> std::result::Result<Arc<Vec<Stage>>, String> {
        let digest = job.digest();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, stages)) = last.as_ref()
            && *known == digest
        {
            return Ok(stages.clone());
        }
        let stages = Arc::new(job.chain()?);
        *last = Some((digest, stages.clone()));
        Ok(stages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use terroir_corpus::recipe::Recipe;
    use terroir_corpus::stage::chain;

    #[test]
    fn a_shard_that_is_none_is_not_looked_for() {
        let text = "name = \"t\"\n[source]\npath = \"/\"\n[[stage]]\nkind = \"pii\"\n";
        let recipe = Recipe::parse(text, Path::new("/"), &[], Path::new("/")).unwrap();
        let job = Job::new(&recipe, &chain(&recipe).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let worker = Worker::new(Catalogue::new(folder.path()), "w".to_owned());
        for shard in ["../../etc/passwd", "", "/etc/passwd", "00112233445566778899aabbccddeefg"] {
            let task = Task { shard: shard.to_owned(), wanted: vec![true] };
            let said = worker.pass(&job, &task).unwrap_err();
            assert!(!said.contains("No such file"), "{shard}: {said}");
        }
        let missing = Task { shard: "0".repeat(32), wanted: vec![true] };
        let said = worker.pass(&job, &missing).unwrap_err();
        assert!(said.contains("No such file"), "{said}");
    }
}
