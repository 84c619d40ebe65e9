//! Records whose texts are nearly the same: Jaccard similarity of their word n-grams.
//!
//! MinHash signatures cut into bands give candidates. Sketches of the sets of n-grams rule out pairs
//! that cannot be alike enough; each other pair is compared exactly, on these sets, so no record is
//! dropped for a likeness that it does not have.
//! Clusters are the connected parts of what was found alike. Invariant: the result is a function of
//! the set of records; memory and shards change only the time.

mod candidates;
mod compare;
mod found;
mod groups;
mod sets;
pub(super) mod shingles;
mod signature;
mod sketch;

use super::{Facts, Global, Identity, Key, Meeting, Texts};
use crate::error::Error;
use crate::keys::Numbered;
use crate::recipe::wrong;
use crate::record::RecordId;
use crate::text::{self, Doc};
use candidates::Candidates;
use compare::jaccard;
use found::Found;
use groups::Groups;
use serde::Deserialize;
use sets::Sets;
use shingles::Shingler;
use signature::Signer;
use sketch::{Sketch, Sketches};
use terroir_base::cbor::Value;

static FACTS: Facts = Facts {
    kind: "minhash",
    scores: &["cluster_size", "jaccard"],
    rules: &[],
    published: "Broder 1997; Lee et al. 2022, arXiv 2107.06499; Penedo et al. 2024, arXiv 2406.17557",
};

/// Keys of texts whose words are the same, in the same order. Band `b` is the space after it.
const TWINS: u16 = 0;

/// How alike is alike, and how candidates are found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Parts of a signature; two texts that agree in one are compared. 1 to 1024.
    pub bands: u16,
    /// Hashes of a part. 1 to 64.
    pub rows: u16,
    /// Words of an n-gram. 1 to 64.
    pub ngram: u16,
    /// The least similarity, in millionths.
    pub threshold: u32,
    /// What hashes are drawn from: a secret one keeps others from writing texts that collide.
    pub seed: u64,
}

impl Default for Params {
    /// Of texts that are .7 alike, all but one in 2,000 become candidates; .75 alike, one in 40,000.
    fn default() -> Params {
        Params { bands: 28, rows: 4, ngram: 5, threshold: 700_000, seed: 0 }
    }
}

/// The stage.
pub struct MinHash {
    params: Params,
    shingler: Shingler,
    signer: Signer,
}

impl MinHash {
    /// Errors: `Recipe` for a parameter out of its range.
    pub fn new(params: &Params) -> Result<MinHash, Error> {
        let within = |key: &str, value: u32, most: u32| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err(wrong(key, format!("is {value}, and 1 to {most} is right"))),
        };
        within("bands", params.bands.into(), 1024)?;
        within("rows", params.rows.into(), 64)?;
        within("ngram", params.ngram.into(), 64)?;
        within("threshold", params.threshold, 1_000_000)?;
        let hashes = usize::from(params.bands) * usize::from(params.rows);
        Ok(MinHash {
            params: params.clone(),
            shingler: Shingler::new(usize::from(params.ngram), params.seed),
            signer: Signer::new(hashes, params.seed),
        })
    }

    /// Compares `pairs` of records where nobody did before, and joins those that are alike enough.
    fn verify(
        &self,
        mut pairs: Vec<(u32, u32)>,
        groups: &mut Groups<'_>,
        texts: &dyn Texts,
    ) -> Result<(), Error> {
        pairs.retain(|(a, b)| texts.matters(groups.record(*a), groups.record(*b)));
        let mut found = Found::recall(pairs, groups.records(), texts.known())?;
        let sketches = Sketches::read(found.open(), groups, texts)?;
        found.rule_out(|a, b| sketches.rule_out(a, b, self.params.threshold));
        drop(sketches);
        let mut sets = Sets::read(found.open(), groups, texts, &self.shingler)?;
        let mut left = (u32::MAX, Vec::new());
        found.complete(|a, b| {
            if left.0 != a {
                left = (a, sets.get(a)?.into_owned());
            }
            Ok(jaccard(&left.1, &sets.get(b)?, self.params.threshold))
        })?;
        drop(sets);
        found.results().for_each(|(a, b, result)| groups.join(a, b, result));
        found.keep(groups, texts)
    }
}

impl Global for MinHash {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn identity(&self) -> Identity {
        let Params { bands, rows, ngram, threshold, seed } = self.params;
        vec![
            ("bands", Value::Uint(bands.into())),
            ("classes", text::digest().into()),
            ("ngram", Value::Uint(ngram.into())),
            ("rows", Value::Uint(rows.into())),
            ("seed", Value::Uint(seed)),
            ("threshold", threshold.into()),
        ]
    }

    fn keys(&self, doc: &mut Doc, keys: &mut Vec<Key>, sketch: &mut Vec<u8>) {
        let mut shingles = Vec::new();
        let Some(hash) = self.shingler.shingles(doc, &mut shingles) else { return };
        keys.push(Key { space: TWINS, hash });
        self.signer.keys(&shingles, usize::from(self.params.rows), keys);
        if let Some(made) = Sketch::of(&shingles) {
            made.write(sketch);
        }
    }

    fn resolve(
        &self,
        keys: &mut dyn Iterator<Item = Result<Numbered, Error>>,
        records: &[RecordId],
        texts: &dyn Texts,
    ) -> Result<Vec<Meeting>, Error> {
        let mut groups = Groups::new(records);
        let mut candidates = Candidates::default();
        let mut meeting: Vec<u32> = Vec::new();
        let mut last = None;
        let mut close = |key: Option<Key>, meeting: &mut Vec<u32>| {
            match key {
                Some(key) if meeting.len() > 1 && key.space == TWINS => groups.twins(meeting),
                Some(key) if meeting.len() > 1 => candidates.meet(key, meeting, &groups),
                _ => {}
            }
            meeting.clear();
        };
        for item in keys {
            let (key, place) = item?;
            if last != Some(key) {
                close(last.replace(key), &mut meeting);
            }
            meeting.push(place);
        }
        close(last, &mut meeting);
        self.verify(candidates.pairs(), &mut groups, texts)?;
        Ok(groups.meetings())
    }
}

#[cfg(test)]
mod tests;
