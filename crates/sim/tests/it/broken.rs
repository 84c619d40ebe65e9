//! Every law is seen to be broken where what it rests on is taken away.

use terroir_sim::{Event, Hears, Lie, Plan, Step, Violation, Weather, run};

/// A plan of one act with these steps.
fn plan(liars: &[usize], steps: &[(u64, Event)]) -> Plan {
    let act = steps.iter().map(|(after_ms, event)| Step { after_ms: *after_ms, event: *event });
    Plan {
        seed: 7,
        liars: liars.to_vec(),
        false_disks: Vec::new(),
        disconnect: false,
        idle_ms: 200,
        kept_percent: 0,
        kept_first: true,
        acts: vec![act.collect()],
    }
}

fn broken(plan: &Plan) -> Violation {
    run(plan).unwrap_err().violation
}

#[test]
fn two_liars_of_four_make_two_chains() {
    // The honest two hear one process of each liar, and not each other.
    let sides = [Hears::First, Hears::Second, Hears::First, Hears::First];
    let steps = [(0, Event::Split(sides)), (0, Event::Part(0, 1)), (30_000, Event::Join)];
    let violation = broken(&plan(&[2, 3], &steps));
    assert!(matches!(violation, Violation::Fork { .. }), "{violation}");
    // One is not enough.
    run(&plan(&[2], &steps)).unwrap();
}

#[test]
fn a_chain_without_two_of_four_is_seen_to_stand_still() {
    let noise = [(500, Event::Lie(Lie::Noise)), (500, Event::Pay(0, 3))];
    let silenced = |liars: &[usize]| Plan { disconnect: true, ..plan(liars, &noise) };
    match broken(&silenced(&[2, 3])) {
        Violation::Stalled { missing, .. } => assert_eq!(missing, 3),
        other => panic!("{other}"),
    }
    run(&silenced(&[2])).unwrap();
}

#[test]
fn a_disk_that_does_not_keep_what_it_says_is_found_out() {
    let mut plan = plan(&[], &[(3_000, Event::Kill(1)), (100, Event::Start(1))]);
    assert!(run(&plan).is_ok());
    plan.false_disks = vec![1];
    // What is left of what was never synced is chance, and may be all.
    let found_out = |seed| match run(&Plan { seed, ..plan.clone() }) {
        Ok(_) => false,
        Err(failure) => match failure.violation {
            Violation::Lost { place: 1, .. } | Violation::Closed { place: 1, .. } => true,
            // The database does not survive all of it.
            Violation::Panic(_) => true,
            other => panic!("{other}"),
        },
    };
    assert!((0..6).any(found_out));
}

#[test]
fn every_lie_is_survived_and_some_are_proved() {
    let lies =
        [Lie::Notarize, Lie::Finalize, Lie::NullifyFinalize, Lie::State, Lie::Sender, Lie::Noise];
    for lie in lies {
        let mut steps = vec![(1_000, Event::Lie(lie)); 3];
        steps.push((500, Event::Pay(0, 3)));
        let report = run(&plan(&[2], &steps)).unwrap();
        let proved = matches!(lie, Lie::Notarize | Lie::Finalize | Lie::NullifyFinalize);
        let forged = matches!(lie, Lie::State | Lie::Sender);
        assert_eq!(report.expelled > 0, proved, "{lie:?}: {report:?}");
        assert_eq!(report.convictions > 0, proved || lie == Lie::Noise, "{lie:?}: {report:?}");
        assert_eq!(report.forged > 0 && report.refused > 0, forged, "{lie:?}: {report:?}");
    }
}

#[test]
fn whoever_is_proved_to_lie_is_waited_for_until_it_has_no_seat() {
    // The committee of the next epoch is fixed by then, and all else is final before it is over.
    let report = run(&plan(&[1], &[(500, Event::Lie(Lie::Notarize))])).unwrap();
    assert!(report.convictions > 0 && report.expelled == 1, "{report:?}");
}

#[test]
fn a_liar_is_known_by_its_seat_in_a_committee_that_became_smaller() {
    // The first one lies alone and loses its seat; then the last one sits where another sat before.
    let lie = Event::Lie(Lie::Notarize);
    let steps = [(100, Event::Kill(3)), (500, lie), (500, Event::Start(3)), (20_000, lie)];
    let report = run(&plan(&[0, 3], &steps)).unwrap();
    assert_eq!(report.expelled, 2, "{report:?}");
}

#[test]
fn who_is_cut_off_is_seen_before_all_machines_fall() {
    let noise = plan(&[2], &[(500, Event::Lie(Lie::Noise)), (1_000, Event::Join)]);
    let quiet = Step { after_ms: 500, event: Event::Join };
    let acts = vec![noise.acts[0].clone(), vec![quiet]];
    let report = run(&Plan { acts, ..noise }).unwrap();
    assert!(report.convictions > 0, "{report:?}");
}

#[test]
fn a_panic_is_a_violation_with_the_plan_that_led_to_it() {
    let weather = Weather { latency_ms: 1, jitter_ms: 0, lost_percent: 101 };
    let failure = run(&plan(&[], &[(0, Event::Weather(weather))])).unwrap_err();
    assert!(matches!(failure.violation, Violation::Panic(_)));
    let text = failure.to_string();
    let named = ["seed 7: liars []", "lost_percent: 101", "cargo xtask sim --seed 7"];
    assert!(named.iter().all(|named| text.contains(named)), "{text}");
}
