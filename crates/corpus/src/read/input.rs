//! The bytes of a file, decompressed as they come, hashed as they were.
//!
//! Invariant: however much a file claims to hold, only what has come through is in memory.

use super::place::Range;
use super::{Fault, Reason};
use flate2::bufread::MultiGzDecoder;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::rc::Rc;
use terroir_base::Digest;

/// A file may grow so many times when it is decompressed. gzip can reach 1032, text stays below 50.
const GROWTH_MAX: u64 = 512;
/// And by so many bytes in any case: 64 MiB.
const GROWTH_FREE: u64 = 64 << 20;
/// Bytes that are read from the disk at a time.
pub(super) const BLOCK_BYTES: usize = 256 << 10;

/// Whether `made` bytes are more than an honest file of `packed` bytes makes.
pub(super) fn grown(made: u64, packed: u64) -> bool {
    made > GROWTH_FREE.saturating_add(packed.saturating_mul(GROWTH_MAX))
}

/// A decompressed file.
pub(super) struct Input {
    stream: Box<dyn BufRead>,
    raw: Rc<RefCell<Raw>>,
}

/// What came from the disk.
struct Raw {
    file: io::Take<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    /// What the disk said when it failed: then nothing is wrong with the file.
    failed: Option<ErrorKind>,
}

#[derive(Debug, thiserror::Error)]
#[error("grows more than {GROWTH_MAX} times when decompressed")]
struct Bomb;

impl Input {
    /// Starts reading `file`, or a piece of it that is not compressed.
    pub(super) fn new(mut file: File, range: Option<Range>) -> io::Result<Input> {
        let length = range.map_or(u64::MAX, |range| range.end - range.start);
        file.seek(SeekFrom::Start(range.map_or(0, |range| range.start)))?;
        let hasher = blake3::Hasher::new();
        let raw = Raw { file: file.take(length), hasher, bytes: 0, failed: None };
        let raw = Rc::new(RefCell::new(raw));
        let mut blocks = BufReader::with_capacity(BLOCK_BYTES, Tap(raw.clone()));
        let stream: Box<dyn BufRead> = match Packing::of(blocks.fill_buf()?) {
            _ if range.is_some() => Box::new(blocks),
            Packing::None => Box::new(blocks),
            Packing::Gzip => bounded(MultiGzDecoder::new(blocks), &raw),
            Packing::Zstd => bounded(zstd::stream::read::Decoder::with_buffer(blocks)?, &raw),
        };
        Ok(Input { stream, raw })
    }

    /// The decompressed bytes.
    pub(super) fn stream(&mut self) -> &mut dyn BufRead {
        &mut *self.stream
    }

    /// All of the decompressed bytes, when there are at most `bytes_max`; else `None`.
    pub(super) fn whole(&mut self, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        (&mut *self.stream).take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() <= bytes_max).then_some(bytes))
    }

    /// What `error` says about the file; the error itself where the disk failed.
    pub(super) fn fault(&self, error: io::Error) -> Result<Fault, io::Error> {
        if self.raw.borrow().failed == Some(error.kind()) {
            return Err(error);
        }
        let bomb = error.get_ref().is_some_and(|inner| inner.is::<Bomb>());
        let reason = match error.kind() {
            _ if bomb => Reason::Bomb,
            ErrorKind::UnexpectedEof => Reason::Truncated,
            _ => Reason::Corrupt,
        };
        Ok(Fault::rest(reason, error.to_string()))
    }

    /// Reads what is left and gives the digest and the number of the bytes on disk.
    pub(super) fn finish(self) -> io::Result<(Digest, u64)> {
        drop(self.stream);
        let mut raw = self.raw.borrow_mut();
        let mut block = vec![0; BLOCK_BYTES];
        while raw.read(&mut block)? > 0 {}
        Ok((Digest(*raw.hasher.finalize().as_bytes()), raw.bytes))
    }
}

/// What a file is compressed with, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    pub(super) fn of(first: &[u8]) -> Packing {
        match first {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            _ => Packing::None,
        }
    }
}

impl Raw {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into).inspect_err(|error| self.failed = Some(error.kind()))?;
        self.hasher.update(&into[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// The reading end of [`Raw`].
struct Tap(Rc<RefCell<Raw>>);

impl Read for Tap {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(into)
    }
}

/// A decompressor that is stopped when it makes too much of too little.
struct Bounded<R> {
    inner: R,
    made: u64,
    raw: Rc<RefCell<Raw>>,
}

fn bounded<R: Read + 'static>(inner: R, raw: &Rc<RefCell<Raw>>) -> Box<dyn BufRead> {
    let bounded = Bounded { inner, made: 0, raw: raw.clone() };
    Box::new(BufReader::with_capacity(BLOCK_BYTES, bounded))
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.made += count as u64;
        if grown(self.made, self.raw.borrow().bytes) {
            Err(io::Error::other(Bomb))
        } else {
            Ok(count)
        }
    }
}
