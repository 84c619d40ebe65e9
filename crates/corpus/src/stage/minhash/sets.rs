//! Sets of n-grams of the records that are compared: in memory, and beyond the budget in a file.

use super::groups::Groups;
use super::shingles::Shingler;
use crate::error::{Error, disk};
use crate::stage::Texts;
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Sets by the places of their records.
pub struct Sets {
    places: Vec<Place>,
    file: File,
    folder: PathBuf,
}

enum Place {
    Held(Vec<u64>),
    /// Where it starts in the file, and its items.
    Filed(u64, usize),
}

impl Sets {
    /// Reads the texts of `pairs` once, and keeps their sets.
    pub fn read(
        pairs: impl Iterator<Item = (u32, u32)>,
        groups: &Groups<'_>,
        texts: &dyn Texts,
        shingler: &Shingler,
    ) -> Result<Sets, Error> {
        let wanted = groups.of_pairs(pairs);
        let records: Vec<_> = wanted.iter().map(|place| groups.record(*place)).collect();
        let folder = texts.scratch().to_owned();
        let file = tempfile::tempfile_in(&folder).map_err(disk(&folder))?;
        let mut writer = BufWriter::new(&file);
        let most = wanted.last().map_or(0, |place| *place as usize + 1);
        let mut places: Vec<Place> = (0..most).map(|_| Place::Held(Vec::new())).collect();
        let (mut held, mut filed) = (0, 0);
        if !records.is_empty() {
            texts.read(&records, &mut |record, doc| {
                let at = records.binary_search(&record).expect("only what is wanted is given");
                let set = shingler.set(doc);
                let place = &mut places[wanted[at] as usize];
                if held + 8 * set.len() <= texts.budget() {
                    held += 8 * set.len();
                    *place = Place::Held(set);
                    return Ok(());
                }
                for number in &set {
                    let written = writer.write_all(&number.to_le_bytes());
                    written.map_err(|error| disk(&folder)(error))?;
                }
                *place = Place::Filed(filed, set.len());
                filed += 8 * set.len() as u64;
                Ok(())
            })?;
        }
        writer.flush().map_err(disk(&folder))?;
        drop(writer);
        Ok(Sets { places, file, folder })
    }

    /// The set of the record at `place`, ascending.
    pub fn get(&mut self, place: u32) -> Result<Cow<'_, [u64]>, Error> {
        let (start, items) = match &self.places[place as usize] {
            Place::Held(set) => return Ok(Cow::Borrowed(set)),
            Place::Filed(start, items) => (*start, *items),
        };
        let mut bytes = vec![0; 8 * items];
        self.file.seek(SeekFrom::Start(start)).map_err(disk(&self.folder))?;
        self.file.read_exact(&mut bytes).map_err(disk(&self.folder))?;
        let numbers = bytes.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number));
        Ok(Cow::Owned(numbers.collect()))
    }
}
