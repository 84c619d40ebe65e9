//! Programs and calls that must be refused, each by the check that is there for it.

use crate::maker::Maker;
use std::sync::Arc;
use terroir_tensor::laws::{Shape, decoder};
use terroir_tensor::program::*;
use terroir_tensor::{Cache, Error, Executor, Isa, Plan, Program, Run, Wanted};

/// A program that must be refused.
pub struct Refusal {
    /// The operator that is named; none for a fault of the whole.
    pub operator: Option<&'static str>,
    /// What the refusal speaks of.
    pub word: &'static str,
    pub program: Program,
}

/// Every refusal that no constant is needed for.
pub fn refusals() -> Vec<Refusal> {
    let all = [of_matrices(), of_rows(), of_heads(), of_gates(), of_the_whole()];
    all.into_iter().flatten().collect()
}

/// One block of a decoder: every operator, 22 in all.
fn small() -> Program {
    decoder(1, Shape { blocks: 1, ..Shape::small() }).0
}

/// A refusal of the first operator that `change` accepts.
fn changed(
    operator: &'static str,
    word: &'static str,
    change: impl Fn(&mut Op) -> bool,
) -> Refusal {
    let mut program = small();
    let index = program.ops.iter_mut().position(change).expect("an operator to change");
    assert_eq!(program.ops[index].name(), operator);
    Refusal { operator: Some(operator), word, program }
}

/// A refusal of the last of a few operators.
fn written(operator: &'static str, word: &'static str, write: impl Fn(&mut Maker)) -> Refusal {
    let mut maker = Maker::default();
    write(&mut maker);
    let program = Program { ops: maker.ops, logits: 0, checkpoints: vec![0], positions_max: 256 };
    assert_eq!(program.ops.last().map(Op::name), Some(operator));
    Refusal { operator: Some(operator), word, program }
}

/// An embed operator whose table nobody has.
fn embed(maker: &mut Maker, cols: u32, frac: u8) -> Value {
    maker.push(Op::Embed { table: unread(8, cols, Format::W8), scale_q16: 65536, frac })
}

fn unread(rows: u32, cols: u32, format: Format) -> Matrix {
    Matrix { digest: terroir_base::Digest([7; 32]), rows, cols, format }
}

macro_rules! change {
    ($operator:literal, $word:literal, $variant:ident { $($field:ident),* } $body:expr) => {
        changed($operator, $word, |op: &mut Op| match op {
            Op::$variant { $($field,)* .. } => { $body; true }
            _ => false,
        })
    };
}

fn of_matrices() -> Vec<Refusal> {
    vec![
        change!("embed", "scale", Embed { scale_q16 } * scale_q16 = 0),
        change!("embed", "scale", Embed { scale_q16 } * scale_q16 = 1 << 31),
        change!("embed", "columns", Embed { table } table.cols = 0),
        change!("embed", "columns", Embed { table } table.cols = 33),
        change!("embed", "columns", Embed { table } table.cols = (1 << 16) + 32),
        change!("embed", "rows", Embed { table } table.rows = 0),
        change!("embed", "rows", Embed { table } table.rows = (1 << 20) + 1),
        change!("embed", "fraction", Embed { frac } * frac = 25),
        change!("linear", "must be quantised", Linear { x } * x = 0),
        change!("linear", "must be quantised", Linear { x } * x = 3),
        change!("linear", "columns", Linear { weight } weight.cols = 96),
        change!("linear", "rows", Linear { weight } weight.rows = 0),
        change!("linear", "fraction", Linear { frac } * frac = 25),
        change!(
            "linear",
            "biases",
            Linear { weight, bias } * bias =
                Some(Vector { digest: weight.digest, len: weight.rows + 1 })
        ),
        written("linear", "beyond 63 bits", |maker| {
            let x = embed(maker, 33_312, 0);
            let x = maker.push(Op::Quantise { x, planes: Planes::Two });
            let weight = unread(8, 33_312, Format::W8);
            maker.push(Op::Linear { x, weight, bias: None, frac: 16 });
        }),
    ]
}

fn of_rows() -> Vec<Refusal> {
    vec![
        change!("rms_norm", "not made yet", RmsNorm { x } * x = 1),
        change!("rms_norm", "not made yet", RmsNorm { x } * x = u32::MAX),
        change!("rms_norm", "for a row", RmsNorm { width } * width = 48),
        change!("rms_norm", "for a row", RmsNorm { width } * width = 0),
        change!("rms_norm", "gains", RmsNorm { gain } gain.len = 63),
        change!("rms_norm", "epsilon", RmsNorm { epsilon } * epsilon = 1 << 48),
        change!("rms_norm", "fraction", RmsNorm { gain_frac } * gain_frac = 25),
        change!("rms_norm", "fraction", RmsNorm { frac } * frac = 25),
        change!(
            "rms_norm",
            "in the gains",
            RmsNorm { gain_frac, frac } { (*gain_frac, *frac) = (0, 23) }
        ),
        written("rms_norm", "for a row", |maker| {
            let len = 2 * NORM_WIDTH_MAX as u32;
            let x = embed(maker, len, 0);
            let gain = Vector { digest: terroir_base::Digest([8; 32]), len };
            let (gain_frac, width, epsilon, frac) = (0, len, 0, 0);
            maker.push(Op::RmsNorm { x, gain, gain_frac, width, epsilon, frac });
        }),
        changed("quantise", "must be fixed", |op: &mut Op| match op {
            Op::Quantise { x, .. } if *x > 10 => {
                *x = 2;
                true
            }
            _ => false,
        }),
        written("quantise", "multiple of 32", |maker| {
            let x = embed(maker, 32, 0);
            let x = maker.push(Op::Quantise { x, planes: Planes::One });
            let weight = unread(33, 32, Format::W4);
            let x = maker.push(Op::Linear { x, weight, bias: None, frac: 16 });
            maker.push(Op::Quantise { x, planes: Planes::One });
        }),
        change!("add", "differ", Add { a } * a = 1),
        written("add", "differ", |maker| {
            let a = embed(maker, 32, 3);
            let gain = Vector { digest: terroir_base::Digest([8; 32]), len: 32 };
            let (gain_frac, width, epsilon, frac) = (0, 32, 0, 4);
            let b = maker.push(Op::RmsNorm { x: a, gain, gain_frac, width, epsilon, frac });
            maker.push(Op::Add { a, b });
        }),
    ]
}

fn of_heads() -> Vec<Refusal> {
    vec![
        change!("rope", "head", Rope { head_dim } * head_dim = 48),
        change!("rope", "head", Rope { head_dim } * head_dim = 0),
        change!("rope", "pairs", Rope { table } table.pairs = 0),
        change!("rope", "pairs", Rope { table } table.pairs = 9),
        change!("rope", "pairs", Rope { table } table.pairs = 1 << 31),
        change!("rope", "high rows", Rope { table } table.highs = 1),
        change!("rope", "high rows", Rope { table } table.highs = 3),
        change!("attention", "multiple of 16", Attention { head_dim } * head_dim = 0),
        change!("attention", "multiple of 16", Attention { head_dim } * head_dim = 24),
        change!("attention", "multiple of 16", Attention { head_dim } * head_dim = 272),
        change!("attention", "key heads", Attention { kv_heads } * kv_heads = 3),
        change!("attention", "key heads", Attention { kv_heads } * kv_heads = 0),
        change!(
            "attention",
            "at most",
            Attention { heads, kv_heads } { (*heads, *kv_heads) = (4097, 4097) }
        ),
        change!("attention", "scale", Attention { scale_q30 } * scale_q30 = 0),
        change!("attention", "scale", Attention { scale_q30 } * scale_q30 = 1 << 31),
        change!("attention", "window", Attention { window } * window = 301),
        change!("attention", "rows of", Attention { q, k } * q = *k),
        change!("attention", "rows of", Attention { k, q } * k = *q),
        change!("attention", "rows of", Attention { v, q } * v = *q),
        change!("attention", "rows of", Attention { heads } * heads = 0),
        // 2^28 heads of 16 values are 0 modulo 2^32.
        change!("attention", "rows of", Attention { heads } * heads = (1 << 28) + 4),
    ]
}

fn of_gates() -> Vec<Refusal> {
    let gate = |activation, of: u8, to: u8| {
        move |maker: &mut Maker| {
            let x = embed(maker, 32, of);
            maker.push(Op::Gate { gate: x, up: x, activation, frac: to });
        }
    };
    vec![
        change!("gate", "values", Gate { up } * up = 0),
        change!("gate", "fraction", Gate { frac } * frac = 25),
        written("gate", "fraction", gate(Activation::Silu, 3, 7)),
        written("gate", "gelu", gate(Activation::GeluTanh, 7, 7)),
    ]
}

fn of_the_whole() -> Vec<Refusal> {
    let whole = |word, change: &dyn Fn(&mut Program)| {
        let mut program = small();
        change(&mut program);
        Refusal { operator: None, word, program }
    };
    vec![
        whole("logits", &|p| p.logits = 0),
        whole("logits", &|p| p.logits = 2),
        whole("logits", &|p| p.logits = p.ops.len() as u32),
        whole("increasing", &|p| p.checkpoints.clear()),
        whole("increasing", &|p| p.checkpoints = vec![1, 0]),
        whole("increasing", &|p| p.checkpoints = vec![1, 1]),
        whole("not a fixed-point", &|p| p.checkpoints = vec![2]),
        whole("not a fixed-point", &|p| p.checkpoints = vec![p.ops.len() as u32]),
        whole("positions", &|p| p.positions_max = 0),
        whole("positions", &|p| p.positions_max = POSITIONS_MAX + 1),
        whole("operators", &|p| p.ops.clear()),
        whole("embed", &|p| {
            let first = p.ops[0].clone();
            p.ops.push(first)
        }),
    ]
}

#[test]
fn programs_that_cannot_be_proved_are_refused_by_name() {
    for Refusal { operator, word, program } in refusals() {
        let what = match program.types() {
            Err(Error::Operator { name, what, .. }) => {
                assert_eq!(Some(name), operator, "{word}: {what}");
                what
            }
            Err(Error::Program(what)) => {
                assert_eq!(operator, None, "{word}: {what}");
                what
            }
            other => panic!("{operator:?} {word}: {other:?}"),
        };
        assert!(what.contains(word), "{what:?} does not speak of {word:?}");
    }
}

#[test]
fn what_is_just_inside_the_limits_is_proved() {
    let mut maker = Maker::default();
    let x = embed(&mut maker, 33_280, 4);
    let gain = Vector { digest: terroir_base::Digest([8; 32]), len: NORM_WIDTH_MAX as u32 };
    let q = maker.push(Op::Quantise { x, planes: Planes::Two });
    let weight = unread(1 << 20, 33_280, Format::W8);
    let logits = maker.push(Op::Linear { x: q, weight, bias: None, frac: 16 });
    let (gain_frac, width, epsilon, frac) = (2, NORM_WIDTH_MAX as u32, (1 << 48) - 1, 24);
    maker.push(Op::RmsNorm { x: logits, gain, gain_frac, width, epsilon, frac });
    let activation = Activation::Silu;
    maker.push(Op::Gate { gate: x, up: x, activation, frac: 8 });
    let pad = Op::Add { a: x, b: x };
    maker.ops.resize(OPS_MAX, pad.clone());
    let mut program =
        Program { ops: maker.ops, logits, checkpoints: vec![x], positions_max: POSITIONS_MAX };
    assert_eq!(program.types().unwrap().len(), OPS_MAX);
    program.ops.push(pad);
    assert!(program.types().unwrap_err().to_string().contains("16385 operators"));
}

#[test]
fn bad_calls_change_nothing() {
    let (program, constants) = decoder(1, Shape::small());
    let plan = Arc::new(Plan::load(program, &mut |d| constants.fetch(d)).unwrap());
    let mut executor = Executor::new(plan.clone(), 1, Isa::Portable).unwrap();
    let mut cache = Cache::new(&plan);
    let mut call = |cache: &mut Cache, tokens: &[u32]| {
        executor.forward(&mut [Run { cache, tokens, logits: Wanted::Last }]).map(|l| l.rows())
    };
    assert_eq!(call(&mut cache, &[]).unwrap(), 0);
    assert!(matches!(call(&mut cache, &[1, 61]), Err(Error::Token { token: 61, vocab: 61 })));
    let long = vec![1; 301];
    assert!(matches!(call(&mut cache, &long), Err(Error::Positions { wanted: 301, limit: 300 })));
    assert_eq!(cache.len(), 0);
    let (other, constants) = decoder(2, Shape::small());
    let other = Plan::load(other, &mut |d| constants.fetch(d)).unwrap();
    let mut foreign = Cache::new(&other);
    assert!(call(&mut foreign, &[1]).unwrap_err().to_string().contains("another program"));
    assert!(Executor::new(plan.clone(), 0, Isa::Portable).is_err());
    let lacking = [Isa::Avx2, Isa::Neon].into_iter().find(|isa| !isa.available()).unwrap();
    assert!(Executor::new(plan, 1, lacking).is_err());
}
