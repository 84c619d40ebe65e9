//! The numbers of a report, in one pass over the tables of a version.

use crate::catalogue::{Catalogue, Kept};
use crate::error::Error;
use crate::fold::{Folded, Lockstep};
use crate::record::RecordId;
use crate::rows;
use crate::run::table_key;
use crate::shard::{self, schema};
use crate::stage::{Rule, Stage, chain};
use crate::table;
use crate::tree::SaltKey;
use crate::verdicts::{Said, verdicts};
use std::collections::{BTreeMap, HashMap};

/// Bars of a histogram; the last one is everything above.
pub const BINS: usize = 25;
/// Records that are shown for each reason, and of those that pass.
const SAMPLES: usize = 3;
/// Clusters that are shown.
const CLUSTERS: usize = 10;
/// Characters of a text that are shown.
const PREVIEW_CHARS: usize = 400;

/// Records and bytes of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Records.
    pub records: u64,
    /// Bytes of text, as read.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }
}

/// Values of one rule.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// The stage.
    pub stage: String,
    /// The rule.
    pub rule: Rule,
    /// Where the version draws the line.
    pub threshold: i64,
    /// Records by value, from 0 to twice the threshold, then all above.
    pub bins: [u64; BINS],
}

/// A record that is shown.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The record.
    pub record: RecordId,
    /// The name that its source gave it.
    pub id: String,
    /// The beginning of its text.
    pub text: String,
}

/// A cluster that is shown.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The stage that made it.
    pub stage: String,
    /// Its smallest record.
    pub record: RecordId,
    /// Records in it.
    pub size: u64,
    /// Who gave them, with how many each.
    pub sources: BTreeMap<String, u64>,
}

/// What a report is made of.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// All that came in.
    pub all: Amount,
    /// What passes.
    pub kept: Amount,
    /// What each reason stopped, by stage (in the order of the recipe) and reason.
    pub reasons: Vec<(String, String, Amount)>,
    /// All and kept by source.
    pub sources: BTreeMap<String, (Amount, Amount)>,
    /// All and kept by licence.
    pub licences: BTreeMap<String, (Amount, Amount)>,
    /// All and kept by language, where a stage identified it.
    pub languages: BTreeMap<String, (Amount, Amount)>,
    /// Values of all rules that have a line to draw.
    pub histograms: Vec<Histogram>,
    /// Records that pass.
    pub passing: Vec<Sample>,
    /// Records that do not, by reason.
    pub stopped: Vec<(String, Vec<Sample>)>,
    /// The largest clusters.
    pub clusters: Vec<Cluster>,
}

/// Reads all tables of a version once. `salt` is that of its leaves.
///
/// Errors: `Disk`; `Damaged` for verdicts and rows that are not those of the version, and for shards
/// whose bytes are not those that they are named after.
pub fn gather(catalogue: &Catalogue, kept: &Kept, salt: &SaltKey) -> Result<Gathered, Error> {
    let stages = chain(&kept.recipe)?;
    let said: HashMap<RecordId, Said> = verdicts(catalogue, kept, salt)?
        .map(|said| said.map(|said| (said.record, said)))
        .collect::<Result<_, _>>()?;
    let mut work = Work::new(kept, &stages, said);
    rows::check(catalogue, kept, &stages, salt)?;
    for name in &kept.shards {
        let rows = stages
            .iter()
            .map(|stage| catalogue.rows(&table_key(stage, &kept.version.records), name));
        let shard = Folded {
            records: catalogue.shard(name),
            rows: rows.collect(),
            verdicts: Default::default(),
        };
        shard::check(&shard.records)?;
        let mut reader = Lockstep::open(&shard, &stages)?;
        while reader.advance()? {
            work.record(&reader);
        }
    }
    work.finish(catalogue, kept)
}

struct Work<'a> {
    stages: &'a [Stage],
    said: HashMap<RecordId, Said>,
    out: Gathered,
    reasons: HashMap<String, Amount>,
    clusters: HashMap<(usize, RecordId), BTreeMap<String, u64>>,
    picked: BTreeMap<String, Vec<RecordId>>,
    scores: Vec<i64>,
}

impl<'a> Work<'a> {
    fn new(kept: &Kept, stages: &'a [Stage], said: HashMap<RecordId, Said>) -> Work<'a> {
        let mut out = Gathered::default();
        for stage in stages {
            let thresholds = kept.recipe.policy.thresholds(&stage.name, stage.facts());
            for (rule, threshold) in stage.facts().rules.iter().zip(thresholds.unwrap_or_default())
            {
                if (1..i64::MAX).contains(&threshold) {
                    let (stage, rule) = (stage.name.clone(), *rule);
                    out.histograms.push(Histogram { stage, rule, threshold, bins: [0; BINS] });
                }
            }
        }
        let (reasons, clusters, picked) = Default::default();
        Work { stages, said, out, reasons, clusters, picked, scores: Vec::new() }
    }

    fn record(&mut self, reader: &Lockstep) {
        let record = reader.record();
        // A record that stands in several shards counts once.
        let Some(said) = self.said.remove(&record) else { return };
        let bytes = reader.bytes();
        self.out.all.add(bytes);
        let shares = [
            (&mut self.out.sources, reader.source().to_owned()),
            (&mut self.out.licences, reader.licence().to_owned()),
        ];
        for (shares, name) in shares {
            let share = shares.entry(name).or_default();
            share.0.add(bytes);
            if said.kept {
                share.1.add(bytes);
            }
        }
        let name = said.why();
        match said.kept {
            true => self.out.kept.add(bytes),
            false => self.reasons.entry(name.clone()).or_default().add(bytes),
        }
        // The smallest ids: a choice that nobody made.
        let picked = self.picked.entry(name).or_default();
        let place = picked.partition_point(|other| *other < record);
        if place < SAMPLES {
            picked.insert(place, record);
            picked.truncate(SAMPLES);
        }
        self.scores(reader);
        let kept = said.kept;
        self.language(reader, kept);
    }

    /// Counts the record for the language that the first stage to do so found.
    fn language(&mut self, reader: &Lockstep, kept: bool) {
        let identifies = |stage: &Stage| stage.facts().scores.iter().position(|s| *s == "language");
        let first = self.stages.iter().enumerate();
        let mut first = first.filter_map(|(place, stage)| Some((place, stage, identifies(stage)?)));
        let Some((place, stage, score)) = first.next() else { return };
        reader.scores(place, &mut self.scores);
        let name = stage.says("language", self.scores[score]).unwrap_or_default();
        let share = self.out.languages.entry(name).or_default();
        share.0.add(reader.bytes());
        if kept {
            share.1.add(reader.bytes());
        }
    }

    fn scores(&mut self, reader: &Lockstep) {
        let mut histograms = self.out.histograms.iter_mut().peekable();
        for (place, stage) in self.stages.iter().enumerate() {
            reader.scores(place, &mut self.scores);
            while let Some(histogram) =
                histograms.next_if(|histogram| histogram.stage == stage.name)
            {
                let score = |name: &str| {
                    let at = stage.facts().scores.iter().position(|score| *score == name);
                    i128::from(self.scores[at.expect("a rule names a score of its own stage")])
                };
                let value = match histogram.rule.per {
                    Some(per) if score(per) == 0 => continue,
                    Some(per) => score(histogram.rule.score) * 1_000_000 / score(per),
                    None => score(histogram.rule.score),
                };
                let last = BINS as i128 - 1;
                let bin = (value.max(0) * last / (2 * i128::from(histogram.threshold))).min(last);
                histogram.bins[usize::try_from(bin).expect("it is in 0 to the last")] += 1;
            }
            if let Some(cluster) = reader.cluster(place) {
                let sources = self.clusters.entry((place, cluster)).or_default();
                *sources.entry(reader.source().to_owned()).or_default() += 1;
            }
        }
    }

    fn finish(mut self, catalogue: &Catalogue, kept: &Kept) -> Result<Gathered, Error> {
        let place = |why: &str| {
            let stage = why.split_once(": ").map_or("", |(stage, _)| stage);
            self.stages.iter().position(|other| other.name == stage).map_or(0, |place| place + 1)
        };
        let mut reasons: Vec<(usize, String, Amount)> =
            self.reasons.into_iter().map(|(why, amount)| (place(&why), why, amount)).collect();
        reasons.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let split = |(_, why, amount): (usize, String, Amount)| {
            let (stage, reason) = why.split_once(": ").unwrap_or(("", &why));
            (stage.to_owned(), reason.to_owned(), amount)
        };
        self.out.reasons = reasons.into_iter().map(split).collect();
        let mut clusters: Vec<Cluster> = self
            .clusters
            .into_iter()
            .map(|((place, record), sources)| Cluster {
                stage: self.stages[place].name.clone(),
                record,
                size: sources.values().sum(),
                sources,
            })
            .collect();
        clusters.sort_by(|a, b| (b.size, a.record).cmp(&(a.size, b.record)));
        clusters.truncate(CLUSTERS);
        self.out.clusters = clusters;
        let texts = previews(catalogue, kept, &self.picked)?;
        for (name, records) in self.picked {
            let samples = records.iter().filter_map(|record| texts.get(record).cloned()).collect();
            match name.is_empty() {
                true => self.out.passing = samples,
                false => self.out.stopped.push((name, samples)),
            }
        }
        Ok(self.out)
    }
}

/// The names and first characters of the picked records.
fn previews(
    catalogue: &Catalogue,
    kept: &Kept,
    picked: &BTreeMap<String, Vec<RecordId>>,
) -> Result<HashMap<RecordId, Sample>, Error> {
    let mut wanted: Vec<RecordId> = picked.values().flatten().copied().collect();
    wanted.sort_unstable();
    let mut samples = HashMap::new();
    for name in &kept.shards {
        let path = catalogue.shard(name);
        let (mut found, mut at) = (Vec::new(), 0);
        for batch in table::read(&path, &schema(), &["rid"])? {
            for record in crate::run::ids(&batch?) {
                if wanted.binary_search(&record).is_ok() {
                    found.push((at, record));
                }
                at += 1;
            }
        }
        for rows in shard::pick(&path, &["id", "text"], &found)? {
            let rows = rows?;
            for at in 0..rows.len() {
                let (record, id) = (rows.rid(at), rows.text("id", at).to_owned());
                let text = rows.text("text", at).chars().take(PREVIEW_CHARS).collect();
                samples.insert(record, Sample { record, id, text });
            }
        }
    }
    Ok(samples)
}
