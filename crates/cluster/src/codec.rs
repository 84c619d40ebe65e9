//! How [`Measure`] travels between client, scheduler and executors: the same codec on all of them.
//!
//! Invariant: bytes that somebody else made give an error, never a panic.

use crate::error::carried;
use crate::job::Job;
use crate::plan::Measure;
use crate::worker::Worker;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use std::sync::Arc;

/// What an encoded [`Measure`] begins with. No protobuf message does: `t` would end a group.
const MAGIC: &[u8] = b"terroir measure 1\n";

/// Ballista's codec, and ours for what it does not know.
#[derive(Debug, Default)]
pub struct Codec {
    ballista: BallistaPhysicalExtensionCodec,
    worker: Option<Arc<Worker>>,
}

impl Codec {
    /// The codec of an executor, which measures with `worker`.
    pub fn of(worker: Arc<Worker>) -> Codec {
        Codec { worker: Some(worker), ..Codec::default() }
    }
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(job) = bytes.strip_prefix(MAGIC) else {
            return self.ballista.try_decode(bytes, inputs, context, converter);
        };
        let [input] = inputs else {
            let what = format!("Measure has 1 child, got {}", inputs.len());
            return Err(DataFusionError::Plan(what));
        };
        let job = Job::decode(job).map_err(carried)?;
        Ok(Arc::new(Measure::new(Arc::new(job), self.worker.clone(), input.clone())))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        match node.downcast_ref::<Measure>() {
            Some(measure) => {
                bytes.extend_from_slice(MAGIC);
                bytes.extend_from_slice(&measure.job.encode());
                Ok(())
            }
            None => self.ballista.try_encode(node, bytes, converter),
        }
    }
}

#[cfg(test)]
mod tests;
