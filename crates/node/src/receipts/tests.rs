use super::*;
use tempfile::TempDir;
use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};
use terroir_model::{Answer, Finish, Input, Request, Sampling};
use terroir_proof::{Engine, ModelIds, Run, Salt, Times, check_chain};

fn log(folder: &TempDir, seed: u8) -> Receipts {
    let key = Arc::new(SecretKey::from_seed([seed; 32]));
    Receipts::new(folder.path().to_owned(), key)
}

fn append(log: &Receipts, number: u64) -> Result<Stored, Error> {
    append_all(log, &[number])?.remove(0)
}

fn append_all(log: &Receipts, numbers: &[u64]) -> Result<Vec<Result<Stored, Error>>, Error> {
    let request = |number: &u64| Request {
        input: Input::Text(number.to_string()),
        sampling: Sampling::GREEDY,
        max_tokens: 9,
        stop: Vec::new(),
    };
    let requests: Vec<Vec<u8>> = numbers.iter().map(|number| request(number).encode()).collect();
    let answer = Answer { text: "a".into(), tokens: vec![1], finish: Finish::Stop }.encode();
    let drafts = requests.iter().map(|request| draft(request, &answer));
    log.append(drafts.collect())
}

fn draft<'a>(request: &'a [u8], answer: &'a [u8]) -> Draft<'a> {
    let zero = Digest([0; 32]);
    Draft {
        place: Place::FIRST,
        salt: &Salt([7; 32]),
        model: ModelIds {
            manifest: ModelId(zero),
            program: ProgramId(zero),
            tokenizer: zero,
            template: None,
            profile: "fast".into(),
        },
        engine: Engine { spec: "s".into(), software: "t".into() },
        request,
        answer,
        prompt_tokens: 1,
        run: Run { root: zero, steps: 1, ops: 1 },
        times: Times { requested_ms: 1, first_ms: Some(2), done_ms: 3 },
    }
}

/// The chain file of a log.
fn file(log: &Receipts) -> PathBuf {
    log.folder.join(format!("{}.chain", log.key.public()))
}

/// Cuts the chain file off in the middle of slot `slot`, or replaces the rest by zeros.
fn tear(log: &Receipts, slot: u64, zeros: bool) {
    let whole = fs::read(file(log)).unwrap();
    let middle = whole.len() as u64 / Chain::lock(&file(log)).unwrap().slots().unwrap();
    let keep = usize::try_from(slot * middle + middle / 2).unwrap();
    let mut torn = whole[..keep].to_vec();
    torn.resize(if zeros { whole.len() } else { keep }, 0);
    fs::write(file(log), torn).unwrap();
}

/// Numbers of all receipts in the folder; panics where they are no whole chain.
fn chain(log: &Receipts) -> Vec<u64> {
    let files = fs::read_dir(&log.folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension() == Some(OsStr::new(ENDING)));
    let bytes: Vec<Vec<u8>> = files.map(|path| fs::read(path).unwrap()).collect();
    let chain = check_chain(&bytes.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    assert!(chain.gaps.is_empty(), "{:?}", chain.gaps);
    chain.receipts.into_iter().map(|(seq, _)| seq).collect()
}

#[test]
fn receipts_are_numbered_joined_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    let stored: Vec<Stored> = (0..5).map(|number| append(&log, number).unwrap()).collect();
    assert_eq!(chain(&log), [0, 1, 2, 3, 4]);
    for (index, stored) in stored.iter().enumerate() {
        assert_eq!(stored.seq, index as u64);
        assert_eq!(ReceiptId::of(&log.get(&stored.id).unwrap()), stored.id);
        assert_eq!(stored.path, log.path(&stored.id));
    }
    let none = ReceiptId(Digest([0; 32]));
    assert!(matches!(log.get(&none), Err(Error::NoReceipt { id }) if id == none));
}

#[test]
fn a_group_is_one_piece_of_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    append(&log, 0).unwrap();
    let stored = append_all(&log, &[1, 2, 3]).unwrap();
    let numbers: Vec<u64> = stored.into_iter().map(|stored| stored.unwrap().seq).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(append_all(&log, &[]).unwrap().is_empty());
    append(&log, 4).unwrap();
    assert_eq!(chain(&log), [0, 1, 2, 3, 4]);
}

#[test]
fn a_draft_that_checkers_would_refuse_takes_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    let request = Request {
        input: Input::Text("x".into()),
        sampling: Sampling::GREEDY,
        max_tokens: 1,
        stop: Vec::new(),
    };
    let answer = |tokens| Answer { text: "a".into(), tokens, finish: Finish::Stop }.encode();
    let (request, good, bad) = (request.encode(), answer(vec![1]), answer(vec![1, 2]));
    let drafts = [&good, &bad, &good].map(|answer| draft(&request, answer));
    let results = log.append(drafts.into()).unwrap();
    assert!(matches!(results[1], Err(Error::Receipt(_))));
    assert_eq!((results[0].as_ref().unwrap().seq, results[2].as_ref().unwrap().seq), (0, 1));
    assert_eq!(chain(&log), [0, 1]);
}

#[test]
fn a_changed_receipt_is_not_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    let stored = append(&log, 0).unwrap();
    let mut bytes = fs::read(&stored.path).unwrap();
    bytes[100] ^= 1;
    fs::write(&stored.path, bytes).unwrap();
    assert!(matches!(log.get(&stored.id), Err(Error::CorruptReceipt { .. })));
}

#[test]
fn files_that_a_power_cut_took_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    let stored: Vec<Stored> = (0..3).map(|number| append(&log, number).unwrap()).collect();
    fs::remove_file(&stored[0].path).unwrap();
    fs::write(&stored[2].path, b"").unwrap();
    log.recover().unwrap();
    assert_eq!(chain(&log), [0, 1, 2]);
    assert_eq!(append(&log, 3).unwrap().seq, 3);
}

#[test]
fn a_receipt_that_nobody_has_seen_may_be_lost() {
    for zeros in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let log = log(&folder, 1);
        append(&log, 0).unwrap();
        let lost = append_all(&log, &[1, 2, 3]).unwrap();
        // The crash came while the group was written, so none of it had a file.
        lost.into_iter().for_each(|lost| fs::remove_file(lost.unwrap().path).unwrap());
        tear(&log, 2, zeros);
        log.recover().unwrap();
        assert_eq!(chain(&log), [0, 1]);
        assert_eq!(append(&log, 4).unwrap().seq, 2);
        assert_eq!(chain(&log), [0, 1, 2]);
    }
}

#[test]
fn a_hole_in_the_chain_stays_one_but_no_number_is_used_twice() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    let stored = append_all(&log, &[0, 1, 2, 3]).unwrap();
    stored.into_iter().for_each(|stored| fs::remove_file(stored.unwrap().path).unwrap());
    let mut bytes = fs::read(file(&log)).unwrap();
    let slot = bytes.len() / 4;
    bytes[2 * slot..3 * slot].fill(0);
    fs::write(file(&log), bytes).unwrap();
    log.recover().unwrap();
    assert_eq!(append(&log, 4).unwrap().seq, 4);
    let named: Vec<u64> = log.named().unwrap().into_keys().collect();
    assert_eq!(named, [0, 1, 3, 4]);
}

#[test]
fn a_receipt_that_was_given_out_keeps_its_number_even_if_the_chain_is_damaged() {
    for slot in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let log = log(&folder, 1);
        (0..4).for_each(|number| drop(append(&log, number).unwrap()));
        tear(&log, slot, slot % 2 == 0);
        // Without recovery first: a process that runs already must not go wrong either.
        assert_eq!(append(&log, 4).unwrap().seq, 4);
        assert_eq!(chain(&log), [0, 1, 2, 3, 4]);
    }
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    (0..4).for_each(|number| drop(append(&log, number).unwrap()));
    fs::remove_file(file(&log)).unwrap();
    assert_eq!(append(&log, 4).unwrap().seq, 4);
    log.recover().unwrap();
    assert_eq!(chain(&log), [0, 1, 2, 3, 4]);
}

#[test]
fn what_a_crash_left_unfinished_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    fs::write(folder.path().join(".temp-rcpt"), vec![b'x'; 100_000]).unwrap();
    append(&log, 0).unwrap();
    assert_eq!(chain(&log), [0]);
}

#[test]
fn another_key_begins_its_own_chain() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (log(&folder, 1), log(&folder, 2));
    append(&old, 0).unwrap();
    append(&old, 1).unwrap();
    assert_eq!(append(&new, 2).unwrap().seq, 0);
    assert_eq!(append(&new, 3).unwrap().seq, 1);
    assert_eq!(append(&old, 4).unwrap().seq, 2);
}

#[test]
fn many_processes_may_append_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let log = log(&folder, 1);
            scope.spawn(move || {
                for number in 0..16 {
                    append(&log, worker * 100 + number).unwrap();
                }
            });
        }
    });
    assert_eq!(chain(&log(&folder, 1)), (0..64).collect::<Vec<u64>>());
}

#[test]
fn a_disk_that_refuses_names_the_file_and_uses_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    append(&log, 0).unwrap();
    // A folder in the way stands for a disk that takes nothing; it holds for root too.
    let (way, aside) = (file(&log), folder.path().join("aside"));
    fs::rename(&way, &aside).unwrap();
    fs::create_dir(&way).unwrap();
    match append(&log, 1).unwrap_err() {
        Error::Disk { path, .. } => assert_eq!(path, way),
        other => panic!("{other}"),
    }
    fs::remove_dir(&way).unwrap();
    fs::rename(&aside, &way).unwrap();
    assert_eq!(append(&log, 2).unwrap().seq, 1);
    assert_eq!(chain(&log), [0, 1]);
}
