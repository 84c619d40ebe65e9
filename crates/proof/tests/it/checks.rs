//! Each check alone: a receipt that is well formed and signed, and wrong in this one thing.

use crate::world::{self, Job, set};
use terroir_base::cbor::{self, Value};
use terroir_base::sign::SecretKey;
use terroir_proof::{Finish, Given, Rejected, Salt, check};

fn refused(job: &Job, path: &[u64], value: impl Into<Value>) -> Rejected {
    job.check_forged(&set(job.payload(), path, value)).unwrap_err()
}

#[test]
fn all_is_well_with_what_belongs_together() {
    for job in [world::chat(), world::text(), world::cancelled(), world::largest()] {
        let statement = job.check().unwrap();
        assert_eq!(statement.id, job.signed.id);
        assert_eq!(statement.receipt, job.signed.receipt);
    }
}

#[test]
fn the_job_belongs_to_the_salt() {
    let job = world::chat();
    assert_eq!(
        refused(&job, &[3], world::inference(&world::text().signed.receipt).job).number(),
        31
    );
    let salt = Salt([9; 32]);
    let given = Given { salt: Some(&salt), ..Given::default() };
    assert_eq!(check(&job.signed.bytes, given).unwrap_err().number(), 31);
}

#[test]
fn a_commitment_moved_to_another_request_breaks_the_job() {
    let job = world::chat();
    let other = job.salt.request(&world::chat_request(65));
    assert_eq!(refused(&job, &[8], other).number(), 31);
    let payload = set(set(job.payload(), &[8], other), &[3], job.salt.job(&other));
    assert_eq!(job.check_forged(&payload).unwrap_err().number(), 32);
}

#[test]
fn each_sampler_setting_is_that_of_the_request() {
    let job = world::chat();
    for (key, name) in [
        (2, "temperature"),
        (3, "top-k"),
        (4, "top-p"),
        (5, "min-p"),
        (6, "repetition penalty"),
        (7, "seed"),
    ] {
        match refused(&job, &[9, key], 1u64) {
            Rejected::Sampler { field, stated: 1, .. } => assert_eq!(field, name),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_answer_is_no_longer_than_asked_for() {
    let job = world::chat();
    let length = |answer_tokens, finish| Rejected::Length { answer_tokens, finish, max_tokens: 64 };
    assert_eq!(refused(&job, &[10, 3], 65u64), length(65, Finish::Stop));
    assert_eq!(refused(&job, &[10, 4], 1u64), length(40, Finish::Length));
    // The last token asked for would have ended it.
    let cancelled = set(job.payload(), &[10, 4], 2u64);
    let all = set(cancelled, &[10, 3], 64u64);
    assert_eq!(job.check_forged(&all).unwrap_err(), length(64, Finish::Cancelled));
}

#[test]
fn an_answer_without_tokens_was_cancelled() {
    let job = world::cancelled();
    for (number, finish) in [(0u64, Finish::Stop), (1, Finish::Length)] {
        assert_eq!(refused(&job, &[10, 4], number), Rejected::NoTokens { finish });
    }
    let forged = set(job.payload(), &[10, 4], 0u64);
    let alone = check(&world::seal(&cbor::encode(&forged)), Given::default());
    assert_eq!(alone.unwrap_err().number(), 22);
}

#[test]
fn the_signer_is_the_node_that_was_expected() {
    let job = world::chat();
    let got = world::key().public();
    let given = Given { node: Some(got), ..Given::default() };
    assert!(check(&job.signed.bytes, given).is_ok());
    let expected = SecretKey::from_seed([8; 32]).public();
    let given = Given { node: Some(expected), ..job.given() };
    let verdict = check(&job.signed.bytes, given).unwrap_err();
    assert_eq!(verdict, Rejected::Signer { expected, got });
}

#[test]
fn counts_finish_and_stream_are_those_of_the_answer() {
    let job = world::chat();
    let stated = Rejected::AnswerTokens { stated: 41, got: 40 };
    assert_eq!(refused(&job, &[10, 3], 41u64), stated);
    let stated = Rejected::Finish { stated: Finish::Cancelled, got: Finish::Stop };
    assert_eq!(refused(&job, &[10, 4], 2u64), stated);
    assert_eq!(
        refused(&job, &[11], world::inference(&world::text().signed.receipt).stream).number(),
        40
    );
    let other = job.salt.answer(&world::answer("Vines.", &[1], 0));
    assert_eq!(refused(&job, &[10, 1], other).number(), 36);
}

/// A receipt over any bytes as request and answer, as a lying node could sign it.
fn committed(request: &[u8], answer: &[u8]) -> Result<(), Rejected> {
    let job = world::chat();
    let commitment = job.salt.request(request);
    let payload = set(job.payload(), &[8], commitment);
    let payload = set(payload, &[3], job.salt.job(&commitment));
    let payload = set(payload, &[10, 1], job.salt.answer(answer));
    let given = world::opening(&job.salt, request, answer);
    check(&world::seal(&cbor::encode(&payload)), given).map(|_| ())
}

#[test]
fn a_committed_request_is_a_request() {
    let job = world::chat();
    assert_eq!(committed(&job.request, &job.answer), Ok(()));
    let request = || cbor::decode(&job.request, &world::LIMITS).unwrap();
    for bad in [
        Vec::new(),
        b"What grows here?".to_vec(),
        [job.request.as_slice(), &[0]].concat(),
        cbor::encode(&set(request(), &[0], 2u64)),
        cbor::encode(&set(request(), &[3], Value::Null)),
        cbor::encode(&set(request(), &[3, 2], u64::MAX)),
        cbor::encode(&world::add(request(), &[3, 7], 0u64)),
        cbor::encode(&world::remove(request(), &[4])),
    ] {
        assert_eq!(committed(&bad, &job.answer).unwrap_err().number(), 33);
    }
}

#[test]
fn a_committed_answer_is_an_answer() {
    let job = world::chat();
    let answer = || cbor::decode(&job.answer, &world::LIMITS).unwrap();
    for bad in [
        Vec::new(),
        b"Vines.".to_vec(),
        [job.answer.as_slice(), &[0]].concat(),
        cbor::encode(&set(answer(), &[0], 0u64)),
        cbor::encode(&set(answer(), &[1], Value::Null)),
        cbor::encode(&set(answer(), &[2], Value::array(["vine"]))),
        cbor::encode(&set(answer(), &[2], Value::array([1u64 << 32]))),
        cbor::encode(&set(answer(), &[3], 3u64)),
        cbor::encode(&world::add(answer(), &[4], 0u64)),
    ] {
        assert_eq!(committed(&job.request, &bad).unwrap_err().number(), 37);
    }
}

#[test]
fn nothing_opens_without_the_salt() {
    let job = world::chat();
    let given = Given { salt: None, ..job.given() };
    let verdict = check(&job.signed.bytes, given).unwrap_err();
    assert_eq!(verdict, Rejected::SaltNeeded { what: "request" });
    let given = Given { answer: Some(&job.answer), ..Given::default() };
    let verdict = check(&job.signed.bytes, given).unwrap_err();
    assert_eq!(verdict, Rejected::SaltNeeded { what: "answer" });
}

#[test]
fn a_receipt_of_another_job_does_not_fit() {
    let (one, other) = (world::chat(), world::text());
    assert_eq!(check(&one.signed.bytes, other.given()).unwrap_err().number(), 31);
    let given = Given { request: Some(&other.request), ..one.given() };
    assert_eq!(check(&one.signed.bytes, given).unwrap_err().number(), 32);
    let given = Given { answer: Some(&other.answer), ..one.given() };
    assert_eq!(check(&one.signed.bytes, given).unwrap_err().number(), 36);
}

#[test]
fn a_stream_grows_by_whole_chunks_and_one_begun() {
    let salt = world::salt();
    let tokens: Vec<u32> = (0..100).collect();
    let mut roots = Vec::new();
    let mut stream = salt.stream();
    for (count, token) in tokens.iter().enumerate() {
        let mut again = salt.stream();
        again.extend(&tokens[..count]);
        assert_eq!(again.root(), stream.root());
        roots.push(stream.root());
        stream.push(*token);
    }
    roots.sort();
    roots.dedup();
    assert_eq!(roots.len(), 100, "no two lengths share a root");
}
