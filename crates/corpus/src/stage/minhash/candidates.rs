//! Pairs of records to compare: those that agree in a band.

use super::groups::Groups;
use super::shingles::mix;
use crate::record::RecordId;
use crate::stage::Key;

/// Of so many records that agree in a band, all pairs are compared.
const ALL_MAX: usize = 32;
/// Of more, each with so many that follow it on a ring.
const FOLLOW: usize = 8;

/// Collects pairs, each once.
///
/// Many records agree in a band where a template rules, such as the frame of generated pages. To
/// compare all of them would take the square of their number, and would find little: those that are
/// alike beyond the template agree in other bands too, with few others. So they are put on a ring, in
/// an order drawn from their ids and the band, and compared with their neighbours. Which pairs these
/// are depends on the records alone.
#[derive(Default)]
pub struct Candidates {
    pairs: Vec<(u32, u32)>,
    /// How many there were when repeats were taken out.
    kept: usize,
    /// Those that agree in a band.
    met: Vec<u32>,
}

impl Candidates {
    /// Adds pairs of the records at `places`, ascending, which agree in the band of `key`.
    pub fn meet(&mut self, key: Key, places: &[u32], groups: &Groups<'_>) {
        // Twins agree in all bands: the first one stands for the others.
        let first = |place: &&u32| !groups.later_twin(**place);
        self.met.clear();
        self.met.extend(places.iter().filter(first));
        let met = &mut self.met;
        let ring = met.len() > ALL_MAX;
        if ring {
            let band = mix(u64::from(key.space));
            met.sort_unstable_by_key(|place| (mix(start(groups.record(*place)) ^ band), *place));
        }
        for at in 0..met.len() {
            let past = if ring { at + FOLLOW + 1 } else { met.len() };
            for other in at + 1..past {
                let (one, other) = (met[at], met[other % met.len()]);
                self.pairs.push((one.min(other), one.max(other)));
            }
        }
        if self.pairs.len() > 2 * self.kept + (1 << 16) {
            self.unite();
        }
    }

    fn unite(&mut self) {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        self.kept = self.pairs.len();
    }

    /// All pairs, the smaller record first, ascending.
    pub fn pairs(mut self) -> Vec<(u32, u32)> {
        self.unite();
        self.pairs
    }
}

fn start(record: RecordId) -> u64 {
    u64::from_le_bytes(*record.0.0.first_chunk().expect("32 is above 8"))
}
