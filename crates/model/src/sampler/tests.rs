use super::*;
use proptest::prelude::*;

/// Draws made by an independent script from the specification (`make_sampling.py`).
const VECTORS: &str = include_str!("../../tests/vectors/sampling.tsv");

/// The script's generator: splitmix64, four summed.
fn logits(count: usize, seed: u64, spread: i64) -> Vec<i32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        (z % (2 * spread as u64 + 1)) as i64 - spread
    };
    let one = |_| (0..4).map(|_| next()).sum::<i64>();
    let clamp = |x: i64| x.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    (0..count).map(one).map(clamp).collect()
}

#[test]
fn draws_equal_those_of_an_independent_implementation() {
    let mut scratch = Scratch::default();
    for line in VECTORS.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| fields[at].parse::<u64>().unwrap();
        let list = |at: usize| -> Vec<u32> {
            fields[at].split_whitespace().map(|n| n.parse().unwrap()).collect()
        };
        let sampling = Sampling {
            temperature_micro: number(3) as u32,
            top_k: number(4) as u32,
            top_p_micro: number(5) as u32,
            min_p_micro: number(6) as u32,
            repetition_penalty_micro: number(7) as u32,
            seed: number(8),
        };
        let count = number(0) as usize;
        let mut sampler = Sampler::new(sampling, count, &list(9));
        let drawn: Vec<u32> = (0..8)
            .map(|position| {
                let row = logits(count, number(1) + position, number(2) as i64);
                let token = sampler.pick(&row, &mut scratch);
                sampler.accept(token);
                token
            })
            .collect();
        assert_eq!(drawn, list(10), "{line}");
    }
}

fn any_sampling() -> impl Strategy<Value = Sampling> {
    let micro = |values: &'static [u32]| prop::sample::select(values);
    (
        micro(&[1, 300_000, 1_000_000, 2_000_000]),
        micro(&[0, 1, 3, 100]),
        micro(&[0, 400_000, 999_999, 1_000_000]),
        micro(&[0, 1, 100_000, 1_000_000]),
        micro(&[900_000, 1_000_000, 1_500_000]),
        any::<u64>(),
    )
        .prop_map(|(temperature_micro, top_k, top_p_micro, min_p_micro, penalty, seed)| {
            Sampling {
                temperature_micro,
                top_k,
                top_p_micro,
                min_p_micro,
                repetition_penalty_micro: penalty,
                seed,
            }
        })
}

proptest! {
    #[test]
    fn the_best_token_is_drawn_when_nothing_else_is_kept(
        row in prop::collection::vec(any::<i32>(), 1..200),
        sampling in any_sampling(),
    ) {
        let best = row.iter().max().unwrap();
        let first = row.iter().position(|logit| logit == best).unwrap() as u32;
        let plain = Sampling { repetition_penalty_micro: MICRO, ..sampling };
        for only in [
            Sampling { temperature_micro: 0, ..plain },
            Sampling { top_k: 1, ..plain },
            Sampling { top_p_micro: 0, ..plain },
        ] {
            let token = Sampler::new(only, row.len(), &[]).pick(&row, &mut Scratch::default());
            prop_assert_eq!(token, first);
        }
    }

    #[test]
    fn adding_a_constant_or_reusing_buffers_changes_nothing(
        row in prop::collection::vec(-400_000i32..400_000, 1..300),
        shift in -1_000_000i32..1_000_000,
        sampling in any_sampling(),
    ) {
        let sampling = Sampling { repetition_penalty_micro: MICRO, ..sampling };
        let sampler = Sampler::new(sampling, row.len(), &[]);
        let mut scratch = Scratch::default();
        let token = sampler.pick(&row, &mut scratch);
        let moved: Vec<i32> = row.iter().map(|logit| logit + shift).collect();
        prop_assert_eq!(sampler.pick(&moved, &mut scratch), token);
    }
}

#[test]
fn draws_follow_the_distribution() {
    let row = [0, 65_536, 131_072, -65_536];
    let sampling = Sampling { temperature_micro: MICRO, seed: 42, ..Sampling::GREEDY };
    let mut sampler = Sampler::new(sampling, row.len(), &[]);
    let mut counts = [0u32; 4];
    for _ in 0..20_000 {
        let token = sampler.pick(&row, &mut Scratch::default());
        sampler.accept(token);
        counts[token as usize] += 1;
    }
    let sum: f64 = row.iter().map(|&x| (f64::from(x) / 65536.0).exp()).sum();
    for (count, logit) in counts.iter().zip(row) {
        let want = (f64::from(logit) / 65536.0).exp() / sum * 20_000.0;
        assert!((f64::from(*count) - want).abs() < 5.0 * want.sqrt(), "{counts:?}");
    }
}

#[test]
fn a_token_that_occurred_becomes_less_likely() {
    let sampling = Sampling { repetition_penalty_micro: 1_500_000, ..Sampling::GREEDY };
    let mut sampler = Sampler::new(sampling, 3, &[0]);
    let mut scratch = Scratch::default();
    assert_eq!(sampler.pick(&[140, 100, -100], &mut scratch), 1);
    sampler.accept(1);
    assert_eq!(sampler.pick(&[140, 100, -100], &mut scratch), 0);
    assert_eq!(sampler.pick(&[-90, -200, -100], &mut scratch), 2);
}
