//! Integer arithmetic that every implementation must agree on: rounding, roots, exponentials.
//!
//! For the interpreter, the kernels and the sampler. Invariant: every function is total, and its
//! result is defined by integers alone (`docs/spec/exact.md`, section 2).

/// Largest magnitude of a fixed-point value; `i32::MIN` never occurs.
pub const SATURATED: i32 = i32::MAX;

/// `floor(x / 2^n + 1/2)`: rounds half up; 0 when `n > 64`.
#[inline(always)]
pub const fn round_shift(x: i64, n: u32) -> i64 {
    match n {
        0 => x,
        1..=64 => ((x >> (n - 1)) + 1) >> 1,
        _ => 0,
    }
}

/// [`round_shift`] for shifts in `1..=63` of numbers that leave room for the rounding term.
#[inline(always)]
pub(crate) const fn round_shift_some(x: i64, n: u32) -> i64 {
    (x + (1i64 << (n - 1))) >> n
}

/// Clamps to `-SATURATED..=SATURATED`.
#[inline(always)]
pub const fn saturate(x: i64) -> i32 {
    if x > SATURATED as i64 {
        SATURATED
    } else if x < -(SATURATED as i64) {
        -SATURATED
    } else {
        x as i32
    }
}

/// `x * 2^-n`, rounded half up and saturated; `n` may be negative.
#[inline(always)]
pub const fn scale_down(x: i64, n: i32) -> i32 {
    if n >= 0 {
        return saturate(round_shift(x, n as u32));
    }
    let up = n.unsigned_abs();
    if x == 0 {
        0
    } else if up >= 31 || x.unsigned_abs() > (SATURATED as u64) >> up {
        if x > 0 { SATURATED } else { -SATURATED }
    } else {
        (x << up) as i32
    }
}

/// Number of bits of `x`: 0 for 0, else `floor(log2 x) + 1`.
#[inline(always)]
pub const fn bit_length(x: u64) -> u32 {
    64 - x.leading_zeros()
}

/// The smallest exponent `e` for which `magnitude / 2^e`, rounded half up, is at most `limit`.
#[inline(always)]
pub const fn exponent_for(magnitude: u32, limit: u32) -> u32 {
    let bits = bit_length(magnitude as u64);
    let target = bit_length(limit as u64);
    if bits <= target && magnitude <= limit {
        return 0;
    }
    let e = if bits > target { bits - target } else { 1 };
    let rounded = if e == 0 { magnitude } else { ((magnitude >> (e - 1)) + 1) >> 1 };
    if rounded <= limit { e } else { e + 1 }
}

/// A step of quantised values: `mantissa * 2^shift`, `mantissa` in `1..=15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// `8..=15` unless `shift` is 0 or the step was raised.
    pub mantissa: u32,
    /// Power of two; at most 22.
    pub shift: u32,
}

impl Step {
    /// The smallest step by which a `magnitude` below 2^31 rounds to at most `limit`.
    ///
    /// That is the smallest integer above `2 magnitude / (2 limit + 1)` with a mantissa of 4 bits.
    #[inline(always)]
    pub const fn least(magnitude: u32, limit: u32) -> Step {
        let least = 2 * magnitude as u64 / (2 * limit as u64 + 1) + 1;
        let shift = bit_length(least).saturating_sub(4);
        let mantissa = ((least + (1 << shift) - 1) >> shift) as u32;
        if mantissa == 16 {
            Step { mantissa: 8, shift: shift + 1 }
        } else {
            Step { mantissa, shift }
        }
    }

    /// The next multiple of `2^shift`, if this step's own power of two is lower.
    #[inline(always)]
    pub const fn raise(self, shift: u32) -> Step {
        if self.shift >= shift {
            return self;
        }
        let drop = shift - self.shift;
        let mantissa = if drop > 4 { 1 } else { (self.mantissa + (1 << drop) - 1) >> drop };
        Step { mantissa, shift }
    }

    /// The step as an integer.
    pub const fn value(self) -> u32 {
        self.mantissa << self.shift
    }
}

/// `floor(sqrt(n))`: the `r` with `r * r <= n < (r + 1) * (r + 1)`.
#[inline(always)]
pub const fn sqrt_floor(n: u64) -> u64 {
    n.isqrt()
}

/// `2^-63 * EXP2_ROOTS[k] = 2^(-1/2^(k+1))`, rounded down.
const EXP2_ROOTS: [u64; 8] = {
    let mut roots = [0u64; 8];
    let mut square: u128 = 1 << 125;
    let mut k = 0;
    while k < 8 {
        let root = square.isqrt();
        roots[k] = root as u64;
        square = root << 63;
        k += 1;
    }
    roots
};

/// `EXP2[i]` is `2^(30 - i/256)`, rounded to nearest, for `i` in `0..=256`.
pub const EXP2: [u32; 257] = {
    let mut table = [0u32; 257];
    let mut i = 0;
    while i < 256 {
        let mut product: u128 = 1 << 63;
        let mut k = 0;
        while k < 8 {
            if i & (128 >> k) != 0 {
                product = (product * EXP2_ROOTS[k] as u128) >> 63;
            }
            k += 1;
        }
        table[i] = ((product + (1 << 32)) >> 33) as u32;
        i += 1;
    }
    table[256] = 1 << 29;
    table
};

/// `2^-d` in Q30 for `d` in Q16: linear between the entries of [`EXP2`], then a floor shift.
///
/// 0 when `d >= 31`. Relative error below `2^-20` while the result has that many bits.
#[inline(always)]
pub const fn exp2_neg(d_q16: u32) -> u32 {
    let whole = d_q16 >> 16;
    if whole >= 31 {
        return 0;
    }
    let index = ((d_q16 >> 8) & 255) as usize;
    let step = EXP2[index] - EXP2[index + 1];
    let between = (step * (d_q16 & 255) + 128) >> 8;
    (EXP2[index] - between) >> whole
}

/// `log2(e)` in Q30.
pub const LOG2_E_Q30: u32 = 1_549_082_005;

/// `1 / (1 + 2^-z)` in Q30 for `z >= 0` in Q16: `floor(2^60 / (2^30 + exp2_neg(z)))`.
#[inline(always)]
pub const fn logistic(z_q16: u32) -> u32 {
    ((1u64 << 60) / ((1u64 << 30) + exp2_neg(z_q16) as u64)) as u32
}

/// `sigmoid(x)` in Q30, for `x` with `frac` fraction bits.
///
/// `z = min(floor(|x| * LOG2_E_Q30 / 2^(14 + frac)), 2^21 - 1)`; a negative `x` takes `2^30` minus
/// the logistic of `z`. `|x|` is below 2^32, which every activation keeps.
#[inline(always)]
pub const fn sigmoid(x: i64, frac: u32) -> u32 {
    let wide = (x.unsigned_abs() * LOG2_E_Q30 as u64) >> (14 + frac);
    let z = if wide < (1 << 21) { wide as u32 } else { (1 << 21) - 1 };
    let right = logistic(z);
    if x >= 0 { right } else { (1 << 30) - right }
}

/// `floor(2^16 * log2(n))` for `n >= 1`, to within one unit below.
///
/// Bit by bit: the mantissa, truncated to Q31 after each squaring, gives one binary digit a step.
pub const fn log2_q16(n: u64) -> u32 {
    assert!(n > 0, "log2 of zero");
    let whole = 63 - n.leading_zeros();
    let mut mantissa = if whole >= 31 { n >> (whole - 31) } else { n << (31 - whole) };
    let mut digits = whole;
    let mut step = 0;
    while step < 16 {
        mantissa = (mantissa * mantissa) >> 31;
        let digit = (mantissa >> 32) as u32;
        mantissa >>= digit;
        digits = (digits << 1) | digit;
        step += 1;
    }
    digits
}

#[cfg(test)]
mod tests;
