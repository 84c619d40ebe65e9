use super::*;
use proptest::prelude::*;

type Names = Vec<(String, u64)>;

fn cut_names(names: &Names) -> Vec<&[(String, u64)]> {
    let facts: Vec<(&str, u64)> =
        names.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let mut rest = names.as_slice();
    let mut runs = Vec::new();
    for length in cut(&facts) {
        let (run, after) = rest.split_at(length);
        runs.push(run);
        rest = after;
    }
    assert!(rest.is_empty());
    runs
}

proptest! {
    #[test]
    fn one_more_file_changes_few_runs(
        sizes in prop::collection::vec(1..SMALL_BYTES, 1..400),
        at in 0usize..400,
    ) {
        let names: Names =
            sizes.iter().enumerate().map(|(n, bytes)| (format!("{n:06}"), *bytes)).collect();
        let mut more = names.clone();
        more.insert(at.min(names.len()), ("new".into(), 1000));
        let (before, after) = (cut_names(&names), cut_names(&more));
        for run in &after {
            let bytes: u64 = run.iter().map(|(_, bytes)| bytes).sum();
            prop_assert!(bytes <= RUN_BYTES_MAX && run.len() <= RUN_FILES_MAX);
        }
        let same = after.iter().filter(|run| before.contains(run)).count();
        // After a few runs at most the ends are where they were.
        prop_assert!(same + 60 >= after.len());
        prop_assert!(after.len() < 20 || same > 0, "{} of {}", same, after.len());
    }
}

#[test]
fn runs_have_few_files() {
    let names: Names = (0..10_000).map(|n| (format!("{n:06}"), 1)).collect();
    let runs = cut_names(&names);
    assert!(runs.len() == 3 && runs.iter().all(|run| run.len() <= RUN_FILES_MAX));
}
