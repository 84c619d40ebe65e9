//! Strict reading: whatever [`super::encode`] would not have written is refused.

use super::{Error, Limits, Value};

/// The deepest nesting any limit can allow: it bounds the recursion here and in dropping a value.
pub const DEPTH_MAX: usize = 64;

/// Elements that memory is set aside for before they are read: announcing more costs nothing.
const PREALLOCATED_MAX: usize = 256;

/// The value that `bytes` encode, all of them.
///
/// `decode(bytes)` succeeds only where `encode` gives back the same bytes. Memory is bounded by
/// `limits`: no length is believed before that many bytes are there. Never panics.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Value, Error> {
    if bytes.len() > limits.bytes_max {
        return Err(Error::TooLong { got: bytes.len(), max: limits.bytes_max });
    }
    let mut reader = Reader { bytes, rest: bytes, limits, items_left: limits.items_max };
    let value = reader.item(limits.depth_max.min(DEPTH_MAX))?;
    match reader.rest.len() {
        0 => Ok(value),
        extra => Err(Error::Trailing { at: reader.at(), extra }),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
    limits: &'a Limits,
    items_left: usize,
}

/// An item's first byte and the number that goes with it.
struct Head {
    at: usize,
    major: u8,
    argument: u64,
}

impl<'a> Reader<'a> {
    fn at(&self) -> usize {
        self.bytes.len().saturating_sub(self.rest.len())
    }

    /// The next `count` bytes, of the item that starts at `at`.
    fn take(&mut self, count: usize, at: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Error::Truncated { at })?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_n<const N: usize>(&mut self, at: usize) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Truncated { at })?;
        self.rest = rest;
        Ok(*taken)
    }

    fn item(&mut self, depth_left: usize) -> Result<Value, Error> {
        let head = self.head()?;
        match head.major {
            0 => Ok(Value::Uint(head.argument)),
            1 => Ok(Value::Nint(head.argument)),
            2 => Ok(Value::Bytes(self.string(&head)?.to_vec())),
            3 => {
                let text = std::str::from_utf8(self.string(&head)?);
                Ok(Value::Text(text.map_err(|_| Error::NotUtf8 { at: head.at })?.to_owned()))
            }
            4 => self.array(&head, depth_left),
            5 => self.map(&head, depth_left),
            _ => match head.argument {
                20 => Ok(Value::Bool(false)),
                21 => Ok(Value::Bool(true)),
                _ => Ok(Value::Null),
            },
        }
    }

    /// Reads one initial byte and its argument; of types 6 and 7 only false, true and null pass.
    fn head(&mut self) -> Result<Head, Error> {
        let at = self.at();
        self.items_left = self.items_left.checked_sub(1).ok_or(self.too_many(at))?;
        let [initial] = self.take_n(at)?;
        let (major, low) = (initial >> 5, initial & 31);
        if major == 6 || (major == 7 && !(20..=22).contains(&low)) {
            return Err(Error::Unsupported { at, initial });
        }
        let (argument, least) = match low {
            0..24 => (low.into(), 0),
            24 => (u8::from_be_bytes(self.take_n(at)?).into(), 24),
            25 => (u16::from_be_bytes(self.take_n(at)?).into(), 1 << 8),
            26 => (u32::from_be_bytes(self.take_n(at)?).into(), 1 << 16),
            27 => (u64::from_be_bytes(self.take_n(at)?), 1 << 32),
            _ => return Err(Error::Unsupported { at, initial }),
        };
        if argument < least {
            return Err(Error::NotShortest { at });
        }
        Ok(Head { at, major, argument })
    }

    fn string(&mut self, head: &Head) -> Result<&'a [u8], Error> {
        let count = usize::try_from(head.argument).map_err(|_| Error::Truncated { at: head.at })?;
        self.take(count, head.at)
    }

    fn array(&mut self, head: &Head, depth_left: usize) -> Result<Value, Error> {
        let depth_left = self.descend(head, depth_left)?;
        let count = self.count(head, 1)?;
        let mut items = Vec::with_capacity(count.min(PREALLOCATED_MAX));
        for _ in 0..count {
            items.push(self.item(depth_left)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, head: &Head, depth_left: usize) -> Result<Value, Error> {
        let depth_left = self.descend(head, depth_left)?;
        let count = self.count(head, 2)?;
        let mut entries = Vec::with_capacity(count.min(PREALLOCATED_MAX));
        let mut last: &[u8] = &[];
        for _ in 0..count {
            let (at, before) = (self.at(), self.rest);
            let key = self.item(depth_left)?;
            let (encoded, _) = before.split_at(before.len().saturating_sub(self.rest.len()));
            // An encoded item is never empty, so the first key always follows the empty string.
            if encoded <= last {
                return Err(Error::Unsorted { at });
            }
            last = encoded;
            entries.push((key, self.item(depth_left)?));
        }
        Ok(Value::Map(entries))
    }

    fn descend(&self, head: &Head, depth_left: usize) -> Result<usize, Error> {
        let max = self.limits.depth_max.min(DEPTH_MAX);
        depth_left.checked_sub(1).ok_or(Error::TooDeep { at: head.at, max })
    }

    /// How many elements to expect, of `each` items: never more than there are bytes or items left.
    fn count(&self, head: &Head, each: u64) -> Result<usize, Error> {
        let items = usize::try_from(head.argument.saturating_mul(each)).unwrap_or(usize::MAX);
        if items > self.items_left {
            return Err(self.too_many(head.at));
        }
        if items > self.rest.len() {
            return Err(Error::Truncated { at: head.at });
        }
        usize::try_from(head.argument).map_err(|_| Error::Truncated { at: head.at })
    }

    fn too_many(&self, at: usize) -> Error {
        Error::TooMany { at, max: self.limits.items_max }
    }
}
