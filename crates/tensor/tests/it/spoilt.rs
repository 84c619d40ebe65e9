//! Constants that must be refused: one number that is not allowed, or one byte too few.

use crate::maker::{Blobs, Cell, MOST, Maker};
use terroir_tensor::program::*;
use terroir_tensor::{Error, Plan, Program};

/// Bytes to write into the constant of an operator, and where; none to cut it short there.
pub struct Spoil {
    /// What the refusal speaks of; nothing if it is none.
    pub word: &'static str,
    pub format: Format,
    pub operator: &'static str,
    pub at: usize,
    pub bytes: &'static [u8],
}

/// Constants with one number that is not allowed, or almost.
pub fn spoils() -> Vec<Spoil> {
    let spoil = |word, format, operator, at, bytes| Spoil { word, format, operator, at, bytes };
    let (w4, w8, low) = (Format::W4, Format::W8, &[0x00, 0x80]);
    vec![
        spoil("-32768", w4, "embed", 0, low),
        spoil("-32768", w4, "embed", 2, low),
        spoil("-32768", w4, "embed", 30, low), // the last row of the block, which is padding
        spoil("", w4, "embed", 0, &[0x01, 0x80]),
        spoil("", w4, "embed", 32, &[0x80]),
        spoil("", w4, "embed", 160, &[0x80]),
        spoil("-32768", w8, "embed", 14, low),
        spoil("-128", w8, "embed", 16, &[0x80]),
        spoil("-128", w8, "embed", 271, &[0x80]),
        spoil("", w8, "embed", 272, &[0x80]),
        spoil("-32768", w4, "linear", 0, low),
        spoil("beyond one", w4, "rope", 0, &[0x01, 0x00, 0x00, 0x40]),
        spoil("beyond one", w4, "rope", 2060, &[0xff, 0xff, 0xff, 0xbf]),
        spoil("beyond one", w4, "rope", 4, &[0x00, 0x00, 0x00, 0x80]),
        spoil("", w4, "rope", 4, &[0x00, 0x00, 0x00, 0xc0]),
        spoil("167 bytes, the program says 168", w4, "embed", 167, &[]),
        spoil("2063 bytes", w4, "rope", 2063, &[]),
    ]
}

/// A table of five tokens, an angle table of one pair and 258 rows, a matrix; one of them spoilt.
pub fn spoilt(spoil: &Spoil) -> (Program, Blobs) {
    let mut maker = Maker::default();
    let cell = |row: usize, _: usize| Cell { scale: 77, min: -3, q: [row as i8; GROUP] };
    let table = maker.matrix((5, 32), spoil.format, |_| 0, cell);
    let x = maker.push(Op::Embed { table, scale_q16: 65536, frac: 16 });
    let table = maker.angles(1, 300, |row, _| [1 << 30, -(row as i32)]);
    maker.push(Op::Rope { x, table, head_dim: 16, pairing: Pairing::Half });
    let (mut program, mut blobs) = maker.finish(x, 32, 300);
    let op = program.ops.iter_mut().find(|op| op.name() == spoil.operator).unwrap();
    let mut blob = blobs.bytes(&op.constants()[0].digest()).to_vec();
    if spoil.bytes.is_empty() {
        blob.truncate(spoil.at);
    }
    blob[spoil.at..][..spoil.bytes.len()].copy_from_slice(spoil.bytes);
    let digest = blobs.put(blob);
    match op {
        Op::Embed { table, .. } => table.digest = digest,
        Op::Rope { table, .. } => table.digest = digest,
        Op::Linear { weight, .. } => weight.digest = digest,
        _ => unreachable!("no constant to spoil"),
    }
    (program, blobs)
}

fn load(program: &Program, blobs: &Blobs) -> Result<(), Error> {
    Plan::load(program.clone(), &mut |d| blobs.fetch(d)).map(|_| ())
}

#[test]
fn constants_outside_the_bounds_are_refused_and_named() {
    for spoil in spoils() {
        let (program, blobs) = spoilt(&spoil);
        let Spoil { word, operator, at, .. } = spoil;
        match load(&program, &blobs) {
            Ok(()) => assert_eq!(word, "", "{operator} {at}"),
            Err(Error::Operator { name, what, .. }) => {
                assert_eq!(name, operator);
                assert!(!word.is_empty() && what.contains(word), "{operator} {at}: {what}");
            }
            Err(Error::Constant { what, .. }) => {
                assert!(spoil.bytes.is_empty() && what.contains(word), "{operator} {at}: {what}");
            }
            Err(other) => panic!("{operator} {at}: {other}"),
        }
    }
    let (program, _) = spoilt(&spoils()[3]);
    let error = load(&program, &Blobs::default()).unwrap_err();
    assert!(matches!(error, Error::Constant { .. }) && error.to_string().contains("no such"));
}

/// One blob under two names: what it may hold depends on how it is read.
#[test]
fn a_constant_is_examined_in_every_way_that_it_is_read() {
    let mut maker = Maker::default();
    // 17 groups of W4 are as long as 10 of W8. The nibbles 0 and 8 are a weight of -128.
    let q = std::array::from_fn(|k| if k < 16 { 0 } else { 8 });
    let cell = |_: usize, _: usize| Cell { scale: 1, min: 1, q };
    let table = maker.matrix((8, 544), Format::W4, |_| 0, cell);
    let x = maker.push(Op::Embed { table, scale_q16: 65536, frac: 0 });
    let x = maker.push(Op::Quantise { x, planes: Planes::One });
    let weight = maker.matrix((320, 544), Format::W4, |_| 0, cell);
    let x = maker.push(Op::Linear { x, weight, bias: None, frac: 0 });
    let quantised = maker.push(Op::Quantise { x, planes: Planes::One });
    let weight = Matrix { cols: 320, format: Format::W8, ..table };
    maker.push(Op::Linear { x: quantised, weight, bias: None, frac: 0 });
    let (program, blobs) = maker.finish(x, 320, 10);
    let error = load(&program, &blobs).unwrap_err().to_string();
    assert!(error.contains("operator 4 (linear)") && error.contains("-128"), "{error}");

    let mut maker = Maker::default();
    let table = maker.matrix((1, 8224), Format::W4, |_| 0, cell);
    let x = maker.push(Op::Embed { table, scale_q16: 65536, frac: 0 });
    let gain = maker.vector(&[MOST; 514]);
    let (gain_frac, width, epsilon, frac) = (0, 514, 0, 0);
    let x = maker.push(Op::RmsNorm { x, gain, gain_frac, width, epsilon, frac });
    let table = RopeTable { digest: gain.digest, pairs: 1, highs: 1 };
    maker.push(Op::Rope { x, table, head_dim: 514, pairing: Pairing::Half });
    let (program, blobs) = maker.finish(x, 8224, 10);
    let error = load(&program, &blobs).unwrap_err().to_string();
    assert!(error.contains("operator 2 (rope)") && error.contains("beyond one"), "{error}");
}
