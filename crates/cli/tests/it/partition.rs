//! Four validators as processes on machines of their own, and the links between them broken.
//!
//! Needs root and `ip`; says that it was skipped where it cannot run. `cargo xtask slow` runs it.

mod lab;

use crate::support::said;
use lab::{Lab, MACHINES};
use std::process::Child;
use std::time::{Duration, Instant};

const PAYEE: &str = "0x00000000000000000000000000000000000077aa";
/// Views that pass after a cut until what was on its way has come.
const SETTLE: usize = 1;
/// Votes to skip views, sent in vain, until it is plain that nothing becomes final.
const PASS: usize = 4;
/// As many take half a minute, after which TCP waits twenty seconds before it tries a link again: the
/// nodes must not leave it to that.
const LONG: usize = 18;
/// Time from the mended link to the first new block of all.
const HEALED: Duration = Duration::from_secs(12);

#[track_caller]
fn expect_final(payment: Child) {
    assert_eq!(said(payment.wait_with_output().unwrap()).json()["success"], true);
}

/// Joins all and waits until all go on; gives the time it took.
fn heal(lab: &Lab, cut_at: u64) -> Duration {
    lab.heal();
    let begun = Instant::now();
    lab.wait_above(cut_at);
    begun.elapsed()
}

#[test]
fn two_halves_stand_still_and_go_on_as_one() {
    let Some(lab) = Lab::up() else { return };
    expect_final(lab.pay(1, PAYEE));
    lab.cut(&[2, 3]);
    lab.wait_timeouts(&[0, 1, 2, 3], SETTLE);
    let still = lab.numbers();
    lab.wait_timeouts(&[0, 1, 2, 3], LONG);
    let payment = lab.pay(0, PAYEE);
    lab.wait_timeouts(&[0, 1, 2, 3], PASS);
    assert_eq!(lab.numbers(), still, "half of them made a block final");
    let newest = *still.iter().max().unwrap();
    let healed = heal(&lab, newest);
    assert!(healed < HEALED, "it took {healed:?}");
    expect_final(payment);
    lab.wait_paid(PAYEE, 2);
    lab.wait_agreed(newest);
}

#[test]
fn who_was_alone_catches_up() {
    let Some(lab) = Lab::up() else { return };
    lab.cut(&[3]);
    lab.wait_timeouts(&[3], SETTLE);
    let alone = lab.block(3).unwrap().0;
    expect_final(lab.pay(0, PAYEE));
    lab.wait_timeouts(&[3], PASS);
    assert_eq!(lab.block(3).unwrap().0, alone, "it made blocks final alone");
    let others = lab.block(0).unwrap().0;
    assert!(others > alone + 2, "the others have {others} blocks, it has {alone}");
    let healed = heal(&lab, others);
    assert!(healed < HEALED, "it took {healed:?}");
    lab.wait_paid(PAYEE, 1);
    lab.wait_agreed(others);
}

#[test]
fn a_link_that_loses_one_direction_stops_nobody() {
    let Some(lab) = Lab::up() else { return };
    lab.mute(0, 1);
    for count in 1..=3 {
        expect_final(lab.pay(count % 2, PAYEE));
        lab.wait_paid(PAYEE, count as u64);
    }
    // Nobody hears the one that hears everybody.
    (2..MACHINES).for_each(|other| lab.mute(0, other));
    lab.wait_timeouts(&[0], SETTLE);
    let deaf = lab.block(0).unwrap().0;
    expect_final(lab.pay(1, PAYEE));
    lab.wait_timeouts(&[0], PASS);
    let others = lab.block(1).unwrap().0;
    assert!(others > deaf, "the others stand at {others}");
    (1..MACHINES).for_each(|other| lab.unmute(0, other));
    let healed = heal(&lab, others);
    assert!(healed < HEALED, "it took {healed:?}");
    lab.wait_paid(PAYEE, 4);
    lab.wait_agreed(others);
}
