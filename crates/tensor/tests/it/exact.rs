//! Every plan equals the interpreter: any instruction set, threads, batch and cut between calls.

use proptest::prelude::*;
use std::sync::Arc;
use terroir_base::Digest;
use terroir_tensor::laws::{Constants, Seeded, Shape, decoder};
use terroir_tensor::program::{Format, Op, Planes, Type, Value};
use terroir_tensor::spec::{Spec, State};
use terroir_tensor::{Cache, Executor, Isa, Plan, Program, Row, Run, Wanted};

fn isas() -> Vec<Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available()).collect()
}

fn shape() -> impl Strategy<Value = Shape> {
    let planes = prop_oneof![Just(Planes::One), Just(Planes::Two)];
    let format = prop_oneof![Just(Format::W4), Just(Format::W8)];
    let heads = prop_oneof![
        Just((4, 2, 16)),
        Just((2, 1, 64)),
        Just((3, 3, 32)),
        Just((2, 1, 160)),
        Just((1, 1, 128))
    ];
    let sizes = (1u32..80, 1u32..4, 1u32..5, 1u32..3);
    (planes, format, heads, sizes, 0u32..5, 12i8..26).prop_map(
        |(planes, format, heads, (vocab, width, inner, blocks), window, exponent)| Shape {
            vocab,
            width: width * 32,
            inner: inner * 32,
            heads,
            blocks,
            positions: 300,
            planes,
            format,
            window,
            exponent,
        },
    )
}

/// Rows of every operator by position, digested, and the logits.
fn interpret(seed: u64, shape: Shape, tokens: &[u32]) -> (Vec<Vec<Digest>>, Vec<Vec<i32>>) {
    let (program, constants) = decoder(seed, shape);
    let logits = program.logits as usize;
    let spec = Spec::load(program, &mut |d| constants.fetch(d)).unwrap();
    let mut state = State::default();
    let mut digests = vec![];
    let mut rows = vec![];
    for &token in tokens {
        let made = spec.step(&mut state, token).unwrap();
        digests.push(made.iter().map(Row::digest).collect());
        let Row::Fixed(row) = &made[logits] else { panic!("logits are fixed point") };
        rows.push(row.clone());
    }
    (digests, rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_operator_equals_the_interpreter(
        seed: u64, shape in shape(), length in 1usize..50, threads in 1usize..4, cuts: u64,
    ) {
        let mut seeded = Seeded::new(seed);
        let vocab = u64::from(shape.vocab);
        let tokens: Vec<u32> = (0..length).map(|_| seeded.below(vocab) as u32).collect();
        let (want, want_logits) = interpret(seed, shape, &tokens);
        for isa in isas() {
            let (program, constants) = decoder(seed, shape);
            let plan = Arc::new(Plan::load(program, &mut |d| constants.fetch(d)).unwrap());
            let mut executor = Executor::new(plan.clone(), threads, isa).unwrap();
            let mut cache = Cache::new(&plan);
            let mut cuts = Seeded::new(cuts);
            let (mut done, mut rows) = (0, 0);
            while done < tokens.len() {
                let take = 1 + cuts.below((tokens.len() - done) as u64) as usize;
                let runs = &mut [Run { cache: &mut cache, tokens: &tokens[done..done + take], logits: Wanted::All }];
                let mut wrong = None;
                let logits = executor.forward_traced(runs, &mut |t| {
                    if t.digest != want[t.position][t.operator] {
                        wrong.get_or_insert((t.operator, t.position));
                    }
                }).unwrap();
                prop_assert_eq!(wrong, None, "first wrong (operator, position), {} of {:?}", isa, plan.program().ops.iter().map(|o| o.name()).collect::<Vec<_>>());
                for row in 0..logits.rows() {
                    prop_assert_eq!(logits.row(row), &want_logits[rows + row][..]);
                }
                rows += logits.rows();
                done += take;
            }
            prop_assert_eq!(rows, tokens.len());
        }
    }

    #[test]
    fn neighbours_in_a_batch_do_not_show(seed: u64, shape in shape(), threads in 1usize..4, size in 2usize..41) {
        let (program, constants) = decoder(seed, shape);
        let plan = Arc::new(Plan::load(program, &mut |d| constants.fetch(d)).unwrap());
        let mut seeded = Seeded::new(seed);
        let vocab = u64::from(shape.vocab);
        let sequences: Vec<Vec<u32>> = (0..size)
            .map(|_| (0..1 + seeded.below(4)).map(|_| seeded.below(vocab) as u32).collect())
            .collect();
        let mut alone = Executor::new(plan.clone(), 1, Isa::Portable).unwrap();
        let isas = isas();
        let isa = isas[seed as usize % isas.len()];
        let mut together = Executor::new(plan.clone(), threads, isa).unwrap();
        let mut caches: Vec<Cache> = (0..size).map(|_| Cache::new(&plan)).collect();
        let mut runs: Vec<Run<'_>> = caches.iter_mut().zip(&sequences)
            .map(|(cache, tokens)| Run { cache, tokens, logits: Wanted::Last }).collect();
        let batch = together.forward(&mut runs).unwrap();
        for (index, tokens) in sequences.iter().enumerate() {
            let mut cache = Cache::new(&plan);
            let one = alone.forward(&mut [Run { cache: &mut cache, tokens, logits: Wanted::Last }]).unwrap();
            prop_assert_eq!(one.row(0), batch.row(index));
            prop_assert_eq!(cache.steps(), caches[index].steps());
        }
    }

    #[test]
    fn a_cut_cache_is_as_good_as_a_fresh_one(seed: u64, shape in shape(), length in 2usize..40, keep in 0usize..40) {
        let keep = keep % length;
        let (program, constants) = decoder(seed, shape);
        let plan = Arc::new(Plan::load(program, &mut |d| constants.fetch(d)).unwrap());
        let mut executor = Executor::new(plan.clone(), 2, Isa::detect()).unwrap();
        let mut seeded = Seeded::new(seed);
        let mut tokens: Vec<u32> = (0..length).map(|_| seeded.below(u64::from(shape.vocab)) as u32).collect();
        let mut cache = Cache::new(&plan);
        executor.forward(&mut [Run { cache: &mut cache, tokens: &tokens, logits: Wanted::None }]).unwrap();
        cache = cache.prefix(keep);
        for token in &mut tokens[keep..] {
            *token = seeded.below(u64::from(shape.vocab)) as u32;
        }
        let again = executor.forward(&mut [Run { cache: &mut cache, tokens: &tokens[keep..], logits: Wanted::Last }]).unwrap();
        let mut fresh = Cache::new(&plan);
        let anew = executor.forward(&mut [Run { cache: &mut fresh, tokens: &tokens, logits: Wanted::Last }]).unwrap();
        prop_assert_eq!(again.row(0), anew.row(0));
        prop_assert_eq!(cache.steps(), fresh.steps());
    }
}

/// Programs whose ends are not where a decoder has them.
fn odd_ends() -> Vec<(Program, Constants)> {
    let linear = |program: &Program, x: Value| {
        let weights = program.ops.iter().filter_map(|op| match op {
            Op::Linear { weight, .. } if weight.cols == 64 => Some(*weight),
            _ => None,
        });
        let op = |weight| Op::Linear { x, weight, bias: None, frac: 16 };
        weights.map(op).take(4).collect::<Vec<Op>>()
    };
    let build = |checkpoints: &[Value], logits: Value, tail: bool| {
        let (mut program, constants) = decoder(5, Shape::small());
        let products = linear(&program, 1);
        program.ops.truncate(1);
        program.ops.push(Op::Quantise { x: 0, planes: Planes::One });
        program.ops.extend(products);
        if tail {
            // The logits read a quantised value from before the tail.
            program.ops.push(Op::Add { a: 2, b: 2 });
        }
        (program.checkpoints, program.logits) = (checkpoints.to_vec(), logits);
        (program, constants)
    };
    // A checkpoint inside a run of linear operators; one that nobody reads; the last of them.
    vec![
        build(&[2], 3, false),
        build(&[3, 5], 5, false),
        build(&[4], 2, false),
        build(&[0], 5, true),
    ]
}

#[test]
fn checkpoints_and_logits_may_stand_anywhere() {
    for (program, constants) in odd_ends() {
        let (checkpoints, wanted) = (program.checkpoints.clone(), program.logits as usize);
        let plan = Arc::new(Plan::load(program.clone(), &mut |d| constants.fetch(d)).unwrap());
        let spec = Spec::load(program, &mut |d| constants.fetch(d)).unwrap();
        let mut executor = Executor::new(plan.clone(), 2, Isa::detect()).unwrap();
        let sequences: [&[u32]; 3] = [&[3, 1, 4], &[1], &[5, 9]];
        let mut caches: Vec<Cache> = sequences.iter().map(|_| Cache::new(&plan)).collect();
        let runs = caches.iter_mut().zip(sequences);
        let run = |(cache, tokens)| Run { cache, tokens, logits: Wanted::Last };
        let logits = executor.forward(&mut runs.map(run).collect::<Vec<_>>()).unwrap();
        for (index, tokens) in sequences.iter().enumerate() {
            let mut state = State::default();
            for (&token, step) in tokens.iter().zip(caches[index].steps()) {
                let rows = spec.step(&mut state, token).unwrap();
                let bytes = checkpoints.iter().flat_map(|&v| rows[v as usize].bytes());
                let bytes: Vec<u8> = bytes.collect();
                assert_eq!(terroir_tensor::trace::step_digest(&bytes), *step);
                if token == *tokens.last().unwrap() {
                    let Row::Fixed(row) = &rows[wanted] else { panic!("logits are fixed point") };
                    assert_eq!(logits.row(index), &row[..], "sequence {index}");
                }
            }
        }
    }
}

#[test]
fn checkpoints_are_the_rows_of_the_interpreter() {
    let (program, constants) = decoder(9, Shape::small());
    let checkpoints = program.checkpoints.clone();
    let types = program.types().unwrap();
    assert!(
        checkpoints.iter().all(|&v| matches!(types[v as usize], Type::Fixed { width: 64, .. }))
    );
    let plan = Arc::new(Plan::load(program.clone(), &mut |d| constants.fetch(d)).unwrap());
    let mut executor = Executor::new(plan.clone(), 2, Isa::detect()).unwrap();
    let mut cache = Cache::new(&plan);
    let tokens = [3, 1, 4, 1, 5];
    executor
        .forward(&mut [Run { cache: &mut cache, tokens: &tokens, logits: Wanted::None }])
        .unwrap();
    let spec = Spec::load(program, &mut |d| constants.fetch(d)).unwrap();
    let mut state = State::default();
    for (token, step) in tokens.iter().zip(cache.steps()) {
        let rows = spec.step(&mut state, *token).unwrap();
        let bytes: Vec<u8> = checkpoints.iter().flat_map(|&v| rows[v as usize].bytes()).collect();
        assert_eq!(terroir_tensor::trace::step_digest(&bytes), *step);
    }
}
