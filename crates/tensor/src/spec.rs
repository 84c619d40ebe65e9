//! The specification as code: one position at a time, one integer at a time, nothing clever.
//!
//! For tests and for whoever reimplements the dialect; `docs/spec/exact.md` says the same in words.
//! Invariant: every kernel and every plan gives exactly the rows that this gives.

use crate::check::SPREAD_MAX;
use crate::constants::{Constants, Fetch};
use crate::fixed::*;
use crate::program::*;
use crate::{Error, Row};

pub(crate) mod attention;
pub(crate) mod matrix;

pub use matrix::weight;

/// Keys and values of one sequence, as far as it has come.
#[derive(Clone, Debug, Default)]
pub struct State {
    position: usize,
    slots: Vec<attention::Slot>,
}

/// A program ready to be interpreted.
pub struct Spec {
    program: Program,
    types: Vec<Type>,
    constants: Constants,
}

impl Spec {
    /// Proves the program and fetches its constants.
    pub fn load(program: Program, fetch: &mut Fetch<'_>) -> Result<Spec, Error> {
        let types = program.types()?;
        let constants = Constants::load(&program, fetch)?;
        Ok(Spec { program, types, constants })
    }

    /// Runs one token at the next position: the row of every operator, in order.
    ///
    /// Errors: [`Error::Token`], [`Error::Positions`].
    pub fn step(&self, state: &mut State, token: u32) -> Result<Vec<Row>, Error> {
        let limit = self.program.positions_max as usize;
        if state.position >= limit {
            return Err(Error::Positions { wanted: state.position + 1, limit });
        }
        state.slots.resize_with(self.program.ops.len(), Default::default);
        let mut rows: Vec<Row> = Vec::with_capacity(self.program.ops.len());
        for index in 0..self.program.ops.len() {
            let row = self.run(index, &rows, state, token)?;
            rows.push(row);
        }
        state.position += 1;
        Ok(rows)
    }

    fn run(&self, index: usize, rows: &[Row], state: &mut State, token: u32) -> Result<Row, Error> {
        let value = |v: Value| fixed(&rows[v as usize]);
        let frac = |v: Value| i32::from(self.types[v as usize].frac());
        Ok(Row::Fixed(match &self.program.ops[index] {
            Op::Embed { table, scale_q16, frac } => {
                if token >= table.rows {
                    return Err(Error::Token { token, vocab: table.rows as usize });
                }
                matrix::embed(table, self.constants.matrix(table), token, *scale_q16, *frac)
            }
            Op::RmsNorm { x, gain, gain_frac, width, epsilon, frac } => {
                let gain = self.constants.vector(&gain.digest);
                let shift = 22 + i32::from(*gain_frac) - i32::from(*frac);
                let runs = value(*x).chunks(*width as usize);
                runs.flat_map(|run| rms_norm(run, gain, *epsilon, shift)).collect()
            }
            Op::Quantise { x, planes } => return Ok(quantise(value(*x), *planes)),
            Op::Linear { x, weight, bias, frac: out } => {
                let Row::Quantised { q, steps } = &rows[*x as usize] else {
                    unreachable!("proved: linear reads a quantised value");
                };
                let bytes = self.constants.matrix(weight);
                let bias = bias.map(|b| self.constants.vector(&b.digest).clone());
                let shift = frac(*x) - i32::from(*out);
                matrix::linear(weight, bytes, q, steps, bias.as_deref(), shift)
            }
            Op::Rope { x, table, head_dim, pairing } => {
                let numbers = self.constants.vector(&table.digest);
                let angles = angles(numbers, table.pairs as usize, state.position);
                let heads = value(*x).chunks(*head_dim as usize);
                heads.flat_map(|head| rope(head, &angles, *pairing)).collect()
            }
            op @ Op::Attention { q, k, v, .. } => {
                let rows = [value(*q), value(*k), value(*v)];
                let frac = frac(*q) + frac(*k);
                attention::attention(op, rows, frac, &mut state.slots[index])
            }
            Op::Gate { gate, up, activation, frac: out } => {
                let shift = frac(*gate) + frac(*up) - i32::from(*out);
                let pairs = value(*gate).iter().zip(value(*up));
                let act = |g: i32| activate(*activation, g, frac(*gate) as u32);
                pairs.map(|(&g, &u)| scale_down(act(g) * i64::from(u), shift)).collect()
            }
            Op::Add { a, b } => {
                let pairs = value(*a).iter().zip(value(*b));
                pairs.map(|(&a, &b)| saturate(i64::from(a) + i64::from(b))).collect()
            }
        }))
    }
}

fn fixed(row: &Row) -> &[i32] {
    match row {
        Row::Fixed(values) => values,
        Row::Quantised { .. } => unreachable!("proved: the operator reads a fixed-point value"),
    }
}

/// `docs/spec/exact.md`, rms_norm. `shift` is `22 + frac(gain) - frac(result)`.
pub(crate) fn rms_norm(run: &[i32], gain: &[i32], epsilon: u64, shift: i32) -> Vec<i32> {
    let n = run.len() as u64;
    let largest = run.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
    let drop = bit_length(u64::from(largest)).saturating_sub(24);
    let total: u64 = run.iter().map(|&x| i64::from(x >> drop).pow(2) as u64).sum();
    let total = total + ((epsilon * n) >> (2 * drop));
    if total == 0 {
        return vec![0; run.len()];
    }
    let lift = total.leading_zeros() & !1;
    let root = sqrt_floor((total << lift) / n);
    let bits = bit_length(root);
    let inverse = ((1u64 << (bits + 29)) / root) as i64;
    let normal = |x: i32| round_shift(i64::from(x >> drop) * inverse, bits + 7 - lift / 2);
    run.iter().zip(gain).map(|(&x, &g)| scale_down(normal(x) * i64::from(g), shift)).collect()
}

/// `docs/spec/exact.md`, quantise.
pub(crate) fn quantise(row: &[i32], planes: Planes) -> Row {
    let largest = |g: &[i32]| g.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
    let limit = planes.limit() as u32;
    let least: Vec<Step> = row.chunks(GROUP).map(|g| Step::least(largest(g), limit)).collect();
    let floor = least.iter().map(|step| step.shift).max().unwrap_or(0).saturating_sub(SPREAD_MAX);
    let steps: Vec<u32> = least.iter().map(|step| step.raise(floor).value()).collect();
    let nearest = |x: i32, step: u32| {
        let step = i64::from(step);
        (2 * i64::from(x) + step).div_euclid(2 * step) as i16
    };
    let groups = row.chunks(GROUP).zip(&steps);
    let q = groups.flat_map(|(g, &step)| g.iter().map(move |&x| nearest(x, step))).collect();
    Row::Quantised { q, steps }
}

/// `(cos, sin)` in Q30 of every pair at a position: the product of two unit complex numbers.
pub(crate) fn angles(table: &[i32], pairs: usize, position: usize) -> Vec<(i32, i32)> {
    let row = |r: usize| table[r * pairs * 2..(r + 1) * pairs * 2].chunks(2);
    let low = row(position % ROPE_LOW);
    let high = row(ROPE_LOW + position / ROPE_LOW);
    let times = |(a, b): (&[i32], &[i32])| {
        let (c1, s1) = (i64::from(a[0]), i64::from(a[1]));
        let (c2, s2) = (i64::from(b[0]), i64::from(b[1]));
        (saturate(round_shift(c1 * c2 - s1 * s2, 30)), saturate(round_shift(s1 * c2 + c1 * s2, 30)))
    };
    low.zip(high).map(times).collect()
}

/// `docs/spec/exact.md`, rope, for one head.
pub(crate) fn rope(head: &[i32], angles: &[(i32, i32)], pairing: Pairing) -> Vec<i32> {
    let mut turned = head.to_vec();
    for (i, &(cos, sin)) in angles.iter().enumerate() {
        let (first, second) = match pairing {
            Pairing::Adjacent => (2 * i, 2 * i + 1),
            Pairing::Half => (i, i + angles.len()),
        };
        let (x, y) = (i64::from(head[first]), i64::from(head[second]));
        let (cos, sin) = (i64::from(cos), i64::from(sin));
        turned[first] = saturate(round_shift(x * cos - y * sin, 30));
        turned[second] = saturate(round_shift(x * sin + y * cos, 30));
    }
    turned
}

/// `0.044715` in Q30.
const GELU_CUBE_Q30: i64 = 48_012_366;
/// `2 sqrt(2/pi)` in Q30.
const GELU_SLOPE_Q30: i64 = 1_713_444_047;

/// `x` times the sigmoid that its activation asks for, in the fraction bits of `x`.
#[inline(always)]
pub(crate) fn activate(activation: Activation, x: i32, frac: u32) -> i64 {
    let x = i64::from(x);
    let argument = match activation {
        Activation::Silu => x,
        Activation::GeluTanh => {
            let square = i64::from(saturate(round_shift(x * x, frac)));
            let factor = (1i64 << frac) + round_shift(square * GELU_CUBE_Q30, 30);
            let cubic = i64::from(saturate(round_shift(x * factor, frac)));
            round_shift(cubic * GELU_SLOPE_Q30, 30)
        }
    };
    round_shift(x * i64::from(sigmoid(argument, frac)), 30)
}
