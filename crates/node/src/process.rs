//! What this process has cost so far, as Linux tells it, and how people say what it may cost.
//!
//! For command lines, `--json` timings and benches. Invariant: where the system does not tell, there is no number,
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

/// A number of bytes as people type it, with K, M or G. Errors: what was expected.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.trim_end_matches(['B', 'b']).trim_end_matches('i') {
        text if text.ends_with(['K', 'k']) => (&text[..text.len() - 1], 10),
        text if text.ends_with(['M', 'm']) => (&text[..text.len() - 1], 20),
        text if text.ends_with(['G', 'g']) => (&text[..text.len() - 1], 30),
        text => (text, 0),
    };
    let number: Option<u64> = digits.parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(1 << shift));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "expected a number with K, M or G".to_owned())
}
