//! Rows of the pages of a column of lists.
//!
//! Such a page does not say how many rows it has: a row begins at each repetition level of 0, and the
//! levels must be opened to be counted. Source: parquet-format, `Encodings.md`, RLE/bit-packing hybrid.

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use std::fs::File;
use std::sync::Arc;

/// How many rows begin on each page of data of `column`, in order; `None` where a page does not begin
/// with a row, or has levels that are none.
///
/// Every page header must have been looked at. Errors: those of the decoder, which may panic as well.
pub fn rows(file: &File, column: &ColumnChunkMetaData) -> Result<Option<Vec<i64>>, ParquetError> {
    let most = column.column_descr().max_rep_level();
    let file = Arc::new(file.try_clone()?);
    let mut pages = SerializedPageReader::new(file, column, 0, None)?;
    let mut counts = Vec::new();
    while let Some(page) = pages.get_next_page()? {
        let count = match page {
            Page::DictionaryPage { .. } => continue,
            Page::DataPage { buf, num_values, rep_level_encoding: Encoding::RLE, .. } => {
                let length = buf.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
                let levels = length.and_then(|length| buf.get(4..)?.get(..length));
                levels.and_then(|levels| begun(levels, num_values, most))
            }
            Page::DataPage { .. } => None,
            Page::DataPageV2 { buf, num_values, rep_levels_byte_len, .. } => {
                let levels = buf.get(..rep_levels_byte_len as usize);
                levels.and_then(|levels| begun(levels, num_values, most))
            }
        };
        match count {
            Some(count) => counts.push(count),
            None => return Ok(None),
        }
    }
    Ok(Some(counts))
}

/// How many of the first `count` of `levels`, each at most `most`, are 0; `None` where the first one is
/// not, or there are fewer.
fn begun(levels: &[u8], count: u32, most: i16) -> Option<i64> {
    let width = (16 - most.leading_zeros()) as usize;
    let (mut rest, mut left, mut begun) = (levels, u64::from(count), 0_i64);
    let mut first = true;
    while left > 0 {
        let head = varint(&mut rest)?;
        let zeros = match head & 1 {
            0 => {
                let run = (head >> 1).min(left);
                let (level, after) = rest.split_at_checked(width.div_ceil(8))?;
                rest = after;
                let zero = level.iter().all(|byte| *byte == 0);
                if run == 0 || first && !zero {
                    return None;
                }
                left -= run;
                if zero { run } else { 0 }
            }
            _ => {
                let groups = usize::try_from(head >> 1).ok().filter(|groups| *groups > 0)?;
                let (packed, after) = rest.split_at_checked(groups.checked_mul(width)?)?;
                rest = after;
                let run = left.min(8 * groups as u64);
                let bit = |at: usize| packed[at / 8] >> (at % 8) & 1;
                let zero = |at: &usize| (0..width).all(|low| bit(at * width + low) == 0);
                if first && !zero(&0) {
                    return None;
                }
                left -= run;
                (0..run as usize).filter(zero).count() as u64
            }
        };
        begun += i64::try_from(zeros).ok()?;
        first = false;
    }
    Some(begun)
}

/// The number at the start of `rest`, which goes on after it.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..35).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::begun;

    #[test]
    fn rows_are_counted_in_runs_and_groups() {
        // A run of three zeros, one of two ones, then a group of which four are meant: 0, 1, 0, 0.
        let levels = [6, 0, 4, 1, 3, 0b0000_0010];
        assert_eq!(begun(&levels, 9, 1), Some(6));
        assert_eq!(begun(&levels, 5, 1), Some(3));
        assert_eq!(begun(&[], 0, 1), Some(0));
        // Two bits each: 0, 1, 2, 3, 0, 0, 0, 0.
        assert_eq!(begun(&[3, 0b1110_0100, 0], 8, 3), Some(5));
        assert_eq!(begun(&[3, 0b1110_0100, 0], 8, 2), Some(5));
    }

    #[test]
    fn what_does_not_begin_with_a_row_or_ends_too_early_is_refused() {
        let cases: [(&[u8], u32); 9] = [
            (&[2, 1], 1),
            (&[3, 1], 8),
            (&[6, 0], 4),
            (&[3, 0], 9),
            (&[3], 8),
            (&[6], 3),
            (&[0, 0, 2, 0], 1),
            (&[1, 2, 0], 1),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0], 1),
        ];
        for (levels, count) in cases {
            assert_eq!(begun(levels, count, 1), None, "{levels:?}");
        }
    }
}
