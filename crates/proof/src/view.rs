//! The parts of a request and an answer that a receipt repeats.
//!
//! For checkers that have no model: they read these fields and leave the rest to replay. The
//! formats are `docs/format/request.md` and `docs/format/answer.md`.

use crate::Rejected;
use crate::receipt::{Finish, SAMPLER_RULES, Sampler, finish_from};
use terroir_base::cbor::{self, Limits, MapReader};

/// Longest request that is read, in bytes.
const REQUEST_BYTES_MAX: usize = 8 << 20;
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Most tokens of an answer.
const TOKENS_MAX: usize = 1 << 20;
/// Version of both encodings.
const VERSION: u64 = 1;

/// What a receipt repeats of a request.
pub(crate) struct RequestView {
    pub(crate) sampler: Sampler,
    pub(crate) max_tokens: u32,
}

/// What a receipt repeats of an answer.
pub(crate) struct AnswerView {
    pub(crate) tokens: Vec<u32>,
    pub(crate) finish: Finish,
}

pub(crate) fn request(bytes: &[u8]) -> Result<RequestView, Rejected> {
    let limits = Limits { bytes_max: REQUEST_BYTES_MAX, depth_max: 4, items_max: 1 << 16 };
    cbor::decode(bytes, &limits)
        .and_then(|value| read_request(value.into_map("request")?))
        .map_err(Rejected::RequestForm)
}

pub(crate) fn answer(bytes: &[u8]) -> Result<AnswerView, Rejected> {
    let items_max = TOKENS_MAX.saturating_add(16);
    let limits = Limits { bytes_max: ANSWER_BYTES_MAX, depth_max: 2, items_max };
    cbor::decode(bytes, &limits)
        .and_then(|value| read_answer(value.into_map("answer")?))
        .map_err(Rejected::AnswerForm)
}

/// Takes fields 0, 3 and 4; whether the others are well formed is for the model to say.
fn read_request(mut map: MapReader) -> Result<RequestView, cbor::Error> {
    map.take_version(0, VERSION)?;
    let mut sampling = map.take_map(3, "sampling")?;
    let sampler = Sampler {
        rules: SAMPLER_RULES.to_owned(),
        temperature_micro: sampling.take_u32(1, "temperature")?,
        top_k: sampling.take_u32(2, "top_k")?,
        top_p_micro: sampling.take_u32(3, "top_p")?,
        min_p_micro: sampling.take_u32(4, "min_p")?,
        repetition_penalty_micro: sampling.take_u32(5, "repetition_penalty")?,
        seed: sampling.take_uint(6, "seed")?,
    };
    sampling.finish()?;
    Ok(RequestView { sampler, max_tokens: map.take_u32(4, "max_tokens")? })
}

fn read_answer(mut map: MapReader) -> Result<AnswerView, cbor::Error> {
    map.take_version(0, VERSION)?;
    map.take_text(1, "text", ANSWER_BYTES_MAX)?;
    let tokens = map.take_list(2, "tokens", TOKENS_MAX, |token| token.into_u32("tokens"))?;
    let finish = finish_from(map.take_uint(3, "finish")?)?;
    map.finish()?;
    Ok(AnswerView { tokens, finish })
}
