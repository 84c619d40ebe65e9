//! Random histories against a model that is three lines of collections.

use crate::bench::{Bench, bytes, flip};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use terroir_base::id::BlobId;
use terroir_store::Error;

#[derive(Clone, Debug)]
enum Act {
    Put(u64),
    Read(u64),
    Pin(u8, Vec<u64>),
    Unpin(u8),
    Damage(u64),
    Sweep,
}

fn acts() -> impl Strategy<Value = Act> {
    let blob = 0..5_u64;
    prop_oneof![
        4 => blob.clone().prop_map(Act::Put),
        4 => blob.clone().prop_map(Act::Read),
        2 => (0..3_u8, prop::collection::vec(blob.clone(), 0..4)).prop_map(|(pin, ids)| Act::Pin(pin, ids)),
        1 => (0..3_u8).prop_map(Act::Unpin),
        1 => blob.prop_map(Act::Damage),
        1 => Just(Act::Sweep),
    ]
}

/// What the store should hold. A damaged blob is there until somebody reads it.
#[derive(Default)]
struct Model {
    sound: BTreeSet<BlobId>,
    damaged: BTreeSet<BlobId>,
    pins: BTreeMap<String, BTreeSet<BlobId>>,
}

fn content(blob: u64) -> Vec<u8> {
    bytes(blob, 2000)
}

impl Model {
    fn has(&self, id: &BlobId) -> bool {
        self.sound.contains(id) || self.damaged.contains(id)
    }

    fn act(&mut self, bench: &Bench, act: Act) {
        let id_of = |blob| BlobId::of(&content(blob));
        match act {
            Act::Put(blob) => {
                let id = bench.store.put(&content(blob)).unwrap();
                self.damaged.remove(&id);
                self.sound.insert(id);
            }
            Act::Read(blob) => self.read(bench, blob),
            Act::Pin(pin, blobs) => {
                let ids: Vec<_> = blobs.into_iter().map(id_of).collect();
                let pinned = bench.store.pin(&format!("pin-{pin}"), &ids);
                assert_eq!(pinned.is_ok(), ids.iter().all(|id| self.has(id)));
                if pinned.is_ok() {
                    self.pins.insert(format!("pin-{pin}"), ids.into_iter().collect());
                }
            }
            Act::Unpin(pin) => {
                let name = format!("pin-{pin}");
                let there = self.pins.remove(&name).is_some();
                assert_eq!(bench.store.unpin(&name).is_ok(), there);
            }
            Act::Damage(blob) => {
                let id = id_of(blob);
                if self.sound.remove(&id) {
                    flip(&bench.blob(&id), blob as usize);
                    self.damaged.insert(id);
                }
            }
            Act::Sweep => {
                bench.store.sweep().unwrap();
                let kept: BTreeSet<_> = self.pins.values().flatten().copied().collect();
                self.sound.retain(|id| kept.contains(id));
                self.damaged.retain(|id| kept.contains(id));
            }
        }
    }

    fn read(&mut self, bench: &Bench, blob: u64) {
        let id = BlobId::of(&content(blob));
        match bench.store.get(&id) {
            Ok(bytes) => assert!(self.sound.contains(&id) && bytes == content(blob)),
            Err(Error::Corrupt { .. }) => assert!(self.damaged.remove(&id)),
            Err(Error::Missing { .. }) => assert!(!self.has(&id)),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn check(&self, bench: &Bench) {
        for blob in 0..5 {
            let id = BlobId::of(&content(blob));
            assert_eq!(bench.store.has(&id).unwrap(), self.has(&id));
        }
        let pins = bench.store.pins().unwrap();
        let pins: BTreeMap<_, BTreeSet<_>> =
            pins.into_iter().map(|(name, ids)| (name, ids.into_iter().collect())).collect();
        assert_eq!(pins, self.pins);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_store_does_what_the_model_does(acts in prop::collection::vec(acts(), 1..40)) {
        let bench = Bench::new();
        let mut model = Model::default();
        for act in acts {
            model.act(&bench, act);
            model.check(&bench);
        }
    }
}
