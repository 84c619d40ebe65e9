//! Chats and completions: from the body of a request to the reply.
//!
//! Invariant: the job lives inside the reply, so a client who leaves takes its job along.

use super::failure::{internal, problem};
use super::{Shared, body, stream};
use crate::{Done, Error, Event, Job, opening};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use std::sync::Arc;
use terroir_api::reply::{End, Head, Kind, Opening, Receipt, Style, Usage};
use terroir_api::{Ask, Problem};
use terroir_base::hex;
use terroir_model::{Input, Message, Request, Sampling, Space};
use terroir_tensor::SPEC_VERSION;

/// The id of the receipt, where it is known before the body goes out.
const RECEIPT_HEADER: HeaderName = HeaderName::from_static("x-terroir-receipt");
/// One, in millionths: the default of `temperature`, as with OpenAI, and of `top_p`.
const ONE_MICRO: u32 = 1_000_000;

/// A job that has begun, with what its reply needs.
struct Begun {
    job: Job,
    head: Head,
    /// How to stream, if that was asked for.
    stream: Option<Style>,
    opening: bool,
}

/// Answers one request.
pub(super) async fn answer(
    shared: Arc<Shared>,
    (kind, space): (Kind, Space),
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, Problem> {
    body::refuse_forms(headers)?;
    let body = body::take(body, &shared.bodies, shared.limits.body).await?;
    let begun = body.read(move |bytes| begin(&shared, (kind, space), bytes)).await;
    let Begun { job, head, stream, opening } = begun.map_err(|panicked| internal(&panicked))??;
    match stream {
        Some(style) => Ok(stream::reply(job, head, style, opening)),
        None => whole(job, &head, opening).await,
    }
}

fn begin(shared: &Shared, (kind, space): (Kind, Space), bytes: &[u8]) -> Result<Begun, Problem> {
    let ask = match kind {
        Kind::Chat => Ask::chat(bytes, shared.limits.messages_max)?,
        Kind::Completion => Ask::completion(bytes)?,
    };
    let engine = &shared.engine;
    if ask.model != shared.model_name && ask.model != engine.model().id.to_string() {
        return Err(Problem::model_not_found(&ask.model));
    }
    let (style, opening) = (Style::of(ask.include_usage), ask.opening);
    let stream = ask.stream.then_some(style);
    let head = Head {
        kind,
        id: hex::encode(&random::<12>()?),
        created: crate::clock::Moment::now().unix_ms() / 1000,
        model: ask.model.clone(),
        spec: SPEC_VERSION,
    };
    let fitting = ask.max_tokens.is_none();
    let request = request(shared, ask)?;
    let job = match fitting {
        false => engine.submit(request, space),
        true => engine.submit_fitting(request, space),
    };
    let job = job.map_err(|error| problem(kind, &error))?;
    Ok(Begun { job, head, stream, opening })
}

/// The canonical request: every default filled in, the seed drawn.
fn request(shared: &Shared, ask: Ask) -> Result<Request, Problem> {
    let limits = &shared.limits;
    let input = match ask.input {
        terroir_api::Input::Text(text) => Input::Text(text),
        terroir_api::Input::Chat(messages) => {
            let message = |m: terroir_api::Message| Message { role: m.role, content: m.content };
            Input::Chat(messages.into_iter().map(message).collect())
        }
    };
    if let Some(got) = ask.max_tokens.filter(|got| *got > limits.max_tokens_max) {
        let max = limits.max_tokens_max;
        let message = format!("max_tokens is {got}, at most {max} are given");
        return Err(Problem::field("unsupported_value", "max_tokens", message));
    }
    let asked = ask.sampling;
    let sampling = Sampling {
        temperature_micro: asked.temperature_micro.unwrap_or(ONE_MICRO),
        top_k: asked.top_k.unwrap_or(0),
        top_p_micro: asked.top_p_micro.unwrap_or(ONE_MICRO),
        min_p_micro: asked.min_p_micro.unwrap_or(0),
        repetition_penalty_micro: asked.repetition_penalty_micro.unwrap_or(ONE_MICRO),
        seed: asked.seed.map_or_else(draw_seed, Ok)?,
    };
    let max_tokens = ask.max_tokens.unwrap_or(limits.max_tokens_default);
    Ok(Request { input, sampling, max_tokens, stop: ask.stop })
}

/// 53 random bits: every JSON reader gives them back unchanged.
fn draw_seed() -> Result<u64, Problem> {
    Ok(u64::from_le_bytes(random()?) >> 11)
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| internal(&Error::Entropy(error)))?;
    Ok(bytes)
}

async fn whole(mut job: Job, head: &Head, opening: bool) -> Result<Response<Body>, Problem> {
    let done = loop {
        match job.event().await {
            Some(Event::Tokens { .. }) => {}
            Some(Event::Done(done)) => break done,
            Some(Event::Failed(error)) => return Err(problem(head.kind, &error)),
            None => return Err(problem(head.kind, &Error::Stopped)),
        }
    };
    let end = end(&done, opening);
    let mut reply = Response::new(Body::from(head.whole(&done.answer.text, &end)));
    let receipt = HeaderValue::from_str(&end.receipt.receipt).expect("hexadecimal digits");
    reply.headers_mut().insert(RECEIPT_HEADER, receipt);
    let json = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(CONTENT_TYPE, json);
    Ok(reply)
}

/// How a finished job ends its reply.
pub(super) fn end(done: &Done, opening: bool) -> End {
    let files = || {
        let request = opening::request_file(&done.request, &done.salt);
        Opening::new(&request, &opening::answer_file(&done.answer))
    };
    let usage = &done.usage;
    End {
        finish: done.answer.finish.name(),
        usage: Usage::new(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens),
        receipt: Receipt {
            receipt: done.receipt.to_string(),
            salt: done.salt.to_hex(),
            seed: done.request.sampling.seed,
            opening: opening.then(files),
        },
    }
}
