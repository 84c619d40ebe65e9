//! Stake that leaves: who keeps a place, who comes back with what, and what slashing takes on the way.

use crate::staking::{guilty, join, next_epoch, refused, validator};
use crate::support::{Account, TOKEN, Validator, World};
use alloy_primitives::{Address, TxKind, U256};
use alloy_sol_types::SolCall;
use terroir_ledger::native::STAKING;
use terroir_ledger::native::abi::IStaking;
use terroir_ledger::native::staking::{leader, seats_of};

fn shares(world: &World, validator: Address, delegator: Address) -> U256 {
    world.read(STAKING, &IStaking::sharesOfCall { validator, delegator }).unwrap()
}

fn undelegate(world: &mut World, from: &Account, validator: Address, shares: U256) {
    world.call(from, STAKING, 0, &IStaking::undelegateCall { validator, shares }).unwrap();
}

fn parts(world: &World, delegator: Address) -> u64 {
    world.read(STAKING, &IStaking::unbondingsCall { delegator }).unwrap()
}

/// Worth of all that `delegator` has on its way out, and when the last of it is ready.
fn leaving(world: &World, delegator: Address) -> (U256, u64) {
    let part = |index| world.read(STAKING, &IStaking::unbondingCall { delegator, index }).unwrap();
    let all = (0..parts(world, delegator)).map(part);
    all.fold((U256::ZERO, 0), |(sum, ready), one| (sum + one.tokens, ready.max(one.ready)))
}

/// Goes on to the second `time`.
fn wait_until(world: &mut World, time: u64) {
    let mut later = world.place(0);
    later.time_ms = time * 1_000;
    world.block_at(later, &[]);
}

/// Has alice's validator join the four of genesis.
fn fifth(world: &mut World) -> Account {
    let mut new = Validator::new(101);
    new.account = world.alice.clone();
    world.call(&new.account.clone(), STAKING, 10_000 * TOKEN, &join(&new)).unwrap();
    new.account
}

#[test]
fn what_others_have_with_who_left_holds_no_place_and_can_be_taken_back() {
    let mut world = World::with("parameters = { unbond_seconds = 3600 }");
    let alice = fifth(&mut world);
    let (bob, count) = (world.bob.clone(), IStaking::countCall {});
    let dust = IStaking::delegateCall { validator: alice.address };
    world.call(&bob, STAKING, 1_000, &dust).unwrap();
    next_epoch(&mut world);
    world.call(&alice, STAKING, 0, &IStaking::resignCall {}).unwrap();
    let own = shares(&world, alice.address, alice.address);
    undelegate(&mut world, &alice, alice.address, own - U256::from(1));
    // It sits in the committee of epoch 2 and stays for as long.
    next_epoch(&mut world);
    assert_eq!(world.read(STAKING, &count).unwrap(), 5);
    next_epoch(&mut world);
    assert_eq!(world.read(STAKING, &count).unwrap(), 4);
    refused(world.call(&bob, STAKING, TOKEN, &dust), "is no validator");

    for (account, held) in [(&bob, 1_000), (&alice, 1)] {
        let own = shares(&world, alice.address, account.address);
        assert!(own >= U256::from(held) / U256::from(2), "{own}");
        undelegate(&mut world, account, alice.address, own);
    }
    assert_eq!(validator_tokens(&world), world.balance(STAKING) - owed(&world));
    let (tokens, ready) = leaving(&world, bob.address);
    assert!(tokens >= U256::from(999), "{tokens}");
    wait_until(&mut world, ready);
    world.call(&bob, STAKING, 0, &IStaking::withdrawCall {}).unwrap();
    world.call(&alice, STAKING, 0, &IStaking::withdrawCall {}).unwrap();
    assert_eq!(validator_tokens(&world), world.balance(STAKING));
    let nothing = IStaking::undelegateCall { validator: alice.address, shares: U256::from(1) };
    refused(world.call(&bob, STAKING, 0, &nothing), "1 of 0 shares cannot be taken back");
}

/// Tokens of the validators of genesis.
fn validator_tokens(world: &World) -> U256 {
    let tokens = |one: &Validator| validator(world, one.account.address).tokens;
    world.validators.iter().map(tokens).fold(U256::ZERO, |sum, tokens| sum + tokens)
}

/// What is owed to those who took something back.
fn owed(world: &World) -> U256 {
    let mut all: Vec<Address> = world.validators.iter().map(|one| one.account.address).collect();
    all.extend([world.alice.address, world.bob.address]);
    all.iter().map(|one| leaving(world, *one).0).fold(U256::ZERO, |sum, tokens| sum + tokens)
}

#[test]
fn who_comes_back_from_jail_has_as_much_to_lose_as_before() {
    let mut world = World::with("parameters = { slash_downtime = 10000, block_reward = 0 }");
    let absent = world.validators[2].account.clone();
    let bob = world.bob.clone();
    fifth(&mut world);
    let stake = IStaking::delegateCall { validator: absent.address };
    world.call(&bob, STAKING, 50_000 * TOKEN, &stake).unwrap();
    let mut jailed = None;
    while jailed.is_none() {
        let epoch = world.chain.epoch(world.header.number + 1);
        assert!(epoch < 2, "the committees of genesis");
        let mut place = world.place(0);
        if leader(epoch, place.view, 4) == 2 {
            place = world.place(1);
        }
        world.block_at(place, &[]);
        let now = validator(&world, absent.address);
        jailed = matches!(now.status, IStaking::Status::Jailed).then_some(now.jailedUntil);
    }
    // In jail nothing goes back, and what was taken there must come again: others' stake is not its.
    let own = shares(&world, absent.address, absent.address);
    for shares in [own, U256::from(1)] {
        let back = IStaking::undelegateCall { validator: absent.address, shares };
        refused(world.call(&absent, STAKING, 0, &back), "is the least: leave first");
    }
    wait_until(&mut world, jailed.unwrap());
    world.call(&absent, STAKING, 0, &IStaking::unjailCall {}).unwrap();
    let sits = |world: &World, epoch| {
        let seats = seats_of(&world.view, epoch).unwrap();
        assert!(seats.len() >= 4);
        seats.iter().any(|seat| seat.validator == absent.address)
    };
    next_epoch(&mut world);
    let next = world.chain.epoch(world.header.number + 1) + 1;
    assert!(!sits(&world, next), "1 % of its own is missing");
    assert!(validator(&world, absent.address).tokens > U256::from(50_000 * TOKEN));
    world.call(&absent, STAKING, 101 * TOKEN, &stake).unwrap();
    next_epoch(&mut world);
    assert!(sits(&world, next + 1));
}

#[test]
fn a_slash_of_everything_takes_what_is_leaving_too_and_nothing_stays_behind() {
    let more = "parameters = { slash_equivocation = 1000000, unbond_seconds = 3600 }";
    let mut world = World::with(more);
    world.block(&[]);
    let (evidence, victim) = guilty(&world, 0);
    let other = world.validators[1].account.address;
    let bob = world.bob.clone();
    for validator in [victim, other] {
        let stake = IStaking::delegateCall { validator };
        world.call(&bob, STAKING, 100 * TOKEN, &stake).unwrap();
    }
    let held = shares(&world, victim, bob.address);
    undelegate(&mut world, &bob, victim, held / U256::from(2));
    let own = shares(&world, other, bob.address);
    undelegate(&mut world, &bob, other, own);
    let burned = world.balance(Address::ZERO);
    world.block_with(world.place(0), &[evidence], &[]);
    assert!(world.balance(Address::ZERO) - burned > U256::from(9_500 * TOKEN));
    assert_eq!(world.balance(STAKING), validator_tokens(&world) + owed(&world));
    let (tokens, _) = leaving(&world, bob.address);
    assert!(tokens < U256::from(101 * TOKEN), "only what was with the other is left: {tokens}");

    // A list full of what is worth nothing does not hold the rest.
    let back = IStaking::undelegateCall { validator: victim, shares: U256::from(1) };
    let one = |ahead| world.tx(&bob, ahead, TxKind::Call(STAKING), 0, back.abi_encode());
    let many: Vec<_> = (0..30).map(one).collect();
    let done = world.block(&many);
    assert!(done.receipts.iter().all(|receipt| receipt.status()));
    refused(world.call(&bob, STAKING, 0, &back), "32 parts are on their way out");
    let (_, ready) = leaving(&world, bob.address);
    wait_until(&mut world, ready);
    world.call(&bob, STAKING, 0, &IStaking::withdrawCall {}).unwrap();
    assert_eq!(parts(&world, bob.address), 0);
    undelegate(&mut world, &bob, victim, U256::from(1));
    let (tokens, ready) = leaving(&world, bob.address);
    assert_eq!((parts(&world, bob.address), tokens), (1, U256::ZERO));
    wait_until(&mut world, ready);
    world.call(&bob, STAKING, 0, &IStaking::withdrawCall {}).unwrap();
    assert_eq!(parts(&world, bob.address), 0);
    refused(world.call(&bob, STAKING, 0, &IStaking::withdrawCall {}), "nothing is ready");
    assert_eq!(world.balance(STAKING), validator_tokens(&world) + owed(&world));
}
