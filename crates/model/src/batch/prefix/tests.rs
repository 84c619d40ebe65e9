use super::*;
use crate::laws::Toy;
use std::sync::Arc;
use terroir_tensor::{Executor, Isa, Plan, Run, Wanted};

struct World {
    plan: Arc<Plan>,
    executor: Executor,
}

impl World {
    fn new() -> World {
        let plan = Toy::new(3).load().unwrap().plan;
        World { executor: Executor::new(plan.clone(), 1, Isa::Portable).unwrap(), plan }
    }

    fn cache(&mut self, tokens: &[u32]) -> Cache {
        let mut cache = Cache::new(&self.plan);
        self.executor
            .forward(&mut [Run { cache: &mut cache, tokens, logits: Wanted::None }])
            .unwrap();
        cache
    }

    fn put(&mut self, prefixes: &mut Prefixes, tokens: &[u32]) {
        prefixes.put(tokens.to_vec(), self.cache(tokens));
    }
}

fn run(first: u32, length: u32) -> Vec<u32> {
    (first..first + length).collect()
}

#[test]
fn the_longest_common_start_is_taken_but_never_the_whole_prompt() {
    let mut world = World::new();
    let mut prefixes = Prefixes::new(100);
    world.put(&mut prefixes, &run(10, 20));
    let longer: Vec<u32> = run(10, 12).into_iter().chain(run(50, 4)).collect();
    assert_eq!(prefixes.take(&longer).unwrap().len(), 12);
    assert_eq!(prefixes.take(&run(10, 20)).unwrap().len(), 19);
    assert_eq!(prefixes.take(&run(10, 30)).unwrap().len(), 20, "given away whole");
    assert!(prefixes.take(&run(10, 30)).is_none());
}

#[test]
fn a_short_common_start_is_not_worth_a_copy() {
    let mut world = World::new();
    let mut prefixes = Prefixes::new(100);
    world.put(&mut prefixes, &run(10, 20));
    let other: Vec<u32> = run(10, 7).into_iter().chain(run(80, 9)).collect();
    assert_eq!(prefixes.best(&other), 0);
    assert!(prefixes.take(&other).is_none());
}

#[test]
fn the_least_recently_used_leaves_first_and_the_limit_holds() {
    let mut world = World::new();
    let mut prefixes = Prefixes::new(50);
    world.put(&mut prefixes, &run(10, 20));
    world.put(&mut prefixes, &run(40, 20));
    assert!(prefixes.take(&run(10, 15)).is_some(), "the first is used again");
    world.put(&mut prefixes, &run(70, 20));
    assert_eq!(prefixes.best(&run(40, 20)), 0);
    assert!(prefixes.best(&run(10, 20)) > 0 && prefixes.best(&run(70, 20)) > 0);
    world.put(&mut prefixes, &run(100, 51));
    assert_eq!(prefixes.best(&run(100, 51)), 0);
}

#[test]
fn what_another_cache_contains_is_kept_once() {
    let mut world = World::new();
    let mut prefixes = Prefixes::new(100);
    world.put(&mut prefixes, &run(10, 20));
    world.put(&mut prefixes, &run(10, 30));
    world.put(&mut prefixes, &run(10, 25));
    assert_eq!(prefixes.entries.len(), 1);
}
