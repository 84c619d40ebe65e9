//! What must hold between the fields of one answer's receipt.

use super::{Finish, Inference, Output};
use crate::Rejected;
use crate::receipt::rules::printable;
use crate::receipt::{ENGINE_SPEC, SAMPLER_RULES, TEXT_RULES, Times};

impl Inference {
    /// Checks the rules that no single field shows.
    pub(in crate::receipt) fn obey(&self, times: &Times) -> Result<(), Rejected> {
        printable("profile", &self.model.profile)?;
        printable("engine software", &self.engine.software)?;
        self.obey_rules()?;
        let answer_tokens = self.output.answer_tokens;
        if times.first_ms.is_some() != (answer_tokens > 0) {
            return Err(Rejected::FirstToken { answer_tokens });
        }
        if answer_tokens == 0 && self.output.finish != Finish::Cancelled {
            return Err(Rejected::NoTokens { finish: self.output.finish });
        }
        Ok(())
    }

    /// Other rules could give the same fields another meaning.
    fn obey_rules(&self) -> Result<(), Rejected> {
        for (part, stated, known) in [
            ("engine spec", &self.engine.spec, ENGINE_SPEC),
            ("text rules", &self.model.text, TEXT_RULES),
            ("sampler rules", &self.sampler.rules, SAMPLER_RULES),
        ] {
            if stated != known {
                return Err(Rejected::Rules { part, stated: stated.clone(), known });
            }
        }
        Ok(())
    }
}

impl Output {
    /// Checks that the answer has a length that the request allows for its finish.
    pub(crate) fn fits(&self, max_tokens: u32) -> Result<(), Rejected> {
        let (answer_tokens, finish) = (self.answer_tokens, self.finish);
        let fits = match finish {
            Finish::Stop => answer_tokens <= max_tokens,
            Finish::Length => answer_tokens == max_tokens,
            // The last token that was asked for ends an answer by itself.
            Finish::Cancelled => answer_tokens < max_tokens,
        };
        if fits { Ok(()) } else { Err(Rejected::Length { answer_tokens, finish, max_tokens }) }
    }
}
