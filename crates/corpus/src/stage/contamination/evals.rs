//! The runs of words of evaluation sets, and which items have them.
//!
//! Format of the file that an owner gives: `docs/format/evaluation-set.md`.

use super::ngrams::{Filter, Folded, NGram, WORDS_MAX};
use crate::text::Doc;
use crate::tree::{Builder, SaltKey, body, leaf};
use std::collections::{BTreeMap, BTreeSet};
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, MapReader, Value};

/// Longest file of keyed hashes, in bytes.
pub const KEYED_BYTES_MAX: usize = 1 << 28;
const VERSION: u64 = 1;
/// Bytes of an entry: the hash of a run, and the item that has it.
const ENTRY_BYTES: usize = 24;

/// Stands for an item: 8 bytes of the keyed hash of all its words.
pub type Item = [u8; 8];

/// The runs of some evaluation sets.
pub struct Evals {
    ngram: usize,
    shortest: usize,
    key: [u8; 32],
    hash_key: Digest,
    runs: BTreeMap<NGram, BTreeSet<Item>>,
    /// Lengths of runs in words, with what is known of their words; nothing where only hashes are.
    lengths: BTreeMap<usize, Option<Vec<Vec<u64>>>>,
    filters: Vec<(usize, Option<Filter>)>,
    /// Items that are too short to be looked for.
    skipped: u64,
}

impl Evals {
    /// No sets yet. Runs of `ngram` words; items of at least `shortest` words are runs where they are no
    /// longer. All zeros is the key of what is public.
    pub fn new(ngram: usize, shortest: usize, key: [u8; 32]) -> Evals {
        let hash_key = Digest::derive("terroir 2026-11 evaluation n-gram", &[&key]);
        Evals {
            ngram,
            shortest,
            key,
            hash_key,
            runs: BTreeMap::new(),
            lengths: BTreeMap::new(),
            filters: Vec::new(),
            skipped: 0,
        }
    }

    /// Adds an item.
    pub fn add(&mut self, doc: &mut Doc) {
        let folded = Folded::of(doc);
        let words = folded.words();
        if words < self.shortest {
            self.skipped += 1;
            return;
        }
        let length = words.min(self.ngram);
        let all = blake3::keyed_hash(self.hash_key.as_bytes(), folded.run(0, words));
        let item = *all.as_bytes().last_chunk().expect("32 is above 8");
        for first in 0..=words - length {
            let ngram = self.ngram_of(folded.run(first, length));
            self.runs.entry(ngram).or_default().insert(item);
        }
        let hashes = doc.words().iter().filter(|word| !word.symbol).map(|word| word.folded);
        let known = self.lengths.entry(length).or_insert_with(|| Some(Vec::new()));
        if let Some(texts) = known {
            texts.push(hashes.collect());
        }
    }

    /// Adds what an owner's file holds.
    ///
    /// Errors: what is wrong with the file.
    pub fn add_keyed(&mut self, bytes: &[u8]) -> Result<(), String> {
        let limits = Limits { bytes_max: KEYED_BYTES_MAX, depth_max: 2, items_max: 256 };
        let read = || {
            let mut fields = MapReader::new(cbor::decode(bytes, &limits)?, "evaluation set")?;
            let version = fields.take_uint(1, "version")?;
            let key = fields.take_bytes_n::<16>(2, "key")?;
            let lengths = fields.take_array(3, "lengths", WORDS_MAX)?;
            let lengths = lengths.into_iter().map(|length| length.into_uint("length"));
            let lengths = lengths.collect::<Result<Vec<u64>, _>>()?;
            let entries = fields.take_bytes(4, "entries", KEYED_BYTES_MAX)?;
            fields.finish()?;
            Ok((version, key, lengths, entries))
        };
        let (version, key, lengths, entries) =
            read().map_err(|error: cbor::Error| error.to_string())?;
        if version != VERSION {
            return Err(format!("evaluation set version {version}, this reads {VERSION}"));
        }
        if key != key_id(&self.key) {
            return Err("the hashes were made with another key".to_owned());
        }
        let right = |length: &u64| (1..=WORDS_MAX as u64).contains(length);
        if !lengths.is_sorted_by(|a, b| a < b) || !lengths.iter().all(right) {
            return Err(format!("lengths ascend, from 1 to {WORDS_MAX} words"));
        }
        let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() || !entries.is_sorted_by(|a, b| a < b) {
            return Err(format!("entries ascend, each of {ENTRY_BYTES} bytes"));
        }
        for length in lengths {
            self.lengths.insert(length as usize, None);
        }
        for entry in entries {
            let fits = "an entry is 16 bytes and 8";
            let ngram = NGram(*entry.first_chunk().expect(fits));
            self.runs.entry(ngram).or_default().insert(*entry.last_chunk().expect(fits));
        }
        Ok(())
    }

    /// What an owner gives to others: hashes of runs and of items, and nothing else.
    pub fn keyed(&self) -> Vec<u8> {
        let entry = |(ngram, items): (&NGram, &BTreeSet<Item>)| {
            items.iter().flat_map(|item| ngram.0.into_iter().chain(*item)).collect::<Vec<u8>>()
        };
        cbor::encode(&Value::record([
            (1, VERSION.into()),
            (2, Value::bytes(key_id(&self.key))),
            (3, Value::array(self.lengths.keys().map(|length| *length as u64))),
            (4, Value::Bytes(self.runs.iter().flat_map(entry).collect())),
        ]))
    }

    /// Prepares for [`Evals::find`], when all sets are there.
    pub fn seal(&mut self) {
        let filter = |(length, texts): (&usize, &Option<Vec<Vec<u64>>>)| {
            (*length, texts.as_ref().map(|texts| Filter::new(*length, texts)))
        };
        self.filters = self.lengths.iter().map(filter).collect();
    }

    /// Calls `each` for every run of `doc` that items have, with those items.
    pub fn find(&self, doc: &mut Doc, mut each: impl FnMut(&BTreeSet<Item>)) {
        let words = doc.words().iter().filter(|word| !word.symbol);
        let hashes: Vec<u64> = words.map(|word| word.folded).collect();
        let mut folded = None;
        for (length, filter) in &self.filters {
            let mut look = |at: usize| {
                let folded = folded.get_or_insert_with(|| Folded::of(doc));
                let ngram = self.ngram_of(folded.run(at, *length));
                self.runs.get(&ngram).into_iter().for_each(&mut each);
            };
            match filter {
                Some(filter) => filter.find(&hashes, look),
                // Without the words there is nothing quicker than to hash every run.
                None => (0..(hashes.len() + 1).saturating_sub(*length)).for_each(&mut look),
            }
        }
    }

    /// The distinct runs of `doc` that would be looked for, ascending.
    pub fn ngrams(&self, doc: &mut Doc) -> Vec<NGram> {
        let folded = Folded::of(doc);
        let runs = |length: &usize| {
            let (folded, length) = (&folded, *length);
            let places = 0..(folded.words() + 1).saturating_sub(length);
            places.map(move |first| self.ngram_of(folded.run(first, length)))
        };
        let ngrams: BTreeSet<NGram> = self.lengths.keys().flat_map(runs).collect();
        ngrams.into_iter().collect()
    }

    /// Leaves of the tree of runs, ascending: hash, and body of its items.
    pub fn leaves(&self) -> impl Iterator<Item = ([u8; 16], Digest)> {
        let public = SaltKey([0; 32]);
        self.runs.iter().map(move |(ngram, items)| {
            let items: Vec<u8> = items.iter().flatten().copied().collect();
            (ngram.0, body(&public.salt(&ngram.0), &items))
        })
    }

    /// The root of the tree of runs.
    pub fn root(&self) -> Digest {
        let mut builder = Builder::default();
        self.leaves().for_each(|(key, body)| builder.push(leaf(&key, &body)));
        builder.root()
    }

    /// Lengths of the runs, in words, ascending.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.lengths.keys().copied()
    }

    /// How many items are too short to be looked for.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Number of distinct runs.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    fn ngram_of(&self, run: &[u8]) -> NGram {
        let hash = blake3::keyed_hash(self.hash_key.as_bytes(), run);
        NGram(*hash.as_bytes().first_chunk().expect("32 is above 16"))
    }
}

/// Tells keys apart, and says nothing else of them.
fn key_id(key: &[u8; 32]) -> [u8; 16] {
    let id = Digest::derive("terroir 2026-11 evaluation key id", &[key]);
    *id.0.first_chunk().expect("32 is above 16")
}
