use super::*;
use crate::laws::Toy;
use terroir_tensor::{Run, Wanted};

/// The definition, in floats: every token after the first, from all that stands before it.
fn by_definition(model: &Model, tokens: &[u32]) -> f64 {
    let mut executor = Executor::new(model.plan.clone(), 1, Isa::Portable).unwrap();
    let mut cache = Cache::new(&model.plan);
    let run = Run { cache: &mut cache, tokens, logits: Wanted::All };
    let logits = executor.forward(&mut [run]).unwrap();
    let cost = |(row, &token): (usize, &u32)| {
        let row: Vec<f64> = logits.row(row).iter().map(|&x| f64::from(x) / 65536.0).collect();
        let max = row.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
        (sum.ln() - (row[token as usize] - max)) / std::f64::consts::LN_2
    };
    tokens[1..].iter().enumerate().map(cost).sum()
}

#[test]
fn a_score_is_the_sum_of_the_bits_of_each_token() {
    let model = Toy::new(8).load().unwrap();
    let text = "Sphinx of black quartz, judge my vow. ".repeat(4);
    let tokens = model.tokenizer.encode(&text, false);
    let mut heard = 0;
    let mut each = |so_far: &Score| {
        heard += 1;
        assert_eq!((so_far.predicted, so_far.tokens), (heard, tokens.len() as u64));
    };
    let score = score(&model, 2, Isa::detect(), &text, &mut each).unwrap();
    assert_eq!(heard, score.predicted);
    assert_eq!((score.tokens, score.predicted), (tokens.len() as u64, tokens.len() as u64 - 1));
    assert_eq!(score.bytes, text.len() as u64);
    let bits = score.neg_log2_sum_q16 as f64 / 65536.0;
    let want = by_definition(&model, &tokens);
    assert!((bits / want - 1.0).abs() < 1e-4, "{bits} against {want}");
}

#[test]
fn a_text_longer_than_the_context_is_scored_to_its_end() {
    let model = Toy::new(8).load().unwrap();
    let text = "a long text ".repeat(200);
    let tokens = model.tokenizer.encode(&text, false).len() as u64;
    assert!(tokens > 2 * u64::from(model.manifest.context_max));
    let one = score(&model, 1, Isa::Portable, &text, &mut |_| {}).unwrap();
    assert_eq!(one.predicted, tokens - 1);
    assert_eq!(one, score(&model, 2, Isa::detect(), &text, &mut |_| {}).unwrap());
}

#[test]
fn a_text_without_tokens_has_no_score() {
    let model = Toy::new(8).load().unwrap();
    assert!(matches!(score(&model, 1, Isa::detect(), "", &mut |_| {}), Err(Error::EmptyPrompt)));
    assert_eq!(score(&model, 1, Isa::detect(), "x", &mut |_| {}).unwrap().predicted, 0);
}
