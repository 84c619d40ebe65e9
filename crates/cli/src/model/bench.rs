//! `model bench`: how fast a model answers on this machine, and what it needs.
//!
//! Invariant: everything is measured through the batch that serves requests, so the sampler, the
//! text and the trace are part of every number; each number is the median of several runs.

use crate::Verdict;
use crate::args;
use crate::output;
use crate::progress::{Bar, Unit};
use crate::settings::Settings;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terroir_base::Digest;
use terroir_base::sign::SecretKey;
use terroir_import::Progress;
use terroir_model::{
    Batch, BatchLimits, Event, Input, Isa, MICRO, Model, Outcome, Request, Sampling, inspect,
    replay,
};
use terroir_node::{Limits, process};
use terroir_proof::{Answered, Draft, Engine, ModelIds, Place, Run, Salt, Times, Work};

/// Tokens of the long prompt, about.
const PROMPT_TOKENS: usize = 512;
/// Tokens of an answer.
const ANSWER_TOKENS: u32 = 128;
/// Answers under way together.
const STREAMS: usize = 8;
/// What prompts are made of.
const WORDS: &str = "The river came down from the hills and turned the old mill before it reached \
the town, where people had built a bridge of grey stone and a market under it. ";

/// A model with what it needs to run.
struct Bench {
    model: Arc<Model>,
    threads: usize,
    isa: Isa,
    runs: usize,
    bar: RefCell<Bar>,
}

/// What a batch did with some requests.
struct Timeline {
    /// From the start until every answer had its first token.
    prefill: Duration,
    /// From then until the last answer ended.
    decode: Duration,
    /// Tokens drawn in `decode`.
    tokens: usize,
    /// How the first request ended.
    outcome: Outcome,
}

pub(super) fn run(settings: &Settings, typed: &args::Bench) -> Result<Verdict> {
    let model = super::open(settings, &typed.model)?;
    let threads = settings.threads(typed.threads);
    let bar = RefCell::new(Bar::new(Unit::Count));
    let bench = Bench { model, threads, isa: settings.isa, runs: typed.runs.into(), bar };
    let report = bench.report()?;
    drop(bench);
    if typed.json {
        output::json(&report)?;
        return Ok(Verdict::Yes);
    }
    for (what, value) in report.as_object().expect("a report is an object") {
        match value.as_f64() {
            Some(number) if !value.is_u64() => {
                output::data(format_args!("{what:20}  {number:.4}"))?;
            }
            _ => output::data(format_args!("{what:20}  {}", value.to_string().trim_matches('"')))?,
        }
    }
    Ok(Verdict::Yes)
}

impl Bench {
    fn report(&self) -> Result<Value> {
        let (long, short) = (self.prompt(PROMPT_TOKENS, 0)?, self.prompt(16, 0)?);
        let long_tokens = self.model.prompt(&Input::Text(long.clone()))?.len();
        let prefill = self.timelines("prefill", &[request(long, 1)], |line| {
            long_tokens as f64 / line.prefill.as_secs_f64()
        })?;
        let asked = request(short, ANSWER_TOKENS);
        let decode = self.timelines("decode", std::slice::from_ref(&asked), Timeline::rate)?;
        let peak_bytes = process::peak_bytes();
        let generate = self.timelines("a whole answer", std::slice::from_ref(&asked), |line| {
            (line.prefill + line.decode).as_secs_f64()
        })?;
        let outcome = self.timeline(std::slice::from_ref(&asked))?.outcome;
        let replayed = self.median("replay", || self.replay(&asked, &outcome))?;
        let commit = self.median("commitment", || self.commit(&asked, &outcome))?;
        let many = (0..STREAMS).map(|n| Ok(request(self.prompt(16, n)?, ANSWER_TOKENS)));
        let many = many.collect::<Result<Vec<_>>>()?;
        let streams = self.timelines("many answers together", &many, Timeline::rate)?;
        Ok(json!({
            "model": self.model.id.to_string(),
            "profile": self.model.manifest.profile.name(),
            "threads": self.threads,
            "isa": self.isa.to_string(),
            "runs": self.runs,
            "prefill_tokens": long_tokens,
            "prefill_tok_s": prefill,
            "decode_tokens": outcome.answer.tokens.len(),
            "decode_tok_s": decode,
            "streams": STREAMS,
            "streams_tok_s": streams,
            "streams_ratio": streams / decode,
            "generate_s": generate,
            "replay_s": replayed,
            "replay_ratio": replayed / generate,
            "commit_s": commit,
            "commit_ratio": commit / generate,
            "weight_bytes": self.model.plan.weight_bytes(),
            "peak_bytes": peak_bytes,
            "streams_peak_bytes": process::peak_bytes(),
        }))
    }

    /// A text of about `tokens` tokens; another one for another `variant`.
    fn prompt(&self, tokens: usize, variant: usize) -> Result<String> {
        let text: String = WORDS.repeat(tokens / 16 + 2).chars().skip(5 * variant).collect();
        let ends = text.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| at);
        let ends: Vec<usize> = ends.collect();
        let count = |end: usize| self.model.tokenizer.encode(&text[..end], false).len();
        let enough = ends.partition_point(|&end| count(end) < tokens);
        let end = *ends.get(enough).context("the prompt is too short for this tokenizer")?;
        Ok(text[..end].to_owned())
    }

    /// The median over several runs of something read off a timeline.
    fn timelines(
        &self,
        what: &str,
        requests: &[Request],
        read: impl Fn(&Timeline) -> f64,
    ) -> Result<f64> {
        self.median(what, || Ok(read(&self.timeline(requests)?)))
    }

    fn median(&self, what: &str, mut measure: impl FnMut() -> Result<f64>) -> Result<f64> {
        let (what, runs) = (format!("measuring {what}"), self.runs as u64);
        let run = |run| {
            self.bar.borrow_mut().update(&what, run, Some(runs));
            measure()
        };
        let mut values = (0..runs).map(run).collect::<Result<Vec<f64>>>()?;
        values.sort_by(f64::total_cmp);
        Ok(values[values.len() / 2])
    }

    /// Serves the requests together, from an idle batch that has seen nothing.
    fn timeline(&self, requests: &[Request]) -> Result<Timeline> {
        let limits = BatchLimits {
            sequences_max: requests.len(),
            // As `ask` has them.
            rows_max: Limits::ONE.rows_max,
            cached_bytes_max: 0,
        };
        let mut batch = Batch::new(self.model.clone(), self.threads, self.isa, limits)?;
        let start = Instant::now();
        let first = batch.admit(requests[0].clone())?;
        let others = requests[1..].iter().map(|request| batch.admit(request.clone()));
        let mut silent = others.collect::<Result<Vec<_>, _>>()?;
        silent.push(first);
        let (mut answering, mut tokens, mut outcome) = (None, 0, None);
        while !batch.is_idle() {
            for event in batch.step()? {
                match event {
                    Event::Token { ticket, .. } if answering.is_none() => {
                        silent.retain(|other| *other != ticket);
                    }
                    Event::Token { .. } => tokens += 1,
                    Event::Done { ticket, outcome: done } if ticket == first => {
                        outcome = Some(done);
                    }
                    Event::Done { .. } => {}
                }
            }
            if silent.is_empty() && answering.is_none() {
                answering = Some(Instant::now());
            }
        }
        let answering = answering.context("an answer has no tokens")?;
        let (prefill, decode) = (answering - start, answering.elapsed());
        Ok(Timeline { prefill, decode, tokens, outcome: outcome.context("no answer ended")? })
    }

    fn replay(&self, request: &Request, outcome: &Outcome) -> Result<f64> {
        let start = Instant::now();
        let done = replay(&self.model, self.threads, self.isa, request, &outcome.answer)?;
        let took = start.elapsed().as_secs_f64();
        anyhow::ensure!(done.first_difference.is_none(), "the replay differs from the answer");
        Ok(took)
    }

    /// Seconds that the promises of one answer cost: digests of all its steps, commitments, and a
    /// signature.
    fn commit(&self, request: &Request, outcome: &Outcome) -> Result<f64> {
        let step = vec![1; inspect::step_bytes(&self.model)];
        let start = Instant::now();
        for _ in 0..outcome.steps {
            std::hint::black_box(Digest::of(std::hint::black_box(&step)));
        }
        let answered = Answered {
            salt: &Salt([1; 32]),
            model: ModelIds::of(&self.model),
            engine: Engine { spec: terroir_model::SPEC_VERSION.into(), software: "bench".into() },
            request: &request.encode(),
            answer: &outcome.answer.encode(),
            prompt_tokens: outcome.prompt_tokens,
            run: Run::of(&self.model, outcome),
        };
        let times = Times { requested_ms: 1, first_ms: Some(1), done_ms: 1 };
        let draft = Draft { place: Place::FIRST, work: Work::Inference(answered), times };
        draft.sign(&SecretKey::from_seed([1; 32]))?;
        Ok(start.elapsed().as_secs_f64())
    }
}

impl Timeline {
    /// Tokens per second once all answers have begun.
    fn rate(&self) -> f64 {
        self.tokens as f64 / self.decode.as_secs_f64()
    }
}

/// The likeliest answer: tokens and their number do not depend on a seed.
fn request(text: String, max_tokens: u32) -> Request {
    let sampling = Sampling { repetition_penalty_micro: MICRO, ..Sampling::GREEDY };
    Request { input: Input::Text(text), sampling, max_tokens, stop: Vec::new() }
}
