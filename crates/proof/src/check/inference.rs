//! Checking an answer's receipt against its salt, its request and its answer.

use crate::receipt::{Finish, Inference, Sampler};
use crate::view::{self, AnswerView, RequestView};
use crate::{Given, Point, Rejected, Salt};

/// Adds what holds to `points`.
pub(super) fn check(
    receipt: &Inference,
    given: &Given<'_>,
    points: &mut Vec<Point>,
) -> Result<(), Rejected> {
    match given.salt {
        None => refuse_unopened(given),
        Some(salt) => check_opened(receipt, salt, given, points),
    }
}

fn refuse_unopened(given: &Given<'_>) -> Result<(), Rejected> {
    match (given.request, given.answer) {
        (None, None) => Ok(()),
        (Some(_), _) => Err(Rejected::SaltNeeded { what: "request" }),
        (None, Some(_)) => Err(Rejected::SaltNeeded { what: "answer" }),
    }
}

fn check_opened(
    receipt: &Inference,
    salt: &Salt,
    given: &Given<'_>,
    points: &mut Vec<Point>,
) -> Result<(), Rejected> {
    let got = salt.job(&receipt.request);
    if got != receipt.job {
        return Err(Rejected::Job { stated: receipt.job, got });
    }
    points.push(Point::Job);
    if let Some(request) = given.request {
        check_request(receipt, salt, request)?;
        points.extend([Point::Request, Point::Sampler, Point::Length]);
    }
    if let Some(answer) = given.answer {
        check_answer(receipt, salt, answer)?;
        points.extend([Point::Answer, Point::Output, Point::Stream]);
    }
    // With all the tokens that were asked for, nobody can have cut it short.
    let whole = receipt.output.finish == Finish::Length;
    if whole && given.request.is_some() && given.answer.is_some() {
        points.push(Point::Whole);
    }
    Ok(())
}

fn check_request(receipt: &Inference, salt: &Salt, request: &[u8]) -> Result<(), Rejected> {
    let got = salt.request(request);
    if got != receipt.request {
        return Err(Rejected::Request { stated: receipt.request, got });
    }
    let RequestView { sampler, max_tokens } = view::request(request)?;
    check_sampler(&receipt.sampler, &sampler)?;
    receipt.output.fits(max_tokens)
}

fn check_sampler(stated: &Sampler, asked: &Sampler) -> Result<(), Rejected> {
    for (field, stated, got) in [
        ("temperature", stated.temperature_micro.into(), asked.temperature_micro.into()),
        ("top-k", stated.top_k.into(), asked.top_k.into()),
        ("top-p", stated.top_p_micro.into(), asked.top_p_micro.into()),
        ("min-p", stated.min_p_micro.into(), asked.min_p_micro.into()),
        (
            "repetition penalty",
            stated.repetition_penalty_micro.into(),
            asked.repetition_penalty_micro.into(),
        ),
        ("seed", stated.seed, asked.seed),
    ] {
        if stated != got {
            return Err(Rejected::Sampler { field, stated, got });
        }
    }
    Ok(())
}

fn check_answer(receipt: &Inference, salt: &Salt, answer: &[u8]) -> Result<(), Rejected> {
    let output = &receipt.output;
    let got = salt.answer(answer);
    if got != output.answer {
        return Err(Rejected::Answer { stated: output.answer, got });
    }
    let AnswerView { tokens, finish } = view::answer(answer)?;
    if u32::try_from(tokens.len()) != Ok(output.answer_tokens) {
        return Err(Rejected::AnswerTokens { stated: output.answer_tokens, got: tokens.len() });
    }
    if finish != output.finish {
        return Err(Rejected::Finish { stated: output.finish, got: finish });
    }
    let mut stream = salt.stream();
    stream.extend(&tokens);
    let got = stream.root();
    if got != receipt.stream {
        return Err(Rejected::Stream { stated: receipt.stream, got });
    }
    Ok(())
}
