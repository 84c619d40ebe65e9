//! The two 16-bit float types, as exact `f64`.

/// IEEE 754 binary16, little endian.
pub(super) fn f16(bytes: [u8; 2]) -> f64 {
    let bits = u16::from_le_bytes(bytes);
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f64::from(bits & 1023);
    sign * match exponent {
        0 => fraction * power_of_two(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * power_of_two(exponent - 25),
    }
}

/// bfloat16, little endian.
pub(super) fn bf16(bytes: [u8; 2]) -> f64 {
    f64::from(f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16))
}

/// `2^e` for `e` in `-1022..=1023`.
pub(crate) fn power_of_two(e: i32) -> f64 {
    assert!((-1022..=1023).contains(&e), "2^{e} is a normal number");
    f64::from_bits(((e + 1023) as u64) << 52)
}
