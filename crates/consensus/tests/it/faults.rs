//! Cuts, kills and losses: nothing final is lost, no two blocks are final at a height, and it goes on.

use crate::cluster::{Cluster, resume, simulate};
use crate::host::Kept;
use crate::keys::{EPOCH, Person, TOKEN, beginning, validators};
use alloy_primitives::U256;
use std::time::Duration;

#[test]
fn halves_that_are_cut_stand_still_and_go_on_together() {
    let people = validators(4);
    let (alice, bob) = (Person::new(101), Person::new(102));
    let start = beginning(&people, &[&alice]);
    simulate(2, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..4).await;
        cluster.reach(0..4, 5).await;
        cluster.cut(&[0, 1], &[2, 3]).await;
        // What was on its way before the cut may still become final.
        cluster.pass(Duration::from_secs(5)).await;
        let before = cluster.agree().len();
        cluster.submit(0, alice.call(0, bob.address, TOKEN, Vec::new()));
        cluster.pass(Duration::from_secs(20)).await;
        assert_eq!(cluster.agree().len(), before, "half of the votes made a block final");
        cluster.connect(&[0, 1], &[2, 3]).await;
        for place in 0..4 {
            let paid = |host: &Kept| host.balance(bob.address) == U256::from(TOKEN);
            cluster.until(place, "bob is not paid", paid).await;
        }
        cluster.reach(0..4, before as u64 + EPOCH).await;
        cluster.agree();
    });
}

#[test]
fn a_killed_validator_comes_back_to_where_the_others_are() {
    let people = validators(4);
    let start = beginning(&people, &[]);
    simulate(3, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..4).await;
        cluster.reach(0..4, 3).await;
        let early = cluster.members[3].host.copy();
        cluster.reach(0..4, 6).await;
        cluster.kill(3).await;
        let gone = cluster.members[3].host.height();
        // Over two epochs' ends.
        cluster.reach(0..3, gone + 2 * EPOCH).await;
        assert_eq!(cluster.members[3].host.height(), gone);
        // Its database is an old copy, as after a fault of a disk: the engine's store has the rest.
        cluster.members[3].host = early;
        cluster.start([3]).await;
        let now = cluster.members[0].host.height();
        cluster.reach(0..4, now + EPOCH).await;
        cluster.agree();
        // It votes again: without it, one other's absence is too many.
        cluster.kill(0).await;
        cluster.reach(1..4, now + 3 * EPOCH).await;
        cluster.agree();
    });
}

#[test]
fn all_are_killed_at_once_and_nothing_final_is_lost() {
    let people = validators(4);
    let (alice, bob) = (Person::new(101), Person::new(102));
    let start = beginning(&people, &[&alice]);
    let hosts: Vec<_> = (0..4).map(|_| Kept::new(&start)).collect();
    let mut paid = 0;
    let mut checkpoint = None;
    for round in 0..3_u64 {
        let work = async |context| {
            let mut cluster = Cluster::new(context, &people, &start, hosts.clone()).await;
            cluster.start(0..4).await;
            let before = cluster.agree().len() as u64;
            cluster.submit(round as usize, alice.call(round, bob.address, TOKEN, Vec::new()));
            paid += 1;
            for place in 0..4 {
                let done = |host: &Kept| host.balance(bob.address) == U256::from(paid * TOKEN);
                cluster.until(place, "bob is not paid", done).await;
            }
            // Not at the end of an epoch in one round, and over one in another.
            cluster.reach(0..4, before + 5).await;
            cluster.agree();
        };
        checkpoint = Some(match checkpoint.take() {
            None => simulate(4, work).1,
            Some(killed) => resume(killed, work).1,
        });
    }
    let heights: Vec<_> = hosts.iter().map(|host| host.height()).collect();
    assert!(heights.iter().all(|height| *height >= 15), "{heights:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let people = validators(4);
    let start = beginning(&people, &[]);
    let run = || {
        let work = async |context| {
            let hosts = (0..4).map(|_| Kept::new(&start)).collect();
            let mut cluster = Cluster::new(context, &people, &start, hosts).await;
            cluster.start(0..4).await;
            cluster.reach(0..4, 10).await;
            let hash = cluster.agree().last().unwrap().0.hash();
            (cluster.context.auditor().state(), hash)
        };
        simulate(5, work).0
    };
    assert_eq!(run(), run());
}
