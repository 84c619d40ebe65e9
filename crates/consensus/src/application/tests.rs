use super::{Application, Pace};
use crate::states::{KEPT, Known};
use crate::testing::{ahead, grow, solo};
use crate::wire::Wire;
use commonware_consensus::marshal::ancestry::from_iter;
use commonware_runtime::{Runner as _, deterministic};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

fn application(states: &Arc<crate::states::States>) -> Application {
    Application { states: states.clone(), pace: Pace::default(), wake: Arc::new(Notify::new()) }
}

fn later() -> deterministic::Runner {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    deterministic::Runner::new(deterministic::Config::default().with_start_time(start))
}

/// Blocks that another node has, and what this node makes of the last: whether it can be judged, and
/// how many of them are executed afterwards.
fn judged(count: usize) -> (Option<bool>, usize) {
    let (_, theirs) = solo(10_000);
    let blocks = grow(&theirs, count);
    let (_, states) = solo(10_000);
    let application = application(&states);
    later().start(async |runtime| {
        let first = states.host.block(0).unwrap().unwrap().0;
        let first = Wire::new(first, states.committees.clone());
        let newest = blocks.iter().rev().chain([&first]).cloned();
        let mut newest: Vec<_> = newest.map(Wire::digested).collect();
        let last = newest.remove(0).inner().clone();
        let verdict = application.check(&runtime, last, from_iter(newest)).await.unwrap();
        let known = |block: &&Wire| {
            let block = &block.block;
            states.known(block.header.number, block.hash()).unwrap() == Known::State
        };
        (verdict, blocks.iter().filter(known).count())
    })
}

#[test]
fn a_block_is_judged_as_far_ahead_as_states_are_kept_and_no_further() {
    assert_eq!(judged(3), (Some(true), 3));
    assert_eq!(judged(KEPT), (Some(true), KEPT));
    // Nothing is executed of what could not be kept: it comes as final blocks.
    assert_eq!(judged(KEPT + 1), (None, 0));
    assert_eq!(judged(KEPT + 40), (None, 0));
}

#[test]
fn a_block_far_below_the_newest_is_past_or_dead_and_no_ancestor_is_asked_for() {
    let (_, theirs) = solo(10_000);
    let (_, states) = solo(10_000);
    let blocks = grow(&states, 300);
    // The same place in another chain: its first block has another time.
    let mut other = ahead(&theirs, 1).remove(0).block.as_ref().clone();
    other.header.timestamp += 1;
    let other = Wire::new(other, states.committees.clone());
    let application = application(&states);
    later().start(async |runtime| {
        let none = || from_iter(Vec::new());
        let past = blocks[1].clone();
        assert_eq!(application.check(&runtime, past, none()).await.unwrap(), Some(true));
        assert_eq!(application.check(&runtime, other, none()).await.unwrap(), Some(false));
    });
}
