//! What came out of a run, as `terroir data run --json` says it.

use super::Outcome;
use serde_json::{Value, json};

impl Outcome {
    /// The version, its roots, its counts and its stages; `skipped` items were no records.
    pub fn view(&self, skipped: u64) -> Value {
        let (counts, version) = (&self.counts, &self.version);
        let mut left = counts.records - counts.withdrawn;
        let places = self.stages.iter().zip(&counts.dropped).zip(&version.stages);
        let stages: Vec<Value> = places
            .map(|((stage, dropped), entry)| {
                left -= dropped;
                json!({
                    "name": stage.name,
                    "kept": left,
                    "dropped": dropped,
                    "cpu_s": stage.cpu_ns as f64 / 1e9,
                    "root": entry.rows.root.to_string(),
                    "shards_reused": stage.reused,
                })
            })
            .collect();
        json!({
            "version": self.id.to_string(),
            "name": version.name,
            "root": version.root().to_string(),
            "records_root": version.records.root.to_string(),
            "verdicts_root": version.verdicts.root.to_string(),
            "parents": version.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "records_in": counts.records,
            "records_kept": counts.kept,
            "records_skipped": skipped,
            "records_withdrawn": counts.withdrawn,
            "bytes_in": counts.bytes,
            "bytes_kept": counts.bytes_kept,
            "stages": stages,
            "shards": self.shards,
            "commit_s": self.commit_ns as f64 / 1e9,
        })
    }
}
