//! Angles: composed positions, and the scalings against numbers worked out by hand.

use super::*;

fn rope(scaling: Scaling) -> Rope {
    Rope { base: 10_000.0, dims: 8, scaling }
}

#[test]
fn frequencies_fall_from_one_by_the_base() {
    let want = [1.0, 0.1, 0.01, 0.001];
    for (got, want) in rope(Scaling::None).frequencies().iter().zip(want) {
        assert!((got - want).abs() < 1e-15, "{got} is not {want}");
    }
}

#[test]
fn linear_and_factors_divide() {
    assert_eq!(rope(Scaling::Linear(4.0)).frequencies()[0], 0.25);
    let factors = Scaling::Factors(vec![1.0, 2.0, 4.0, 8.0]);
    assert!((rope(factors).frequencies()[3] - 0.001 / 8.0).abs() < 1e-15);
}

#[test]
fn llama3_keeps_high_divides_low_and_blends_between() {
    let scaling = Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, context: 128.0 };
    // Waves in the context: 20.4, 2.04, 0.2, 0.02; so high, between, low, low.
    let got = rope(scaling).frequencies();
    assert_eq!(got[0], 1.0);
    let blend = (128.0 * 0.1 / (2.0 * std::f64::consts::PI) - 1.0) / 3.0;
    assert!((got[1] - ((1.0 - blend) * 0.1 / 8.0 + blend * 0.1)).abs() < 1e-15);
    assert!((got[2] - 0.01 / 8.0).abs() < 1e-15);
    assert!((got[3] - 0.001 / 8.0).abs() < 1e-15);
}

#[test]
fn low_and_high_rows_compose_to_the_angle_of_a_position() {
    let rope = rope(Scaling::None);
    let table = rope.table(5);
    assert_eq!(table.len(), (ROPE_LOW + 5) * 4 * 8);
    let entry = |row: usize, pair: usize| {
        let at = (row * 4 + pair) * 8;
        let number = |at: usize| i32::from_le_bytes(table[at..at + 4].try_into().unwrap());
        (f64::from(number(at)) / f64::from(1 << 30), f64::from(number(at + 4)) / f64::from(1 << 30))
    };
    for (position, pair) in [(0, 0), (3, 1), (255, 0), (1023, 3), (1279, 2)] {
        let (c1, s1) = entry(position % ROPE_LOW, pair);
        let (c2, s2) = entry(ROPE_LOW + position / ROPE_LOW, pair);
        let angle = position as f64 * rope.frequencies()[pair];
        assert!((c1 * c2 - s1 * s2 - libm::cos(angle)).abs() < 4e-9, "cosine of {position}");
        assert!((s1 * c2 + c1 * s2 - libm::sin(angle)).abs() < 4e-9, "sine of {position}");
    }
}
