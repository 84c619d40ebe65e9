//! Programs and constants that must be refused, each by the check that is there for it.

use std::sync::Arc;
use terroir_tensor::laws::{Shape, decoder};
use terroir_tensor::program::*;
use terroir_tensor::{Bytes, Cache, Error, Executor, Isa, Plan, Program, Run, Wanted};

/// Changes the first operator that `change` accepts and expects a refusal that names it.
fn refused(name: &str, word: &str, change: impl Fn(&mut Op) -> bool) {
    let (mut program, _) = decoder(1, Shape::small());
    let index = program.ops.iter_mut().position(change).expect("an operator to change");
    match program.types() {
        Err(Error::Operator { index: at, name: got, what }) => {
            assert_eq!((at, got), (index, name));
            assert!(what.contains(word), "{what:?} does not speak of {word:?}");
        }
        other => panic!("{name} {word}: {other:?}"),
    }
}

macro_rules! change {
    ($variant:ident { $($field:ident),* } $body:expr) => {
        |op: &mut Op| match op { Op::$variant { $($field,)* .. } => { $body; true } _ => false }
    };
}

#[test]
fn operators_that_cannot_be_proved_are_refused_by_name() {
    refused("embed", "scale", change!(Embed { scale_q16 } * scale_q16 = 0));
    refused("embed", "scale", change!(Embed { scale_q16 } * scale_q16 = u32::MAX));
    refused("embed", "columns", change!(Embed { table } table.cols = 33));
    refused("embed", "columns", change!(Embed { table } table.cols = 1 << 17));
    refused("embed", "rows", change!(Embed { table } table.rows = 0));
    refused("embed", "fraction", change!(Embed { frac } * frac = 25));
    refused("rms_norm", "width", change!(RmsNorm { width } * width = 48));
    refused("rms_norm", "width", change!(RmsNorm { width } * width = 0));
    refused("rms_norm", "gains", change!(RmsNorm { gain } gain.len = 63));
    refused("rms_norm", "epsilon", change!(RmsNorm { epsilon } * epsilon = 1 << 48));
    refused("rms_norm", "not made yet", change!(RmsNorm { x } * x = 4000));
    refused("rms_norm", "fraction", change!(RmsNorm { gain_frac } * gain_frac = 25));
    refused(
        "rms_norm",
        "in the gains",
        change!(RmsNorm { gain_frac, frac }(*gain_frac, *frac) = (0, 23)),
    );
    refused("attention", "multiple of 16", change!(Attention { head_dim } * head_dim = 272));
    refused("attention", "key heads", change!(Attention { kv_heads } * kv_heads = 1 << 20));
    refused("attention", "scale", change!(Attention { scale_q30 } * scale_q30 = 1 << 31));
    refused("quantise", "must be fixed", |op: &mut Op| match op {
        Op::Quantise { x, .. } if *x > 10 => {
            *x = 2;
            true
        }
        _ => false,
    });
    refused("linear", "must be quantised", change!(Linear { x } * x = 0));
    refused("linear", "columns", change!(Linear { weight } weight.cols = 96));
    refused("linear", "rows", change!(Linear { weight } weight.rows = 0));
    refused(
        "linear",
        "biases",
        change!(
            Linear { weight, bias } * bias =
                Some(Vector { digest: weight.digest, len: weight.rows + 1 })
        ),
    );
    refused("rope", "head", change!(Rope { head_dim } * head_dim = 48));
    refused("rope", "pairs", change!(Rope { table } table.pairs = 9));
    refused("rope", "high rows", change!(Rope { table } table.highs = 1));
    refused("attention", "heads", change!(Attention { kv_heads } * kv_heads = 3));
    refused("attention", "multiple of 16", change!(Attention { head_dim } * head_dim = 24));
    refused("attention", "scale", change!(Attention { scale_q30 } * scale_q30 = 0));
    refused("attention", "window", change!(Attention { window } * window = 301));
    refused("attention", "rows of", change!(Attention { k, q } * k = *q));
    refused("gate", "fraction", change!(Gate { frac } * frac = 25));
    refused("gate", "values", change!(Gate { up } * up = 0));
    refused("add", "differ", change!(Add { a } * a = 1));
}

#[test]
fn a_sum_that_could_overflow_is_refused() {
    let (mut program, _) =
        decoder(1, Shape { width: 32, planes: Planes::Two, format: Format::W8, ..Shape::small() });
    let wide = 1 << 16;
    let Op::Embed { table, .. } = &mut program.ops[0] else { panic!("embed first") };
    table.cols = wide;
    let digest = table.digest;
    program.ops.truncate(1);
    program.ops.push(Op::Quantise { x: 0, planes: Planes::Two });
    let weight = Matrix { digest, rows: 8, cols: wide, format: Format::W8 };
    program.ops.push(Op::Linear { x: 1, weight, bias: None, frac: 16 });
    (program.logits, program.checkpoints) = (2, vec![0]);
    let error = program.types().unwrap_err().to_string();
    assert!(error.contains("operator 2 (linear)") && error.contains("beyond 63 bits"), "{error}");
}

#[test]
fn faults_of_the_whole_are_refused() {
    let check = |word: &str, change: &dyn Fn(&mut Program)| {
        let (mut program, _) = decoder(1, Shape::small());
        change(&mut program);
        let error = program.types().unwrap_err().to_string();
        assert!(error.contains(word), "{error:?} does not speak of {word:?}");
    };
    check("logits", &|p| p.logits = 0);
    check("logits", &|p| p.logits = 9999);
    check("checkpoint", &|p| p.checkpoints.clear());
    check("checkpoint", &|p| p.checkpoints.reverse());
    check("checkpoint", &|p| p.checkpoints = vec![2]);
    check("positions", &|p| p.positions_max = 0);
    check("operators", &|p| p.ops.clear());
    check("embed", &|p| {
        let first = p.ops[0].clone();
        p.ops.push(first)
    });
}

#[test]
fn constants_outside_the_bounds_are_refused() {
    for format in [Format::W4, Format::W8] {
        let (program, constants) = decoder(1, Shape { format, ..Shape::small() });
        let matrix = program.ops.iter().find_map(|op| match op {
            Op::Linear { weight, .. } => Some(*weight),
            _ => None,
        });
        let matrix = matrix.unwrap();
        let with = |at: usize, bytes: &[u8]| {
            let mut blob = constants.fetch(&matrix.digest).unwrap().as_ref().as_ref().to_vec();
            blob[at..at + bytes.len()].copy_from_slice(bytes);
            let blob: Bytes = Arc::new(blob);
            let mut fetch = |d: &_| {
                if *d == matrix.digest { Ok(blob.clone()) } else { constants.fetch(d) }
            };
            Plan::load(program.clone(), &mut fetch).map(|_| ()).map_err(|e| e.to_string())
        };
        assert!(with(2, &[1, 0x80]).is_ok());
        assert!(with(2, &[0, 0x80]).unwrap_err().contains("-32768"));
        if format == Format::W8 {
            assert!(with(100, &[0x80]).unwrap_err().contains("-128"));
        }
        let short: Bytes = Arc::new(vec![0u8; 10]);
        let mut fetch = |d: &_| {
            if *d == matrix.digest { Ok(short.clone()) } else { constants.fetch(d) }
        };
        let error = Plan::load(program.clone(), &mut fetch).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("10 bytes"), "{error}");
        let error =
            Plan::load(program.clone(), &mut |_| Err("gone".into())).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("gone"));
    }
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
