//! Clusters while they grow.

use crate::record::RecordId;
use crate::stage::Meeting;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Similarity of two texts with the same words, in millionths.
const SAME: i32 = 1_000_000;

/// Records by their place here, and which of them belong together.
#[derive(Default)]
pub struct Groups {
    places: HashMap<RecordId, u32, Seed>,
    nodes: Vec<Node>,
}

/// Hashes ids, for a table that is asked for every key of every record, from a secret of this process.
struct Seed(u64);

impl Default for Seed {
    fn default() -> Seed {
        Seed(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Seed {
    type Hasher = Number;

    fn build_hasher(&self) -> Number {
        Number(self.0)
    }
}

struct Number(u64);

impl Hasher for Number {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_usize(&mut self, _: usize) {
        // The length of an id, which all ids have.
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Node {
    record: RecordId,
    /// Another node of the cluster, nearer to its root; the root has itself.
    up: u32,
    /// The highest similarity that was found.
    best: i32,
    /// Another record with the same words has a smaller id.
    later_twin: bool,
}

impl Groups {
    /// The place of `record`.
    pub fn place(&mut self, record: RecordId) -> u32 {
        *self.places.entry(record).or_insert_with(|| {
            let up = u32::try_from(self.nodes.len()).expect("fewer than 2^32 records meet");
            self.nodes.push(Node { record, up, best: 0, later_twin: false });
            up
        })
    }

    /// The place of `record`, where it has one already.
    pub fn find(&self, record: &RecordId) -> Option<u32> {
        self.places.get(record).copied()
    }

    /// Number of places.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The record at `place`.
    pub fn record(&self, place: u32) -> RecordId {
        self.nodes[place as usize].record
    }

    /// Joins `records`, ascending, which have the same words.
    pub fn twins(&mut self, records: &[RecordId]) {
        let first = self.place(records[0]);
        for record in &records[1..] {
            let place = self.place(*record);
            self.nodes[place as usize].later_twin = true;
            self.join(first, place, SAME);
        }
    }

    /// The place of `record`; none where it has the words of a smaller one.
    pub fn place_of_first(&mut self, record: RecordId) -> Option<u32> {
        let place = self.place(record);
        (!self.nodes[place as usize].later_twin).then_some(place)
    }

    /// Joins two records that are so similar; a negative `result` says that they are not enough.
    pub fn join(&mut self, a: u32, b: u32, result: i32) {
        if result < 0 {
            return;
        }
        for place in [a, b] {
            let node = &mut self.nodes[place as usize];
            node.best = node.best.max(result);
        }
        let (a, b) = (self.root(a), self.root(b));
        // The smallest record is the root, and gives the cluster its name.
        match self.record(a) < self.record(b) {
            true => self.nodes[b as usize].up = a,
            false => self.nodes[a as usize].up = b,
        }
    }

    fn root(&mut self, mut place: u32) -> u32 {
        loop {
            let up = self.nodes[place as usize].up;
            if up == place {
                return place;
            }
            let above = self.nodes[up as usize].up;
            self.nodes[place as usize].up = above;
            place = above;
        }
    }

    /// What is to be said of the records that are in a cluster with others.
    pub fn meetings(mut self) -> Vec<Meeting> {
        let count = u32::try_from(self.nodes.len()).expect("fewer than 2^32 records meet");
        let roots: Vec<u32> = (0..count).map(|place| self.root(place)).collect();
        let mut sizes = vec![0_i64; self.nodes.len()];
        roots.iter().for_each(|root| sizes[*root as usize] += 1);
        let meeting = |(node, root): (&Node, &u32)| {
            let size = sizes[*root as usize];
            let cluster = Some(self.nodes[*root as usize].record);
            (size > 1).then(|| Meeting {
                record: node.record,
                cluster,
                scores: vec![size, node.best.into()],
            })
        };
        let mut meetings: Vec<Meeting> =
            self.nodes.iter().zip(&roots).filter_map(meeting).collect();
        meetings.sort_unstable_by_key(|meeting| meeting.record);
        meetings
    }
}
