//! Private shards: who can read them, what erasing a key does, and what was tampered with.

use crate::world::{World, key, lines, salt};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use terroir_base::sign::SecretKey;
use terroir_corpus::Error;
use terroir_corpus::export::{Form, export};
use terroir_corpus::run::Outcome;
use terroir_corpus::seal::{Identity, Manifest, identities, key_path, part_path, seal, unseal};

struct Sealed {
    world: World,
    made: Outcome,
    manifest: Manifest,
    keys: Vec<Identity>,
}

impl Sealed {
    /// A version of three contributors, sealed to two recipients.
    fn new() -> Sealed {
        let world = World::new();
        let mut lines = lines(5, 90);
        // A source may have a field of that name, too: it leaves under another.
        lines.iter_mut().for_each(|line| *line = line.replacen('{', "{\"rid\":\"x\",", 1));
        world.file("in", "a.jsonl", &lines);
        let made = world.all(&[], 8 << 10, 2);
        let keys = vec![Identity::generate(), Identity::generate()];
        let catalogue = world.catalogue();
        let kept = catalogue.open(&made.id).unwrap();
        let to: Vec<_> = keys.iter().map(Identity::to_public).collect();
        let manifest =
            seal(&catalogue, &kept, &to, &world.path("sealed"), (&key(), &salt())).unwrap();
        Sealed { world, made, manifest, keys }
    }

    fn folder(&self) -> PathBuf {
        self.world.path("sealed")
    }

    fn open(&self, keys: &[Identity]) -> Result<terroir_corpus::seal::Opened, Error> {
        unseal(&self.folder(), keys, &self.world.path("opened"), None)
    }

    #[track_caller]
    fn refuses(&self, complaint: &str) {
        let error = self.open(&self.keys).unwrap_err().to_string();
        assert!(error.contains(complaint), "{complaint}: {error}");
    }
}

fn all_lines(folder: &Path) -> BTreeSet<String> {
    let files = crate::world::files(folder, ".jsonl");
    files
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn each_recipient_reads_what_an_export_holds() {
    let sealed = Sealed::new();
    let names: Vec<&str> =
        sealed.manifest.parts.iter().map(|part| part.contributor.as_str()).collect();
    assert_eq!(names, ["ann", "ben", "eve"]);
    let leaves: u64 = sealed.manifest.parts.iter().map(|part| part.records.leaves).sum();
    assert_eq!(leaves, sealed.made.counts.kept);
    let catalogue = sealed.world.catalogue();
    let kept = catalogue.open(&sealed.made.id).unwrap();
    export(&catalogue, &kept, Form::Jsonl, &sealed.world.path("exported"), &salt()).unwrap();
    for key in &sealed.keys {
        let opened = sealed.open(std::slice::from_ref(key)).unwrap();
        assert_eq!((opened.files.len(), opened.erased.len()), (3, 0));
        assert_eq!(opened.manifest, sealed.manifest);
        let lines = all_lines(&sealed.world.path("opened"));
        assert_eq!(lines, all_lines(&sealed.world.path("exported")));
        let own = fs::read_to_string(&opened.files[1].1).unwrap();
        assert!(own.lines().all(|line| line.contains("\"contributor\":\"ben\"")));
        fs::remove_dir_all(sealed.world.path("opened")).unwrap();
    }
    for place in 0..3 {
        let bytes = fs::read(part_path(&sealed.folder(), place)).unwrap();
        assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
        assert!(!bytes.windows(5).any(|window| window == b"river"));
    }
    // A second sealing has other keys, and may not mix with the first.
    let to: Vec<_> = sealed.keys.iter().map(Identity::to_public).collect();
    let error =
        seal(&catalogue, &kept, &to, &sealed.folder(), (&key(), &salt())).unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
    let again =
        seal(&catalogue, &kept, &to, &sealed.world.path("again"), (&key(), &salt())).unwrap();
    for (one, other) in sealed.manifest.parts.iter().zip(&again.parts) {
        assert_eq!((one.records, one.plain_bytes), (other.records, other.plain_bytes));
        assert!(one.plain != other.plain && one.sealed != other.sealed);
    }
}

#[test]
fn without_its_key_a_part_is_erased_and_the_rest_stands() {
    let sealed = Sealed::new();
    fs::remove_file(key_path(&sealed.folder(), 1)).unwrap();
    let opened = sealed.open(&sealed.keys).unwrap();
    assert_eq!(opened.erased, [1]);
    assert_eq!(opened.files.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(opened.manifest, sealed.manifest);
    // The key of another part does not open it.
    fs::copy(key_path(&sealed.folder(), 0), key_path(&sealed.folder(), 1)).unwrap();
    sealed.refuses("none of the identities opens it");
    // What is left of an erased part is still compared.
    fs::remove_file(key_path(&sealed.folder(), 1)).unwrap();
    let path = part_path(&sealed.folder(), 1);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    sealed.refuses("the manifest says");
}

#[test]
fn another_identity_opens_nothing() {
    let sealed = Sealed::new();
    let error = sealed.open(&[Identity::generate()]).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert!(error.to_string().contains("none of the identities opens it"));
    assert!(all_lines(&sealed.world.path("opened")).is_empty());
}

#[test]
fn a_flipped_byte_anywhere_is_found() {
    let sealed = Sealed::new();
    let folder = sealed.folder();
    let paths = [key_path(&folder, 0), part_path(&folder, 0), folder.join("manifest.cose")];
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len() / 7) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let opened = sealed.open(&sealed.keys);
            assert!(opened.is_err(), "{}, byte {at}", path.display());
        }
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(sealed.open(&sealed.keys).is_err());
        fs::write(&path, &bytes).unwrap();
    }
    assert!(sealed.open(&sealed.keys).is_ok());
}

#[test]
fn a_manifest_that_tells_other_records_or_bytes_is_refused() {
    let sealed = Sealed::new();
    let path = sealed.folder().join("manifest.cose");
    let told = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = sealed.manifest.clone();
        change(&mut manifest);
        fs::write(&path, manifest.sign(&key())).unwrap();
    };
    told(&|manifest| manifest.parts[0].records = manifest.parts[1].records);
    sealed.refuses("records of root");
    told(&|manifest| manifest.parts[0].plain = manifest.parts[1].plain);
    sealed.refuses("plain bytes of digest");
    told(&|manifest| manifest.parts[0].plain_bytes += 1);
    sealed.refuses("plain bytes of digest");
    told(&|manifest| manifest.parts[0].sealed_bytes += 1);
    sealed.refuses("bytes, the manifest says");
    fs::write(&path, vec![0; (1 << 24) + 1]).unwrap();
    sealed.refuses("at most 16777216 are accepted");
    // Without a signature it is none, and whoever knows the node takes no other.
    fs::write(&path, sealed.manifest.encode()).unwrap();
    assert!(sealed.open(&sealed.keys).is_err());
    fs::write(&path, sealed.manifest.sign(&SecretKey::from_seed([8; 32]))).unwrap();
    assert_eq!(sealed.open(&sealed.keys).unwrap().signer, SecretKey::from_seed([8; 32]).public());
    let out = sealed.world.path("opened");
    let node = unseal(&sealed.folder(), &sealed.keys, &out, Some(&key().public()));
    let error = node.unwrap_err().to_string();
    assert!(
        error.contains("is signed by") && error.contains(&key().public().to_string()),
        "{error}"
    );
    fs::write(&path, sealed.manifest.sign(&key())).unwrap();
    unseal(&sealed.folder(), &sealed.keys, &out, Some(&key().public())).unwrap();
}

#[test]
fn files_of_identities_are_read_as_their_tool_writes_them() {
    let sealed = Sealed::new();
    let path = sealed.world.path("key.txt");
    let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    fs::write(&path, format!("# created: today\n\n{secret}\n")).unwrap();
    assert_eq!(identities(&path).unwrap().len(), 1);
    for wrong in ["", "# nothing\n", "AGE-SECRET-KEY-1\n", "age1abc\n"] {
        fs::write(&path, wrong).unwrap();
        let error = identities(&path).err().unwrap().to_string();
        assert!(error.contains("is no file of age identities"), "{error}");
    }
}
