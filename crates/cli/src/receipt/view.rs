//! Receipts and statements as JSON.
//!
//! Invariant: names of fields are those of `docs/format/receipt.md`; digests are lower-case
//! hexadecimal, fractions stay in millionths.

use super::Failed;
use serde_json::{Value, json};
use terroir_proof::{Point, Receipt, Statement, Unchecked};

/// What `receipt show --json` prints.
pub(super) fn receipt(statement: &Statement) -> Value {
    let Receipt { place, model, engine, sampler, output, trace, times, .. } = &statement.receipt;
    let receipt = &statement.receipt;
    json!({
        "receipt": statement.id.to_string(),
        "kind": receipt.kind.name(),
        "job": receipt.job.to_string(),
        "seq": place.seq,
        "prev": place.prev.map(|id| id.to_string()),
        "node": receipt.node.to_string(),
        "model": {
            "manifest": model.manifest.to_string(),
            "program": model.program.to_string(),
            "tokenizer": model.tokenizer.to_string(),
            "template": model.template.map(|digest| digest.to_string()),
            "profile": model.profile,
        },
        "engine": { "spec": engine.spec, "software": engine.software },
        "request": receipt.request.to_string(),
        "sampler": {
            "rules": sampler.rules,
            "temperature_micro": sampler.temperature_micro,
            "top_k": sampler.top_k,
            "top_p_micro": sampler.top_p_micro,
            "min_p_micro": sampler.min_p_micro,
            "repetition_penalty_micro": sampler.repetition_penalty_micro,
            "seed": sampler.seed,
        },
        "output": {
            "answer": output.answer.to_string(),
            "prompt_tokens": output.prompt_tokens,
            "answer_tokens": output.answer_tokens,
            "finish": output.finish.name(),
        },
        "stream": receipt.stream.to_string(),
        "trace": {
            "commitment": trace.commitment.to_string(),
            "steps": trace.steps,
            "ops": trace.ops,
        },
        "mode": receipt.mode.name(),
        "times": {
            "requested_ms": times.requested_ms,
            "first_ms": times.first_ms,
            "done_ms": times.done_ms,
        },
    })
}

/// What `receipt check --json` prints for a yes.
pub(super) fn statement(statement: &Statement) -> Value {
    let receipt = &statement.receipt;
    let established = statement.established.iter().map(|point| named(*point));
    let open = statement.not_checked.iter().map(|Unchecked { point, why }| {
        let mut open = named(*point);
        open["why"] = why.code().into();
        open["reason"] = why.reason().into();
        open
    });
    json!({
        "accepted": true,
        "receipt": statement.id.to_string(),
        "node": receipt.node.to_string(),
        "model": receipt.model.manifest.to_string(),
        "mode": receipt.mode.name(),
        "promise": receipt.mode.promise(),
        "established": established.collect::<Value>(),
        "not_checked": open.collect::<Value>(),
    })
}

/// What `receipt check --json` prints for a no.
pub(super) fn failed(failed: &Failed) -> Value {
    let Failed { check, number, reason } = failed;
    json!({ "accepted": false, "check": check, "number": number, "reason": reason })
}

fn named(point: Point) -> Value {
    json!({ "number": point.number(), "point": point.code(), "claim": point.claim() })
}
