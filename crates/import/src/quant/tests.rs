//! Every storage type against the values of another implementation (`tests/golden/quant.py`).

use super::*;

fn check(kind: Kind, blocks: &[u8], want: &[u8]) {
    let mut got = vec![0.0; want.len() / 4];
    kind.dequantise(blocks, &mut got);
    for (i, (got, want)) in got.iter().zip(want.chunks_exact(4)).enumerate() {
        let want = f32::from_le_bytes(want.try_into().unwrap());
        assert_eq!(*got as f32, want, "{kind} value {i}: the exact value rounds to the other's");
    }
}

macro_rules! golden {
    ($test:ident, $kind:expr, $name:literal) => {
        #[test]
        fn $test() {
            check(
                $kind,
                include_bytes!(concat!("../../tests/golden/quant/", $name, ".blocks")),
                include_bytes!(concat!("../../tests/golden/quant/", $name, ".f32")),
            );
        }
    };
}

golden!(f32_values_are_those_of_gguf_py, Kind::F32, "F32");
golden!(f16_values_are_those_of_gguf_py, Kind::F16, "F16");
golden!(bf16_values_are_those_of_gguf_py, Kind::Bf16, "BF16");
golden!(q4_0_values_are_those_of_gguf_py, Kind::Q4_0, "Q4_0");
golden!(q4_1_values_are_those_of_gguf_py, Kind::Q4_1, "Q4_1");
golden!(q5_0_values_are_those_of_gguf_py, Kind::Q5_0, "Q5_0");
golden!(q5_1_values_are_those_of_gguf_py, Kind::Q5_1, "Q5_1");
golden!(q8_0_values_are_those_of_gguf_py, Kind::Q8_0, "Q8_0");
golden!(q4_k_values_are_those_of_gguf_py, Kind::Q4K, "Q4_K");
golden!(q5_k_values_are_those_of_gguf_py, Kind::Q5K, "Q5_K");
golden!(q6_k_values_are_those_of_gguf_py, Kind::Q6K, "Q6_K");

#[test]
fn every_binary16_is_its_ieee_value() {
    let value = |bits: u16| float::f16(bits.to_le_bytes());
    assert_eq!(value(0x3c00), 1.0);
    assert_eq!(value(0x0001), 2f64.powi(-24));
    assert_eq!(value(0x7bff), 65504.0);
    assert_eq!(value(0xc000), -2.0);
    assert_eq!(value(0x7c00), f64::INFINITY);
    assert!(value(0x7c01).is_nan());
}

#[test]
fn shapes_that_lie_are_refused() {
    assert_eq!(Kind::Q8_0.tensor_bytes(&[2, 64]), Ok(2 * 68));
    for shape in [&[][..], &[0], &[4, 0], &[u64::MAX, 32], &[1 << 40, 1 << 40, 32], &[1 << 62, 2]] {
        assert!(Kind::F32.tensor_bytes(shape).is_err(), "{shape:?}");
    }
    assert!(Kind::Q4K.tensor_bytes(&[2, 96]).unwrap_err().contains("Q4_K blocks of 256"));
}

#[test]
fn ggml_numbers_name_their_types() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_ggml(kind.ggml()), Some(kind));
    }
    assert_eq!(Kind::from_ggml(4), None);
}
