//! The operator that does passes over shards: rows that name shards in, rows about files out.
//!
//! It has one child, whose partitions it keeps: Ballista hands out partitions of the leaves that it
//! knows, and rebuilds what stands above them for each task.

use crate::error::{Error, carried};
use crate::job::Job;
use crate::report;
use crate::worker::Worker;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures_util::StreamExt;
use std::fmt;
use std::sync::Arc;

/// Measures the shards that its input names.
#[derive(Clone, Debug)]
pub struct Measure {
    /// What is measured.
    pub job: Arc<Job>,
    /// Who measures; nobody where a plan is only looked at.
    pub worker: Option<Arc<Worker>>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Measure {
    /// The operator over `input`, whose columns are [`report::tasks`].
    pub fn new(
        job: Arc<Job>,
        worker: Option<Arc<Worker>>,
        input: Arc<dyn ExecutionPlan>,
    ) -> Measure {
        let partitions = input.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(report::schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Measure { job, worker, input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for Measure {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Measure: {} stages, job {}", self.job.stages.len(), self.job.digest().short())
    }
}

impl ExecutionPlan for Measure {
    fn name(&self) -> &str {
        "Measure"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Measure::new(self.job.clone(), self.worker.clone(), input))),
            Err(other) => {
                let what = format!("Measure has 1 child, got {}", other.len());
                Err(DataFusionError::Plan(what))
            }
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let worker = self.worker.clone().ok_or_else(|| {
            carried(Error::Query("shards are measured by executors only".to_owned()))
        })?;
        let job = self.job.clone();
        let stream = self.input.execute(partition, context)?.then(move |tasks| {
            let (worker, job) = (worker.clone(), job.clone());
            async move {
                let tasks = tasks?;
                // A pass takes seconds of one thread, which the engine's own threads must not lose.
                let done = tokio::task::spawn_blocking(move || worker.measure(&job, &tasks));
                done.await.map_err(|error| DataFusionError::External(Box::new(error)))?
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(report::schema(), stream)))
    }
}
