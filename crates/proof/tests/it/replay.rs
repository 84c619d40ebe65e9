//! Running the model again: honest receipts pass everywhere, and each lie has its own verdict.

use crate::tiny;
use crate::world::{self, Plan};
use std::sync::Arc;
use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};
use terroir_model::{Answer, Batch, BatchLimits, Event, Finish, Input, Model, Outcome};
use terroir_model::{Message, Request, Sampling};
use terroir_proof::{
    ENGINE_SPEC, Given, ModelIds, NotReplayed, Point, Rejected, Run, SAMPLER_RULES, Salt,
    Statement, TEXT_RULES, check_replay,
};
use terroir_tensor::Isa;

/// An honest job on the tiny model, to be bent.
struct Job {
    model: Arc<Model>,
    salt: Salt,
    request: Request,
    outcome: Outcome,
}

impl Job {
    fn run(model: Model, request: Request) -> Job {
        let model = Arc::new(model);
        let limits = BatchLimits { sequences_max: 1, rows_max: 8, cached_bytes_max: 0 };
        let mut batch = Batch::new(model.clone(), 1, Isa::Portable, limits).unwrap();
        batch.admit(request.clone()).unwrap();
        let outcome = loop {
            let events = batch.step().unwrap();
            let done = events.into_iter().find_map(|event| match event {
                Event::Done { outcome, .. } => Some(outcome),
                Event::Token { .. } => None,
            });
            if let Some(outcome) = done {
                break outcome;
            }
        };
        Job { model, salt: world::salt(), request, outcome }
    }

    /// The verdict on the receipt that a node makes of this, after it has bent the plan.
    fn replay(&self, bend: impl FnOnce(&mut Plan<'_>)) -> Result<Statement, Rejected> {
        let (request, answer) = (self.request.encode(), self.outcome.answer.encode());
        let mut plan = world::plan(&self.salt, &request, &answer);
        plan.answered.model = ModelIds::of(&self.model);
        plan.answered.prompt_tokens = self.outcome.prompt_tokens;
        plan.answered.run = Run::of(&self.model, &self.outcome);
        if self.outcome.answer.tokens.is_empty() {
            plan.times.first_ms = None;
        }
        bend(&mut plan);
        let signed = plan.sign(&world::key()).unwrap();
        let given = world::opening(&self.salt, &request, &answer);
        replayed(check_replay(&signed.bytes, given, &self.model, 2, Isa::detect()))
    }

    fn verdict(&self) -> Rejected {
        self.replay(|_| ()).unwrap_err()
    }
}

fn replayed(result: Result<Statement, NotReplayed>) -> Result<Statement, Rejected> {
    result.map_err(|why| match why {
        NotReplayed::Rejected(rejected) => rejected,
        NotReplayed::Engine(error) => panic!("{error}"),
    })
}

fn greedy(max_tokens: u32) -> Request {
    let input = Input::Text("the old vineyard".into());
    Request { input, sampling: Sampling::GREEDY, max_tokens, stop: vec![] }
}

fn sampled(max_tokens: u32) -> Request {
    let sampling =
        Sampling { temperature_micro: 30_000_000, top_k: 50, seed: 7, ..Sampling::GREEDY };
    Request { sampling, ..greedy(max_tokens) }
}

fn chat() -> Request {
    let message =
        |role: &str, content: &str| Message { role: role.into(), content: content.into() };
    let input = Input::Chat(vec![message("system", "Be brief."), message("user", "Why slopes?")]);
    Request { input, ..sampled(20) }
}

#[test]
fn honest_receipts_pass_and_say_what_was_run() {
    for request in [greedy(40), sampled(40), chat(), greedy(1)] {
        let job = Job::run(tiny::model(), request);
        let statement = job.replay(|_| ()).unwrap();
        assert_eq!(open_in(&statement), ["node", "chain", "bond", "times", "software", "truth"]);
        assert!(!statement.to_string().to_lowercase().contains("verified"));
    }
}

#[test]
fn a_replay_shows_that_the_model_ended_an_answer() {
    let tokens = Job::run(tiny::model(), greedy(40)).outcome.answer.tokens;
    let job = Job::run(tiny::model_that_ends_with(tokens[5]), greedy(40));
    assert_eq!(job.outcome.answer.finish, Finish::Stop);
    let statement = job.replay(|_| ()).unwrap();
    assert!(statement.established.contains(&Point::Whole));
}

/// What a statement leaves open, by code.
fn open_in(statement: &Statement) -> Vec<&'static str> {
    statement.not_checked.iter().map(|open| open.point.code()).collect()
}

/// The same job, broken off after some steps.
fn cancel(job: &Job, steps: usize) -> Job {
    let limits = BatchLimits { sequences_max: 1, rows_max: 64, cached_bytes_max: 0 };
    let mut batch = Batch::new(job.model.clone(), 1, Isa::Portable, limits).unwrap();
    let ticket = batch.admit(job.request.clone()).unwrap();
    (0..steps).for_each(|_| drop(batch.step().unwrap()));
    batch.cancel(ticket);
    let done = batch.step().unwrap().into_iter().find_map(|event| match event {
        Event::Done { outcome, .. } => Some(outcome),
        Event::Token { .. } => None,
    });
    let (model, request) = (job.model.clone(), job.request.clone());
    Job { model, salt: world::salt(), request, outcome: done.unwrap() }
}

#[test]
fn an_answer_that_was_cancelled_passes_as_far_as_it_goes() {
    let whole = Job::run(tiny::model(), sampled(30));
    assert_eq!(whole.outcome.answer.finish, Finish::Length);
    for (steps, unseen) in [(4, &[][..]), (0, &["tokens", "trace"])] {
        let job = cancel(&whole, steps);
        let answer = &job.outcome.answer;
        assert_eq!((answer.finish, answer.tokens.len()), (Finish::Cancelled, steps));
        assert!(whole.outcome.answer.tokens.starts_with(&answer.tokens));
        let statement = job.replay(|_| ()).unwrap();
        let always = ["whole", "node", "chain", "bond", "times", "software", "truth"];
        assert_eq!(open_in(&statement), [unseen, &always].concat());
    }
}

/// The answer with these tokens, spelled as the tokenizer spells them.
fn respell(job: &mut Job, tokens: Vec<u32>) {
    let text = job.model.tokenizer.decode(&tokens);
    job.outcome.answer = Answer { text, tokens, ..job.outcome.answer.clone() };
}

#[test]
fn a_changed_token_is_found_where_it_stands() {
    for request in [greedy(40), sampled(40)] {
        for at in [0, 1, 17, 39] {
            let mut job = Job::run(tiny::model(), request.clone());
            let mut tokens = job.outcome.answer.tokens.clone();
            let got = tokens[at];
            let stated = if got == 65 { 66 } else { 65 };
            tokens[at] = stated;
            respell(&mut job, tokens);
            assert_eq!(job.verdict(), Rejected::Token { index: at as u32, stated, got });
        }
    }
}

#[test]
fn a_token_that_does_not_exist_is_found() {
    let mut job = Job::run(tiny::model(), greedy(5));
    let mut tokens = job.outcome.answer.tokens.clone();
    tokens[3] = u32::MAX;
    respell(&mut job, tokens);
    assert!(matches!(job.verdict(), Rejected::Token { index: 3, stated: u32::MAX, .. }));
}

#[test]
fn another_seed_than_the_one_asked_for_is_found() {
    let mut job = Job::run(tiny::model(), sampled(40));
    job.request.sampling.seed = 8;
    assert_eq!(job.verdict().number(), 67);
}

#[test]
fn another_text_finish_or_end_is_found() {
    let mut job = Job::run(tiny::model(), greedy(40));
    job.outcome.answer.text.push('!');
    assert_eq!(job.verdict(), Rejected::ReplayText);

    let mut job = Job::run(tiny::model(), greedy(40));
    job.outcome.answer.finish = Finish::Stop;
    assert_eq!(job.verdict().number(), 65);

    let mut job = Job::run(tiny::model(), greedy(40));
    let tokens = &job.outcome.answer.tokens;
    let end = tokens[20];
    let got = tokens.iter().position(|&token| token == end).unwrap() as u32 + 1;
    job.model = Arc::new(tiny::model_that_ends_with(end));
    assert_eq!(job.verdict(), Rejected::ReplayLength { stated: 40, got });
}

#[test]
fn stated_counts_are_those_of_the_run() {
    let job = Job::run(tiny::model(), greedy(3));
    let verdict = job.replay(|plan| plan.answered.prompt_tokens += 1).unwrap_err();
    let got = job.outcome.prompt_tokens;
    assert_eq!(verdict, Rejected::PromptTokens { stated: got + 1, got });
    let verdict = job.replay(|plan| plan.answered.run.steps -= 1).unwrap_err();
    let got = job.outcome.steps;
    assert_eq!(verdict, Rejected::TraceSize { what: "trace steps", stated: got - 1, got });
    let verdict = job.replay(|plan| plan.answered.run.ops = 1).unwrap_err();
    assert!(matches!(verdict, Rejected::TraceSize { what: "trace operators", stated: 1, .. }));
}

#[test]
fn another_trace_is_found() {
    let job = Job::run(tiny::model(), greedy(3));
    let verdict = job.replay(|plan| plan.answered.run.root = Digest::of(b"no run")).unwrap_err();
    assert_eq!(verdict.number(), 70);
}

#[test]
fn another_model_is_found_part_by_part() {
    let job = Job::run(tiny::model(), greedy(3));
    let part =
        |bend: &dyn Fn(&mut ModelIds)| match job.replay(|plan| bend(&mut plan.answered.model)) {
            Err(Rejected::Model { part, .. }) => part,
            other => panic!("{other:?}"),
        };
    assert_eq!(part(&|ids| ids.manifest = ModelId::of(b"?")), "manifest");
    assert_eq!(part(&|ids| ids.program = ProgramId::of(b"?")), "program");
    assert_eq!(part(&|ids| ids.tokenizer = Digest::of(b"?")), "tokenizer");
    assert_eq!(part(&|ids| ids.template = None), "template");
    assert_eq!(part(&|ids| ids.profile = "high".into()), "profile");
}

/// A receipt by other rules is refused before any replay; these are the rules followed here.
#[test]
fn the_rules_that_receipts_name_are_those_followed_here() {
    assert_eq!(ENGINE_SPEC, terroir_model::SPEC_VERSION);
    assert_eq!(TEXT_RULES, terroir_model::TEXT_VERSION);
    assert_eq!(SAMPLER_RULES, terroir_model::SAMPLING_VERSION);
}

/// One changed byte of one weight, handed over by a store that does not look: the run is another
/// one. (A change that rounding swallows leaves the run as it is; only the weight's digest tells.)
#[test]
fn a_changed_weight_is_found() {
    let honest = Job::run(tiny::model(), greedy(40));
    for index in 0..14 {
        let model = Arc::new(tiny::model_with_a_changed_weight(index));
        let job = Job { model, outcome: honest.outcome.clone(), request: greedy(40), ..honest };
        let verdict = job.verdict();
        assert!(matches!(verdict.number(), 67 | 70), "matrix {index}: {verdict:?}");
    }
}

#[test]
fn a_request_that_cannot_be_run_is_the_receipts_fault() {
    let mut job = Job::run(tiny::model(), greedy(3));
    job.request.max_tokens = tiny::CONTEXT;
    job.outcome.answer.finish = Finish::Stop;
    let verdict = job.verdict();
    assert_eq!(verdict.number(), 63, "{verdict:?}");
    assert!(verdict.to_string().contains("context"), "{verdict}");
}

#[test]
fn replay_needs_everything() {
    let job = Job::run(tiny::model(), greedy(3));
    let (request, answer) = (job.request.encode(), job.outcome.answer.encode());
    let signed = world::plan(&job.salt, &request, &answer).sign(&world::key()).unwrap();
    let whole = world::opening(&job.salt, &request, &answer);
    for (what, given) in [
        ("salt", Given::default()),
        ("request", Given { request: None, ..whole }),
        ("answer", Given { answer: None, ..whole }),
    ] {
        let verdict = check_replay(&signed.bytes, given, &job.model, 1, Isa::Portable);
        assert_eq!(replayed(verdict).unwrap_err(), Rejected::ReplayNeeds { what });
    }
}

#[test]
fn an_engine_that_cannot_run_gives_no_verdict() {
    let job = Job::run(tiny::model(), greedy(3));
    let (request, answer) = (job.request.encode(), job.outcome.answer.encode());
    let mut plan = world::plan(&job.salt, &request, &answer);
    plan.answered.model = ModelIds::of(&job.model);
    let signed = plan.sign(&world::key()).unwrap();
    let given = world::opening(&job.salt, &request, &answer);
    let foreign = if cfg!(target_arch = "aarch64") { Isa::Avx2 } else { Isa::Neon };
    let verdict = check_replay(&signed.bytes, given, &job.model, 1, foreign);
    assert!(matches!(verdict, Err(NotReplayed::Engine(_))));
}

/// The fields that `proof` reads without the model are those that the model writes.
#[test]
fn the_golden_requests_and_answers_are_the_models_own() {
    for job in [world::chat(), world::text(), world::cancelled()] {
        assert_eq!(Request::decode(&job.request).unwrap().encode(), job.request);
        assert_eq!(Answer::decode(&job.answer).unwrap().encode(), job.answer);
    }
}
