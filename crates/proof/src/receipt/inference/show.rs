//! The fields of an answer's receipt as text for people.

use super::Inference;
use crate::receipt::show::Row;

impl Inference {
    pub(in crate::receipt) fn rows(&self) -> Vec<Row> {
        let Inference { model, engine, sampler, output, trace, .. } = self;
        let template = model.template.map_or("none".to_owned(), |id| id.to_string());
        let micro = |millionths: u32| format!("{millionths} / 1000000");
        vec![
            (3, 0, "job", self.job.to_string()),
            (6, 1, "manifest", model.manifest.to_string()),
            (6, 2, "program", model.program.to_string()),
            (6, 3, "tokenizer", model.tokenizer.to_string()),
            (6, 4, "template", template),
            (6, 5, "profile", model.profile.clone()),
            (6, 6, "text rules", model.text.clone()),
            (7, 1, "engine spec", engine.spec.clone()),
            (7, 2, "engine software", engine.software.clone()),
            (8, 0, "request", self.request.to_string()),
            (9, 1, "sampler rules", sampler.rules.clone()),
            (9, 2, "temperature", micro(sampler.temperature_micro)),
            (9, 3, "top-k", sampler.top_k.to_string()),
            (9, 4, "top-p", micro(sampler.top_p_micro)),
            (9, 5, "min-p", micro(sampler.min_p_micro)),
            (9, 6, "repetition penalty", micro(sampler.repetition_penalty_micro)),
            (9, 7, "seed", sampler.seed.to_string()),
            (10, 1, "answer", output.answer.to_string()),
            (10, 2, "prompt tokens", output.prompt_tokens.to_string()),
            (10, 3, "answer tokens", output.answer_tokens.to_string()),
            (10, 4, "finish", output.finish.name().to_owned()),
            (11, 0, "stream", self.stream.to_string()),
            (12, 1, "trace commitment", trace.commitment.to_string()),
            (12, 2, "trace steps", trace.steps.to_string()),
            (12, 3, "trace operators", trace.ops.to_string()),
        ]
    }
}
