//! Reading bytes that may be hostile, from the front, with a place in every refusal.

use super::NotFinal;

/// Bytes, and how far they were read.
pub struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Reader<'a> {
        Reader { what, bytes, at: 0 }
    }

    pub fn wrong(&self, why: &'static str) -> NotFinal {
        NotFinal::Malformed { what: self.what, why, at: self.at }
    }

    /// What was read so far.
    pub fn before(&self) -> &'a [u8] {
        self.bytes.get(..self.at).unwrap_or_default()
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], NotFinal> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at = self.at.saturating_add(count);
                Ok(taken)
            }
            None => Err(self.wrong("ends too early")),
        }
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], NotFinal> {
        <[u8; N]>::try_from(self.take(N)?).map_err(|_| self.wrong("ends too early"))
    }

    /// A number in groups of seven bits, least first, in its shortest form.
    pub fn varint(&mut self) -> Result<u64, NotFinal> {
        let mut value = 0_u64;
        for group in 0..10_u32 {
            let [byte] = self.array::<1>()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits.checked_shl(group.saturating_mul(7)).unwrap_or_default();
            if group == 9 && bits > 1 {
                return Err(self.wrong("a number above 64 bits"));
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return match byte == 0 && group > 0 {
                    true => Err(self.wrong("a number not in its shortest form")),
                    false => Ok(value),
                };
            }
        }
        Err(self.wrong("a number above 64 bits"))
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn end(&self) -> Result<(), NotFinal> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(self.wrong("bytes after the end")),
        }
    }

    /// The payload of an RLP string, in its only form.
    pub fn string(&mut self) -> Result<&'a [u8], NotFinal> {
        let [first] = self.array::<1>()?;
        match first {
            0..=0x7f => {
                self.at = self.at.saturating_sub(1);
                self.take(1)
            }
            0x80..=0xb7 => {
                let payload = self.take(usize::from(first).saturating_sub(0x80))?;
                match payload {
                    [byte] if *byte < 0x80 => Err(self.wrong("a byte not in its shortest form")),
                    _ => Ok(payload),
                }
            }
            0xb8..=0xbf => {
                let length = self.length(usize::from(first).saturating_sub(0xb7))?;
                self.take(length)
            }
            0xc0.. => Err(self.wrong("a list where a string must be")),
        }
    }

    /// The items of an RLP list that is all there is.
    pub fn list(&mut self) -> Result<Reader<'a>, NotFinal> {
        let items = self.inner_list()?;
        self.end()?;
        Ok(items)
    }

    /// The items of an RLP list.
    pub fn inner_list(&mut self) -> Result<Reader<'a>, NotFinal> {
        let [first] = self.array::<1>()?;
        let length = match first {
            0..=0xbf => return Err(self.wrong("a string where a list must be")),
            0xc0..=0xf7 => usize::from(first).saturating_sub(0xc0),
            0xf8.. => self.length(usize::from(first).saturating_sub(0xf7))?,
        };
        Ok(Reader::new(self.what, self.take(length)?))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, NotFinal> {
        let digits = self.take(bytes)?;
        let length = self.number_of(digits)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match length > 55 {
            true => Ok(length),
            false => Err(self.wrong("a length not in its shortest form")),
        }
    }

    fn number_of(&self, digits: &[u8]) -> Result<u64, NotFinal> {
        if digits.len() > 8 || digits.first() == Some(&0) {
            return Err(self.wrong("a number not in its shortest form, or above 64 bits"));
        }
        Ok(digits.iter().fold(0, |value, digit| value.wrapping_shl(8) | u64::from(*digit)))
    }

    /// An RLP number of at most 64 bits.
    pub fn number(&mut self) -> Result<u64, NotFinal> {
        let digits = self.string()?;
        self.number_of(digits)
    }

    /// An RLP string of `N` bytes.
    pub fn string_of<const N: usize>(&mut self) -> Result<[u8; N], NotFinal> {
        let bytes = self.string()?;
        <[u8; N]>::try_from(bytes).map_err(|_| self.wrong("a string of another length"))
    }
}
