//! `terroir-sim FIRST [COUNT] [JOBS]`: runs seeds and prints what broke a law.
//!
//! For `cargo xtask sim`. Exit 0: no law was broken; 1: one was; 2: the words make no sense.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use terroir_sim::{Failure, Plan, Report, run};

/// Seeds between two lines about how far it is.
const TELL: u64 = 100;

fn main() -> ExitCode {
    let words: Option<Vec<u64>> = std::env::args().skip(1).map(|word| word.parse().ok()).collect();
    match words.as_deref() {
        Some([first]) => runs(*first, 1, 1),
        Some([first, count]) => runs(*first, *count, 1),
        Some([first, count, jobs]) => runs(*first, *count, *jobs),
        _ => {
            eprintln!("usage: terroir-sim FIRST [COUNT] [JOBS]");
            ExitCode::from(2)
        }
    }
}

/// What all runs came to.
#[derive(Default)]
struct Sum {
    done: u64,
    failed: u64,
    blocks: u64,
    payments: u64,
    starts: u64,
    outages: u64,
    convictions: u64,
    expelled: u64,
    forged: u64,
    refused: u64,
    /// With the seed.
    mended_ms: Vec<(u64, u64)>,
}

impl Sum {
    fn add(&mut self, seed: u64, result: &Result<Report, Box<Failure>>) {
        self.done += 1;
        match result {
            Ok(report) => {
                self.blocks += report.blocks;
                self.payments += report.payments;
                self.starts += report.starts;
                self.outages += report.outages;
                self.convictions += report.convictions;
                self.expelled += report.expelled;
                self.forged += report.forged;
                self.refused += report.refused;
                self.mended_ms.push((report.mended_ms, seed));
            }
            Err(failure) => {
                self.failed += 1;
                println!("seed {seed}: {failure}");
            }
        }
    }

    fn print(&mut self, took: f64) {
        self.mended_ms.sort_unstable();
        let of = |hundredths: usize| {
            let last = self.mended_ms.len().saturating_sub(1);
            self.mended_ms.get(last * hundredths / 100).copied().unwrap_or_default()
        };
        println!(
            "{} seeds, {} failed, {took:.1} s: {} blocks, {} payments, {} starts, {} outages in a write, \
             {} contradictions seen, {} liars without a seat, {} payments forged, {} of them looked \
             at; mended after {} / {} / {} ms (p50, p99, most: seed {})",
            self.done,
            self.failed,
            self.blocks,
            self.payments,
            self.starts,
            self.outages,
            self.convictions,
            self.expelled,
            self.forged,
            self.refused,
            of(50).0,
            of(99).0,
            of(100).0,
            of(100).1,
        );
    }
}

fn runs(first: u64, count: u64, jobs: u64) -> ExitCode {
    let begun = Instant::now();
    let (next, sum) = (AtomicU64::new(first), Mutex::new(Sum::default()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(count) {
                        return;
                    }
                    let result = run(&Plan::of(seed));
                    if let (1, Ok(report)) = (count, &result) {
                        println!("{report:?}");
                    }
                    let mut sum = sum.lock().expect("nobody panics with it");
                    sum.add(seed, &result);
                    if sum.done % TELL == 0 {
                        eprintln!("{} seeds, {} failed", sum.done, sum.failed);
                    }
                }
            });
        }
    });
    let mut sum = sum.into_inner().expect("nobody panicked with it");
    sum.print(begun.elapsed().as_secs_f64());
    match sum.failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
