//! Folders of members: keys that are kept, settings that are understood or refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use terroir_ledger::Genesis;
use terroir_node::Error;
use terroir_node::account::Address;
use terroir_node::member::{Folder, Follow, Network, Pacing, Peer, Settings, Wallets};

const GENESIS: &str = include_str!("chain/genesis.toml");

fn settings() -> Settings {
    let network = Network {
        listen: "127.0.0.1:30301".parse().unwrap(),
        public: None,
        peers: vec![Peer { identity: "ab".repeat(32), address: None }],
    };
    let (rpc, pace) = (Wallets::default(), Pacing::default());
    let (network, follow) = (Some(network), None);
    Settings { genesis: "genesis.toml".into(), network, follow, rpc, pace }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_made_once_and_are_nobody_elses() {
    let place = tempfile::tempdir().unwrap();
    let (_, first) = Folder::make(place.path()).unwrap();
    let kept = ["identity.key", "vote.key"].map(|name| place.path().join(name));
    let texts = kept.clone().map(|path| fs::read(path).unwrap());
    let (_, again) = Folder::make(place.path()).unwrap();
    assert_eq!(first.identity(), again.identity());
    assert_eq!(kept.clone().map(|path| fs::read(path).unwrap()), texts);
    for path in &kept {
        assert_eq!(mode(path), 0o600);
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        let exposed = Folder::make(place.path()).err().unwrap();
        assert!(matches!(exposed, Error::Exposed { mode: 0o640, .. }), "{exposed}");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let other = tempfile::tempdir().unwrap();
    assert_ne!(Folder::make(other.path()).unwrap().1.identity(), first.identity());
}

#[test]
fn all_who_make_one_folder_at_once_are_told_of_the_same_keys() {
    for _ in 0..20 {
        let place = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(4);
        let make = || {
            start.wait();
            let (_, secrets) = Folder::make(place.path()).unwrap();
            secrets.entry(7, Address::ZERO, 1).unwrap()
        };
        let told: Vec<String> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            makers.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let (_, kept) = Folder::make(place.path()).unwrap();
        let kept = kept.entry(7, Address::ZERO, 1).unwrap();
        assert_eq!(told, vec![kept; 4]);
    }
}

#[test]
fn the_file_of_settings_that_was_named_is_the_one_that_is_read() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = Folder::make(place.path()).unwrap();
    folder.write(&settings(), GENESIS).unwrap();
    let text = fs::read_to_string(folder.config()).unwrap();
    let other = place.path().join("other.toml");
    fs::write(&other, text.replace("30301", "30302")).unwrap();
    let found = Folder::of(&other).unwrap();
    assert_eq!(found.config().file_name(), other.file_name());
    assert_eq!(found.settings().unwrap().network.unwrap().listen.port(), 30302);
    assert_eq!(Folder::of(&folder.config()).unwrap().settings().unwrap(), settings());
    // A link is where it lies, and says what it leads to.
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.toml");
    std::os::unix::fs::symlink(&other, &link).unwrap();
    let linked = Folder::of(&link).unwrap();
    assert_eq!(linked.settings().unwrap(), found.settings().unwrap());
    assert_eq!(linked.config().parent(), fs::canonicalize(elsewhere.path()).ok().as_deref());
    assert!(Folder::of(place.path()).is_err(), "a folder is no file");
}

#[test]
fn files_that_hold_no_key_are_named_and_not_told() {
    let place = tempfile::tempdir().unwrap();
    Folder::make(place.path()).unwrap();
    for name in ["identity.key", "vote.key"] {
        let path = place.path().join(name);
        let good = fs::read_to_string(&path).unwrap();
        let digits = good.split(' ').nth(1).unwrap().trim();
        let label = good.split(' ').next().unwrap();
        for bad in [String::new(), digits.to_owned(), format!("{label} {}", &digits[1..])] {
            fs::write(&path, &bad).unwrap();
            let error = Folder::make(place.path()).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
            assert!(bad.is_empty() || !error.contains(&digits[1..]), "{error}");
        }
        fs::write(&path, good).unwrap();
    }
}

#[test]
fn a_validators_entry_is_taken_by_a_genesis_file_of_its_chain_alone() {
    let place = tempfile::tempdir().unwrap();
    let (_, secrets) = Folder::make(place.path()).unwrap();
    let address = Address::repeat_byte(0xaa);
    let entry = secrets.entry(7, address, 10_000_000_000_000_000_000_000).unwrap();
    let genesis = |chain: u64, entry: &str| {
        let head =
            format!("name = \"a\"\nchain_id = {chain}\ntime = 1790000000\nepoch_blocks = 100\n");
        Genesis::parse(&(head + entry)).unwrap().begin().map(|one| one.hash)
    };
    genesis(7, &entry).unwrap();
    assert!(genesis(8, &entry).is_err(), "it signed for another chain");
    let others = entry.replace(&address.to_string(), &Address::repeat_byte(0xab).to_string());
    assert_ne!(others, entry);
    assert!(genesis(7, &others).is_err(), "it signed for another account");
}

#[test]
fn settings_come_back_and_what_is_not_understood_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = Folder::make(place.path()).unwrap();
    folder.write(&settings(), GENESIS).unwrap();
    assert_eq!(folder.settings().unwrap(), settings());
    assert_eq!(folder.genesis(&settings()).unwrap(), GENESIS);
    let found = Folder::of(&folder.config()).unwrap();
    assert_eq!(found.settings().unwrap(), settings());
    let refused = |text: &str, why: &str| {
        fs::write(folder.config(), text).unwrap();
        let error = folder.settings().err().unwrap().to_string();
        assert!(error.contains("node.toml") && error.contains(why), "{error}");
    };
    refused("", "either [network] or [follow]");
    let both = "[network]\nlisten = \"127.0.0.1:1\"\n[follow]\nrpc = [\"http://127.0.0.1:1\"]";
    refused(both, "either [network] or [follow]");
    refused("[follow]\nrpc = []", "0 nodes, 1 to 16 are taken");
    refused(&format!("[follow]\nrpc = {:?}", vec!["http://127.0.0.1:1"; 17]), "17 nodes");
    refused("[network]\nlisten = \"here\"", "listen");
    refused("[network]\nlisten = \"127.0.0.1:1\"\nlisten_to = 1", "listen_to");
    refused("[network]\nlisten = \"127.0.0.1:1\"\n[pace]\nblock = 1", "block");
    refused(&"#".repeat((1 << 20) + 1), "is longer than");
    fs::remove_file(folder.config()).unwrap();
    assert!(folder.settings().is_err() && Folder::of(&folder.config()).is_err());
}

#[test]
fn settings_that_are_there_stay_and_a_genesis_file_must_make_a_chain() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = Folder::make(place.path()).unwrap();
    let refused = |settings: &Settings, genesis: &str| {
        folder.write(settings, genesis).err().unwrap().to_string()
    };
    let error = refused(&settings(), "name = 1");
    assert!(error.contains("name"), "{error}");
    assert!(!folder.config().exists());
    for _ in 0..2 {
        folder.write(&settings(), GENESIS).unwrap();
    }
    let rpc = vec!["http://127.0.0.1:1".to_owned()];
    let follows = Settings { network: None, follow: Some(Follow { rpc }), ..settings() };
    let error = refused(&follows, GENESIS);
    assert!(error.contains("node.toml") && error.contains("is there already"), "{error}");
    assert_eq!(folder.settings().unwrap(), settings());
}
