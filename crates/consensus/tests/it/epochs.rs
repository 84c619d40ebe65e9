//! Committees change, and whoever comes late follows.

use crate::cluster::{Cluster, simulate};
use crate::host::Kept;
use crate::keys::{EPOCH, Person, beginning, validators};
use commonware_runtime::Storage as _;
use terroir_ledger::native::staking::seats_of;

fn seated(host: &Kept, epoch: u64) -> Vec<[u8; 32]> {
    seats_of(&host.view(), epoch).unwrap().into_iter().map(|seat| seat.key.0).collect()
}

#[test]
fn one_joins_one_leaves_and_the_new_one_is_needed() {
    let mut people = validators(4);
    people.push(Person::new(105));
    let start = beginning(&people[..4], &[&people[4]]);
    simulate(6, async |context| {
        let hosts = (0..5).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        // The fifth follows from the beginning, without a seat.
        cluster.start(0..5).await;
        cluster.submit(0, people[4].join(0));
        cluster.reach(0..5, EPOCH).await;
        let new = people[4].keys.identity();
        assert_eq!(seated(&cluster.members[4].host, 1).len(), 4);
        assert!(seated(&cluster.members[4].host, 2).contains(&new));
        cluster.submit(1, people[0].resign(0));
        cluster.reach(0..5, 5 * EPOCH).await;
        let seats = seated(&cluster.members[1].host, 4);
        assert!(seats.contains(&new) && !seats.contains(&people[0].keys.identity()));
        // Whoever left follows on; with another gone, all that are left must vote, also the new one.
        cluster.kill(1).await;
        cluster.reach([0, 2, 3, 4], 7 * EPOCH).await;
        let chain = cluster.agree();
        let seat = seated(&cluster.members[4].host, 4).iter().position(|key| *key == new).unwrap();
        let led = chain.iter().filter(|(block, _)| block.seal.epoch >= 4);
        assert!(led.clone().any(|(block, _)| block.seal.leader == seat as u64));
    });
}

#[test]
fn whoever_has_no_seat_and_comes_epochs_late_gets_everything() {
    let mut people = validators(4);
    people.push(Person::new(105));
    let start = beginning(&people[..4], &[]);
    simulate(7, async |context| {
        let hosts = (0..5).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..4).await;
        cluster.reach(0..4, 4 * EPOCH + 3).await;
        cluster.start([4]).await;
        let now = cluster.members[0].host.height();
        cluster.reach([4], now + EPOCH).await;
        cluster.agree();
        let late = cluster.members[4].host.blocks();
        assert!(late.len() as u64 > now + EPOCH, "{} blocks", late.len());
        let certified = late.iter().filter(|(_, certificate)| certificate.is_some()).count();
        assert!(certified > 4, "{certified} blocks have certificates");
    });
}

#[test]
fn whoever_comes_late_gets_blocks_that_the_others_archives_let_go_of() {
    let mut people = validators(4);
    people.push(Person::new(105));
    let start = beginning(&people[..4], &[]);
    simulate(14, async |context| {
        let hosts = (0..5).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..4).await;
        // The archives keep 16 epochs, in parts of 16 blocks.
        for height in [60, 120, 16 * EPOCH + 40] {
            cluster.reach(0..4, height).await;
        }
        for place in 0..4 {
            let files = cluster.context.scan(&format!("node{place}-blocks-key")).await.unwrap();
            let first = files.iter().min().unwrap().as_slice().try_into().unwrap();
            assert!(u64::from_be_bytes(first) >= 32, "node {place} keeps all");
            assert!(files.len() <= 10, "node {place} keeps {} files", files.len());
        }
        cluster.start([4]).await;
        let now = cluster.members[0].host.height();
        cluster.reach([4], now + EPOCH).await;
        cluster.agree();
        // One that was killed opens what is left, and goes on.
        cluster.kill(1).await;
        cluster.start([1]).await;
        cluster.reach(0..5, now + 3 * EPOCH).await;
        cluster.agree();
    });
}
