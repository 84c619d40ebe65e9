use super::*;
use proptest::prelude::*;

/// `a^256` as an exact big integer, base 2^32, little endian.
fn power_256(a: u64) -> Vec<u32> {
    let mut n = vec![a as u32, (a >> 32) as u32];
    for _ in 0..8 {
        let mut square = vec![0u32; n.len() * 2];
        for (i, &x) in n.iter().enumerate() {
            let mut carry = 0u64;
            for (j, &y) in n.iter().enumerate() {
                let t = u64::from(x) * u64::from(y) + u64::from(square[i + j]) + carry;
                square[i + j] = t as u32;
                carry = t >> 32;
            }
            square[i + n.len()] = carry as u32;
        }
        n = square;
    }
    n
}

/// Compares `n` with `2^bits`.
fn below_power_of_two(n: &[u32], bits: usize) -> bool {
    let length =
        n.iter().rposition(|&w| w != 0).map_or(0, |i| i * 32 + 32 - n[i].leading_zeros() as usize);
    length <= bits
}

#[test]
fn every_table_entry_is_the_nearest_integer() {
    // T is nearest to 2^(30 - i/256) iff (2T-1)^256 < 2^(31*256 - i) < (2T+1)^256.
    for (i, &t) in EXP2.iter().enumerate() {
        let bits = 31 * 256 - i;
        assert!(below_power_of_two(&power_256(2 * u64::from(t) - 1), bits), "entry {i} too large");
        assert!(!below_power_of_two(&power_256(2 * u64::from(t) + 1), bits), "entry {i} too small");
    }
}

#[test]
fn exponentials_fall_and_end_at_zero() {
    assert_eq!(exp2_neg(0), 1 << 30);
    assert_eq!(exp2_neg(1 << 16), 1 << 29);
    assert_eq!(exp2_neg(30 << 16), 1);
    assert_eq!(exp2_neg(31 << 16), 0);
    assert_eq!(exp2_neg(u32::MAX), 0);
    assert!((0..2_000_000u32).all(|d| exp2_neg(d) >= exp2_neg(d + 1)));
}

#[test]
fn rounding_is_half_up_on_both_sides_of_zero() {
    assert_eq!([-3, -2, -1, 0, 1, 2, 3].map(|x| round_shift(x, 1)), [-1, -1, 0, 0, 1, 1, 2]);
    assert_eq!(round_shift(i64::MAX, 64), 0);
    assert_eq!(round_shift(i64::MIN, 64), 0);
    assert_eq!(round_shift(i64::MIN, 63), -1);
}

proptest! {
    #[test]
    fn shifting_equals_wide_arithmetic(x: i64, n in -40i32..80) {
        let exact = if n >= 0 {
            let n = n.min(100) as u32;
            if n == 0 { i128::from(x) } else { (i128::from(x) + (1i128 << (n - 1))) >> n }
        } else {
            i128::from(x) << (-n)
        };
        let limit = i128::from(SATURATED);
        prop_assert_eq!(i128::from(scale_down(x, n)), exact.clamp(-limit, limit));
    }

    #[test]
    fn exponent_is_the_smallest_that_fits(m in 0u32..=i32::MAX as u32, limit in prop::sample::select(vec![127u32, 4095, 16256])) {
        let fits = |e: u32| round_shift(i64::from(m), e) <= i64::from(limit);
        let e = exponent_for(m, limit);
        prop_assert!(fits(e), "{m} at {e}");
        prop_assert!(e == 0 || !fits(e - 1), "{m} at {e} is not the smallest");
    }

    #[test]
    fn a_step_is_the_smallest_that_fits(
        m in 0u32..=i32::MAX as u32, down in 0u32..31, limit in prop::sample::select(vec![127u32, 16256]), up in 0u32..30,
    ) {
        let m = m >> down;
        let fits = |step: u64| (2 * u64::from(m) + step) / (2 * step) <= u64::from(limit);
        let step = Step::least(m, limit);
        prop_assert!((1..=15).contains(&step.mantissa) && (step.shift == 0 || step.mantissa >= 8));
        prop_assert!(fits(step.value().into()), "{m}: {step:?}");
        let below = match step {
            Step { mantissa: 8, shift: 1.. } => 15u64 << (step.shift - 1),
            Step { mantissa, shift } => u64::from(mantissa - 1) << shift,
        };
        prop_assert!(below == 0 || !fits(below), "{m}: {below} fits, {step:?} is not the smallest");
        let (old, unit) = (u64::from(step.value()), 1u64 << up);
        let raised = step.raise(up);
        if step.shift >= up {
            prop_assert_eq!(raised, step);
        } else {
            prop_assert_eq!(u64::from(raised.mantissa) << raised.shift, old.div_ceil(unit) * unit);
        }
    }

    #[test]
    fn log2_is_within_one_unit(n in 1u64..) {
        let exact = (n as f64).log2() * 65536.0;
        let got = f64::from(log2_q16(n));
        prop_assert!(got <= exact + 1e-3 && got >= exact - 2.0, "{n}: {got} {exact}");
    }

    #[test]
    fn sigmoid_is_close_and_symmetric(x in -(1i64 << 31)..(1i64 << 31), frac in 10u32..24) {
        let real = 1.0 / (1.0 + (-(x as f64) / f64::from(1u32 << frac)).exp());
        let got = f64::from(sigmoid(x, frac)) / f64::from(1u32 << 30);
        prop_assert!((real - got).abs() < 1e-5, "{x} {frac}: {got} {real}");
        if x != 0 {
            prop_assert_eq!(sigmoid(x, frac) + sigmoid(-x, frac), 1 << 30);
        }
    }
}
