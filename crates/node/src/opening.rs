//! Between the files that open a receipt and the requests and answers that receipts commit to.
//!
//! For the command line and the server. Invariant: what is read back encodes to the bytes that the
//! receipt commits to, or the file is refused.

use crate::disk::{PRIVATE, replace};
use crate::{Done, Error, Receipts};
use std::path::PathBuf;
use terroir_api::opening::{self as files, AnswerFile, RequestFile};
use terroir_model::{Answer, Input, Message, Request, Sampling};
use terroir_proof::Salt;

/// Keeps a receipt and what opens it in the folder of the log: writes `ID.rcpt`, `ID.request.json`
/// and `ID.answer.json`, each whole or not at all, for nobody but the owner; durable on return.
///
/// Gives the path of the receipt. Errors: `Disk`.
pub fn keep(receipts: &Receipts, done: &Done) -> Result<PathBuf, Error> {
    let receipt = receipts.folder().join(format!("{}.rcpt", done.receipt));
    replace(&receipt, &done.receipt_bytes, PRIVATE)?;
    let request = request_file(&done.request, &done.salt).to_bytes();
    replace(&receipt.with_extension("request.json"), &request, PRIVATE)?;
    let answer = answer_file(&done.answer).to_bytes();
    replace(&receipt.with_extension("answer.json"), &answer, PRIVATE)?;
    Ok(receipt)
}

/// The content of `ID.request.json`.
pub fn request_file(request: &Request, salt: &Salt) -> RequestFile {
    let input = match &request.input {
        Input::Text(text) => files::Input::Text(text.clone()),
        Input::Chat(messages) => files::Input::Messages(messages.iter().map(view).collect()),
    };
    let sampling = files::Sampling {
        temperature_micro: request.sampling.temperature_micro,
        top_k: request.sampling.top_k,
        top_p_micro: request.sampling.top_p_micro,
        min_p_micro: request.sampling.min_p_micro,
        repetition_penalty_micro: request.sampling.repetition_penalty_micro,
        seed: request.sampling.seed.to_string(),
    };
    let (max_tokens, stop) = (request.max_tokens, request.stop.clone());
    RequestFile {
        salt: salt.to_hex(),
        request: files::Request { input, sampling, max_tokens, stop },
    }
}

/// The content of `ID.answer.json`.
pub fn answer_file(answer: &Answer) -> AnswerFile {
    AnswerFile {
        answer: files::Answer {
            text: answer.text.clone(),
            tokens: answer.tokens.clone(),
            finish: answer.finish.name().to_owned(),
        },
    }
}

/// Reads the bytes of `ID.request.json`.
///
/// Errors: `Opening`.
pub fn read_request_file(bytes: &[u8]) -> Result<(Salt, Request), Error> {
    let bad = |problem: String| Error::Opening { what: "request file", problem };
    let RequestFile { salt, request } =
        RequestFile::from_bytes(bytes).map_err(|error| bad(error.to_string()))?;
    let salt = Salt::from_hex(&salt).ok_or_else(|| bad("salt: not 64 digits".to_owned()))?;
    let seed: u64 = request.sampling.seed.parse().map_err(|error| bad(format!("seed: {error}")))?;
    // "007" and "+7" are the same number in another spelling.
    if seed.to_string() != request.sampling.seed {
        return Err(bad("seed: not in its one spelling".to_owned()));
    }
    let input = match request.input {
        files::Input::Text(text) => Input::Text(text),
        files::Input::Messages(messages) => {
            let unview = |files::Message { role, content }| Message { role, content };
            Input::Chat(messages.into_iter().map(unview).collect())
        }
    };
    let sampling = Sampling {
        temperature_micro: request.sampling.temperature_micro,
        top_k: request.sampling.top_k,
        top_p_micro: request.sampling.top_p_micro,
        min_p_micro: request.sampling.min_p_micro,
        repetition_penalty_micro: request.sampling.repetition_penalty_micro,
        seed,
    };
    let (max_tokens, stop) = (request.max_tokens, request.stop);
    let request = Request { input, sampling, max_tokens, stop };
    request.check()?;
    Ok((salt, request))
}

/// Reads the bytes of `ID.answer.json`.
///
/// Errors: `Opening`.
pub fn read_answer_file(bytes: &[u8]) -> Result<Answer, Error> {
    let bad = |problem: String| Error::Opening { what: "answer file", problem };
    let AnswerFile { answer } =
        AnswerFile::from_bytes(bytes).map_err(|error| bad(error.to_string()))?;
    let finish = answer.finish.parse().map_err(bad)?;
    Ok(Answer { text: answer.text, tokens: answer.tokens, finish })
}

fn view(message: &Message) -> files::Message {
    files::Message { role: message.role.clone(), content: message.content.clone() }
}
