//! A disk under a chain's file: what was synced is kept, and of the rest what chance leaves.
//!
//! Invariant: after [`Disk::off`] nothing changes any more, whatever a dying process still does; what
//! [`Disk::on`] gives has all that was synced.

use crate::dice::Dice;
use redb::StorageBackend;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes whole, in bytes.
const SECTOR: usize = 512;

/// A disk; its clones are the same one.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What the process reads.
    live: Vec<u8>,
    /// What was synced.
    durable: Vec<u8>,
    /// What was not, in order.
    unsynced: Vec<Change>,
    /// Power goes instead of the sync after so many.
    syncs_left: Option<u64>,
    off: bool,
    /// Says that it synced and did not.
    false_syncs: bool,
}

enum Change {
    Length(usize),
    Write(usize, Vec<u8>),
}

/// What is left of changes that were not synced.
enum Left {
    /// All: the process was killed and the machine was not.
    All,
    Nothing,
    /// Each change whole, in part or not at all.
    Some,
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Length(length) => bytes.resize(*length, 0),
            Change::Write(at, data) => {
                let end = at + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(data);
            }
        }
    }

    /// The sectors of it that arrived.
    fn tear(&self, dice: &mut Dice, bytes: &mut Vec<u8>) {
        match self {
            Change::Length(_) => self.apply(bytes),
            Change::Write(at, data) => {
                for (sector, data) in data.chunks(SECTOR).enumerate() {
                    if dice.chance(50) {
                        Change::Write(at + sector * SECTOR, data.to_vec()).apply(bytes);
                    }
                }
            }
        }
    }
}

fn failed<T>(why: &str) -> Result<T, io::Error> {
    Err(io::Error::other(why))
}

impl Disk {
    /// An empty disk; one with `false_syncs` keeps nothing, although it says so.
    pub(crate) fn new(false_syncs: bool) -> Disk {
        Disk(Arc::new(Mutex::new(State { false_syncs, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the power away now.
    pub(crate) fn off(&self) {
        self.state().off = true;
    }

    /// Takes the power away when `syncs` more were done and one more is asked for; never without.
    pub(crate) fn off_after(&self, syncs: Option<u64>) {
        self.state().syncs_left = syncs;
    }

    /// Whether the power is gone.
    pub(crate) fn is_off(&self) -> bool {
        self.state().off
    }

    /// The disk as the next process finds it.
    pub(crate) fn on(&self, dice: &mut Dice) -> Disk {
        let mut state = self.state();
        state.off = true;
        let mut bytes = std::mem::take(&mut state.durable);
        let left = match dice.between(0, 3) {
            0 => Left::All,
            1 => Left::Nothing,
            _ => Left::Some,
        };
        for change in state.unsynced.drain(..) {
            match left {
                Left::All => change.apply(&mut bytes),
                Left::Nothing => {}
                Left::Some => match dice.between(0, 2) {
                    0 => change.apply(&mut bytes),
                    1 => change.tear(dice, &mut bytes),
                    _ => {}
                },
            }
        }
        let durable = bytes.clone();
        let false_syncs = state.false_syncs;
        let state = State { live: bytes, durable, false_syncs, ..State::default() };
        Disk(Arc::new(Mutex::new(state)))
    }

    fn change(&self, change: Change) -> Result<(), io::Error> {
        let mut state = self.state();
        if state.off {
            return failed("the power is gone");
        }
        change.apply(&mut state.live);
        state.unsynced.push(change);
        Ok(())
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a disk with {} bytes", self.state().live.len())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.state().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let state = self.state();
        if state.off {
            return failed("the power is gone");
        }
        let from = offset as usize;
        match state.live.get(from..from + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => return failed("beyond the end"),
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.change(Change::Length(len as usize))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.off |= state.syncs_left == Some(0);
        if state.off {
            return failed("the power is gone");
        }
        state.syncs_left = state.syncs_left.map(|left| left - 1);
        if !state.false_syncs {
            for change in state.unsynced.drain(..) {
                change.apply(&mut state.durable);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.change(Change::Write(offset as usize, data.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, SECTOR};
    use crate::dice::Dice;
    use redb::StorageBackend as _;

    fn bytes(disk: &Disk) -> Vec<u8> {
        let mut bytes = vec![0; disk.len().unwrap() as usize];
        disk.read(0, &mut bytes).unwrap();
        bytes
    }

    /// A disk with ones that are durable, and twos over them that are not.
    fn written(false_syncs: bool) -> Disk {
        let disk = Disk::new(false_syncs);
        disk.set_len(4 * SECTOR as u64).unwrap();
        disk.write(0, &[1; 4 * SECTOR]).unwrap();
        disk.sync_data().unwrap();
        disk.write(0, &[2; 4 * SECTOR]).unwrap();
        disk
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_is_chance_by_sectors() {
        let (mut all, mut none, mut torn) = (0, 0, 0);
        for seed in 0..200 {
            let left = bytes(&written(false).on(&mut Dice::new(seed, 0)));
            assert_eq!(left.len(), 4 * SECTOR);
            let sectors: Vec<u8> = left.chunks(SECTOR).map(|sector| sector[0]).collect();
            assert!(left.chunks(SECTOR).all(|one| one.iter().all(|byte| *byte == one[0])));
            match sectors.as_slice() {
                [2, 2, 2, 2] => all += 1,
                [1, 1, 1, 1] => none += 1,
                _ => torn += 1,
            }
        }
        assert!(all > 20 && none > 20 && torn > 10, "{all} {none} {torn}");
    }

    #[test]
    fn without_power_nothing_is_read_written_or_synced() {
        let disk = written(false);
        disk.off_after(Some(1));
        disk.sync_data().unwrap();
        assert!(disk.sync_data().is_err() && disk.is_off());
        assert!(disk.write(0, &[3]).is_err() && disk.set_len(0).is_err());
        assert!(disk.read(0, &mut [0]).is_err());
        assert_eq!(bytes(&disk.on(&mut Dice::new(1, 0))), [2; 4 * SECTOR]);
    }

    #[test]
    fn a_false_disk_may_lose_what_it_said_was_synced() {
        let lost = |seed| written(true).on(&mut Dice::new(seed, 0)).len().unwrap() == 0;
        assert!((0..20).any(lost));
    }
}
