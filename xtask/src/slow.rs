//! `cargo xtask slow`: what takes too long for every push.
//!
//! For a nightly run, and before a release. Invariant: the aarch64 build, run by an emulator, gives
//! the same model ids and the same answer digests as this machine's own build.

use anyhow::{Result, bail};

use crate::contracts;
use crate::digests::{self, Ask, Way};
use crate::place::Place;
use crate::product::{Product, SOURCE, cargo};
use crate::shell::{self, step};
use crate::sim;
use crate::wasm::has_target;

/// After the seeds of every push.
const FIRST_SEED: u64 = 20;
const TARGET: &str = "aarch64-unknown-linux-gnu";
const COMPILER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// Every combination of profile, instruction set and threads here, then another architecture.
pub fn run(place: &Place) -> Result<()> {
    let product = Product::build(place)?;
    step("every way on this machine", || everywhere(&product))?;
    step("50 kills of a data run", || kills(place))?;
    step("1,000 seeds of the simulator", || sim::run(place, FIRST_SEED, 1_000))?;
    step("contracts", || contracts::run(place, false))?;
    step("partitions of a network", || partitions(place))?;
    step("tools for aarch64", tools)?;
    step("tests on aarch64", || tests(place))?;
    step("digests on aarch64", || other_architecture(place, &product))
}

fn everywhere(product: &Product) -> Result<()> {
    for profile in ["fast", "high"] {
        let model = product.pull(SOURCE, profile)?.id;
        for question in ["Name three rivers of Europe.", "Write one line about soil."] {
            let ask = Ask { model: &model, question, max_tokens: 64 };
            let mut found = Vec::new();
            for &isa in digests::native() {
                for threads in [1, 2, 3, 7] {
                    found.push(digests::digest(product, &ask, Way { isa, threads })?);
                }
            }
            digests::all_equal(&found)?;
        }
    }
    Ok(())
}

/// The crash test of the data chain, ten times as often as in every push.
fn kills(place: &Place) -> Result<()> {
    let mut tests = cargo(place);
    tests.args(["test", "--release", "--package", "terroir-cli", "--test", "it", "killed_again"]);
    shell::run(tests.env("TERROIR_CRASHES", "50"))
}

/// Validators on machines of their own, whose links break.
fn partitions(place: &Place) -> Result<()> {
    let probe = format!("terroir-probe-{}", std::process::id());
    if !shell::answers("ip", &["netns", "add", &probe]) {
        eprintln!("SKIPPED: no networks can be made here, which takes root and `ip`");
        return Ok(());
    }
    shell::answers("ip", &["netns", "delete", &probe]);
    let mut tests = cargo(place);
    tests.args(["test", "--release", "--package", "terroir-cli", "--test", "it", "partition::"]);
    tests.args(["--", "--nocapture", "--test-threads", "1"]);
    // Elsewhere the tests skip themselves where something is missing; here that is a failure.
    shell::run(tests.env("TERROIR_NETWORKS", "required"))
}

/// Finds the cross compiler and the emulator, or installs Debian's packages of them.
fn tools() -> Result<()> {
    let there =
        || shell::answers(COMPILER, &["--version"]) && shell::answers(EMULATOR, &["--version"]);
    if !there() {
        let packages = ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"];
        let mut words = vec!["install", "-y", "--no-install-recommends"];
        words.extend(packages);
        shell::answers("apt-get", &["update"]);
        shell::answers("apt-get", &words);
    }
    if !there() {
        bail!("install {COMPILER} and {EMULATOR} (on Debian: gcc-aarch64-linux-gnu, qemu-user)");
    }
    if !has_target(TARGET) {
        bail!("the target {TARGET} is not installed and rustup cannot add it");
    }
    Ok(())
}

/// The tests of the crates whose results are hashed, on the other architecture.
fn tests(place: &Place) -> Result<()> {
    let mut command = cross(place);
    command.args(["test", "--release", "--target", TARGET, "--lib", "--tests"]);
    for package in ["terroir-base", "terroir-tensor", "terroir-proof"] {
        command.args(["--package", package]);
    }
    shell::run(&mut command)
}

fn other_architecture(place: &Place, native: &Product) -> Result<()> {
    let mut build = cross(place);
    shell::run(build.args(["build", "--release", "--target", TARGET, "--package", "terroir-cli"]))?;
    let binary = place.target.join(TARGET).join("release").join("terroir");
    let runner = runner();
    let home = place.cache.join("home-aarch64");
    let other = Product::emulated(binary, home, runner);
    for profile in ["fast", "high"] {
        let ours = native.pull(SOURCE, profile)?;
        let theirs = other.import(&ours.file, profile)?;
        eprintln!("{profile}: {} here, {theirs} on aarch64", ours.id);
        if ours.id != theirs {
            bail!("the importer gives another id on aarch64: exactness is broken");
        }
        let ask = Ask { model: &ours.id, question: "Name a river.", max_tokens: 12 };
        let mut found = vec![digests::digest(native, &ask, Way { isa: "portable", threads: 2 })?];
        for isa in ["portable", "neon"] {
            found.push(digests::digest(&other, &ask, Way { isa, threads: 2 })?);
        }
        digests::all_equal(&found)?;
    }
    Ok(())
}

/// Cargo with the cross compiler as linker and the emulator as runner.
fn cross(place: &Place) -> std::process::Command {
    let mut command = cargo(place);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", COMPILER);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner().join(" "));
    command.env("CC_aarch64_unknown_linux_gnu", COMPILER);
    command
}

fn runner() -> Vec<String> {
    [EMULATOR, "-L", LIBRARIES].map(str::to_owned).to_vec()
}
