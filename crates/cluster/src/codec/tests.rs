//! The operator comes back as it was sent, and hostile bytes give errors.

use super::*;
use crate::report;
use crate::session::{config, state};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::prelude::SessionContext;
use datafusion_proto::physical_plan::{AsExecutionPlan, DefaultPhysicalProtoConverter};
use datafusion_proto::protobuf::PhysicalPlanNode;
use terroir_base::Digest;
use terroir_corpus::run::Task;

fn measure() -> (Job, Arc<dyn ExecutionPlan>) {
    let task = |name: &str| Task { shard: name.to_owned(), wanted: vec![true] };
    let parts = ["a", "b", "c"].map(|name| vec![report::task(&task(name))]);
    let shards = MemorySourceConfig::try_new_exec(&parts, report::wanted(), None).unwrap();
    let job = Job { recipe: "name = \"t\"".to_owned(), stages: vec![Digest([7; 32])] };
    (job.clone(), Arc::new(Measure::new(Arc::new(job), None, shards)))
}

fn context() -> Arc<TaskContext> {
    SessionContext::new_with_state(state(config()).unwrap()).task_ctx()
}

#[test]
fn a_plan_comes_back_with_its_partitions() {
    let (job, plan) = measure();
    let codec = Codec::default();
    let mut bytes = Vec::new();
    let sent = PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap();
    sent.try_encode(&mut bytes).unwrap();
    let got = PhysicalPlanNode::try_decode(&bytes).unwrap();
    let got = got.try_into_physical_plan(&context(), &codec).unwrap();
    let measure = got.downcast_ref::<Measure>().unwrap();
    assert_eq!(*measure.job, job);
    assert_eq!(measure.properties().partitioning.partition_count(), 3);
    // Whoever is no executor does not measure.
    let refused = got.execute(0, context()).err().unwrap().to_string();
    assert!(refused.contains("by executors only"), "{refused}");
}

#[test]
fn hostile_bytes_are_refused() {
    let (job, plan) = measure();
    let (codec, context, converter) =
        (Codec::default(), context(), DefaultPhysicalProtoConverter {});
    let input = plan.children()[0].clone();
    let good = [MAGIC, &job.encode()].concat();
    let decode = |bytes: &[u8], inputs: &[Arc<dyn ExecutionPlan>]| {
        codec.try_decode(bytes, inputs, &context, &converter).map(|_| ()).map_err(|e| e.to_string())
    };
    decode(&good, std::slice::from_ref(&input)).unwrap();
    for cut in 0..good.len() {
        assert!(decode(&good[..cut], std::slice::from_ref(&input)).is_err(), "{cut}");
    }
    for at in MAGIC.len()..good.len() {
        let mut other = good.clone();
        other[at] ^= 0xff;
        // Another job or an error, and never a panic.
        let _ = decode(&other, std::slice::from_ref(&input));
    }
    for inputs in [&[][..], &[input.clone(), input.clone()]] {
        assert!(decode(&good, inputs).unwrap_err().contains("has 1 child"));
    }
}
