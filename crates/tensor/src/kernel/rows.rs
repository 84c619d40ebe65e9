//! Operators that work on one row at a time: norms, rounding, rotation, gates.
//!
//! Written once in plain Rust and compiled per instruction set, so that the compiler vectorises
//! each with what the machine has. Invariant: equals [`crate::spec`], row by row.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "calls code compiled for AVX2"))]

use super::Quantised;
use super::per_isa::per_isa;
use crate::Isa;
use crate::check::SPREAD_MAX;
use crate::fixed::*;
use crate::program::{Activation, GROUP, Pairing, Planes};

per_isa! {
/// One run of `rms_norm`. `shift` is `22 + frac(gain) - frac(result)`.
rms_norm(x: &[i32], gain: &[i32], epsilon: u64, shift: u32, out: &mut [i32]) {
    let n = x.len() as u64;
    let drop = bit_length(u64::from(largest(x))).saturating_sub(24);
    let mut total = 0u64;
    for &x in x {
        let x = i64::from(x >> drop);
        total += (x * x) as u64;
    }
    total += (epsilon * n) >> (2 * drop);
    if total == 0 {
        return out.fill(0);
    }
    let lift = total.leading_zeros() & !1;
    let root = sqrt_floor((total << lift) / n);
    let bits = bit_length(root);
    let inverse = ((1u64 << (bits + 29)) / root) as i32;
    let down = bits + 7 - lift / 2;
    for ((out, &x), &g) in out.iter_mut().zip(x).zip(gain) {
        // The normal value is below 2^30, so that 32 bits hold it and the product is exact.
        let normal = round_shift_some(i64::from(x >> drop) * i64::from(inverse), down) as i32;
        let product = i64::from(normal) * i64::from(g);
        *out = saturate(if shift == 0 { product } else { round_shift_some(product, shift) });
    }
}
}

#[inline(always)]
fn largest(x: &[i32]) -> u32 {
    x.iter().fold(0, |m, x| m.max(x.unsigned_abs()))
}

per_isa! {
/// One row of `quantise`.
quantise(x: &[i32], planes: Planes, out: &mut QuantisedRow<'_>) {
    let limit = planes.limit() as u32;
    let mut top = 0;
    let (groups, cols) = (x.len() / GROUP, x.len());
    let (factors, copy) = out.factors.split_at_mut(groups);
    for (group, factor) in x.chunks_exact(GROUP).zip(factors.iter_mut()) {
        let step = Step::least(largest(group), limit);
        *factor = step.value() as i32;
        top = top.max(step.shift);
    }
    let low = top.saturating_sub(SPREAD_MAX);
    *out.low = low as i32;
    for (g, group) in x.chunks_exact(GROUP).enumerate() {
        let step = step_of(factors[g] as u32).raise(low);
        factors[g] = (step.mantissa << (step.shift - low)) as i32;
        let group: &[i32; GROUP] = group.try_into().expect("chunks are whole groups");
        let q = nearest(group, step, limit);
        match planes {
            Planes::One => plane(&q, &mut out.q[g * GROUP..], &mut out.sums[g]),
            Planes::Two => {
                let (mut high, mut low) = ([0; GROUP], [0; GROUP]);
                for ((high, low), &q) in high.iter_mut().zip(&mut low).zip(&q) {
                    *high = (q + 64) >> 7;
                    *low = q - (*high << 7);
                }
                plane(&high, &mut out.q[g * GROUP..], &mut out.sums[g]);
                plane(&low, &mut out.q[cols + g * GROUP..], &mut out.sums[groups + g]);
            }
        }
    }
    if planes == Planes::Two {
        copy.copy_from_slice(factors);
    }
}
}

/// A step out of its value: the mantissa has 4 bits unless the shift is 0.
#[inline(always)]
fn step_of(value: u32) -> Step {
    let shift = bit_length(u64::from(value)).saturating_sub(4);
    Step { mantissa: value >> shift, shift }
}

/// `floor(x / step + 1/2)` of a group whose results are at most `limit`.
///
/// With `step = m 2^k` that is `floor(t / m)`, `t = floor((x + step / 2) / 2^k)`. The division is a
/// multiplication by `ceil(2^20 / m)`, exact for dividends of `0..2^19 / m`, or by `ceil(2^40 / m)`.
#[inline(always)]
fn nearest(group: &[i32; GROUP], step: Step, limit: u32) -> [i32; GROUP] {
    let Step { mantissa, shift } = step;
    let mut t = [0i32; GROUP];
    for (t, &x) in t.iter_mut().zip(group) {
        // Half the step is `m 2^(k-1)`: taken after the first `k - 1` bits are gone, nothing
        // overflows. With `k = 0` the magnitude is below `16 limit`.
        *t = if shift == 0 {
            x + (mantissa >> 1) as i32
        } else {
            ((x >> (shift - 1)) + mantissa as i32) >> 1
        };
    }
    // The offset makes dividends positive, so that truncation is the floor.
    let offset = (limit + 1) as i32;
    if limit < 128 {
        let inverse = (1u32 << 20).div_ceil(mantissa);
        for t in &mut t {
            let dividend = (*t + offset * mantissa as i32) as u32;
            *t = ((dividend * inverse) >> 20) as i32 - offset;
        }
    } else {
        let inverse = (1u64 << 40).div_ceil(u64::from(mantissa));
        for t in &mut t {
            let dividend = (*t + offset * mantissa as i32) as u64;
            *t = ((dividend * inverse) >> 40) as i32 - offset;
        }
    }
    t
}

#[inline(always)]
fn plane(values: &[i32; GROUP], q: &mut [i8], sum: &mut i32) {
    *sum = values.iter().sum();
    for (q, &x) in q[..GROUP].iter_mut().zip(values) {
        *q = x as i8;
    }
}

/// One row of [`Quantised`], both planes.
pub(crate) struct QuantisedRow<'a> {
    pub(crate) q: &'a mut [i8],
    pub(crate) sums: &'a mut [i32],
    pub(crate) factors: &'a mut [i32],
    pub(crate) low: &'a mut i32,
}

impl Quantised {
    /// Every row, to be written independently of the others.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = QuantisedRow<'_>> {
        let (cols, groups) = (self.cols * self.planes, self.cols / GROUP);
        let q = self.q.chunks_exact_mut(cols);
        let sums = self.sums.chunks_exact_mut(groups * self.planes);
        let factors = self.factors.chunks_exact_mut(groups * self.planes);
        let rows = q.zip(sums).zip(factors).zip(&mut self.low);
        rows.map(|(((q, sums), factors), low)| QuantisedRow { q, sums, factors, low })
    }
}

per_isa! {
/// One head of `rope`, in place. `cos` and `sin` hold one number per pair.
rope(head: &mut [i32], cos: &[i32], sin: &[i32], pairing: Pairing) {
    match pairing {
        Pairing::Half => {
            let (first, rest) = head.split_at_mut(cos.len());
            let pairs = first.iter_mut().zip(rest).zip(cos.iter().zip(sin));
            for ((x, y), (&cos, &sin)) in pairs {
                (*x, *y) = turn(*x, *y, cos, sin);
            }
        }
        Pairing::Adjacent => {
            for (pair, (&cos, &sin)) in head.chunks_exact_mut(2).zip(cos.iter().zip(sin)) {
                (pair[0], pair[1]) = turn(pair[0], pair[1], cos, sin);
            }
        }
    }
}
}

#[inline(always)]
fn turn(x: i32, y: i32, cos: i32, sin: i32) -> (i32, i32) {
    let (x, y) = (i64::from(x), i64::from(y));
    let (cos, sin) = (i64::from(cos), i64::from(sin));
    (
        saturate(round_shift_some(x * cos - y * sin, 30)),
        saturate(round_shift_some(x * sin + y * cos, 30)),
    )
}

/// Fraction bits and function of one gate.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    pub(crate) activation: Activation,
    /// Fraction bits of the gate.
    pub(crate) frac: u32,
    /// `frac(gate) + frac(up) - frac(result)`.
    pub(crate) shift: u32,
}

/// One row of `gate`.
pub(crate) fn gate(isa: Isa, gate: &[i32], up: &[i32], how: Gate, out: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    if isa.has_avx2() && how.activation == Activation::Silu && (1..=62).contains(&how.shift) {
        // SAFETY: these are only handed out where the machine has AVX2.
        return unsafe { silu_avx2(gate, up, how, out) };
    }
    let _ = isa;
    for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
        let product = crate::spec::activate(how.activation, g, how.frac) * i64::from(u);
        *out = scale_down(product, how.shift as i32);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn silu_avx2(gate: &[i32], up: &[i32], how: Gate, out: &mut [i32]) {
    use std::arch::x86_64::{_mm256_loadu_si256, _mm256_storeu_si256};
    let eights = out.len() / 8 * 8;
    let parts = gate.chunks_exact(8).zip(up.chunks_exact(8)).zip(out.chunks_exact_mut(8));
    for ((gate, up), out) in parts {
        // SAFETY: each of the three holds eight values.
        unsafe {
            let (g, u) = (gate.as_ptr().cast(), up.as_ptr().cast());
            let (g, u) = (_mm256_loadu_si256(g), _mm256_loadu_si256(u));
            let made = super::avx2::gate::silu_eight(g, u, how.frac, how.shift);
            _mm256_storeu_si256(out.as_mut_ptr().cast(), made);
        }
    }
    let rest = gate[eights..].iter().zip(&up[eights..]).zip(&mut out[eights..]);
    for ((&g, &u), out) in rest {
        let product = crate::spec::activate(how.activation, g, how.frac) * i64::from(u);
        *out = scale_down(product, how.shift as i32);
    }
}

per_isa! {
/// `out = a + b`, saturating.
add(a: &[i32], b: &[i32], out: &mut [i32]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = a.saturating_add(b).max(-SATURATED);
    }
}
}

#[cfg(test)]
mod tests;
