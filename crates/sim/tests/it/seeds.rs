//! Runs of seeds: no law is broken, and the same seed is the same run.

use std::process::Command;
use terroir_sim::{Plan, run};

/// Five seeds a test, so that tests share the work.
fn runs(first: u64) {
    for seed in first..first + 5 {
        if let Err(failure) = run(&Plan::of(seed)) {
            panic!("{failure}");
        }
    }
}

#[test]
fn seeds_from_0() {
    runs(0);
}

#[test]
fn seeds_from_5() {
    runs(5);
}

#[test]
fn seeds_from_10() {
    runs(10);
}

#[test]
fn seeds_from_15() {
    runs(15);
}

#[test]
fn a_parent_that_becomes_final_while_its_child_is_verified_holds_nobody_up() {
    // Validator 2 comes back, and walks back from block 25 while block 24 becomes final.
    if let Err(failure) = run(&Plan::of(311)) {
        panic!("{failure}");
    }
}

/// What a process of its own says about a seed: order that depends on a process would show.
fn said(seed: &str) -> String {
    let said = Command::new(env!("CARGO_BIN_EXE_terroir-sim")).arg(seed).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    let text = String::from_utf8(said.stdout).unwrap();
    text.lines().find(|line| line.starts_with("Report")).unwrap().to_owned()
}

#[test]
fn the_same_seed_is_the_same_run_in_another_process() {
    // Acts, kills and a liar are in some of them.
    for seed in ["1", "2", "3"] {
        assert_eq!(said(seed), said(seed));
    }
    assert_ne!(said("1"), said("2"));
}

#[test]
fn plans_follow_from_seeds_and_have_one_liar_at_most() {
    for seed in 0..2_000 {
        let plan = Plan::of(seed);
        assert_eq!(plan, Plan::of(seed));
        assert!(plan.liars.len() <= 1 && plan.false_disks.is_empty());
        assert!((1..=3).contains(&plan.acts.len()));
    }
    assert_ne!(Plan::of(1).acts, Plan::of(2).acts);
}
