//! What must hold between the fields of one receipt, and which numbers wait for a later version.

use super::{Finish, Output, Receipt, TIME_MS_MAX};
use crate::Rejected;

/// Fields that a version with a ledger will use: record, number, name.
const RESERVED: [(&str, u64, &str); 14] = [
    ("receipt", 2, "net"),
    ("receipt", 14, "price"),
    ("receipt", 16, "tee"),
    ("receipt", 17, "lineage"),
    ("receipt", 18, "log_by"),
    ("receipt", 19, "relay"),
    ("receipt", 20, "extensions"),
    ("node", 2, "stake_id"),
    ("engine", 3, "engine_hash"),
    ("sampler", 8, "seed_commit"),
    ("trace", 4, "tile"),
    ("mode", 2, "value_at_risk"),
    ("mode", 3, "bond"),
    ("times", 4, "beacon"),
];

/// The name of a reserved field.
pub(crate) fn reserved(record: &str, key: u64) -> Option<&'static str> {
    let mut fields = RESERVED.iter();
    let field = fields.find(|(of, number, _)| *of == record && *number == key);
    field.map(|(_, _, name)| *name)
}

impl Receipt {
    /// Checks the rules that no single field shows.
    pub(super) fn obey(&self) -> Result<(), Rejected> {
        self.obey_text()?;
        self.obey_place()?;
        self.obey_times()
    }

    /// Texts are shown to people, so nothing in them may steer a terminal or a page.
    fn obey_text(&self) -> Result<(), Rejected> {
        for (field, text) in [
            ("profile", &self.model.profile),
            ("engine spec", &self.engine.spec),
            ("engine software", &self.engine.software),
            ("sampler rules", &self.sampler.rules),
        ] {
            if text.is_empty() || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return Err(Rejected::Text { field });
            }
        }
        Ok(())
    }

    fn obey_place(&self) -> Result<(), Rejected> {
        match (self.place.seq, self.place.prev) {
            (0, None) | (1.., Some(_)) => Ok(()),
            (seq, prev) => Err(Rejected::Place { seq, has_prev: prev.is_some() }),
        }
    }

    fn obey_times(&self) -> Result<(), Rejected> {
        let times = &self.times;
        if times.first_ms.is_some() != (self.output.answer_tokens > 0) {
            let answer_tokens = self.output.answer_tokens;
            return Err(Rejected::FirstToken { answer_tokens });
        }
        let first = times.first_ms.unwrap_or(times.requested_ms);
        if ![times.requested_ms, first, times.done_ms, TIME_MS_MAX].is_sorted() {
            return Err(Rejected::Times {
                requested_ms: times.requested_ms,
                first_ms: times.first_ms,
                done_ms: times.done_ms,
            });
        }
        Ok(())
    }
}

impl Output {
    /// Checks that the answer has the length that the request allows.
    pub(crate) fn fits(&self, max_tokens: u32) -> Result<(), Rejected> {
        let cut = self.finish == Finish::Length;
        if self.answer_tokens > max_tokens || (cut && self.answer_tokens != max_tokens) {
            let (answer_tokens, finish) = (self.answer_tokens, self.finish);
            return Err(Rejected::Length { answer_tokens, finish, max_tokens });
        }
        Ok(())
    }
}
