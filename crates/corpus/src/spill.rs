//! Items that need not fit into memory: sorted, and kept in files without a name.
//!
//! For stages that compare all records. Nothing stays on disk when the process ends, however it
//! ends. Invariant: what comes out is sorted, and as many as went in.

use crate::error::{Error, disk};
use crate::merge::Merge;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Most files that are read at a time.
const FILES_MAX: usize = 64;
/// Bytes that are read from one of them at a time.
const READ_BYTES: usize = 1 << 17;

/// Items of `N` bytes in ascending order, in a file.
pub struct Spool<const N: usize> {
    folder: PathBuf,
    file: BufReader<File>,
    left: u64,
}

impl<const N: usize> Spool<N> {
    /// Writes `items` to a file in `folder`.
    pub fn write(
        folder: &Path,
        items: impl Iterator<Item = Result<[u8; N], Error>>,
    ) -> Result<Spool<N>, Error> {
        let mut file = BufWriter::new(tempfile::tempfile_in(folder).map_err(disk(folder))?);
        let mut left = 0;
        for item in items {
            file.write_all(&item?).map_err(|error| disk(folder)(error))?;
            left += 1;
        }
        let mut file = file.into_inner().map_err(|error| disk(folder)(error.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(disk(folder))?;
        let file = BufReader::with_capacity(READ_BYTES, file);
        Ok(Spool { folder: folder.to_owned(), file, left })
    }
}

impl<const N: usize> Iterator for Spool<N> {
    type Item = Result<[u8; N], Error>;

    fn next(&mut self) -> Option<Result<[u8; N], Error>> {
        self.left = self.left.checked_sub(1)?;
        let mut item = [0; N];
        let read = self.file.read_exact(&mut item);
        Some(read.map(|()| item).map_err(|error| disk(&self.folder)(error)))
    }
}

/// Sorts items of `N` bytes, as bytes.
pub struct Sorter<const N: usize> {
    folder: PathBuf,
    items: Vec<[u8; N]>,
    items_max: usize,
    spools: Vec<Spool<N>>,
}

impl<const N: usize> Sorter<N> {
    /// Nothing yet. Holds up to `memory_bytes` in memory, and the rest in `folder`.
    pub fn new(folder: &Path, memory_bytes: usize) -> Sorter<N> {
        let items_max = (memory_bytes / N).max(2);
        Sorter { folder: folder.to_owned(), items: Vec::new(), items_max, spools: Vec::new() }
    }

    /// Adds an item.
    pub fn push(&mut self, item: [u8; N]) -> Result<(), Error> {
        if self.items.len() == self.items_max {
            sort(&mut self.items);
            self.spools.push(Spool::write(&self.folder, self.items.drain(..).map(Ok))?);
            if self.spools.len() == FILES_MAX {
                let merged = Merge::new(std::mem::take(&mut self.spools))?;
                self.spools.push(Spool::write(&self.folder, merged)?);
            }
        }
        self.items.push(item);
        Ok(())
    }

    /// The items in ascending order.
    pub fn sorted(mut self) -> Result<impl Iterator<Item = Result<[u8; N], Error>>, Error> {
        sort(&mut self.items);
        let spooled = self.spools.into_iter().map(Source::Spool);
        let held = Source::Held(self.items.into_iter());
        Merge::new(spooled.chain([held]).collect())
    }
}

/// Sorts as `sort_unstable` does; comparing numbers is faster than comparing bytes.
fn sort<const N: usize>(items: &mut [[u8; N]]) {
    let start = |item: &[u8; N]| item.first_chunk().map(|start| u64::from_be_bytes(*start));
    items.sort_unstable_by(|a, b| start(a).cmp(&start(b)).then_with(|| a.cmp(b)));
}

/// Where items come from.
enum Source<const N: usize> {
    Spool(Spool<N>),
    Held(std::vec::IntoIter<[u8; N]>),
}

impl<const N: usize> Iterator for Source<N> {
    type Item = Result<[u8; N], Error>;

    fn next(&mut self) -> Option<Result<[u8; N], Error>> {
        match self {
            Source::Spool(spool) => spool.next(),
            Source::Held(items) => items.next().map(Ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(items: &[[u8; 3]], memory_bytes: usize) -> Vec<[u8; 3]> {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path(), memory_bytes);
        items.iter().for_each(|item| sorter.push(*item).unwrap());
        assert!(sorter.items.len() <= (memory_bytes / 3).max(2) && sorter.spools.len() < FILES_MAX);
        let sorted = sorter.sorted().unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        sorted
    }

    #[test]
    fn more_files_than_can_be_open_are_merged_on_the_way() {
        let items: Vec<[u8; 3]> = (0..1000_u32).map(|at| [(at * 7) as u8, at as u8, 1]).collect();
        let mut want = items.clone();
        want.sort_unstable();
        assert_eq!(sorted(&items, 0), want);
        assert_eq!(sorted(&items, 100), want);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_what_went_in(
            items in prop::collection::vec(any::<[u8; 3]>(), 0..200),
            memory_bytes in 0..400_usize,
        ) {
            let mut want = items.clone();
            want.sort_unstable();
            prop_assert_eq!(sorted(&items, memory_bytes), want);
        }
    }
}
