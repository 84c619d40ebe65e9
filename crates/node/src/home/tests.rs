use super::*;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn id(byte: u8) -> ModelId {
    ModelId(terroir_base::Digest([byte; 32]))
}

#[test]
fn a_home_keeps_its_key_and_hides_it() {
    let folder = folder();
    let at = folder.path().join("new/home");
    let first = Home::open(&at).unwrap();
    let again = Home::open(&at).unwrap();
    assert!(first.key().unwrap().is_none() && !at.join("node.key").exists());
    first.receipts().unwrap();
    let key = |home: &Home| home.key().unwrap().unwrap().public();
    assert_eq!(key(&first), key(&again));
    again.receipts().unwrap();
    assert_eq!(key(&first), key(&again));
    let mode = fs::metadata(at.join("node.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for part in ["store", "receipts", "downloads"] {
        assert!(at.join(part).is_dir(), "{part}");
    }
}

#[test]
fn two_homes_have_two_keys() {
    let (one, other) = (folder(), folder());
    let key = |folder: &TempDir| {
        let home = Home::open(folder.path().join("h")).unwrap();
        home.receipts().unwrap();
        home.key().unwrap().unwrap().public()
    };
    assert_ne!(key(&one), key(&other));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    home.receipts().unwrap();
    let key = folder.path().join("node.key");
    for mode in [0o644, 0o640, 0o604, 0o602, 0o610] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        match home.receipts().unwrap_err() {
            Error::Exposed { path, mode: got } => assert_eq!((path, got), (key.clone(), mode)),
            other => panic!("{other}"),
        }
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(home.receipts().is_ok());
}

#[test]
fn what_lies_where_the_key_is_made_does_not_expose_it() {
    let exposed = |temp: &Path, _: &Path| {
        fs::write(temp, b"left by a crash").unwrap();
        fs::set_permissions(temp, fs::Permissions::from_mode(0o644)).unwrap();
    };
    let linked = |temp: &Path, elsewhere: &Path| {
        std::os::unix::fs::symlink(elsewhere, temp).unwrap();
    };
    for put in [&exposed as &dyn Fn(&Path, &Path), &linked] {
        let folder = folder();
        let (home, elsewhere) = (folder.path().join("home"), folder.path().join("elsewhere"));
        fs::create_dir(&home).unwrap();
        fs::write(&elsewhere, b"").unwrap();
        put(&home.join(".temp-node.key"), &elsewhere);
        Home::open(&home).unwrap().receipts().unwrap();
        let key = fs::symlink_metadata(home.join("node.key")).unwrap();
        assert!(key.is_file());
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&elsewhere).unwrap(), b"");
    }
}

#[test]
fn a_model_that_is_damaged_is_told_from_one_that_is_not_here() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    let toy = terroir_model::laws::Toy::new(3);
    assert!(matches!(home.load_model(toy.id), Err(Error::Model(_))));
    for blob in toy.blobs() {
        home.store().put(blob).unwrap();
    }
    let model = home.load_model(toy.id).unwrap();
    let part = model.manifest.tokenizer.to_string();
    let path = folder.path().join("store/blobs").join(&part[..2]).join(&part);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    // Once it is found, and once it is out of the way.
    for _ in 0..2 {
        match home.load_model(toy.id).err().unwrap() {
            Error::ModelDamaged { id, problem } => {
                assert_eq!(id, toy.id);
                assert!(problem.contains(&part), "{problem}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_key_file_with_something_else_is_refused_and_kept() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    home.receipts().unwrap();
    let key = folder.path().join("node.key");
    for content in [&b""[..], b"hello", b"\xff\xfe", &[b'a'; 10_000]] {
        fs::write(&key, content).unwrap();
        let error = home.receipts().unwrap_err();
        assert!(matches!(error, Error::Secrets { .. }), "{error}");
        assert_eq!(fs::read(&key).unwrap(), content);
    }
}

#[test]
fn other_folders_are_left_alone() {
    let folder = folder();
    fs::write(folder.path().join("thesis.tex"), b"x").unwrap();
    assert!(matches!(Home::open(folder.path()), Err(Error::HomeVersion { .. })));
    assert!(!folder.path().join("node.key").exists());
    let newer = self::folder();
    Home::open(newer.path()).unwrap();
    fs::write(newer.path().join("format"), b"terroir-home-2\n").unwrap();
    assert!(matches!(Home::open(newer.path()), Err(Error::HomeVersion { .. })));
}

#[test]
fn whoever_only_looks_makes_nothing() {
    let folder = folder();
    let at = folder.path().join("new/home");
    assert!(Home::find(&at).unwrap().is_none());
    assert!(!folder.path().join("new").exists());
    Home::open(&at).unwrap();
    assert!(Home::find(&at).unwrap().is_some_and(|home| home.key().unwrap().is_none()));
    fs::write(at.join("format"), b"terroir-home-2\n").unwrap();
    assert!(matches!(Home::find(&at), Err(Error::HomeVersion { .. })));
}

#[test]
fn models_are_found_by_name_and_by_the_start_of_their_id() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    assert!(home.models().unwrap().is_empty());
    home.name_model("b", id(0x11)).unwrap();
    home.name_model("a.1_x", id(0x22)).unwrap();
    home.name_model("b", id(0x33)).unwrap();
    let again = Home::open(folder.path()).unwrap();
    assert_eq!(
        again.models().unwrap().into_iter().collect::<Vec<_>>(),
        [("a.1_x".to_owned(), id(0x22)), ("b".to_owned(), id(0x33)),]
    );
    assert_eq!(home.find_model("b").unwrap(), id(0x33));
    assert_eq!(home.find_model("222222").unwrap(), id(0x22));
    assert_eq!(home.find_model(&id(0x77).to_string()).unwrap(), id(0x77));
    for unknown in ["c", "22222", "111111", "", "B"] {
        assert!(matches!(home.find_model(unknown), Err(Error::NoModel { .. })), "{unknown:?}");
    }
}

#[test]
fn a_start_that_several_ids_share_is_not_guessed() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    let mut twin = id(0x11);
    twin.0.0[31] = 0;
    home.name_model("one", id(0x11)).unwrap();
    home.name_model("alias", id(0x11)).unwrap();
    assert_eq!(home.find_model("111111").unwrap(), id(0x11));
    home.name_model("two", twin).unwrap();
    assert!(matches!(home.find_model("111111"), Err(Error::AmbiguousModel { matches: 2, .. })));
}

#[test]
fn names_that_clients_would_cut_or_hide_are_refused() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    let long = "x".repeat(101);
    let id_like = id(0x11).to_string();
    for name in ["", "a/b", ".a", "a.", "a b", "é", "a\n", &long, &id_like] {
        let refused = home.name_model(name, id(1));
        assert!(matches!(refused, Err(Error::ModelName { .. })), "{name:?}");
    }
}

#[test]
fn a_damaged_list_of_models_is_refused_with_the_line() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    home.name_model("a", id(1)).unwrap();
    home.name_model("b", id(2)).unwrap();
    let index = folder.path().join("models");
    let whole = fs::read_to_string(&index).unwrap();
    let check = |text: &str, want: usize| {
        fs::write(&index, text).unwrap();
        match home.models().unwrap_err() {
            Error::Index { line, .. } => assert_eq!(line, want, "{text:?}"),
            other => panic!("{other}"),
        }
    };
    check("", 1);
    check(&whole[..whole.len() - 1], 1);
    check(&whole.replace("models-1", "models-2"), 1);
    check(&whole.replace(" b", "b"), 3);
    check(&whole.replace(" b", " a"), 3);
    check(&whole.replace(" a", " z"), 3);
    check(&whole.replace(" a", " a/b"), 2);
    fs::write(&index, &whole).unwrap();
    assert_eq!(home.models().unwrap().len(), 2);
}

#[test]
fn many_processes_may_name_models_at_once() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let home = &home;
            scope.spawn(move || {
                for index in 0..8 {
                    home.name_model(&format!("m{worker}{index}"), id(worker)).unwrap();
                }
            });
        }
    });
    assert_eq!(home.models().unwrap().len(), 64);
}
