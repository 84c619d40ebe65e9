//! How much of a text stands elsewhere already: long substrings that repeat, across records and
//! inside of one.
//!
//! A repeat is a run of whole words and symbols, with what is between them, of at least so many
//! bytes, that occurs earlier: in a smaller record, or further left in the same one. The score counts
//! the bytes that are in some repeat, so the first occurrence of everything is free. Suffix arrays
//! find the same repeats in five times the memory of the text; here, records that share a short run
//! are found by their keys, and the runs themselves are sorted outside of memory by 128-bit hashes.
//! Invariant: the result is a function of the set of records.

mod windows;

use super::{Facts, Global, Identity, Key, Meeting, Rule, Texts, When};
use crate::error::Error;
use crate::keys::Numbered;
use crate::recipe::wrong;
use crate::record::RecordId;
use crate::spill::Sorter;
use crate::text::{self, Doc};
use serde::Deserialize;
use terroir_base::cbor::Value;
use windows::Windows;

static FACTS: Facts = Facts {
    kind: "substring",
    scores: &["repeated_bytes", "bytes"],
    rules: &[Rule::new("max_share", "repeated", "repeated_bytes", When::More, 200_000).per("bytes")],
    published: "Lee et al. 2022, arXiv 2107.06499; Penedo et al. 2023, arXiv 2306.01116 (drop-partial)",
};

/// Keys of short runs that stand in a record.
const RUNS: u16 = 0;
/// Keys of those that stand more than once in one record.
const AGAIN: u16 = 1;

/// What is long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Fewest bytes of a repeat: 16 to 65536.
    pub bytes: u32,
    /// What hashes are drawn from: a secret one keeps others from writing texts that collide.
    pub seed: u64,
}

impl Default for Params {
    /// About the 50 tokens of Lee et al.
    fn default() -> Params {
        Params { bytes: 200, seed: 0 }
    }
}

/// The stage.
pub struct Substring {
    windows: Windows,
}

impl Substring {
    /// Errors: `Recipe` for a parameter out of its range.
    pub fn new(params: &Params) -> Result<Substring, Error> {
        if !(16..=1 << 16).contains(&params.bytes) {
            let what = format!("is {}, and 16 to 65536 is right", params.bytes);
            return Err(wrong("bytes", what));
        }
        Ok(Substring { windows: Windows::new(params.bytes, params.seed) })
    }
}

impl Global for Substring {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        vec![
            ("bytes", self.windows.bytes.into()),
            ("classes", text::digest().into()),
            ("seed", Value::Uint(self.windows.seed)),
        ]
    }

    fn keys(&self, doc: &mut Doc, keys: &mut Vec<Key>, _: &mut Vec<u8>) {
        let mut anchors = Vec::new();
        let mut last = None;
        self.windows.each(doc, |anchor, _| {
            if last.replace(anchor.place) != Some(anchor.place) {
                anchors.push(anchor.hash);
            }
        });
        anchors.sort_unstable();
        for same in anchors.chunk_by(|a, b| a == b) {
            let hash = key_hash(same[0]);
            keys.push(Key { space: RUNS, hash });
            if same.len() > 1 {
                keys.push(Key { space: AGAIN, hash });
            }
        }
    }

    fn resolve(
        &self,
        keys: &mut dyn Iterator<Item = Result<Numbered, Error>>,
        records: &[RecordId],
        texts: &dyn Texts,
    ) -> Result<Vec<Meeting>, Error> {
        let (records, shared) = meet(keys, records, texts.budget() / 8)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        // A window is its hash, the place of its record, where it starts and where it ends.
        let mut windows = Sorter::<28>::new(texts.scratch(), texts.budget() / 3);
        let mut lengths = vec![0; records.len()];
        texts.read(&records, &mut |record, doc| {
            let place = records.binary_search(&record).expect("only what is wanted is given");
            lengths[place] = doc.text().len() as i64;
            let mut failed = Ok(());
            self.windows.each(doc, |anchor, window| {
                if failed.is_ok() && shared.has(key_hash(anchor.hash)) {
                    let head = [place as u32, window.start, window.end].map(u32::to_be_bytes);
                    let mut item = [0; 28];
                    item[..16].copy_from_slice(&window.hash().to_be_bytes());
                    item[16..].copy_from_slice(head.as_flattened());
                    failed = windows.push(item);
                }
            });
            failed
        })?;
        let mut repeats = Sorter::<12>::new(texts.scratch(), texts.budget() / 3);
        let mut last = [0; 16];
        for (at, item) in windows.sorted()?.enumerate() {
            let item = item?;
            let hash: [u8; 16] = *item.first_chunk().expect("28 is above 16");
            if at > 0 && hash == last {
                repeats.push(*item.last_chunk().expect("28 is above 12"))?;
            }
            last = hash;
        }
        measure(repeats.sorted()?, &records, &lengths)
    }
}

/// The records that share a run with another one or with themselves, ascending, and those runs.
fn meet(
    keys: &mut dyn Iterator<Item = Result<Numbered, Error>>,
    records: &[RecordId],
    memory_bytes: usize,
) -> Result<(Vec<RecordId>, Shared), Error> {
    let mut met = vec![false; records.len()];
    let mut shared = Shared::new(memory_bytes);
    let mut last: Option<Numbered> = None;
    for item in keys {
        let (key, number) = item?;
        let before = last.replace((key, number)).filter(|before| before.0 == key);
        if before.is_some() || key.space == AGAIN {
            shared.add(key.hash);
            [Some(number), before.map(|before| before.1)]
                .into_iter()
                .flatten()
                .for_each(|number| met[number as usize] = true);
        }
    }
    let met = records.iter().zip(met).filter_map(|(record, met)| met.then_some(*record));
    Ok((met.collect(), shared))
}

/// Adds up the bytes of `repeats`: place of the record, start and end, ascending.
fn measure(
    repeats: impl Iterator<Item = Result<[u8; 12], Error>>,
    records: &[RecordId],
    lengths: &[i64],
) -> Result<Vec<Meeting>, Error> {
    let mut meetings: Vec<Meeting> = Vec::new();
    // How far the record that is being measured is counted.
    let mut counted = 0;
    for item in repeats {
        let item = item?;
        let (numbers, _) = item.as_chunks::<4>();
        let [place, start, end] = [0, 1, 2].map(|at| u32::from_be_bytes(numbers[at]));
        let record = records[place as usize];
        if meetings.last().is_none_or(|last| last.record != record) {
            let scores = vec![0, lengths[place as usize]];
            meetings.push(Meeting { record, cluster: None, scores });
            counted = 0;
        }
        let meeting = meetings.last_mut().expect("one was pushed where none was");
        meeting.scores[0] += i64::from(end.saturating_sub(start.max(counted)));
        counted = counted.max(end);
    }
    Ok(meetings)
}

/// A set of hashes that may hold a few more than were added: those only cost time.
struct Shared {
    bits: Vec<u64>,
}

impl Shared {
    fn new(memory_bytes: usize) -> Shared {
        let words = (memory_bytes / 8).max(1 << 10).next_power_of_two() / 2;
        Shared { bits: vec![0; words] }
    }

    fn place(&self, hash: [u8; 16]) -> (usize, u64) {
        let number = u128::from_be_bytes(hash) as u64;
        let (word, bit) = ((number >> 6) as usize & (self.bits.len() - 1), number & 63);
        (word, 1 << bit)
    }

    fn add(&mut self, hash: [u8; 16]) {
        let (word, bit) = self.place(hash);
        self.bits[word] |= bit;
    }

    fn has(&self, hash: [u8; 16]) -> bool {
        let (word, bit) = self.place(hash);
        self.bits[word] & bit != 0
    }
}

/// The hash of an anchor as a key has it: 64 bits do, for what is found is looked at again.
fn key_hash(anchor: u64) -> [u8; 16] {
    (u128::from(anchor) << 64 | u128::from(anchor)).to_be_bytes()
}

#[cfg(test)]
mod tests;
