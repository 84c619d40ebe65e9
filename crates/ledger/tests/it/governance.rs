//! Parameters and votes on them.

use crate::support::World;
use alloy_primitives::U256;
use terroir_ledger::execute::param;
use terroir_ledger::native::GOVERNANCE;
use terroir_ledger::native::abi::IGovernance::{self, State};
use terroir_ledger::native::params::{BLOCK_GAS, PARAMS};

fn refused<T>(result: Result<T, String>, why: &str) {
    let error = result.err().expect(why);
    assert!(error.contains(why), "{error}");
}

fn pass_time(world: &mut World, to: u64) {
    let mut place = world.place(0);
    place.time_ms = to * 1_000;
    world.block_at(place, &[]);
}

/// Has the committee move `parameter` to `value`.
pub fn decide(world: &mut World, parameter: u16, value: U256) {
    let seats: Vec<_> = world.validators.iter().map(|one| one.account.clone()).collect();
    let propose = IGovernance::proposeCall { parameter, value, reason: String::new() };
    world.call(&seats[0], GOVERNANCE, 0, &propose).unwrap();
    for seat in &seats {
        let vote = IGovernance::voteCall { proposal: 0, support: true };
        world.call(seat, GOVERNANCE, 0, &vote).unwrap();
    }
    let proposal = world.read(GOVERNANCE, &IGovernance::proposalCall { id: 0 }).unwrap();
    pass_time(world, proposal.executable);
    world.call(&seats[0], GOVERNANCE, 0, &IGovernance::executeCall { proposal: 0 }).unwrap();
}

#[test]
fn a_parameter_moves_when_more_than_two_thirds_say_so_and_the_time_has_passed() {
    let mut world = World::new();
    let seats: Vec<_> = world.validators.iter().map(|one| one.account.clone()).collect();
    let propose = IGovernance::proposeCall {
        parameter: BLOCK_GAS,
        value: U256::from(40_000_000),
        reason: "more room".into(),
    };
    let stranger = world.alice.clone();
    refused(world.call(&stranger, GOVERNANCE, 0, &propose), "has no seat");
    let outside = IGovernance::proposeCall { value: U256::from(1), ..propose.clone() };
    refused(world.call(&seats[0], GOVERNANCE, 0, &outside), "is not within");
    let none = IGovernance::proposeCall { parameter: 99, ..propose.clone() };
    refused(world.call(&seats[0], GOVERNANCE, 0, &none), "there is no parameter 99");
    world.call(&seats[0], GOVERNANCE, 0, &propose).unwrap();
    world.call(&seats[0], GOVERNANCE, 0, &propose).unwrap();

    let vote = |proposal, support| IGovernance::voteCall { proposal, support };
    for seat in &seats[..3] {
        world.call(seat, GOVERNANCE, 0, &vote(0, true)).unwrap();
    }
    refused(world.call(&seats[0], GOVERNANCE, 0, &vote(0, true)), "has voted");
    refused(world.call(&stranger, GOVERNANCE, 0, &vote(0, true)), "has no seat");
    refused(world.call(&seats[0], GOVERNANCE, 0, &vote(7, true)), "there is no proposal 7");
    for (seat, support) in [(0, true), (1, true), (2, false)] {
        world.call(&seats[seat], GOVERNANCE, 0, &vote(1, support)).unwrap();
    }
    let execute = |proposal| IGovernance::executeCall { proposal };
    refused(world.call(&stranger, GOVERNANCE, 0, &execute(0)), "are open until");
    let ask = IGovernance::proposalCall { id: 0 };
    let closes = world.read(GOVERNANCE, &ask).unwrap().closes;
    pass_time(&mut world, closes);
    refused(world.call(&seats[3], GOVERNANCE, 0, &vote(0, true)), "are closed");
    let proposal = world.read(GOVERNANCE, &ask).unwrap();
    assert!(matches!(proposal.state, State::Passed));
    assert_eq!((proposal.votesFor, proposal.seats), (3, 4));
    refused(world.call(&stranger, GOVERNANCE, 0, &execute(0)), "can be executed from");
    pass_time(&mut world, proposal.executable);
    refused(world.call(&stranger, GOVERNANCE, 0, &execute(1)), "did not pass");
    assert_eq!(param(&world.view, BLOCK_GAS).unwrap(), 30_000_000);
    world.call(&stranger, GOVERNANCE, 0, &execute(0)).unwrap();
    assert_eq!(param(&world.view, BLOCK_GAS).unwrap(), 40_000_000);
    refused(world.call(&stranger, GOVERNANCE, 0, &execute(0)), "was executed already");
    world.block(&[]);
    assert_eq!(world.header.gas_limit, 40_000_000);
}

#[test]
fn every_parameter_is_within_its_own_bounds_and_has_a_name_of_its_own() {
    let world = World::new();
    let count = world.read(GOVERNANCE, &IGovernance::parametersCall {}).unwrap();
    assert_eq!(usize::from(count), PARAMS.len());
    for (index, param) in PARAMS.iter().enumerate() {
        let index = index as u16;
        let shown = world.read(GOVERNANCE, &IGovernance::parameterCall { index }).unwrap();
        assert_eq!(shown.name, param.name);
        assert!(shown.min <= shown.value && shown.value <= shown.max, "{}", param.name);
        assert_eq!(PARAMS.iter().filter(|other| other.name == param.name).count(), 1);
    }
}
