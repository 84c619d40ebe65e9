//! `ask`: one question to a model on this machine, with a receipt for the answer.
//!
//! Invariant: however the answer ends, also by Ctrl-C or because nobody reads on, what was said gets
//! its receipt.

mod keep;

use crate::args;
use crate::settings::Settings;
use crate::{Verdict, interrupt, model, output};
use anyhow::{Context, Result, bail};
use keep::Kept;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use terroir_base::Digest;
use terroir_base::id::ModelId;
use terroir_model::{Error, Input, Message, Model, Request, Sampling, Space};
use terroir_node::{Done, Engine, Event, Home, Limits, Options, process};

/// Longest answer where none is asked for, in tokens.
const MAX_TOKENS: u32 = 512;

/// What is meant by what was typed.
struct Question {
    model: Option<String>,
    request: Request,
    /// Whether the answer may be shorter than asked, so that it fits the context.
    fit: bool,
    threads: usize,
    json: bool,
}

/// What generating took, beside what the engine measured.
struct Cost {
    load: Duration,
    cpu_ms: Option<u64>,
}

/// Asks, streams, keeps the receipt.
pub fn run(settings: &Settings, typed: args::Ask) -> Result<Verdict> {
    let question = resolve(settings, typed)?;
    let home = settings.open_home()?;
    let id = match &question.model {
        Some(wanted) => model::find(&home, wanted)?,
        None => model::default_model(&home)?,
    };
    let start = Instant::now();
    let model = model::load(&home, id)?;
    let load = start.elapsed();
    let options = Options { threads: question.threads, isa: settings.isa, limits: Limits::ONE };
    let cpu = process::cpu_ms();
    let (done, printed) = generate(&home, model, options, &question)?;
    let cpu_ms = process::cpu_ms().zip(cpu).map(|(after, before)| after.saturating_sub(before));
    // What was said comes first, whatever becomes of the files.
    let kept = keep::keep(&home, &done);
    let printed = printed.and_then(|()| match question.json {
        true => output::json(&report(&done, kept.as_ref().ok(), id, &Cost { load, cpu_ms })),
        false => Ok(()),
    });
    kept?.tell(settings, done.request.sampling.seed);
    printed.map(|()| Verdict::Yes)
}

fn resolve(settings: &Settings, typed: args::Ask) -> Result<Question> {
    let text = match (typed.question, typed.prompt_file) {
        (Some(text), _) => text,
        (None, Some(path)) => output::read_text(&path)?,
        (None, None) => bail!("there is no question"),
    };
    let input = if typed.raw {
        Input::Text(text)
    } else {
        let message = |role: &str, content| Message { role: role.to_owned(), content };
        let system = typed.system.map(|content| message("system", content));
        Input::Chat(system.into_iter().chain([message("user", text)]).collect())
    };
    let sampling = Sampling {
        temperature_micro: typed.sampling.temperature,
        top_k: typed.sampling.top_k,
        top_p_micro: typed.sampling.top_p,
        min_p_micro: typed.sampling.min_p,
        repetition_penalty_micro: typed.sampling.repetition_penalty,
        seed: match typed.sampling.seed {
            Some(seed) => seed,
            // 32 bits: short enough to type again.
            None => getrandom::u32().context("the system gives no random seed")?.into(),
        },
    };
    let max_tokens = typed.max_tokens.unwrap_or(MAX_TOKENS);
    let request = Request { input, sampling, max_tokens, stop: typed.stop };
    request.check()?;
    let threads = settings.threads(typed.threads);
    let fit = typed.max_tokens.is_none();
    Ok(Question { model: typed.model, request, fit, threads, json: typed.json })
}

/// Runs the model; what became of printing is told apart from what became of the answer.
fn generate(
    home: &Home,
    model: Arc<Model>,
    options: Options,
    question: &Question,
) -> Result<(Done, Result<()>)> {
    let engine = Engine::start(home, model, options)?;
    let request = question.request.clone();
    let job = match question.fit {
        true => engine.submit_fitting(request, Space::default()),
        false => engine.submit(request, Space::default()),
    };
    let mut job = job.map_err(advise)?;
    let canceller = job.canceller();
    interrupt::on_first(move || canceller.cancel())?;
    let mut printed = Ok(());
    let mut line_ended = true;
    while let Some(event) = job.wait() {
        match event {
            Event::Tokens { text, .. } if !text.is_empty() && !question.json && printed.is_ok() => {
                line_ended = text.ends_with('\n');
                printed = output::said(&text);
                if printed.is_err() {
                    job.cancel();
                }
            }
            Event::Tokens { .. } => {}
            Event::Done(done) => {
                if printed.is_ok() && !line_ended {
                    printed = output::piece("\n");
                }
                return Ok((*done, printed));
            }
            Event::Failed(error) => return Err(error.into()),
        }
    }
    bail!("the engine ended without an answer")
}

/// Says what to do about a request that the model refuses.
fn advise(error: terroir_node::Error) -> anyhow::Error {
    let advice = match &error {
        terroir_node::Error::Model(Error::NoTemplate) => {
            "try --raw, which continues the text as it stands"
        }
        terroir_node::Error::Model(Error::ContextOverflow { .. }) => {
            "shorten the question or give a smaller --max-tokens"
        }
        _ => return error.into(),
    };
    output::advise(error, advice)
}

fn report(done: &Done, kept: Option<&Kept>, model: ModelId, cost: &Cost) -> Value {
    let (usage, timing) = (&done.usage, &done.timing);
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    json!({
        "answer": done.answer.text,
        "finish": done.answer.finish.name(),
        "model": model.to_string(),
        "receipt": kept.map(|kept| &kept.receipt),
        "request_file": kept.map(|kept| &kept.request),
        "answer_file": kept.map(|kept| &kept.answer),
        "output_digest": Digest::of(&done.answer.encode()).to_string(),
        "seed": done.request.sampling.seed,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
        },
        "timing": {
            "load_ms": ms(cost.load),
            "prefill_ms": ms(timing.prefill),
            "decode_ms": ms(timing.decode),
            "receipt_ms": ms(timing.receipt),
            "cpu_ms": cost.cpu_ms,
            "prefill_tok_s": timing.prefill_tok_s(usage),
            "decode_tok_s": timing.decode_tok_s(usage),
        },
    })
}
