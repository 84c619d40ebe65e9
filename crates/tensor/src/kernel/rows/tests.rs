use super::*;
use crate::Row;
use crate::laws::Seeded;

fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available())
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
    for frac in 0..=24u32 {
        let (gates, ups) = (numbers(frac.into(), 20_000), numbers(u64::from(frac) + 99, 20_000));
        let gelu = (frac >= 8).then_some(Activation::GeluTanh);
        for activation in [Activation::Silu].into_iter().chain(gelu) {
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

/// Numbers around every edge between two results of a step, in groups whose step it is: the largest
/// number of the step comes first.
fn edges(step: Step, limit: i64, results: impl Iterator<Item = i64>) -> Vec<i32> {
    let d = i64::from(step.value());
    // The largest that rounds to the limit; the step of one more is the next.
    let most = (limit * d + (d - 1) / 2).min(i64::from(SATURATED));
    let around = results.flat_map(|q| {
        let edge = q * d + d / 2;
        [edge - 1, edge, edge + 1].into_iter().flat_map(|x| [x, -x])
    });
    let near: Vec<i64> = around.filter(|x| x.abs() <= most).collect();
    let mut row = Vec::new();
    for part in near.chunks(GROUP - 1) {
        row.push(most as i32);
        row.extend(part.iter().map(|&x| x as i32));
        row.resize(row.len().next_multiple_of(GROUP), 0);
    }
    row
}

#[test]
fn rounding_equals_the_specification_at_every_edge_of_every_step() {
    let steps = (0..22).flat_map(|shift| {
        let least = if shift == 0 { 1 } else { 8 };
        (least..16).map(move |mantissa| Step { mantissa, shift })
    });
    for step in steps {
        for planes in [Planes::One, Planes::Two] {
            let limit = i64::from(planes.limit());
            if i64::from(step.value()) * limit > i64::from(SATURATED) {
                continue;
            }
            let ends = (0..130).chain(limit - 130..=limit);
            let x = edges(step, limit, ends.chain((131..limit - 130).step_by(97)));
            let want = crate::spec::quantise(&x, planes);
            let Row::Quantised { steps, .. } = &want else { panic!("quantised") };
            assert!(steps.iter().all(|&d| d == step.value()), "{step:?} {planes:?}");
            for isa in isas() {
                let mut got = Quantised::default();
                got.resize(1, x.len(), planes.count());
                let mut row = got.rows_mut().next().expect("one row");
                quantise(isa, &x, planes, &mut row);
                assert_eq!(got.row(0), want, "{isa} {planes:?} {step:?}");
            }
        }
    }
}
