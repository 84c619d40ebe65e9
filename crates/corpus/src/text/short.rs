//! XXH3-64 of one to eight bytes in a register, in lower case.
//!
//! Most words are this short. Which of the two forms of the hash a length has is chosen without a
//! branch, since lengths cannot be foreseen. Invariant: equal to XXH3-64 with seed 0. Source: the
//! specification of XXH3, "small inputs".

/// Longest input, in bytes.
pub const BYTES: usize = 8;

/// The first 24 bytes of the default secret, joined in pairs as the hash uses them.
const FLIP_SHORT: u64 = 0x396c_feb8 ^ 0xbe4b_a423;
const FLIP_LONG: u64 = 0x1cad_21f7_2c81_017c ^ 0xdb97_9083_e96d_d4de;

/// The hash of the first `length` bytes of `eight`, which are ASCII, in lower case.
///
/// `length` is 1 to 8; more is as if it were 8.
#[inline]
pub fn folded(eight: [u8; BYTES], length: usize) -> u64 {
    let length = (length as u64).clamp(1, BYTES as u64);
    let kept = lower(u64::from_le_bytes(eight)) & u64::MAX >> (64 - 8 * length);
    let (few, many) = (three(kept, length), eight_bytes(kept, length));
    let is_few = u64::from(length < 4).wrapping_neg();
    few & is_few | many & !is_few
}

/// One to three bytes.
fn three(bytes: u64, length: u64) -> u64 {
    let byte = |place: u64| bytes >> (8 * place) & 0xff;
    let joined = byte(0) << 16 | byte(length / 2) << 24 | byte(length - 1) | length << 8;
    let mut hash = joined ^ FLIP_SHORT;
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(0x1656_67b1_9e37_79f9);
    hash ^ hash >> 32
}

/// Four to eight bytes.
fn eight_bytes(bytes: u64, length: u64) -> u64 {
    let last = bytes >> (8 * length.saturating_sub(4)) & 0xffff_ffff;
    let mut hash = (last + (bytes << 32)) ^ FLIP_LONG;
    hash ^= hash.rotate_left(49) ^ hash.rotate_left(24);
    hash = hash.wrapping_mul(0x9fb2_1c65_1e98_df25);
    hash ^= (hash >> 35).wrapping_add(length);
    hash = hash.wrapping_mul(0x9fb2_1c65_1e98_df25);
    hash ^ hash >> 28
}

/// Eight ASCII characters with capitals in lower case.
fn lower(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bytes = bytes & (0x7f * EACH);
    // The high bit of each byte says that it is at least `A`, and at least the one behind `Z`.
    let from_a = bytes + (0x80 - u64::from(b'A')) * EACH;
    let behind_z = bytes + (0x80 - u64::from(b'Z') - 1) * EACH;
    bytes | (from_a & !behind_z & (0x80 * EACH)) >> 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    proptest! {
        #[test]
        fn it_is_the_hash_of_the_lower_case_form(bytes in "[ -~\0\x7f]{8}", length in 1_usize..=8) {
            let eight = bytes.as_bytes().try_into().unwrap();
            let want = xxh3_64(bytes[..length].to_lowercase().as_bytes());
            prop_assert_eq!(folded(eight, length), want);
        }
    }
}
