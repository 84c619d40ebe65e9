//! Constants of a loaded program: fetched by digest, measured, and checked value by value.
//!
//! For the interpreter and the plan alike. Invariant: after [`Constants::load`] every matrix scale
//! lies in `-32767..=32767` and every 8-bit weight in `-127..=127`, the bounds of the proof.

use crate::Error;
use crate::program::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use terroir_base::Digest;

/// Bytes of one constant, shared with whoever keeps them (a mapped file, a vector).
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Where constants come from: a digest to its bytes, or the reason why not.
///
/// Whoever fetches has checked the bytes against the digest.
pub type Fetch<'a> = dyn FnMut(&Digest) -> Result<Bytes, String> + 'a;

/// Every constant of one program.
pub(crate) struct Constants {
    blobs: BTreeMap<Digest, Bytes>,
    vectors: BTreeMap<Digest, Arc<[i32]>>,
}

impl Constants {
    pub(crate) fn load(program: &Program, fetch: &mut Fetch<'_>) -> Result<Constants, Error> {
        let mut constants = Constants { blobs: BTreeMap::new(), vectors: BTreeMap::new() };
        for (digest, length) in program.constants() {
            let blob = fetch(&digest).map_err(|what| Error::Constant { digest, what })?;
            let got = (*blob).as_ref().len() as u64;
            if got != length {
                let what = format!("{got} bytes, the program says {length}");
                return Err(Error::Constant { digest, what });
            }
            constants.blobs.insert(digest, blob);
        }
        let mut examined = BTreeSet::new();
        for (index, op) in program.ops.iter().enumerate() {
            for constant in op.constants().into_iter().filter(|&c| examined.insert(c)) {
                let refuse = |what| Error::Operator { index, name: op.name(), what };
                constants.examine(&constant).map_err(refuse)?;
            }
        }
        Ok(constants)
    }

    fn examine(&mut self, constant: &Constant) -> Result<(), String> {
        if let Constant::Matrix(matrix) = constant {
            return scan(matrix, self.matrix(matrix));
        }
        let digest = constant.digest();
        let bytes = (*self.blobs[&digest]).as_ref();
        let read = |b: &[u8]| i32::from_le_bytes([b[0], b[1], b[2], b[3]]).max(-i32::MAX);
        let numbers: Arc<[i32]> = bytes.chunks_exact(4).map(read).collect();
        if let Constant::Angles(_) = constant
            && let Some(x) = numbers.iter().find(|x| x.unsigned_abs() > 1 << 30)
        {
            return Err(format!("angle table holds {x}, beyond one in Q30"));
        }
        self.vectors.insert(digest, numbers);
        Ok(())
    }

    /// The bytes of a matrix.
    pub(crate) fn matrix(&self, matrix: &Matrix) -> &[u8] {
        (*self.blobs[&matrix.digest]).as_ref()
    }

    /// The numbers of a vector or an angle table; `i32::MIN` reads as `-i32::MAX`.
    pub(crate) fn vector(&self, digest: &Digest) -> &Arc<[i32]> {
        &self.vectors[digest]
    }
}

/// Refuses the two values that the bounds exclude: scale -32768 and weight -128.
fn scan(matrix: &Matrix, bytes: &[u8]) -> Result<(), String> {
    let block = matrix.format.block_bytes();
    let (heads, body) = match matrix.format {
        Format::W4 => (4 * ROW_BLOCK, false),
        Format::W8 => (2 * ROW_BLOCK, true),
    };
    let blocks = matrix.row_blocks() * matrix.groups();
    for (index, bytes) in bytes[..blocks * block].chunks_exact(block).enumerate() {
        let (scales, weights) = bytes.split_at(heads);
        let low = scales.chunks_exact(2).any(|b| i16::from_le_bytes([b[0], b[1]]) == i16::MIN);
        if low || (body && weights.contains(&0x80)) {
            let row = index / matrix.groups() * ROW_BLOCK;
            let col = index % matrix.groups() * GROUP;
            return Err(format!(
                "matrix {} holds a scale of -32768 or a weight of -128 near row {row}, column {col}",
                matrix.digest.short()
            ));
        }
    }
    Ok(())
}
