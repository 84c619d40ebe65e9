//! What this process has cost so far, as Linux tells it.
//!
//! For `--json` timings and benches. Invariant: where the system does not tell, there is no number,
//! never a wrong one.

use std::fs;

/// Milliseconds per tick in `/proc`: the kernel reports 100 ticks a second to programs on every
/// architecture.
const TICK_MS: u64 = 10;

/// CPU time of all threads so far, in milliseconds.
pub fn cpu_ms() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    // Fields 14 and 15 of proc_pid_stat(5), the first after the name being number 3.
    let ticks = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some((ticks(14)? + ticks(15)?) * TICK_MS)
}

/// The most memory that was resident at once so far, in bytes.
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}
