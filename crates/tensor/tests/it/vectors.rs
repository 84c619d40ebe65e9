//! Cases for other implementations of the dialect: `docs/spec/exact.md`, section 8.
//!
//! `docs/spec/exact.py`, which knows that text alone, must give the same lines: the golden files
//! hold the two together. Refresh them with `GOLDEN=write`.

use crate::maker::*;
use crate::{attention, extremes, hostile, spoilt};
use terroir_base::Digest;
use terroir_base::cbor::{self, Value as Item};
use terroir_tensor::laws::{self, Shape, decoder};
use terroir_tensor::program::*;
use terroir_tensor::spec::{Spec, State};
use terroir_tensor::trace::step_digest;
use terroir_tensor::{Error, Program, Row, trace_root};

/// A program's bytes, its constants, and the tokens of one sequence.
struct Case {
    name: String,
    program: Vec<u8>,
    blobs: Blobs,
    tokens: Vec<u32>,
}

impl Case {
    fn new(name: impl Into<String>, (program, blobs): (Program, Blobs), tokens: Vec<u32>) -> Case {
        Case { name: name.into(), program: program.encode(), blobs, tokens }
    }

    fn item(&self) -> Item {
        let constants: Vec<Item> = self.blobs.all().map(Item::bytes).collect();
        Item::record([
            (0, Item::from(self.name.as_str())),
            (1, Item::bytes(&self.program[..])),
            (2, Item::Array(constants)),
            (3, Item::array(self.tokens.iter().copied())),
        ])
    }

    /// One line per operator, over all positions; or why there are none.
    fn lines(&self) -> Vec<String> {
        self.run().unwrap_or_else(|error| {
            let place = match error {
                Error::Encoding(_) => "encoding".to_owned(),
                Error::Program(_) => "program".to_owned(),
                Error::Operator { index, name, .. } => format!("operator {index} {name}"),
                Error::Constant { .. } => "constant".to_owned(),
                Error::Token { .. } | Error::Positions { .. } => "call".to_owned(),
                other => panic!("{}: {other}", self.name),
            };
            vec![format!("{} refused {place}", self.name)]
        })
    }

    fn run(&self) -> Result<Vec<String>, Error> {
        let program = Program::decode(&self.program)?;
        let spec = Spec::load(program.clone(), &mut |d| self.blobs.fetch(d))?;
        let mut state = State::default();
        let mut values = vec![Vec::new(); program.ops.len()];
        let mut steps = Vec::new();
        for &token in &self.tokens {
            let rows: Vec<Vec<u8>> = spec.step(&mut state, token)?.iter().map(Row::bytes).collect();
            let checkpoints = program.checkpoints.iter().map(|&v| &rows[v as usize][..]);
            steps.push(step_digest(&checkpoints.collect::<Vec<_>>().concat()));
            values.iter_mut().zip(&rows).for_each(|(value, row)| value.extend(row));
        }
        let name = &self.name;
        let mut lines = vec![format!("{name} program {}", program.digest())];
        for (index, (op, value)) in program.ops.iter().zip(&values).enumerate() {
            lines.push(format!("{name} {index} {} {}", op.name(), Digest::of(value)));
        }
        lines.push(format!("{name} root {}", trace_root(&steps)));
        Ok(lines)
    }
}

/// Compares with the golden files; gives the lines back.
fn check(file: &str, cases: &[Case]) -> String {
    let bytes = cbor::encode(&Item::Array(cases.iter().map(Case::item).collect()));
    let text: String = cases.iter().flat_map(Case::lines).map(|line| line + "\n").collect();
    let path = |ending| format!("{}/tests/golden/{file}.{ending}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("GOLDEN").is_some_and(|v| v == "write") {
        std::fs::write(path("cbor"), &bytes).unwrap();
        std::fs::write(path("txt"), &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path("txt")).unwrap(), "the dialect changed");
    let golden = std::fs::read(path("cbor")).unwrap();
    assert!(bytes == golden, "{file}: the cases changed");
    text
}

/// A decoder with every operator, in each profile and format.
fn decoders() -> Vec<Case> {
    let kinds = [
        ("w4-fast", Format::W4, Planes::One),
        ("w4-high", Format::W4, Planes::Two),
        ("w8-fast", Format::W8, Planes::One),
        ("w8-high", Format::W8, Planes::Two),
    ];
    let case = |(name, format, planes)| {
        let shape = Shape {
            vocab: 37,
            width: 32,
            inner: 64,
            heads: (4, 2, 16),
            window: 5,
            format,
            planes,
            ..Shape::small()
        };
        let (program, constants) = decoder(7, shape);
        Case::new(name, (program, copied(&constants)), (0..40).map(|i| (i * i + 3) % 37).collect())
    };
    kinds.map(case).into()
}

fn copied(constants: &laws::Constants) -> Blobs {
    let mut blobs = Blobs::default();
    constants.all().for_each(|bytes| {
        blobs.put(bytes.to_vec());
    });
    blobs
}

/// Rope past position 256, of a part of each head, and attention with and without a window.
fn far() -> Case {
    let mut maker = Maker::default();
    let cell = |row: usize, _: usize| {
        let q = std::array::from_fn(|k| ((row * 37 + k * 11) % 251) as i8);
        Cell { scale: 300 + row as i16, min: 0, q: q.map(|q: i8| q.max(-127)) }
    };
    let table = maker.matrix((13, 32), Format::W8, |_| 12, cell);
    let x = maker.push(Op::Embed { table, scale_q16: 65536, frac: 16 });
    let table = maker.angles(3, 300, |row, pair| {
        // Points near the unit circle: 3-4-5 and 5-12-13.
        [[644_245_094, 858_993_459], [-412_977_624, 991_146_299]][(row + pair) as usize % 2]
    });
    for (pairing, window) in [(Pairing::Half, 0), (Pairing::Adjacent, 2)] {
        let q = maker.push(Op::Rope { x, table, head_dim: 16, pairing });
        let (heads, kv_heads, head_dim, scale_q30) = (2, 2, 16, 387_270_501);
        let (k, v) = (q, x);
        maker.push(Op::Attention { q, k, v, heads, kv_heads, head_dim, scale_q30, window });
    }
    let tokens = (0..270).map(|i| (i * i + i / 7) % 13).collect();
    Case::new("far", maker.finish(x, 32, 300), tokens)
}

fn at_the_ends() -> Vec<Case> {
    let mut cases = Vec::new();
    for (format, planes) in [
        (Format::W4, Planes::One),
        (Format::W4, Planes::Two),
        (Format::W8, Planes::One),
        (Format::W8, Planes::Two),
    ] {
        let made = extremes::sums(format, planes, 96);
        let name = format!("sums-{format:?}-{planes:?}").to_lowercase();
        cases.push(Case::new(name, made, (0..10).collect()));
    }
    cases.push(Case::new("norms", extremes::norms(32), (0..9).collect()));
    for pairing in [Pairing::Adjacent, Pairing::Half] {
        let name = format!("turns-{pairing:?}").to_lowercase();
        cases.push(Case::new(name, extremes::turns(pairing), (0..5).collect()));
    }
    for frac in [0, 8, 24] {
        cases.push(Case::new(format!("gates-{frac}"), extremes::gates(frac), (0..16).collect()));
    }
    for (format, scale, frac) in [(Format::W4, 1, 24), (Format::W8, MOST as u32, 0)] {
        let name = format!("tables-{format:?}").to_lowercase();
        cases.push(Case::new(name, extremes::tables(format, scale, frac), (0..9).collect()));
    }
    for (name, made, tokens) in attention::ends() {
        cases.push(Case::new(format!("attention-{name}"), made, tokens));
    }
    cases
}

#[test]
fn cases_that_run_are_frozen() {
    let cases: Vec<Case> = decoders().into_iter().chain([far()]).chain(at_the_ends()).collect();
    for Case { program, blobs, tokens, .. } in &cases {
        agree(&Program::decode(program).unwrap(), blobs, tokens, &[tokens.len(), 1]);
    }
    assert!(!check("exact", &cases).contains("refused"));
}

#[test]
fn cases_that_are_refused_are_frozen() {
    let mut cases = Vec::new();
    for (index, refusal) in hostile::refusals().into_iter().enumerate() {
        let name = format!("program-{index}");
        cases.push(Case::new(name, (refusal.program, Blobs::default()), vec![]));
    }
    for (index, spoil) in spoilt::spoils().iter().enumerate() {
        cases.push(Case::new(format!("constant-{index}"), spoilt::spoilt(spoil), vec![0]));
    }
    let (program, blobs) = extremes::tables(Format::W4, 1, 0);
    cases.push(Case::new("token", (program.clone(), blobs.clone()), vec![0, 8, 9]));
    cases.push(Case::new("length", (program.clone(), blobs.clone()), vec![0; 17]));
    let bytes = program.encode();
    let kind = bytes.windows(2).position(|pair| pair == [0x00, 0x07]).unwrap() + 1;
    for (name, at, byte) in [("version", 15, b'2'), ("key", 1, 5), ("kind", kind, 8)] {
        let mut program = bytes.clone();
        program[at] = byte;
        cases.push(Case { name: name.into(), program, blobs: blobs.clone(), tokens: vec![0] });
    }
    let program = [&bytes[..], &[0]].concat();
    cases.push(Case { name: "longer".into(), program, blobs, tokens: vec![0] });
    let lines = check("refused", &cases);
    let allowed = spoilt::spoils().iter().filter(|spoil| spoil.word.is_empty()).count();
    let refused = lines.lines().filter(|line| line.contains("refused")).count();
    assert_eq!(refused, cases.len() - allowed);
}
