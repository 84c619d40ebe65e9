//! A kill at any moment and a full disk: what is run again afterwards gives the same roots.
//!
//! `TERROIR_CRASHES` says how many kills there are: a few for every push, 50 for the slow suite.

use super::Farm;
use crate::support::{BINARY, Home, said, text};
use serde_json::Value;
use std::fs;
use std::process::{Child, Command};

/// Kills in one home before the run is left in peace.
const KILLS: u64 = 5;

/// Processor time of a process, in the kernel's ticks of 10 ms; `None` once it has ended.
fn ticks(child: &mut Child) -> Option<u64> {
    if child.try_wait().unwrap().is_some() {
        return None;
    }
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
}

/// Starts a run and kills it after so much processor time, or lets it end before.
fn killed(farm: &Farm, recipe: &str, after: u64) -> bool {
    let mut child = farm.home.spawn(["data", "run", recipe, "--json", "--threads", "1"]);
    while let Some(used) = ticks(&mut child) {
        if used >= after {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_roots() {
    let crashes: u64 = std::env::var("TERROIR_CRASHES").map_or(5, |count| count.parse().unwrap());
    let mut farm = Farm::new(8, 1_000);
    let recipe = farm.path("recipe.toml").display().to_string();
    let whole = farm.run(&["--threads", "1"]);
    let all = (whole["cpu_s"].as_f64().unwrap() * 100.0) as u64;
    assert!(all >= 10, "too short a run to be killed in: {whole}");
    let mut seed = 7u64;
    let mut kills = 0;
    for _ in 0..crashes.div_ceil(KILLS) {
        farm.home = Home::empty();
        for _ in 0..KILLS {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            match killed(&farm, &recipe, (seed >> 33) % all) {
                true => kills += 1,
                // What went on from a kill is shorter than a whole run: the next one begins anew.
                false => farm.home = Home::empty(),
            }
        }
        let again = farm.run(&["--threads", "1"]);
        for field in ["/root", "/version", "/records_root", "/verdicts_root"] {
            assert_eq!(text(&whole, field), text(&again, field), "{field}");
        }
        farm.home.run(["data", "audit", text(&again, "/version"), "--full"]).expect(0);
    }
    assert!(kills >= crashes / 2, "only {kills} of {crashes} runs were killed before their end");
}

/// Needs a system that lets the tests mount a small disk in a name space of their own.
#[test]
fn a_full_disk_is_said_and_with_more_room_the_run_goes_on() {
    let farm = Farm::new(4, 400);
    let whole = farm.run(&[]);
    let recipe = farm.path("recipe.toml").display().to_string();
    let disk = tempfile::tempdir().unwrap();
    let isolated = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        unshare.arg(BINARY).arg(&recipe).env("TERROIR_HOME", disk.path());
        unshare.output().unwrap()
    };
    if !isolated("mount -t tmpfs -o size=1m tmpfs \"$TERROIR_HOME\"").status.success() {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    }
    let output = isolated(
        "mount -t tmpfs -o size=1m tmpfs \"$TERROIR_HOME\" || exit 9\n\
         \"$1\" data run \"$2\" --json && exit 8\n\
         [ $? = 2 ] || exit 7\n\
         mount -o remount,size=256m \"$TERROIR_HOME\" || exit 6\n\
         exec \"$1\" data run \"$2\" --json",
    );
    let said = said(output);
    assert!(said.err.contains("No space left"), "{said:?}");
    let again: Value = said.json();
    for field in ["/root", "/version"] {
        assert_eq!(text(&whole, field), text(&again, field), "{field}");
    }
}
