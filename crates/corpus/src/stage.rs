//! What a stage is: a measurement of one record, and published rules that judge by it.
//!
//! A [`Local`] stage sees one record at a time; a [`Global`] one sees keys of all of them. Both give
//! integer scores, so the verdict of a [`Rule`] can be made again for another threshold without
//! measuring again. Invariant: scores and verdicts are functions of the text and the stage's
//! identity alone.

pub mod c4;
#[cfg(test)]
mod check;
pub mod classifier;
pub mod contamination;
pub mod exact;
pub mod fineweb;
mod given;
pub mod gopher_quality;
pub mod gopher_repetition;
pub mod language;
pub mod lists;
#[cfg(test)]
pub(crate) mod memory;
pub mod minhash;
pub mod normalise;
pub mod perplexity;
pub mod pii;
mod registry;
pub mod substring;
pub mod wasm;

pub use registry::{KINDS, Stage, Work, chain};

use crate::error::Error;
use crate::keys::Numbered;
use crate::pairs;
use crate::record::RecordId;
use crate::text::Doc;
use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use terroir_base::Digest;
use terroir_base::cbor::Value;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Verdict {
    /// It passes as it is.
    Keep = 0,
    /// It passes with another text.
    Edit = 1,
    /// It does not pass.
    Drop = 2,
    /// It could not be read or measured; the reason says why.
    Skip = 3,
}

/// When a rule drops a record: its value stands so to the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// value < threshold
    Less,
    /// value <= threshold
    AtMost,
    /// value > threshold
    More,
    /// value >= threshold
    AtLeast,
}

/// A published rule on the scores of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Name of the threshold in recipes and policies, as the field knows it.
    pub key: &'static str,
    /// What a record that fails is said to have, lower_snake_case.
    pub reason: &'static str,
    /// The score that is judged.
    pub score: &'static str,
    /// The score it is divided by. Then the threshold is in millionths, and a record with zero
    /// here passes; the comparison is exact: `score * 1_000_000` against `threshold * per`.
    pub per: Option<&'static str>,
    /// Which side drops.
    pub when: When,
    /// The published threshold.
    pub default: i64,
}

impl Rule {
    /// A rule on a count.
    pub const fn new(
        key: &'static str,
        reason: &'static str,
        score: &'static str,
        when: When,
        default: i64,
    ) -> Rule {
        Rule { key, reason, score, per: None, when, default }
    }

    /// The same rule on the score divided by another one.
    pub const fn per(mut self, per: &'static str) -> Rule {
        self.per = Some(per);
        self
    }
}

/// Fixed facts about a kind of stage.
#[derive(Debug)]
pub struct Facts {
    /// Name in recipes, e.g. `gopher_quality`.
    pub kind: &'static str,
    /// Names of the scores, in the order in which they are measured.
    pub scores: &'static [&'static str],
    /// The rules, in the order in which they are tried; the first that fails is the reason.
    pub rules: &'static [Rule],
    /// Where the rules were published.
    pub published: &'static str,
}

/// What makes two stages the same: everything that can change a score or a text.
///
/// Its canonical CBOR is hashed into the stage's id together with `kind` and
/// [`STAGE_RULES`]. Thresholds are not in it: they belong to the policy.
pub type Identity = Vec<(&'static str, Value)>;

/// Version of the stages' code as a whole: any change to what a stage measures raises it.
pub const STAGE_RULES: &str = "terroir-stages-2";

/// A stage that needs one record at a time.
pub trait Local: Send + Sync {
    /// Name, scores and rules.
    fn facts(&self) -> &'static Facts;

    /// Parameters, tables and models that decide the result.
    fn identity(&self) -> Identity;

    /// Whether it may give a new text. All that comes after then depends on it.
    fn edits(&self) -> bool {
        false
    }

    /// The evaluation sets that it looks for, where it does: a text without any of their runs can be
    /// shown to have none.
    fn looks_for(&self) -> Option<&contamination::Evals> {
        None
    }

    /// What the value `value` of `score` stands for, where it is not an amount.
    fn says(&self, _score: &str, _value: i64) -> Option<String> {
        None
    }

    /// Measures `doc` into `scores` (as many as the facts name, all zero at first) and gives the new
    /// text when the stage edits.
    fn measure(&self, doc: &mut Doc, scores: &mut [i64]) -> Option<String>;
}

/// A stage that compares records with each other.
pub trait Global: Send + Sync {
    /// Name, scores and rules.
    fn facts(&self) -> &'static Facts;

    /// Parameters that decide the result.
    fn identity(&self) -> Identity;

    /// The keys under which `doc` may meet others, and a sketch that spares reading it
    /// ([`Texts::sketches`]): at most [`crate::keys::SKETCH_BYTES_MAX`] bytes, none where there are no
    /// keys. The driver keeps both on disk, the keys sorted.
    fn keys(&self, doc: &mut Doc, keys: &mut Vec<Key>, sketch: &mut Vec<u8>);

    /// Finds what belongs together, given every key of every record in ascending order of
    /// (key, record), and any text on demand. Only records that meet another are returned, in
    /// ascending order; all others have zero scores and are alone.
    ///
    /// `keys` gives no two equal items; each has the place of its record in `records`, which ascend.
    /// The result depends on nothing else than items and texts.
    fn resolve(
        &self,
        keys: &mut dyn Iterator<Item = Result<Numbered, Error>>,
        records: &[RecordId],
        texts: &dyn Texts,
    ) -> Result<Vec<Meeting>, Error>;
}

/// A key of a global stage: which index (a band), and a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which of the stage's indexes.
    pub space: u16,
    /// The hash, most significant byte first.
    pub hash: [u8; 16],
}

impl Key {
    /// Numbers that sort as keys do; comparing them is faster than comparing bytes.
    fn numbers(&self) -> (u16, u128) {
        (self.space, u128::from_be_bytes(self.hash))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        self.numbers().cmp(&other.numbers())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Texts of records as the stage sees them.
pub trait Texts: Sync {
    /// Calls `each` once for every one of `wanted` (ascending, no two equal), in whatever order the
    /// shards have them, from one thread.
    ///
    /// Costs one pass over the shards, so ask for as many as memory allows ([`Texts::budget`]).
    /// Errors: those of `each`, `Missing` for a record that no shard has.
    fn read(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(RecordId, &mut Doc) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Gives `each` sketches that the stage made of `wanted` (ascending), by their places in it.
    ///
    /// There need not be one of each, and for an audit there are none: the result must not depend on
    /// them. Errors: `Disk`, `Damaged`.
    fn sketches(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<(), Error>;

    /// How many bytes the stage may hold at a time.
    fn budget(&self) -> usize;

    /// A folder for what does not fit; the stage leaves nothing there.
    fn scratch(&self) -> &Path;

    /// Whether it matters how alike `a` and `b` are: an audit asks about some records alone.
    fn matters(&self, a: RecordId, b: RecordId) -> bool;

    /// Files of what this stage found before about pairs of records ([`crate::pairs`]), also of
    /// records that are not here.
    fn known(&self) -> &[PathBuf];

    /// Takes what the stage found about all pairs of `records` that matter, known before or not.
    ///
    /// A stage that compares no pairs does not call it. Errors: those of `pairs`, `Disk`.
    fn keep(&self, records: &[RecordId], pairs: &mut pairs::Stream<'_>) -> Result<(), Error>;
}

/// A record that meets others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The record.
    pub record: RecordId,
    /// The smallest record of its cluster; `None` from a stage that makes no clusters.
    pub cluster: Option<RecordId>,
    /// Scores, as many as the facts name.
    pub scores: Vec<i64>,
}

/// What a stage has to say about one record: a row of its table and a leaf of its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The record.
    pub record: RecordId,
    /// BLAKE3 of the text that came in.
    pub text_in: Digest,
    /// BLAKE3 of the text that went out; equal where nothing was edited.
    pub text_out: Digest,
    /// By the published thresholds.
    pub verdict: Verdict,
    /// Which rule, by its place among the stage's rules; `None` unless dropped.
    pub reason: Option<u8>,
    /// Smallest record of the cluster, for stages that make clusters.
    pub cluster: Option<RecordId>,
    /// The scores.
    pub scores: Vec<i64>,
}

/// The first rule of `facts` that `scores` fail under `thresholds` (one a rule, in their order).
pub fn judge(facts: &Facts, scores: &[i64], thresholds: &[i64]) -> Option<u8> {
    let score = |name: &str| {
        let place = facts.scores.iter().position(|score| *score == name);
        i128::from(scores[place.expect("a rule names a score of its own stage")])
    };
    let fails = |(rule, threshold): (&Rule, &i64)| {
        let (value, limit) = match rule.per {
            Some(per) if score(per) == 0 => return false,
            Some(per) => (score(rule.score) * 1_000_000, i128::from(*threshold) * score(per)),
            None => (score(rule.score), i128::from(*threshold)),
        };
        match rule.when {
            When::Less => value < limit,
            When::AtMost => value <= limit,
            When::More => value > limit,
            When::AtLeast => value >= limit,
        }
    };
    let first = facts.rules.iter().zip(thresholds).position(fails)?;
    Some(u8::try_from(first).expect("a stage has fewer than 256 rules"))
}
