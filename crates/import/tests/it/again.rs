//! Importing what is here already: taken as it is, but only if it is the same and whole.

use crate::models::golden;
use std::fs;
use tempfile::TempDir;
use terroir_base::id::{BlobId, ModelId};
use terroir_import::{Imported, Profile, Silent, import, pin_name};
use terroir_model::Manifest;
use terroir_store::Store;

/// A store in a folder of its own.
struct Room {
    folder: TempDir,
    store: Store,
}

impl Room {
    fn new() -> Room {
        let folder = tempfile::tempdir().unwrap();
        Room { store: Store::open(folder.path()).unwrap(), folder }
    }

    fn import(&self, name: &str, profile: Profile) -> Imported {
        import(&golden(name), profile, &self.store, &mut Silent).unwrap()
    }

    fn blobs(&self, id: ModelId) -> Vec<BlobId> {
        self.store.pins().unwrap().remove(&pin_name(id)).unwrap()
    }

    fn manifest(&self, id: ModelId) -> Manifest {
        Manifest::decode(&self.store.get(&BlobId(id.0)).unwrap()).unwrap()
    }
}

#[test]
fn a_file_that_was_imported_is_not_imported_again() {
    let room = Room::new();
    for name in ["qwen2.gguf", "qwen2", "llama.gguf"] {
        for profile in [Profile::Fast, Profile::High] {
            let first = room.import(name, profile);
            assert!(!first.reused, "{name} {profile}");
            assert_eq!(room.import(name, profile), Imported { reused: true, ..first });
        }
    }
    assert_eq!(room.store.pins().unwrap().len(), 6);
}

#[test]
fn a_model_of_which_a_blob_is_missing_is_made_anew() {
    let room = Room::new();
    let first = room.import("qwen2.gguf", Profile::Fast);
    for blob in room.blobs(first.id) {
        let name = blob.to_string();
        fs::remove_file(room.folder.path().join("blobs").join(&name[..2]).join(&name)).unwrap();
        assert_eq!(room.import("qwen2.gguf", Profile::Fast), first, "without {name}");
        assert!(room.import("qwen2.gguf", Profile::Fast).reused);
    }
}

#[test]
fn a_model_of_which_a_blob_is_damaged_is_made_anew() {
    let room = Room::new();
    let first = room.import("qwen2.gguf", Profile::Fast);
    let blob = room.blobs(first.id).pop().unwrap();
    let name = blob.to_string();
    let path = room.folder.path().join("blobs").join(&name[..2]).join(&name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    assert_eq!(room.import("qwen2.gguf", Profile::Fast), first);
    assert!(room.store.get(&blob).is_ok());
}

#[test]
fn a_model_that_is_not_pinned_is_not_relied_on() {
    let room = Room::new();
    let first = room.import("qwen2.gguf", Profile::Fast);
    room.store.unpin(&pin_name(first.id)).unwrap();
    assert_eq!(room.import("qwen2.gguf", Profile::Fast), first);
    fs::write(room.folder.path().join("pins").join(pin_name(first.id)), "damaged").unwrap();
    assert_eq!(room.import("qwen2.gguf", Profile::Fast), first);
    assert!(!room.blobs(first.id).is_empty(), "the pin is sound again");
}

#[test]
fn a_model_that_other_rules_made_is_not_taken() {
    let room = Room::new();
    let first = room.import("qwen2.gguf", Profile::Fast);
    let importer = "terroir-import-1".to_owned();
    let old = Manifest { importer, ..room.manifest(first.id) };
    let mut blobs = room.blobs(first.id);
    blobs.retain(|blob| blob.0 != first.id.0);
    blobs.push(room.store.put(&old.encode()).unwrap());
    room.store.pin(&pin_name(old.id()), &blobs).unwrap();
    room.store.unpin(&pin_name(first.id)).unwrap();
    assert_eq!(room.import("qwen2.gguf", Profile::Fast), first);
}
