//! Some leaves of a tree with the nodes that lead from them to its root.
//!
//! For whoever has a root and wants to know what is under it, and what is not. Invariant: nothing
//! of a proof is believed before all of it leads to the root. Format: `docs/format/tree.md`.

use super::{Refused, leaf, left_leaves, node};
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, MapReader, Value};

/// Most leaves of a tree that a proof is about.
pub const LEAVES_MAX: u64 = 1 << 48;
/// Most leaves that one proof shows.
pub const SHOWN_MAX: usize = 1 << 18;
/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 64;

/// The version written into an encoded proof.
const VERSION: u64 = 1;
/// Most bytes of an encoded proof: its keys, bodies and two paths of nodes for each leaf.
const BYTES_MAX: usize = 1 << 28;

/// A leaf as a proof shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Where it stands among the leaves, from 0.
    pub place: u64,
    /// Its key.
    pub key: Vec<u8>,
    /// The digest of its body under its salt.
    pub body: Digest,
}

/// Leaves, in ascending order of place and key, with the nodes beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub(super) leaves: u64,
    pub(super) shown: Vec<Shown>,
    pub(super) nodes: Vec<Digest>,
}

impl Proof {
    /// What is shown, once all of it is found to stand under `root`.
    ///
    /// Errors: `Place`, `Unsorted`, `Bare`, `Nodes`, `Root`.
    pub fn verify(&self, root: &Digest) -> Result<Verified<'_>, Refused> {
        self.ordered()?;
        let mut walk = Walk { shown: &self.shown, nodes: self.nodes.iter(), missing: 0 };
        let top = match self.leaves {
            0 => None,
            leaves => Some(walk.over(0, leaves)),
        };
        let (missing, left) = (walk.missing, walk.nodes.len());
        if missing + left > 0 {
            let got = self.nodes.len();
            return Err(Refused::Nodes { expected: got + missing - left, got });
        }
        let got = super::root(self.leaves, top.as_ref());
        match got == *root {
            true => Ok(Verified { leaves: self.leaves, shown: &self.shown }),
            false => Err(Refused::Root { expected: *root, got }),
        }
    }

    /// The leaves that it shows, of which nothing is established yet.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// Places and keys ascend, and the places are inside of the tree.
    fn ordered(&self) -> Result<(), Refused> {
        if self.shown.is_empty() && self.leaves > 0 {
            return Err(Refused::Bare { leaves: self.leaves });
        }
        let mut before: Option<&Shown> = None;
        for leaf in &self.shown {
            let ascends = before.is_none_or(|before| before.place < leaf.place);
            if !ascends || leaf.place >= self.leaves || self.leaves > LEAVES_MAX {
                return Err(Refused::Place { place: leaf.place, leaves: self.leaves });
            }
            if before.is_some_and(|before| before.key >= leaf.key) {
                return Err(Refused::Unsorted { place: leaf.place });
            }
            before = Some(leaf);
        }
        Ok(())
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&self.to_value())
    }

    /// The record that is encoded, for formats that hold a proof.
    pub fn to_value(&self) -> Value {
        let mut runs: Vec<(u64, Vec<Value>, Vec<u8>)> = Vec::new();
        for leaf in &self.shown {
            let follows = |(start, keys, _): &&mut (u64, Vec<Value>, Vec<u8>)| {
                start.checked_add(keys.len() as u64) == Some(leaf.place)
            };
            match runs.last_mut().filter(follows) {
                Some((_, keys, bodies)) => {
                    keys.push(Value::bytes(leaf.key.as_slice()));
                    bodies.extend_from_slice(leaf.body.as_bytes());
                }
                None => {
                    let keys = vec![Value::bytes(leaf.key.as_slice())];
                    runs.push((leaf.place, keys, leaf.body.as_bytes().to_vec()));
                }
            }
        }
        let run = |(start, keys, bodies): (u64, Vec<Value>, Vec<u8>)| {
            Value::array([Value::from(start), Value::Array(keys), Value::Bytes(bodies)])
        };
        let nodes: Vec<u8> = self.nodes.iter().flat_map(|node| node.0).collect();
        Value::record([
            (1, VERSION.into()),
            (2, self.leaves.into()),
            (3, Value::array(runs.into_iter().map(run))),
            (4, Value::Bytes(nodes)),
        ])
    }

    /// Reads what [`Proof::encode`] wrote; proves nothing yet.
    pub fn decode(bytes: &[u8]) -> Result<Proof, Refused> {
        let limits = Limits { bytes_max: BYTES_MAX, depth_max: 4, items_max: 8 * SHOWN_MAX };
        Proof::from_value(cbor::decode(bytes, &limits)?)
    }

    /// Reads what [`Proof::to_value`] gave; proves nothing yet.
    pub fn from_value(value: Value) -> Result<Proof, Refused> {
        let mut fields = MapReader::new(value, "tree proof")?;
        let got = fields.take_uint(1, "version")?;
        if got != VERSION {
            return Err(Refused::Version { expected: VERSION, got });
        }
        let leaves = fields.take_uint(2, "leaves")?;
        let mut shown: Vec<Shown> = Vec::new();
        for run in fields.take_array(3, "runs", SHOWN_MAX)? {
            read_run(run, leaves, &mut shown)?;
        }
        let bytes = fields.take_bytes(4, "nodes", BYTES_MAX)?;
        fields.finish()?;
        let nodes = digests(&bytes).ok_or(Refused::NodeBytes { bytes: bytes.len() })?;
        Ok(Proof { leaves, shown, nodes })
    }
}

/// Leaves that stand under a root: each of them, its place, and the number of leaves are established.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    leaves: u64,
    shown: &'a [Shown],
}

impl<'a> Verified<'a> {
    /// Number of leaves of the tree.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The leaves that are shown.
    pub fn shown(&self) -> &'a [Shown] {
        self.shown
    }

    /// The body of the leaf `key`.
    pub fn present(&self, key: &[u8]) -> Result<Digest, Refused> {
        let found = self.shown.binary_search_by(|leaf| leaf.key.as_slice().cmp(key));
        found.map(|at| self.shown[at].body).map_err(|_| Refused::Absent)
    }

    /// Establishes that no leaf has the key `key`.
    ///
    /// Errors: `Present`, and `Gap` where there is room for such a leaf.
    pub fn absent(&self, key: &[u8]) -> Result<(), Refused> {
        match self.shown.iter().find(|leaf| leaf.key == key) {
            Some(leaf) => Err(Refused::Present { place: leaf.place }),
            None => self.closed(key, |_| false).map(drop),
        }
    }

    /// All leaves whose keys start with `prefix`.
    ///
    /// Errors: `Gap` where there is room for another such leaf.
    pub fn under(&self, prefix: &[u8]) -> Result<&'a [Shown], Refused> {
        self.closed(prefix, |key| key.starts_with(prefix))
    }

    /// The shown leaves from `low` on whose keys are `wanted`, if nothing can stand among them that
    /// is not shown: neither between them, nor before, nor after.
    fn closed(&self, low: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Result<&'a [Shown], Refused> {
        let first = self.shown.partition_point(|leaf| leaf.key.as_slice() < low);
        let count = self.shown[first..].iter().take_while(|leaf| wanted(&leaf.key)).count();
        let past = first + count;
        let next = first.checked_sub(1).map_or(0, |before| self.shown[before].place + 1);
        for (at, next) in (first..=past).zip(next..) {
            // The end of the tree closes it as the next leaf would.
            if self.shown.get(at).map_or(self.leaves, |leaf| leaf.place) != next {
                return Err(Refused::Gap { place: next });
            }
        }
        Ok(&self.shown[first..past])
    }
}

/// Reads one run of neighbouring leaves: where it starts, its keys, its bodies.
fn read_run(run: Value, leaves: u64, shown: &mut Vec<Shown>) -> Result<(), Refused> {
    let parts = run.into_array("run", 3)?;
    let got = parts.len();
    let parts: Result<[Value; 3], _> = parts.try_into();
    let [start, keys, bodies] =
        parts.map_err(|_| cbor::Error::WrongLength { field: "run", expected: 3, got })?;
    let start = start.into_uint("start")?;
    let keys = keys.into_array("keys", SHOWN_MAX - shown.len().min(SHOWN_MAX))?;
    let bodies = bodies.into_bytes("bodies", BYTES_MAX)?;
    let wrong = Refused::Bodies { keys: keys.len(), bytes: bodies.len() };
    let bodies = digests(&bodies).filter(|bodies| bodies.len() == keys.len()).ok_or(wrong)?;
    // Runs that touch would have been one, so the same leaves could be written in two ways.
    let touches = shown.last().is_some_and(|before| before.place.checked_add(1) == Some(start));
    if touches || keys.is_empty() {
        return Err(Refused::Place { place: start, leaves });
    }
    for ((at, key), body) in (0..).zip(keys).zip(bodies) {
        let place = start.saturating_add(at);
        shown.push(Shown { place, key: key.into_bytes("key", KEY_BYTES_MAX)?, body });
    }
    Ok(())
}

fn digests(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (digests, []) = bytes.as_chunks::<32>() else { return None };
    Some(digests.iter().map(|digest| Digest(*digest)).collect())
}

/// Goes over the tree from left to right.
struct Walk<'a> {
    shown: &'a [Shown],
    nodes: std::slice::Iter<'a, Digest>,
    /// Nodes that should have been there.
    missing: usize,
}

impl Walk<'_> {
    /// The node over the leaves from `start` to `end`. Depth is at most 48: every level halves.
    fn over(&mut self, start: u64, end: u64) -> Digest {
        match self.shown.first() {
            Some(first) if first.place < end => {}
            _ => return self.beside(),
        }
        if end - start == 1 {
            let shown = self.shown;
            let (first, rest) = shown.split_first().expect("there is a leaf before `end`");
            self.shown = rest;
            return leaf(&first.key, &first.body);
        }
        let middle = start + left_leaves(end - start);
        let left = self.over(start, middle);
        node(&left, &self.over(middle, end))
    }

    fn beside(&mut self) -> Digest {
        self.nodes.next().copied().unwrap_or_else(|| {
            self.missing += 1;
            Digest([0; 32])
        })
    }
}
