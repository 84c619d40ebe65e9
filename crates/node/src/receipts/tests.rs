use super::*;
use tempfile::TempDir;
use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};
use terroir_model::{Answer, Finish, Input, Request, Sampling};
use terroir_proof::{
    Answered, ENGINE_SPEC, Engine, ModelIds, Run, Salt, TEXT_RULES, Times, Work, check_chain,
};

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
    let answered = Answered {
        salt: &Salt([7; 32]),
        model: ModelIds {
            manifest: ModelId(zero),
            program: ProgramId(zero),
            tokenizer: zero,
            template: None,
            profile: "fast".into(),
            text: TEXT_RULES.into(),
        },
        engine: Engine { spec: ENGINE_SPEC.into(), software: "t".into() },
        request,
        answer,
        prompt_tokens: 1,
        run: Run { root: zero, steps: 1, ops: 1 },
    };
    let times = Times { requested_ms: 1, first_ms: Some(2), done_ms: 3 };
    Draft { place: Place::FIRST, work: Work::Inference(answered), times }
}

/// One of the two files of a log.
fn file(log: &Receipts, ending: &str) -> PathBuf {
    log.folder.join(format!("{}.{ending}", log.key.public()))
}

/// Slots of a log's chain.
fn slots(log: &Receipts) -> u64 {
    log.lock().unwrap().slots().unwrap()
}

/// Cuts the chain file off in the middle of slot `slot`, or replaces the rest by zeros.
fn tear(log: &Receipts, slot: u64, zeros: bool) {
    let path = file(log, "chain");
    let whole = fs::read(&path).unwrap();
    let size = whole.len() as u64 / slots(log);
    let keep = usize::try_from(slot * size + size / 2).unwrap();
    let mut torn = whole[..keep].to_vec();
    torn.resize(if zeros { whole.len() } else { keep }, 0);
    fs::write(path, torn).unwrap();
}

/// Makes the list of ids as if the crash had come before it was written for these numbers.
fn unlist(log: &Receipts, seq: u64) {
    let ids = fs::OpenOptions::new().write(true).open(file(log, "ids")).unwrap();
    ids.set_len(8 * seq).unwrap();
}

/// Numbers of all receipts in the log; panics where they are no whole chain.
fn chain(log: &Receipts) -> Vec<u64> {
    let chain = log.lock().unwrap();
    let read = |slot| chain.read(slot).unwrap().unwrap();
    let bytes: Vec<Vec<u8>> = (0..chain.slots().unwrap()).map(read).collect();
    let chain = check_chain(&bytes.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    assert!(chain.gaps.is_empty(), "{:?}", chain.gaps);
    chain.receipts.into_iter().map(|(seq, _)| seq).collect()
}

#[track_caller]
fn check_damaged<T>(result: Result<T, Error>, log: &Receipts, want: u64) {
    match result.err() {
        Some(Error::ChainDamaged { path, seq }) => {
            assert_eq!((path, seq), (file(log, "chain"), want));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn receipts_are_numbered_joined_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    let stored: Vec<Stored> = (0..5).map(|number| append(&log, number).unwrap()).collect();
    assert_eq!(chain(&log), [0, 1, 2, 3, 4]);
    for (index, stored) in stored.iter().enumerate() {
        assert_eq!(stored.seq, index as u64);
        assert_eq!(ReceiptId::of(&stored.bytes), stored.id);
        assert_eq!(log.get(&stored.id).unwrap(), stored.bytes);
    }
    for none in [Digest([0; 32]), Digest([7; 32])] {
        let none = ReceiptId(none);
        assert!(matches!(log.get(&none), Err(Error::NoReceipt { id }) if id == none));
    }
}

#[test]
fn a_group_is_one_piece_of_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    append(&log, 0).unwrap();
    let stored = append_all(&log, &[1, 2, 3]).unwrap();
    let stored: Vec<Stored> = stored.into_iter().map(Result::unwrap).collect();
    assert_eq!(stored.iter().map(|stored| stored.seq).collect::<Vec<u64>>(), [1, 2, 3]);
    assert!(append_all(&log, &[]).unwrap().is_empty());
    append(&log, 4).unwrap();
    assert_eq!(chain(&log), [0, 1, 2, 3, 4]);
    for stored in stored {
        assert_eq!(log.get(&stored.id).unwrap(), stored.bytes);
    }
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
    let mut bytes = fs::read(file(&log, "chain")).unwrap();
    bytes[100] ^= 1;
    fs::write(file(&log, "chain"), bytes).unwrap();
    assert!(
        matches!(log.get(&stored.id), Err(Error::CorruptReceipt { id, .. }) if id == stored.id)
    );
}

#[test]
fn ids_that_a_power_cut_took_are_listed_again() {
    for lost in 0..=3 {
        let folder = tempfile::tempdir().unwrap();
        let log = log(&folder, 1);
        let stored: Vec<Stored> = (0..3).map(|number| append(&log, number).unwrap()).collect();
        let whole = fs::read(file(&log, "ids")).unwrap();
        match lost {
            // All of it; a part of it; holes in it.
            0 => fs::remove_file(file(&log, "ids")).unwrap(),
            1 => fs::write(file(&log, "ids"), &whole[..11]).unwrap(),
            _ => fs::write(file(&log, "ids"), vec![0; 8 * lost]).unwrap(),
        }
        log.recover().unwrap();
        assert_eq!(fs::read(file(&log, "ids")).unwrap(), whole);
        assert!(stored.iter().all(|stored| log.get(&stored.id).is_ok()));
        assert_eq!(append(&log, 3).unwrap().seq, 3);
    }
}

#[test]
fn a_group_that_nobody_has_seen_may_be_lost() {
    for zeros in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let log = log(&folder, 1);
        append(&log, 0).unwrap();
        let group: Vec<u64> = (1..=GROUP_MAX as u64).collect();
        append_all(&log, &group).unwrap();
        // The crash came while the group was written.
        unlist(&log, 1);
        tear(&log, 1, zeros);
        log.recover().unwrap();
        assert_eq!(chain(&log), [0]);
        assert_eq!(append(&log, 4).unwrap().seq, 1);
        assert_eq!(chain(&log), [0, 1]);
    }
}

#[test]
fn more_than_one_group_is_never_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    let group: Vec<u64> = (0..GROUP_MAX as u64).collect();
    append_all(&log, &group).unwrap();
    append_all(&log, &[1, 2]).unwrap();
    let whole = fs::read(file(&log, "chain")).unwrap();
    // As if nothing had ever been given out: only the length tells.
    unlist(&log, 0);
    tear(&log, 1, true);
    let torn = fs::read(file(&log, "chain")).unwrap();
    check_damaged(log.recover(), &log, 1);
    check_damaged(append(&log, 4), &log, 1);
    assert_eq!(fs::read(file(&log, "chain")).unwrap(), torn);
    fs::write(file(&log, "chain"), whole).unwrap();
    log.recover().unwrap();
    assert_eq!(append(&log, 4).unwrap().seq, GROUP_MAX as u64 + 2);
}

#[test]
fn a_chain_that_has_lost_what_was_given_out_is_not_continued() {
    for slot in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let log = log(&folder, 1);
        (0..4).for_each(|number| drop(append(&log, number).unwrap()));
        let whole = fs::read(file(&log, "chain")).unwrap();
        tear(&log, slot, slot % 2 == 0);
        // Without recovery first: a process that runs already must not go wrong either.
        check_damaged(append(&log, 4), &log, slot);
        check_damaged(log.recover(), &log, slot);
        fs::remove_file(file(&log, "chain")).unwrap();
        check_damaged(log.recover(), &log, 0);
        fs::write(file(&log, "chain"), whole).unwrap();
        log.recover().unwrap();
        assert_eq!(append(&log, 4).unwrap().seq, 4);
        assert_eq!(chain(&log), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn the_chain_of_another_key_is_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (log(&folder, 1), log(&folder, 2));
    append(&other, 0).unwrap();
    for ending in ["chain", "ids"] {
        fs::copy(file(&other, ending), file(&ours, ending)).unwrap();
    }
    check_damaged(append(&ours, 1), &ours, 0);
}

#[test]
fn what_is_cut_off_is_not_listed_either() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    append_all(&log, &[0, 1, 2]).unwrap();
    log.lock().unwrap().cut(1).unwrap();
    assert_eq!(append(&log, 3).unwrap().seq, 1);
    assert_eq!(chain(&log), [0, 1]);
}

#[test]
fn a_hole_in_the_chain_stays_one_but_no_number_is_used_twice() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    append_all(&log, &[0, 1, 2, 3]).unwrap();
    let mut bytes = fs::read(file(&log, "chain")).unwrap();
    let slot = bytes.len() / 4;
    bytes[2 * slot..3 * slot].fill(0);
    fs::write(file(&log, "chain"), bytes).unwrap();
    log.recover().unwrap();
    assert_eq!(append(&log, 4).unwrap().seq, 4);
    let chain = log.lock().unwrap();
    let there: Vec<bool> = (0..5).map(|slot| chain.read(slot).unwrap().is_some()).collect();
    assert_eq!(there, [true, true, false, true, true]);
}

#[test]
fn another_key_begins_its_own_chain_and_both_are_looked_through() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (log(&folder, 1), log(&folder, 2));
    let first = append(&old, 0).unwrap();
    append(&old, 1).unwrap();
    assert_eq!(append(&new, 2).unwrap().seq, 0);
    assert_eq!(append(&new, 3).unwrap().seq, 1);
    assert_eq!(append(&old, 4).unwrap().seq, 2);
    assert_eq!(new.get(&first.id).unwrap(), first.bytes);
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

/// Puts a file that is always full in the place of one of a log's.
fn fill_up(log: &Receipts, ending: &str) {
    let path = file(log, ending);
    fs::rename(&path, log.folder.join("aside")).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
}

fn make_room(log: &Receipts, ending: &str) {
    fs::rename(log.folder.join("aside"), file(log, ending)).unwrap();
}

#[test]
fn a_disk_that_fills_up_names_the_file_and_uses_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    log.recover().unwrap();
    // By then the group is in the chain, and durable; it must not stay there.
    fill_up(&log, "ids");
    for _ in 0..2 {
        match append_all(&log, &[1, 2, 3]).unwrap_err() {
            Error::Disk { path, .. } => assert_eq!(path, file(&log, "ids")),
            other => panic!("{other}"),
        }
        assert_eq!(slots(&log), 0);
    }
    make_room(&log, "ids");
    assert_eq!(append(&log, 4).unwrap().seq, 0);
    assert_eq!(chain(&log), [0]);
}

#[test]
fn where_a_group_cannot_be_taken_back_nothing_more_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder, 1);
    log.recover().unwrap();
    fill_up(&log, "chain");
    // Such a file can be neither written nor cut.
    assert!(
        matches!(append(&log, 1), Err(Error::Disk { path, .. }) if path == file(&log, "chain"))
    );
    let stopped = |result: Result<Stored, Error>| match result.unwrap_err() {
        Error::SigningStopped { folder } => assert_eq!(folder, log.folder),
        other => panic!("{other}"),
    };
    stopped(append(&log, 2));
    make_room(&log, "chain");
    stopped(append(&log.clone(), 3));
    // A new process looks at the disk anew.
    let again = super::Receipts::new(log.folder.clone(), Arc::clone(&log.key));
    again.recover().unwrap();
    assert_eq!(append(&again, 4).unwrap().seq, 0);
}
