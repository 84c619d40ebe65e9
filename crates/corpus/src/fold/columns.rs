//! Tables of verdicts: one row a record, as Parquet and as leaves of a tree.
//!
//! Format: `docs/format/verdicts.md`.

use super::{DUPLICATE, WITHDRAWN, Why};
use crate::record::RecordId;
use crate::stage::Stage;
use crate::tree::{SaltKey, body, leaf};
use arrow_array::builder::{BooleanBuilder, FixedSizeBinaryBuilder, StringDictionaryBuilder};
use arrow_array::types::Int8Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;
use terroir_base::Digest;

/// The verdicts of a shard while they are made.
pub(super) struct Columns<'a> {
    salt: &'a SaltKey,
    rids: FixedSizeBinaryBuilder,
    kept: BooleanBuilder,
    stages: StringDictionaryBuilder<Int8Type>,
    reasons: StringDictionaryBuilder<Int8Type>,
    texts: FixedSizeBinaryBuilder,
    leaves: FixedSizeBinaryBuilder,
}

impl<'a> Columns<'a> {
    pub(super) fn new(salt: &'a SaltKey) -> Columns<'a> {
        let digests = || FixedSizeBinaryBuilder::new(32);
        Columns {
            salt,
            rids: digests(),
            kept: BooleanBuilder::new(),
            stages: StringDictionaryBuilder::new(),
            reasons: StringDictionaryBuilder::new(),
            texts: digests(),
            leaves: digests(),
        }
    }

    pub(super) fn push(
        &mut self,
        record: RecordId,
        why: Option<Why>,
        text: &Digest,
        stages: &[Stage],
    ) {
        let fits = "a digest has 32 bytes";
        let name = |stage: u8| stages[usize::from(stage)].name.as_str();
        let (stage, reason) = match why {
            None => (None, None),
            Some(Why::Withdrawn) => (None, Some(WITHDRAWN)),
            Some(Why::Copy { stage }) => (Some(name(stage)), Some(DUPLICATE)),
            Some(Why::Rule { stage, rule }) => {
                let facts = stages[usize::from(stage)].facts();
                (Some(name(stage)), Some(facts.rules[usize::from(rule)].reason))
            }
        };
        self.rids.append_value(record.0.as_bytes()).expect(fits);
        self.kept.append_value(why.is_none());
        self.stages.append_option(stage);
        self.reasons.append_option(reason);
        self.texts.append_value(text.as_bytes()).expect(fits);
        let leaf = verdict_leaf(self.salt, record, stage, reason, text);
        self.leaves.append_value(leaf.as_bytes()).expect(fits);
    }

    /// All of them, in one batch.
    pub(super) fn finish(mut self) -> RecordBatch {
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(self.rids.finish()),
            Arc::new(self.kept.finish()),
            Arc::new(self.stages.finish()),
            Arc::new(self.reasons.finish()),
            Arc::new(self.texts.finish()),
            Arc::new(self.leaves.finish()),
        ];
        let batch = RecordBatch::try_new(Arc::new(schema()), arrays);
        batch.expect("the columns are as long as each other")
    }
}

/// The leaf of a verdict: passing records have neither stage nor reason.
pub fn verdict_leaf(
    salt: &SaltKey,
    record: RecordId,
    stage: Option<&str>,
    reason: Option<&str>,
    text: &Digest,
) -> Digest {
    let key = record.0.as_bytes();
    leaf(key, &verdict_body(&salt.salt(key), stage, reason, text))
}

/// The digest of such a leaf's body under `salt`; both words have at most 64 bytes.
pub fn verdict_body(
    salt: &Digest,
    stage: Option<&str>,
    reason: Option<&str>,
    text: &Digest,
) -> Digest {
    let mut bytes = text.as_bytes().to_vec();
    for word in [stage, reason].map(Option::unwrap_or_default) {
        bytes.push(u8::try_from(word.len()).expect("names have at most 64 bytes"));
        bytes.extend_from_slice(word.as_bytes());
    }
    body(salt, &bytes)
}

/// The columns of a table of verdicts.
pub fn schema() -> Schema {
    let digest = |name: &str| Field::new(name, DataType::FixedSizeBinary(32), false);
    let words = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    Schema::new(vec![
        digest("rid"),
        Field::new("kept", DataType::Boolean, false),
        Field::new("stage", words.clone(), true),
        Field::new("reason", words, true),
        digest("text_out"),
        digest("leaf"),
    ])
}
