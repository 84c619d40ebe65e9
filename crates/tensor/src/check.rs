//! The proof that a program is well formed and cannot overflow, operator by operator.
//!
//! For [`Program::types`]; nothing runs that did not pass here. Invariant: every bound that the
//! kernels rely on is either a constant of the format or computed and compared in this file.

use crate::Error;
use crate::program::*;

/// The powers of two of the steps of one row lie within this of the largest.
pub(crate) const SPREAD_MAX: u32 = 8;

/// A step is less than this many times the power of two of the row's smallest.
const FACTOR_BITS: u32 = 4 + SPREAD_MAX;

/// Largest magnitude of a scale or min of a matrix.
pub(crate) const SCALE_LIMIT: i64 = i16::MAX as i64;

pub(crate) fn types(program: &Program) -> Result<Vec<Type>, Error> {
    if program.ops.is_empty() || program.ops.len() > OPS_MAX {
        return Err(Error::Program(format!(
            "{} operators, allowed are 1 to {OPS_MAX}",
            program.ops.len()
        )));
    }
    if !(1..=POSITIONS_MAX).contains(&program.positions_max) {
        return Err(Error::Program(format!(
            "{} positions, allowed are 1 to {POSITIONS_MAX}",
            program.positions_max
        )));
    }
    let mut types = Vec::with_capacity(program.ops.len());
    for (index, op) in program.ops.iter().enumerate() {
        let made = result_type(op, &types, program).map_err(|what| Error::Operator {
            index,
            name: op.name(),
            what,
        })?;
        types.push(made);
    }
    ends(program, &types)?;
    Ok(types)
}

fn ends(program: &Program, types: &[Type]) -> Result<(), Error> {
    match types.get(program.logits as usize) {
        Some(Type::Fixed { frac: 16, .. }) => {}
        other => {
            return Err(Error::Program(format!(
                "logits must be a fixed-point value with 16 fraction bits, value {} is {other:?}",
                program.logits
            )));
        }
    }
    if program.checkpoints.is_empty() || !program.checkpoints.is_sorted_by(|a, b| a < b) {
        return Err(Error::Program("checkpoints must be increasing and at least one".into()));
    }
    for &value in &program.checkpoints {
        if !matches!(types.get(value as usize), Some(Type::Fixed { .. })) {
            return Err(Error::Program(format!("checkpoint {value} is not a fixed-point value")));
        }
    }
    let embeds = program.ops.iter().filter(|op| matches!(op, Op::Embed { .. })).count();
    if embeds != 1 {
        return Err(Error::Program(format!("{embeds} embed operators, must be one")));
    }
    Ok(())
}

fn result_type(op: &Op, types: &[Type], program: &Program) -> Result<Type, String> {
    match op {
        Op::Embed { table, scale_q16, frac } => {
            matrix(table)?;
            if *scale_q16 == 0 || *scale_q16 > i32::MAX as u32 {
                return Err(format!("scale {scale_q16} is not in 1..2^31"));
            }
            fixed_type(table.cols as usize, *frac)
        }
        Op::RmsNorm { x, gain, gain_frac, width, epsilon, frac } => {
            let (total, _) = fixed(types, *x)?;
            let width = *width as usize;
            if width > NORM_WIDTH_MAX || !total.is_multiple_of(width) {
                return Err(format!("width {width} for a row of {total}, most {NORM_WIDTH_MAX}"));
            }
            if gain.len as usize != width {
                return Err(format!("{} gains for width {width}", gain.len));
            }
            fraction(*gain_frac)?;
            if *frac > 22 + gain_frac {
                return Err(format!("{frac} fraction bits with {gain_frac} in the gains"));
            }
            if *epsilon >= 1 << 48 {
                return Err(format!("epsilon {epsilon} is not below 2^48"));
            }
            fixed_type(total, *frac)
        }
        Op::Quantise { x, planes } => {
            let (width, frac) = fixed(types, *x)?;
            if !width.is_multiple_of(GROUP) {
                return Err(format!("width {width} is not a multiple of {GROUP}"));
            }
            Ok(Type::Quantised { width, frac, planes: *planes })
        }
        Op::Linear { x, weight, bias, frac } => linear(types, *x, weight, bias, *frac),
        Op::Rope { x, table, head_dim, .. } => {
            let (width, frac) = fixed(types, *x)?;
            rope(width, table, *head_dim, program)?;
            fixed_type(width, frac)
        }
        Op::Attention { .. } => attention(op, types, program),
        Op::Gate { gate, up, activation, frac } => {
            let (width, gate_frac) = fixed(types, *gate)?;
            let (other, up_frac) = fixed(types, *up)?;
            if width != other {
                return Err(format!("gate has {width} values, up has {other}"));
            }
            if *frac > gate_frac + up_frac {
                return Err(format!("{frac} fraction bits from {gate_frac} and {up_frac}"));
            }
            if *activation == Activation::GeluTanh && gate_frac < 8 {
                return Err(format!("gelu needs 8 fraction bits, gate has {gate_frac}"));
            }
            fixed_type(width, *frac)
        }
        Op::Add { a, b } => {
            let (first, second) = (fixed(types, *a)?, fixed(types, *b)?);
            if first != second {
                return Err(format!("terms differ in (width, fraction): {first:?}, {second:?}"));
            }
            fixed_type(first.0, first.1)
        }
    }
}

fn linear(
    types: &[Type],
    x: Value,
    weight: &Matrix,
    bias: &Option<Vector>,
    frac: u8,
) -> Result<Type, String> {
    matrix(weight)?;
    let (width, planes) = match types.get(x as usize) {
        Some(Type::Quantised { width, planes, .. }) => (*width, *planes),
        other => return Err(format!("value {x} must be quantised, is {other:?}")),
    };
    if width != weight.cols as usize {
        return Err(format!("matrix has {} columns, value {x} has {width}", weight.cols));
    }
    if let Some(bias) = bias
        && bias.len != weight.rows
    {
        return Err(format!("{} biases for {} rows", bias.len, weight.rows));
    }
    let weight_limit = match weight.format {
        Format::W4 => i128::from(SCALE_LIMIT) * 16,
        Format::W8 => i128::from(SCALE_LIMIT) * 127,
    };
    let bound =
        (i128::from(weight.cols) * weight_limit * i128::from(planes.limit())) << FACTOR_BITS;
    if bound > i128::from(i64::MAX) {
        return Err(format!("a sum can reach {bound}, beyond 63 bits"));
    }
    fixed_type(weight.rows as usize, frac)
}

fn rope(width: usize, table: &RopeTable, head_dim: u32, program: &Program) -> Result<(), String> {
    if !width.is_multiple_of(head_dim as usize) {
        return Err(format!("head of {head_dim} values in a row of {width}"));
    }
    if table.pairs == 0 || table.pairs > head_dim / 2 {
        return Err(format!("{} pairs in a head of {head_dim}", table.pairs));
    }
    if table.highs != program.positions_max.div_ceil(ROPE_LOW as u32) {
        return Err(format!("{} high rows for {} positions", table.highs, program.positions_max));
    }
    Ok(())
}

fn attention(op: &Op, types: &[Type], program: &Program) -> Result<Type, String> {
    let Op::Attention { q, k, v, heads, kv_heads, head_dim, scale_q30, window } = *op else {
        unreachable!("called for attention only");
    };
    let dim = head_dim as usize;
    if dim == 0 || dim > HEAD_DIM_MAX || !dim.is_multiple_of(16) {
        return Err(format!("head of {dim} values, must be a multiple of 16 up to {HEAD_DIM_MAX}"));
    }
    if !heads.is_multiple_of(kv_heads) {
        return Err(format!("{heads} heads over {kv_heads} key heads"));
    }
    // Every cache keeps the keys and values of a position: they are bounded like columns.
    let (wide, narrow) = [heads, kv_heads].map(|n| u64::from(n) * u64::from(head_dim)).into();
    if narrow > WIDTH_MAX as u64 {
        return Err(format!("{kv_heads} key heads of {dim} values, at most {WIDTH_MAX} values"));
    }
    if scale_q30 == 0 || scale_q30 > i32::MAX as u32 {
        return Err(format!("scale {scale_q30} is not in 1..2^31"));
    }
    if window > program.positions_max {
        return Err(format!("window {window} of {} positions", program.positions_max));
    }
    let (q_width, _) = fixed(types, q)?;
    let (k_width, _) = fixed(types, k)?;
    let (v_width, v_frac) = fixed(types, v)?;
    if [q_width, k_width, v_width].map(|n| n as u64) != [wide, narrow, narrow] {
        return Err(format!(
            "rows of {q_width}, {k_width}, {v_width} where {wide}, {narrow}, {narrow} are due"
        ));
    }
    fixed_type(q_width, v_frac)
}

fn fixed(types: &[Type], value: Value) -> Result<(usize, u8), String> {
    match types.get(value as usize) {
        Some(Type::Fixed { width, frac }) => Ok((*width, *frac)),
        Some(other) => Err(format!("value {value} must be fixed point, is {other:?}")),
        None => Err(format!("value {value} is not made yet")),
    }
}

fn fixed_type(width: usize, frac: u8) -> Result<Type, String> {
    fraction(frac)?;
    Ok(Type::Fixed { width, frac })
}

fn fraction(frac: u8) -> Result<(), String> {
    if frac > FRAC_MAX {
        return Err(format!("{frac} fraction bits, most {FRAC_MAX}"));
    }
    Ok(())
}

fn matrix(matrix: &Matrix) -> Result<(), String> {
    let cols = matrix.cols as usize;
    if cols == 0 || cols > WIDTH_MAX || !cols.is_multiple_of(GROUP) {
        return Err(format!("{cols} columns, must be a multiple of {GROUP} up to {WIDTH_MAX}"));
    }
    if matrix.rows == 0 || matrix.rows > 1 << 20 {
        return Err(format!("{} rows, allowed are 1 to 2^20", matrix.rows));
    }
    Ok(())
}
