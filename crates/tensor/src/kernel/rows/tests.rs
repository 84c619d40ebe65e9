use super::*;
use crate::laws::Seeded;

fn isas() -> impl Iterator<Item = Isa> {
    [Isa::Portable, Isa::Avx2, Isa::Neon].into_iter().filter(|isa| isa.available())
}

/// Numbers of every magnitude, both signs, the extremes among them.
fn numbers(seed: u64, count: usize) -> Vec<i32> {
    let mut seeded = Seeded::new(seed);
    let extremes = [0, 1, -1, SATURATED, -SATURATED, 1 << 30, -(1 << 30)];
    let usual = (0..count).map(|_| {
        let x = (seeded.bits() as i32).max(-SATURATED);
        x >> seeded.below(31)
    });
    extremes.into_iter().chain(usual).collect()
}

#[test]
fn gates_equal_the_specification_for_every_size_of_number() {
    for (seed, frac) in (0..17).zip(8..=24u32) {
        let (gates, ups) = (numbers(seed, 40_000), numbers(seed + 99, 40_000));
        for activation in [Activation::Silu, Activation::GeluTanh] {
            for shift in [0, 1, 14, 20, 2 * frac] {
                let want: Vec<i32> = gates
                    .iter()
                    .zip(&ups)
                    .map(|(&g, &u)| {
                        let product = crate::spec::activate(activation, g, frac) * i64::from(u);
                        scale_down(product, shift as i32)
                    })
                    .collect();
                for isa in isas() {
                    let mut got = vec![0; gates.len()];
                    gate(isa, &gates, &ups, Gate { activation, frac, shift }, &mut got);
                    let wrong = (0..got.len()).find(|&i| got[i] != want[i]);
                    assert_eq!(
                        wrong.map(|i| (gates[i], ups[i])),
                        None,
                        "{isa} {activation:?} {frac} {shift}"
                    );
                }
            }
        }
    }
}

#[test]
fn norms_equal_the_specification_for_every_size_of_number() {
    for seed in 0..60u64 {
        let n = [16, 64, 576, 2048][seed as usize % 4];
        let keep = seed % 31;
        let x: Vec<i32> = numbers(seed, n).into_iter().skip(7).map(|x| x >> keep).collect();
        let gain: Vec<i32> = numbers(seed + 7, n).into_iter().skip(7).collect();
        for (epsilon, shift) in [(0, 0), (2684, 22), ((1 << 48) - 1, 40)] {
            let want = crate::spec::rms_norm(&x, &gain, epsilon, shift as i32);
            for isa in isas() {
                let mut got = vec![0; n];
                rms_norm(isa, &x, &gain, epsilon, shift, &mut got);
                assert_eq!(got, want, "{isa} seed {seed} epsilon {epsilon} shift {shift}");
            }
        }
    }
}

#[test]
fn rounding_to_small_integers_equals_the_specification() {
    for seed in 0..60u64 {
        let keep = seed % 31;
        let x: Vec<i32> = numbers(seed, 256 - 7).into_iter().map(|x| x >> keep).collect();
        for planes in [Planes::One, Planes::Two] {
            let want = crate::spec::quantise(&x, planes);
            for isa in isas() {
                let mut got = Quantised::default();
                got.resize(1, x.len(), planes.count());
                let mut row = got.rows_mut().next().expect("one row");
                quantise(isa, &x, planes, &mut row);
                assert_eq!(got.row(0), want, "{isa} {planes:?} seed {seed}");
            }
        }
    }
}
