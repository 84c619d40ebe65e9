//! Programs as bytes: one encoding, frozen.

use terroir_base::Digest;
use terroir_tensor::laws::{Shape, decoder};
use terroir_tensor::program::Planes;
use terroir_tensor::{Cache, Executor, Isa, Plan, Program, Run, Wanted, trace_root};

#[test]
fn encoding_and_decoding_are_inverse() {
    for seed in 0..20 {
        let (program, _) = decoder(seed, Shape::small());
        assert_eq!(Program::decode(&program.encode()).unwrap(), program);
    }
}

#[test]
fn every_changed_byte_is_refused_or_names_another_program() {
    let (program, _) = decoder(1, Shape { blocks: 1, ..Shape::small() });
    let bytes = program.encode();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if let Ok(other) = Program::decode(&changed) {
                assert_ne!(other.digest(), program.digest(), "byte {at}");
                assert_eq!(other.encode(), changed, "byte {at}: two encodings of one program");
            }
        }
        assert!(Program::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
}

/// The digests that every machine must find; also run on aarch64 by the slow suite.
#[test]
fn digests_are_frozen() {
    let mut lines = String::new();
    for (name, shape) in [
        ("w4 one", Shape::small()),
        (
            "w8 two",
            Shape {
                planes: Planes::Two,
                format: terroir_tensor::program::Format::W8,
                ..Shape::small()
            },
        ),
        ("window", Shape { window: 3, heads: (2, 1, 64), exponent: 18, ..Shape::small() }),
    ] {
        let (program, constants) = decoder(7, shape);
        let name_of = program.digest();
        let plan = std::sync::Arc::new(Plan::load(program, &mut |d| constants.fetch(d)).unwrap());
        let mut executor = Executor::new(plan.clone(), 2, Isa::detect()).unwrap();
        let mut cache = Cache::new(&plan);
        let tokens: Vec<u32> = (0..70).map(|i| (i * i + 3) % 61).collect();
        let logits = executor
            .forward(&mut [Run { cache: &mut cache, tokens: &tokens, logits: Wanted::All }])
            .unwrap();
        let rows: Vec<u8> = (0..logits.rows())
            .flat_map(|r| logits.row(r).iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
            .collect();
        let digest = Digest::of(&rows);
        lines += &format!(
            "{name}: program {name_of} logits {digest} trace {}\n",
            trace_root(cache.steps())
        );
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/digests.txt");
    if std::env::var_os("GOLDEN").is_some_and(|v| v == "write") {
        std::fs::write(path, &lines).unwrap();
    }
    assert_eq!(lines, std::fs::read_to_string(path).unwrap(), "the dialect changed");
}
