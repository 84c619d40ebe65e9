//! Clusters while they grow.

use crate::record::RecordId;
use crate::stage::Meeting;

/// Similarity of two texts with the same words, in millionths.
const SAME: i32 = 1_000_000;

/// Which records belong together, by their places among all. Takes 12 bytes a record.
pub struct Groups<'a> {
    records: &'a [RecordId],
    nodes: Vec<Node>,
}

#[derive(Clone)]
struct Node {
    /// Another node of the cluster, nearer to its root; the root has itself.
    up: u32,
    /// The highest similarity that was found.
    best: i32,
    /// Another record with the same words has a smaller id.
    later_twin: bool,
}

impl Groups<'_> {
    /// Each of `records`, which ascend, on its own.
    pub fn new(records: &[RecordId]) -> Groups<'_> {
        let count = u32::try_from(records.len()).expect("there are fewer than 2^32 records");
        let nodes = (0..count).map(|up| Node { up, best: 0, later_twin: false }).collect();
        Groups { records, nodes }
    }

    /// All records, ascending.
    pub fn records(&self) -> &[RecordId] {
        self.records
    }

    /// The record at `place`.
    pub fn record(&self, place: u32) -> RecordId {
        self.records[place as usize]
    }

    /// The places of `pairs`, each once, ascending.
    pub fn of_pairs(&self, pairs: impl Iterator<Item = (u32, u32)>) -> Vec<u32> {
        let mut paired = vec![false; self.nodes.len()];
        for (a, b) in pairs {
            paired[a as usize] = true;
            paired[b as usize] = true;
        }
        (0..).zip(paired).filter_map(|(at, paired)| paired.then_some(at)).collect()
    }

    /// Joins the records at `places`, ascending, which have the same words.
    pub fn twins(&mut self, places: &[u32]) {
        for place in &places[1..] {
            self.nodes[*place as usize].later_twin = true;
            self.join(places[0], *place, SAME);
        }
    }

    /// Whether the record at `place` has the words of a smaller one.
    pub fn later_twin(&self, place: u32) -> bool {
        self.nodes[place as usize].later_twin
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
        self.nodes[a.max(b) as usize].up = a.min(b);
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

    /// What is to be said of the records that are in a cluster with others, ascending.
    pub fn meetings(mut self) -> Vec<Meeting> {
        let roots: Vec<u32> = (0..).take(self.nodes.len()).map(|place| self.root(place)).collect();
        let mut sizes = vec![0_i64; self.nodes.len()];
        roots.iter().for_each(|root| sizes[*root as usize] += 1);
        let meeting = |((node, root), record): ((&Node, &u32), &RecordId)| {
            let size = sizes[*root as usize];
            let cluster = Some(self.record(*root));
            let scores = || vec![size, node.best.into()];
            (size > 1).then(|| Meeting { record: *record, cluster, scores: scores() })
        };
        self.nodes.iter().zip(&roots).zip(self.records).filter_map(meeting).collect()
    }
}
