//! Rows come back as they were sent.

use super::*;

#[test]
fn tasks_come_back() {
    let sent = Task { shard: "00ff".to_owned(), wanted: vec![true, false, true] };
    assert_eq!(tasks(&task(&sent), 3).unwrap(), std::slice::from_ref(&sent));
    assert_eq!(tasks(&RecordBatch::new_empty(schema()), 3), None);
    let most = Task { shard: "0".to_owned(), wanted: vec![true; 64] };
    assert_eq!(tasks(&task(&most), 64).unwrap(), std::slice::from_ref(&most));
}

#[test]
fn rows_come_back() {
    let row = |done| Row { shard: "00ff".to_owned(), executor: "a".to_owned(), done };
    let digest = |byte| Digest([byte; 32]);
    let wrote = |out| Some(Wrote { digest: digest(1), length: 7, out });
    let done = |stage, wrote| Ok(Done { stage, cpu_ns: 3, commit_ns: 4, wrote });
    let sent = vec![
        row(done(0, wrote(Out::Rows(Tree { root: digest(2), leaves: 5 })))),
        row(done(1, wrote(Out::Keys(9)))),
        row(done(2, None)),
        row(Err("no such file".to_owned())),
    ];
    let batch = batch(&sent).unwrap();
    assert_eq!(read(&batch).unwrap(), sent);
    assert_eq!(read(&RecordBatch::new_empty(wanted())), None);
    // A row that says neither what was done nor why not.
    let columns = batch.columns().iter().enumerate().map(|(at, column)| match at {
        0 | 1 => column.slice(0, 1),
        _ => datafusion::arrow::array::new_null_array(column.data_type(), 1),
    });
    let nothing = RecordBatch::try_new(schema(), columns.collect()).unwrap();
    assert_eq!(read(&nothing), None);
}
