//! Canonical bytes without a tree of values: written straight into a buffer, read as slices of it.
//!
//! Invariant: what is written equals `Record::canonical`, byte for byte.

/// Appends the first bytes of an item of CBOR type `major`, its argument in the shortest form.
pub(super) fn head(major: u8, argument: usize, out: &mut Vec<u8>) {
    let top = major << 5;
    match argument {
        0..24 => out.push(top | argument as u8),
        24..0x100 => out.extend_from_slice(&[top | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(top | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(top | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(top | 27);
            out.extend_from_slice(&(argument as u64).to_be_bytes());
        }
    }
}

/// Appends a text.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    head(3, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Walks over canonical bytes. `None` wherever they are not what a writer of ours made.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The argument of an item of type `major`.
    pub(super) fn head(&mut self, major: u8) -> Option<usize> {
        let first = *self.take(1)?.first()?;
        if first >> 5 != major {
            return None;
        }
        let bytes = match first & 31 {
            small @ 0..24 => return Some(usize::from(small)),
            24 => self.take(1)?,
            25 => self.take(2)?,
            26 => self.take(4)?,
            27 => self.take(8)?,
            _ => return None,
        };
        bytes.iter().try_fold(0usize, |number, byte| {
            number.checked_mul(256).map(|number| number | usize::from(*byte))
        })
    }

    /// A text.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.head(3)?;
        std::str::from_utf8(self.take(length)?).ok()
    }
}
