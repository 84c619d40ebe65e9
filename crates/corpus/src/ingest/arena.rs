//! Records waiting for their shard: their canonical bytes in one buffer, sorted by id at the end.

use crate::error::Error;
use crate::record::{Opened, RecordId, View};
use crate::shard::{ShardInfo, Writer};
use terroir_base::Digest;

/// A record in the buffer.
struct Held {
    rid: RecordId,
    digest: Digest,
    start: usize,
    end: usize,
}

/// What a record costs besides its bytes.
const HELD_BYTES: usize = size_of::<Held>();

/// Records up to a number of bytes.
pub(super) struct Arena {
    bytes_max: usize,
    bytes: Vec<u8>,
    held: Vec<Held>,
}

impl Arena {
    /// An empty arena for `bytes_max` bytes, or for one record that is longer.
    pub(super) fn new(bytes_max: usize) -> Arena {
        Arena { bytes_max, bytes: Vec::new(), held: Vec::new() }
    }

    /// Whether `view` fits beside what is here already.
    pub(super) fn fits(&self, view: &View<'_>) -> bool {
        // Lengths and keys of fields make up for what is not counted here.
        let bytes = self.bytes.len() + view.bytes() + 16 * (view.meta.len() + 8);
        self.held.is_empty() || bytes + (self.held.len() + 1) * HELD_BYTES <= self.bytes_max
    }

    /// Adds a record.
    pub(super) fn push(&mut self, view: &View<'_>) {
        if self.bytes.is_empty() {
            // All at once: a buffer that grows would be there twice. Untouched, it costs nothing.
            self.bytes.reserve_exact(self.bytes_max);
        }
        let start = self.bytes.len();
        view.write(&mut self.bytes);
        let end = self.bytes.len();
        let rid = RecordId::of(&self.bytes[start..end]);
        let digest = Digest::of(view.text.as_bytes());
        self.held.push(Held { rid, digest, start, end });
    }

    /// Hands all records to `writer` in ascending order and empties the arena.
    pub(super) fn write(&mut self, mut writer: Writer) -> Result<Option<ShardInfo>, Error> {
        self.held.sort_unstable_by_key(|held| held.rid);
        // The same record again is the same record.
        self.held.dedup_by_key(|held| held.rid);
        for held in &self.held {
            let opened = Opened::new(&self.bytes[held.start..held.end]);
            let opened = opened.expect("the arena holds what it wrote");
            writer.push(held.rid, &held.digest, &opened.view())?;
        }
        self.held.clear();
        self.bytes.clear();
        self.bytes.shrink_to(self.bytes_max);
        writer.finish()
    }
}
