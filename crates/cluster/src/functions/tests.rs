//! Every stage that can be is a function, and does what the stage does.

use super::*;
use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::Int64Type;

#[test]
fn stages_of_one_record_without_parameters_are_functions() {
    let names: Vec<String> = all().iter().map(|function| function.name().to_owned()).collect();
    for name in ["normalise", "gopher_quality", "gopher_repetition", "c4", "fineweb", "pii"] {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
    for name in ["exact", "minhash", "substring"] {
        assert!(names.iter().all(|known| known != name), "{name} compares records");
    }
}

#[test]
fn a_function_gives_scores_verdict_and_text() {
    let function = Function::of("pii").unwrap();
    let texts = StringArray::from(vec![Some("write to a.b@example.org now"), None, Some("")]);
    let answer = function.judge(&texts).unwrap();
    let answer = answer.as_struct();
    assert_eq!((answer.len(), answer.null_count(), answer.is_null(1)), (3, 1, true));
    let first = function.local().facts().scores[0];
    let scores = answer.column_by_name(first).unwrap().as_primitive::<Int64Type>();
    assert_eq!((scores.value(0), scores.value(2)), (1, 0), "{first}");
    let verdicts = answer.column_by_name("verdict").unwrap().as_string::<i32>();
    assert_eq!(verdicts.value(2), "keep");
}
