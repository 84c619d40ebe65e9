//! Recomputing stored sequences from the records, a drawn sample of them or all.
//!
//! For whoever has the version and wants to know whether a manifest was made of it. A drawn sequence
//! is made again: it must go on where the one before it ends, take the next records that pass in
//! ascending order, and have their tokens. Invariant: what differs is named.

use super::documents::Reading;
use super::encoder::{Encoder, document};
use super::pack::{pack, table_path};
use super::sequence::{self, Place, Sequence, Span};
use super::sound::sound;
use super::training::{Training, folder};
use crate::audit::{Difference, Scope, places};
use crate::catalogue::{Catalogue, Kept, NEW_PREFIX};
use crate::claim::policy;
use crate::error::{Error, damaged, disk};
use crate::measure::edit;
use crate::recipe::{Mixture, Packing, Weight};
use crate::record::RecordId;
use crate::rows::digest;
use crate::stage::{Stage, chain};
use crate::text::Doc;
use crate::tree::SaltKey;
use crate::{fold, shard, table};
use arrow_array::cast::AsArray;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use terroir_base::Digest;

/// What was recomputed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Stored sequences that were made again.
    pub sequences: u64,
    /// What differs, in order.
    pub differences: Vec<Difference>,
}

/// Makes `scope` of the stored sequences of `training` again from the records of `kept`.
///
/// Errors: what keeps it from deciding; `Missing` when `kept` or `encoder` is not what the manifest
/// names.
pub fn check(
    catalogue: &Catalogue,
    kept: &Kept,
    training: &Training,
    encoder: &Encoder,
    scope: Scope,
    salt: &SaltKey,
) -> Result<Checked, Error> {
    let manifest = training.manifest();
    for (kind, wanted, got) in [
        ("version", manifest.version.0, kept.id.0),
        ("tokenizer", manifest.tokenizer, encoder.digest()),
    ] {
        if wanted != got {
            return Err(Error::Missing { kind, name: format!("{wanted}, only {got}") });
        }
    }
    let mut checked = Checked::default();
    let version = &kept.version;
    for (what, told, made) in
        [("root", manifest.root, version.root()), ("policy", manifest.policy, policy(version))]
    {
        if told != made {
            let what = format!("the manifest says {what} {told}, the version has {made}");
            checked.add("manifest", None, what);
        }
    }
    sound(catalogue, kept, salt)?;
    let weights = manifest.sources.iter().map(|share| (share.name.clone(), Weight(share.weight)));
    let mixture = Mixture { weights: weights.collect(), ..Mixture::default() };
    let stages = chain(&kept.recipe)?;
    let end = manifest.shape.end;
    let text_bytes = AtomicU64::new(0);
    let stages = stages.as_slice();
    let mixture = &mixture;
    let reading = Reading { catalogue, kept, stages, mixture, encoder, end, text_bytes };
    match scope {
        Scope::Full => checked.full(&reading, training, salt)?,
        Scope::Sample(wanted, challenge) => {
            let drawn = places(challenge, u64::from(wanted), manifest.stored.leaves);
            checked.sample(&reading, training, &drawn)?;
        }
    }
    checked.differences.sort();
    Ok(checked)
}

impl Checked {
    fn add(&mut self, tree: &str, record: Option<RecordId>, what: String) {
        self.differences.push(Difference { tree: tree.to_owned(), record, what });
    }

    /// Packs everything again and compares every sequence and every token file.
    fn full(
        &mut self,
        reading: &Reading<'_>,
        training: &Training,
        salt: &SaltKey,
    ) -> Result<(), Error> {
        let all = folder(reading.catalogue);
        let temp = tempfile::Builder::new().prefix(NEW_PREFIX).tempdir_in(&all);
        let temp = temp.map_err(disk(&all))?;
        let manifest = training.manifest().clone();
        let documents = reading.documents(temp.path(), &|| ())?;
        let again = pack(documents, manifest.sources.len(), &manifest.shape, temp.path(), salt)?;
        for (share, packed) in manifest.sources.iter().zip(&again.sources) {
            if share.packed != *packed {
                let what = format!("packed again it gives {packed:?}, not {:?}", share.packed);
                self.add(&format!("source {}", share.name), None, what);
            }
        }
        if manifest.left_out != again.left_out {
            let what = format!("{} records, not {}", again.left_out, manifest.left_out);
            self.add("left out", None, what);
        }
        for source in (0..).take(manifest.sources.len()) {
            let made = sequence::read(&table_path(temp.path(), source))?;
            let told = sequence::read(&table_path(training.folder(), source))?;
            for (sequence, (made, told)) in (0..).zip(made.zip(told)) {
                self.compare(training, Place { source, sequence }, &made?, &told?);
            }
        }
        Ok(())
    }

    /// Makes the stored sequences of these numbers again.
    fn sample(
        &mut self,
        reading: &Reading<'_>,
        training: &Training,
        drawn: &[u64],
    ) -> Result<(), Error> {
        let listed = Listed::read(reading)?;
        let shares = training.manifest().sources.clone();
        let mut start = 0;
        for (source, share) in (0..).zip(&shares) {
            let end = start + share.packed.stored;
            let own = drawn.iter().filter(|number| (start..end).contains(*number));
            let own: BTreeSet<u64> = own.map(|number| number - start).collect();
            start = end;
            let before = own.iter().filter_map(|number| number.checked_sub(1));
            let wanted: BTreeSet<u64> = own.iter().copied().chain(before).collect();
            let mut told = BTreeMap::new();
            for (number, row) in (0..).zip(sequence::read(&table_path(training.folder(), source))?)
            {
                let row = row?;
                if wanted.contains(&number) {
                    told.insert(number, row);
                }
            }
            for sequence in own {
                let before = sequence.checked_sub(1).and_then(|before| told.get(&before));
                let maker = Maker { reading, listed: &listed, training, source };
                let made = maker.make(before)?;
                let row = told.get(&sequence).ok_or_else(|| {
                    damaged(training.folder(), "a table of sequences has too few rows")
                })?;
                self.compare(training, Place { source, sequence }, &made, row);
            }
        }
        Ok(())
    }

    /// Compares a sequence that was made again with its row, and with the tokens on disk.
    fn compare(&mut self, training: &Training, place: Place, made: &Sequence, told: &Sequence) {
        self.sequences += 1;
        let tree = format!("sequence {} of source {}", place.sequence, place.source);
        if made != told {
            let odd = made.spans.iter().zip(&told.spans).find(|(made, told)| made != told);
            let record = odd.map(|(made, _)| made.record).or(made.spans.first().map(|s| s.record));
            let what = format!("made again it is {made:?}, the table says {told:?}");
            self.add(&tree, record, what);
        }
        if let Err(error) = training.tokens(place, &mut Vec::new()) {
            self.add(&tree, None, error.to_string());
        }
    }
}

/// Which records pass, by source and ascending, and where they are: shard and row.
struct Listed(Vec<(u32, RecordId, usize, usize)>);

impl Listed {
    fn read(reading: &Reading<'_>) -> Result<Listed, Error> {
        let folder = reading.catalogue.version(&reading.kept.id).join("verdicts");
        let mut all = Vec::new();
        for (shard, name) in reading.kept.shards.iter().enumerate() {
            let sources =
                table::read(&reading.catalogue.shard(name), &shard::schema(), &["rid", "source"])?;
            let path = folder.join(format!("{name}.parquet"));
            let mut row = 0;
            for (records, verdicts) in sources.zip(table::read(&path, &fold::schema(), &["kept"])?)
            {
                let (records, verdicts) = (records?, verdicts?);
                let kept = verdicts.column(0).as_boolean();
                if records.num_rows() != kept.len() {
                    return Err(damaged(&path, "has other rows than its shard"));
                }
                for at in 0..records.num_rows() {
                    let source = records.column(1).as_string::<i32>().value(at);
                    let place = reading.mixture.place(source).filter(|_| kept.value(at));
                    let rid = digest(records.column(0).as_fixed_size_binary(), at);
                    if let Some((place, rid)) = place.zip(rid) {
                        let place = u32::try_from(place).expect("a mixture is small");
                        all.push((place, RecordId(rid), shard, row + at));
                    }
                }
                row += records.num_rows();
            }
        }
        all.sort_unstable();
        all.dedup_by_key(|(source, record, ..)| (*source, *record));
        Ok(Listed(all))
    }

    /// The first record of `source` that is `record` or comes after it; strictly, if `after`.
    fn from(&self, source: u32, record: RecordId, after: bool) -> &[(u32, RecordId, usize, usize)] {
        let before = |(other, rid, ..): &(u32, RecordId, usize, usize)| {
            let place = (*other, *rid);
            place < (source, record) || after && place == (source, record)
        };
        let start = self.0.partition_point(before);
        let end = self.0.partition_point(|(other, ..)| *other <= source);
        &self.0[start.min(end)..end]
    }
}

/// Makes one sequence of one source.
struct Maker<'a> {
    reading: &'a Reading<'a>,
    listed: &'a Listed,
    training: &'a Training,
    source: u32,
}

impl Maker<'_> {
    /// The sequence that follows `before`.
    fn make(&self, before: Option<&Sequence>) -> Result<Sequence, Error> {
        let shape = self.training.manifest().shape;
        let length = shape.length as usize;
        let single = shape.packing == Packing::Single;
        let zero = RecordId(Digest([0; 32]));
        let last = before.and_then(|before| before.spans.last());
        let (mut rest, mut start) = match last {
            None => (self.listed.from(self.source, zero, false), 0),
            Some(span) if single => (self.listed.from(self.source, span.record, true), 0),
            Some(span) => {
                let next = span.start as usize + span.count as usize;
                (self.listed.from(self.source, span.record, false), next)
            }
        };
        let (mut held, mut spans) = (Vec::with_capacity(length), Vec::new());
        while held.len() < length
            && let Some((&(_, record, shard, row), after)) = rest.split_first()
        {
            let tokens = self.tokens(shard, (row, record))?;
            let count = (length - held.len()).min(tokens.len().saturating_sub(start));
            if count > 0 {
                held.extend_from_slice(&tokens[start..start + count]);
                let number = |tokens: usize| u32::try_from(tokens).expect("a text is short");
                spans.push(Span { record, start: number(start), count: number(count) });
            }
            (rest, start) = (after, 0);
            if single {
                break;
            }
        }
        held.resize(length, shape.end);
        Ok(Sequence { tokens: Digest::of(&shape.bytes(&held)), spans })
    }

    /// The tokens of one record, in a row of its shard, read and edited again.
    fn tokens(&self, shard: usize, wanted: (usize, RecordId)) -> Result<Vec<u32>, Error> {
        let path = self.reading.catalogue.shard(&self.reading.kept.shards[shard]);
        let rows = shard::pick(&path, &["text", "url"], &[wanted])?.next();
        let rows = rows.unwrap_or_else(|| Err(damaged(&path, "has too few rows")))?;
        let mut doc = Doc::default();
        doc.reset(rows.text("text", 0));
        doc.locate(rows.text("url", 0));
        let stages: &[Stage] = self.reading.stages;
        edit(stages, &mut doc);
        let mut session = self.reading.encoder.session();
        Ok(document(&mut session, doc.text(), self.reading.end))
    }
}
