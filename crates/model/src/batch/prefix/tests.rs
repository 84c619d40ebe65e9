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
        prefixes.put(HERE, tokens.to_vec(), self.cache(tokens));
    }

    /// Memory that an entry of so many tokens takes.
    fn bytes(&mut self, tokens: u32) -> u64 {
        self.cache(&run(10, tokens)).bytes() + 4 * u64::from(tokens)
    }
}

const HERE: Space = Space(1);
const ELSEWHERE: Space = Space(2);

fn run(first: u32, length: u32) -> Vec<u32> {
    (first..first + length).collect()
}

#[test]
fn the_longest_common_start_is_taken_but_never_the_whole_prompt() {
    let mut world = World::new();
    let mut prefixes = Prefixes::new(u64::MAX);
    world.put(&mut prefixes, &run(10, 20));
    let longer: Vec<u32> = run(10, 12).into_iter().chain(run(50, 4)).collect();
    assert_eq!(prefixes.take(HERE, &longer).unwrap().len(), 12);
    assert_eq!(prefixes.take(HERE, &run(10, 20)).unwrap().len(), 19);
    assert_eq!(prefixes.take(HERE, &run(10, 30)).unwrap().len(), 20, "given away whole");
    assert!(prefixes.take(HERE, &run(10, 30)).is_none());
}

#[test]
fn a_short_common_start_is_not_worth_a_copy() {
    let mut world = World::new();
    let mut prefixes = Prefixes::new(u64::MAX);
    world.put(&mut prefixes, &run(10, 20));
    let other: Vec<u32> = run(10, 7).into_iter().chain(run(80, 9)).collect();
    assert_eq!(prefixes.best(HERE, &other), 0);
    assert!(prefixes.take(HERE, &other).is_none());
}

#[test]
fn the_least_recently_used_leaves_first_and_the_limit_holds() {
    let mut world = World::new();
    let room_for_two = 2 * world.bytes(20);
    let mut prefixes = Prefixes::new(room_for_two);
    world.put(&mut prefixes, &run(10, 20));
    world.put(&mut prefixes, &run(40, 20));
    assert!(prefixes.take(HERE, &run(10, 15)).is_some(), "the first is used again");
    world.put(&mut prefixes, &run(70, 20));
    assert_eq!(prefixes.best(HERE, &run(40, 20)), 0);
    let kept = [10, 70].map(|first| prefixes.best(HERE, &run(first, 20)));
    assert_eq!(kept, [19, 19]);
    let held: u64 = prefixes.entries.iter().map(Entry::bytes).sum();
    assert_eq!(held, room_for_two);
}

#[test]
fn what_is_larger_than_the_limit_drives_nothing_out() {
    let mut world = World::new();
    let room_for_one = world.bytes(20);
    let mut prefixes = Prefixes::new(room_for_one);
    world.put(&mut prefixes, &run(10, 20));
    world.put(&mut prefixes, &run(40, 21));
    assert_eq!(prefixes.best(HERE, &run(40, 21)), 0);
    assert_eq!(prefixes.best(HERE, &run(10, 20)), 19);
}

#[test]
fn a_prefix_copies_the_positions_that_it_has() {
    let mut world = World::new();
    let cache = world.cache(&run(10, 40));
    let bytes = [40, 20, 10].map(|length| cache.prefix(length).bytes());
    assert_eq!(bytes, [4 * bytes[2], 2 * bytes[2], bytes[2]]);
    assert!(bytes[0] < cache.bytes(), "a cache that grows has room to spare");
}

#[test]
fn spaces_see_nothing_of_each_other() {
    let mut world = World::new();
    let mut prefixes = Prefixes::new(u64::MAX);
    world.put(&mut prefixes, &run(10, 20));
    assert_eq!(prefixes.best(ELSEWHERE, &run(10, 20)), 0);
    assert!(prefixes.take(ELSEWHERE, &run(10, 20)).is_none());
    // Neither the same nor a longer one of another space takes the place of the first.
    for length in [20, 30] {
        let cache = world.cache(&run(10, length));
        prefixes.put(ELSEWHERE, run(10, length), cache);
        assert_eq!(prefixes.best(ELSEWHERE, &run(10, length)), length as usize - 1);
        assert_eq!(prefixes.best(HERE, &run(10, 20)), 19);
    }
}

#[test]
fn what_another_cache_contains_is_kept_once() {
    let mut world = World::new();
    let mut prefixes = Prefixes::new(u64::MAX);
    world.put(&mut prefixes, &run(10, 20));
    world.put(&mut prefixes, &run(10, 30));
    world.put(&mut prefixes, &run(10, 25));
    assert_eq!(prefixes.entries.len(), 1);
}
