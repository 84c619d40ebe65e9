//! Receipts: any file; any payload that a lying node could sign; any request and any answer that
//! it could commit to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};
use terroir_base::sign::{SecretKey, sign1};
use terroir_proof::{
    Answered, CONTENT_TYPE, Draft, ENGINE_SPEC, Engine, Given, ModelIds, Place, Run, Salt,
    TEXT_RULES, Times, Work, check, check_chain,
};

const REQUEST: &[u8] = include_bytes!("../seeds/receipt/chat.request");
const ANSWER: &[u8] = include_bytes!("../seeds/receipt/chat.answer");

fuzz_target!(|bytes: &[u8]| {
    let _ = check(bytes, Given::default());
    signed_by_a_liar(bytes);
    signed_by_a_node(bytes, ANSWER);
    signed_by_a_node(REQUEST, bytes);
});

fn key() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

/// A payload that is accepted is the one encoding of what it says.
fn signed_by_a_liar(payload: &[u8]) {
    let signed = sign1(payload, &key(), CONTENT_TYPE);
    if let Ok(statement) = check(&signed, Given::default()) {
        assert_eq!(statement.receipt.encode().as_deref(), Ok(payload));
        assert!(check_chain(&[&signed, &signed]).is_ok());
    }
}

/// What a node signs, a checker accepts.
fn signed_by_a_node(request: &[u8], answer: &[u8]) {
    let (salt, digest) = (Salt([1; 32]), Digest([2; 32]));
    let answered = Answered {
        salt: &salt,
        model: ModelIds {
            manifest: ModelId(digest),
            program: ProgramId(digest),
            tokenizer: digest,
            template: None,
            profile: "fast".into(),
            text: TEXT_RULES.into(),
        },
        engine: Engine { spec: ENGINE_SPEC.into(), software: "fuzz".into() },
        request,
        answer,
        prompt_tokens: 1,
        run: Run { root: digest, steps: 1, ops: 1 },
    };
    let times = Times { requested_ms: 0, first_ms: Some(1), done_ms: 2 };
    let draft = Draft { place: Place::FIRST, work: Work::Inference(answered), times };
    if let Ok(signed) = draft.sign(&key()) {
        let (request, answer) = (Some(request), Some(answer));
        let given = Given { node: None, salt: Some(&salt), request, answer };
        assert!(check(&signed.bytes, given).is_ok());
    }
}
