//! Stake, committees by epoch, rewards, jail.

use crate::support::{EPOCH, TOKEN, Validator, World};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use terroir_ledger::block::{EVIDENCE_BYTES_MAX, EVIDENCE_MAX};
use terroir_ledger::native::STAKING;
use terroir_ledger::native::abi::IStaking;
use terroir_ledger::native::staking::{Conviction, digest, leader, seats_of};
use terroir_ledger::{Block, Error, convicts, verify};

pub fn refused<T>(result: Result<T, String>, why: &str) {
    let error = result.err().expect(why);
    assert!(error.contains(why), "{error}");
}

pub fn join(one: &Validator) -> IStaking::joinCall {
    IStaking::joinCall {
        key: one.key(),
        possession: one.possession(),
        blsKey: one.vote_key(),
        blsPossession: one.vote_possession(),
        payout: Address::ZERO,
        commission: 100_000,
    }
}

pub fn validator(world: &World, address: Address) -> IStaking::Validator {
    world.read(STAKING, &IStaking::validatorCall { validator: address }).unwrap()
}

/// Goes on to the first block of the next epoch.
pub fn next_epoch(world: &mut World) {
    loop {
        world.block(&[]);
        if (world.header.number + 1).is_multiple_of(EPOCH) {
            world.block(&[]);
            break;
        }
    }
}

#[test]
fn genesis_seats_everyone_in_the_order_of_identities() {
    let world = World::new();
    for epoch in [0, 1] {
        let seats = seats_of(&world.view, epoch).unwrap();
        let keys: Vec<_> = seats.iter().map(|seat| seat.key).collect();
        let expected: Vec<_> = world.validators.iter().map(Validator::key).collect();
        assert_eq!(keys, expected);
    }
    assert_eq!(seats_of(&world.view, 2).unwrap(), []);
    assert_eq!(world.seal.next, digest(&seats_of(&world.view, 1).unwrap()));
    assert_eq!(world.balance(STAKING), U256::from(40_000 * TOKEN));
}

#[test]
fn who_joins_sits_in_the_epoch_after_the_next_and_who_leaves_does_not() {
    let mut world = World::new();
    let mut new = Validator::new(101); // alice's account
    new.account = world.alice.clone();
    let call = join(&new);
    let alice = world.alice.clone();
    refused(world.call(&alice, STAKING, 9_999 * TOKEN, &call), "is the least");
    let other = IStaking::joinCall { possession: world.validators[0].possession(), ..call.clone() };
    refused(world.call(&alice, STAKING, 20_000 * TOKEN, &other), "possession is not");
    let other =
        IStaking::joinCall { blsPossession: world.validators[0].vote_possession(), ..call.clone() };
    refused(world.call(&alice, STAKING, 20_000 * TOKEN, &other), "blsPossession is not");
    let other = IStaking::joinCall { commission: 500_001, ..call.clone() };
    refused(world.call(&alice, STAKING, 20_000 * TOKEN, &other), "commission");
    world.call(&alice, STAKING, 20_000 * TOKEN, &call).unwrap();
    refused(world.call(&alice, STAKING, 20_000 * TOKEN, &call), "is a validator already");
    assert_eq!(world.chain.epoch(world.header.number), 0);
    next_epoch(&mut world);
    assert_eq!(world.read(STAKING, &IStaking::epochCall {}).unwrap(), 1);
    // Fixed at the end of epoch 0, for epoch 2.
    assert_eq!(seats_of(&world.view, 1).unwrap().len(), 4);
    let seats = seats_of(&world.view, 2).unwrap();
    assert_eq!(seats.len(), 5);
    assert!(seats.is_sorted_by_key(|seat| seat.key));
    assert!(seats.iter().any(|seat| seat.validator == alice.address));
    world.call(&alice, STAKING, 0, &IStaking::resignCall {}).unwrap();
    let seat = IStaking::committeeCall { epoch: 2 };
    assert_eq!(world.read(STAKING, &seat).unwrap().len(), 5);
    while world.chain.epoch(world.header.number + 1) < 2 {
        world.block(&[]);
    }
    assert_eq!(seats_of(&world.view, 3).unwrap().len(), 4);
    // With all its stake gone and no seat left, there is room for another again, also for itself.
    let held = world.read(
        STAKING,
        &IStaking::sharesOfCall { validator: alice.address, delegator: alice.address },
    );
    let all = IStaking::undelegateCall { validator: alice.address, shares: held.unwrap() };
    world.call(&alice, STAKING, 0, &all).unwrap();
    assert_eq!(world.read(STAKING, &IStaking::countCall {}).unwrap(), 5);
    while world.chain.epoch(world.header.number + 1) < 3 {
        world.block(&[]);
    }
    assert_eq!(world.read(STAKING, &IStaking::countCall {}).unwrap(), 4);
    let ask = IStaking::validatorCall { validator: alice.address };
    refused(world.read(STAKING, &ask), "is no validator");
    let bob = world.bob.clone();
    let mut thief = Validator::new(101);
    thief.account = bob.clone();
    refused(world.call(&bob, STAKING, 20_000 * TOKEN, &join(&thief)), "another validator's");
    world.call(&alice, STAKING, 20_000 * TOKEN, &call).unwrap();
    assert_eq!(world.read(STAKING, &IStaking::countCall {}).unwrap(), 5);
}

#[test]
fn whoever_makes_blocks_is_rewarded_and_shares_it_with_delegators() {
    let mut world = World::with("parameters = { block_reward = \"1000000000000000000\" }");
    let first = world.validators[0].account.address;
    let bob = world.bob.clone();
    let stake = IStaking::delegateCall { validator: first };
    refused(world.call(&bob, STAKING, 0, &stake), "no value");
    let stranger = IStaking::delegateCall { validator: bob.address };
    refused(world.call(&bob, STAKING, TOKEN, &stranger), "is no validator");
    let before = validator(&world, first).tokens;
    world.call(&bob, STAKING, 10_000 * TOKEN, &stake).unwrap();
    let shares = IStaking::sharesOfCall { validator: first, delegator: bob.address };
    let held = world.read(STAKING, &shares).unwrap();
    assert!(held > U256::ZERO && held <= U256::from(10_000 * TOKEN));
    for _ in 0..5 {
        world.block(&[]);
    }
    let now = validator(&world, first);
    assert!(now.tokens > before + U256::from(10_000 * TOKEN));
    // All tokens there are of validators, staking holds; not one more.
    let sum: U256 = world
        .validators
        .iter()
        .map(|one| validator(&world, one.account.address).tokens)
        .fold(U256::ZERO, |sum, tokens| sum + tokens);
    assert_eq!(world.balance(STAKING), sum);

    let back = IStaking::undelegateCall { validator: first, shares: held + U256::from(1) };
    refused(world.call(&bob, STAKING, 0, &back), "cannot be taken back");
    let back = IStaking::undelegateCall { validator: first, shares: held };
    world.call(&bob, STAKING, 0, &back).unwrap();
    let out = IStaking::unbondingCall { delegator: bob.address, index: 0 };
    let out = world.read(STAKING, &out).unwrap();
    assert!(out.tokens > U256::from(10_000 * TOKEN), "the reward is in it");
    refused(world.call(&bob, STAKING, 0, &IStaking::withdrawCall {}), "nothing is ready");
    let mut later = world.place(0);
    later.time_ms = out.ready * 1_000;
    world.block_at(later, &[]);
    let before = world.balance(bob.address);
    world.call(&bob, STAKING, 0, &IStaking::withdrawCall {}).unwrap();
    assert!(world.balance(bob.address) > before + U256::from(10_000 * TOKEN));
}

#[test]
fn whoever_is_away_for_most_of_an_epoch_goes_to_jail_and_comes_back() {
    let mut world = World::with("parameters = { slash_downtime = 10000, block_reward = 0 }");
    let absent = world.validators[2].account.clone();
    while world.chain.epoch(world.header.number + 1) == 0 {
        let mut place = world.place(0);
        if leader(0, place.view, 4) == 2 {
            place = world.place(1);
        }
        world.block_at(place, &[]);
    }
    let jailed = validator(&world, absent.address);
    assert!(matches!(jailed.status, IStaking::Status::Jailed));
    assert_eq!(jailed.tokens, U256::from(9_900 * TOKEN));
    for one in [0, 1, 3] {
        let other = validator(&world, world.validators[one].account.address);
        assert!(matches!(other.status, IStaking::Status::Active));
        assert_eq!((other.tokens, other.missed), (U256::from(10_000 * TOKEN), 0));
    }
    // Three would not bear a fault: the committee stays.
    assert_eq!(seats_of(&world.view, 2).unwrap().len(), 4);
    refused(world.call(&absent, STAKING, 0, &IStaking::unjailCall {}), "is in jail until");
    let mut later = world.place(0);
    later.time_ms = jailed.jailedUntil * 1_000;
    world.block_at(later, &[]);
    world.call(&absent, STAKING, 0, &IStaking::unjailCall {}).unwrap();
    assert!(matches!(validator(&world, absent.address).status, IStaking::Status::Active));
    let stranger = world.alice.clone();
    refused(world.call(&stranger, STAKING, 0, &IStaking::unjailCall {}), "is no validator");
}

#[test]
fn a_validator_that_contradicts_itself_is_punished_once_and_for_all() {
    let mut world = World::new();
    let genesis = world.hash;
    world.block(&[]);
    let alice = world.alice.clone();
    let seats = seats_of(&world.view, 0).unwrap();
    let (guilty, others) = world.validators.split_first().unwrap();
    let seat = seats.iter().position(|seat| seat.key == guilty.key()).unwrap() as u8;
    let (victim, other_seat) = (guilty.account.address, (seat + 1) % 4);
    let block = |byte| Some((3, alloy_primitives::B256::repeat_byte(byte)));
    let place = (0, 5, seat);
    let notarize = |byte| guilty.vote(genesis, "_NOTARIZE", place, block(byte));
    let finalize = |byte| guilty.vote(genesis, "_FINALIZE", place, block(byte));
    let nullify = || guilty.vote(genesis, "_NULLIFY", place, None);
    let both = |kind: u8, one: Vec<u8>, other: Vec<u8>| [vec![kind], one, other].concat();
    let stranger = others[0].vote(genesis, "_NOTARIZE", place, block(2));
    let elsewhere = guilty.vote(genesis, "_NOTARIZE", (0, 6, seat), block(2));
    let seatless = |seat| guilty.vote(genesis, "_NOTARIZE", (0, 5, seat), block(1));
    let other_chain = guilty.vote(alice.address.into_word(), "_NOTARIZE", place, block(2));
    let bad = [
        (vec![], "ends too early"),
        (both(4, notarize(1), notarize(2)), "an unknown kind"),
        (both(1, notarize(1), notarize(1)), "do not contradict"),
        (both(1, notarize(1), elsewhere), "do not contradict"),
        (both(1, notarize(1), seatless(other_seat)), "do not contradict"),
        (both(1, notarize(1), stranger), "vote 1 of the evidence is not signed"),
        (both(1, other_chain, notarize(1)), "vote 0 of the evidence is not signed"),
        (both(1, finalize(1), finalize(2)), "vote 0 of the evidence is not signed"),
        (
            both(1, seatless(9), [&seatless(9)[..34], &[7, 9], &seatless(9)[36..]].concat()),
            "no seat 9",
        ),
        (both(3, nullify(), finalize(1)).into_iter().chain([0]).collect(), "bytes after the end"),
    ];
    let good = [
        both(1, notarize(1), notarize(2)),
        both(2, finalize(1), finalize(2)),
        both(3, nullify(), finalize(1)),
    ];
    let report =
        |bytes: &Vec<u8>| IStaking::reportEquivocationCall { evidence: bytes.clone().into() };
    for (bytes, why) in &bad {
        refused(world.call(&alice, STAKING, 0, &report(bytes)), why);
    }
    let held = validator(&world, victim).tokens;
    for bytes in &good {
        // Each is enough by itself.
        let before = world.balance(alice.address);
        let mut copy = World::new();
        copy.block(&[]);
        copy.call(&alice, STAKING, 0, &report(bytes)).unwrap();
        let after = validator(&copy, victim);
        assert!(matches!(after.status, IStaking::Status::Leaving));
        // The blocks of the call brought rewards to some validator, perhaps this one.
        assert!(after.tokens < held * U256::from(96) / U256::from(100));
        assert!(copy.balance(alice.address) > before);
        refused(copy.call(&alice, STAKING, 0, &report(&good[0])), "was punished already");
    }
}

/// Two votes of one view by the validator at `place`, and that validator.
pub fn guilty(world: &World, place: usize) -> (Bytes, Address) {
    let seats = seats_of(&world.view, 0).unwrap();
    let one = &world.validators[place];
    let seat = seats.iter().position(|seat| seat.key == one.key()).unwrap() as u8;
    let vote = |byte| {
        let block = Some((3, alloy_primitives::B256::repeat_byte(byte)));
        one.vote(world.genesis, "_NOTARIZE", (0, 5, seat), block)
    };
    ([vec![1], vote(1), vote(2)].concat().into(), one.account.address)
}

#[test]
fn a_block_brings_evidence_and_whoever_is_paid_for_it_is_paid_for_that() {
    let mut world = World::new();
    world.block(&[]);
    let (evidence, victim) = guilty(&world, 0);
    let (other, _) = guilty(&world, 1);
    let damaged: Bytes = [&other[..60], &[other[60] ^ 1], &other[61..]].concat().into();
    let long = Bytes::from(vec![1; EVIDENCE_BYTES_MAX + 1]);
    let all = [Bytes::new(), long, damaged.clone(), evidence.clone(), evidence.clone()];
    for one in &all {
        let good = *one == evidence;
        assert_eq!(convicts(&world.chain, &world.parent(), one).unwrap().is_ok(), good, "{one}");
    }
    let next = world.place(0);
    let miner = world.validators[leader(0, next.view, 4) as usize].account.address;
    let (before, held) = (world.balance(miner), validator(&world, victim).tokens);
    let supply = world.balance(STAKING);
    let parent = world.header.clone();
    let built = world.block_with(next, &all, &[]);
    assert_eq!(built.block.seal.evidence, std::slice::from_ref(&evidence));
    let taken = held * U256::from(5) / U256::from(100);
    assert_eq!(world.balance(miner) - before, taken / U256::from(20));
    assert!(matches!(validator(&world, victim).status, IStaking::Status::Leaving));
    // What was taken is gone, but for the reward of the block.
    assert!(world.balance(STAKING) < supply - taken + U256::from(10 * TOKEN));
    assert!(convicts(&world.chain, &world.parent(), &evidence).unwrap().is_err());

    // Nobody else can speak as the system does.
    let input = Conviction { reporter: world.alice.address, evidence: &other }.input();
    let (alice, before) = (world.alice.clone(), world.balance(world.alice.address));
    let tx = world.tx(&alice, 0, TxKind::Call(STAKING), 0, input);
    assert!(!world.block(&[tx]).receipts[0].status());
    assert!(world.balance(alice.address) < before);

    // A verifier refuses evidence that convicts nobody, and is not content with less or other.
    let mut fresh = World::new();
    fresh.block(&[]);
    assert_eq!(fresh.header, parent);
    verify(&fresh.chain, &fresh.parent(), &built.block, &[]).unwrap();
    for wrong in [vec![], vec![evidence.clone(); 2], vec![damaged], vec![other.clone()]] {
        let mut block = terroir_ledger::Block::clone(&built.block);
        block.seal.evidence = wrong;
        block.header.extra_data = block.seal.hash().into();
        let error = verify(&fresh.chain, &fresh.parent(), &block, &[]).err().unwrap();
        assert!(matches!(error, Error::Block { .. }), "{error}");
    }
    for many in [vec![evidence; EVIDENCE_MAX + 1], vec![vec![0; EVIDENCE_BYTES_MAX + 1].into()]] {
        let mut block = terroir_ledger::Block::clone(&built.block);
        block.seal.evidence = many;
        block.header.extra_data = block.seal.hash().into();
        let error = Block::decode(&block.encode()).unwrap_err().to_string();
        assert!(error.contains("evidence"), "{error}");
    }
}

#[test]
fn who_contradicted_itself_sits_no_more_and_never_again() {
    let mut world = World::new();
    world.block(&[]);
    let (evidence, victim) = guilty(&world, 0);
    let account = world.validators[0].account.clone();
    // What left before is punished with it: half of its stake is on its way out.
    world.call(&account, STAKING, 0, &IStaking::resignCall {}).unwrap();
    let (held, shares) = (validator(&world, victim).tokens, validator(&world, victim).shares);
    let back = IStaking::undelegateCall { validator: victim, shares: shares / U256::from(2) };
    world.call(&account, STAKING, 0, &back).unwrap();
    let unbonding = IStaking::unbondingCall { delegator: victim, index: 0 };
    let leaving = world.read(STAKING, &unbonding).unwrap().tokens;
    let before = validator(&world, victim).tokens + leaving;
    let next = world.place(0);
    let miner = world.validators[leader(0, next.view, 4) as usize].account.address;
    let (paid, burned) = (world.balance(miner), world.balance(Address::ZERO));
    world.block_with(next, &[evidence], &[]);
    let after = world.read(STAKING, &unbonding).unwrap().tokens;
    // Rounded down.
    let stays = leaving * U256::from(95) / U256::from(100);
    assert!((stays - U256::from(1)..=stays).contains(&after), "{after} of {leaving}");
    assert!(before >= held);
    let taken = before * U256::from(5) / U256::from(100);
    assert!(world.balance(miner) - paid + U256::from(2) > taken / U256::from(20));
    let burned = world.balance(Address::ZERO) - burned;
    assert!(burned + U256::from(9) > taken * U256::from(95) / U256::from(100));

    for _ in 0..3 {
        next_epoch(&mut world);
    }
    let epoch = world.chain.epoch(world.header.number);
    for epoch in [epoch, epoch + 1] {
        let seats = seats_of(&world.view, epoch).unwrap();
        assert_eq!(seats.len(), 3);
        assert!(seats.iter().all(|seat| seat.validator != victim));
    }
    let rest =
        IStaking::undelegateCall { validator: victim, shares: shares - shares / U256::from(2) };
    world.call(&account, STAKING, 0, &rest).unwrap();
    next_epoch(&mut world);
    let again = join(&world.validators[0]);
    refused(world.call(&account, STAKING, 10_000 * TOKEN, &again), "never sits again");
}

#[test]
fn who_comes_back_brings_the_keys_it_had() {
    let mut world = World::new();
    let account = world.validators[0].account.clone();
    world.call(&account, STAKING, 0, &IStaking::resignCall {}).unwrap();
    let shares = validator(&world, account.address).shares;
    let all = IStaking::undelegateCall { validator: account.address, shares };
    world.call(&account, STAKING, 0, &all).unwrap();
    // The rest is enough for a committee only with somebody new.
    let mut new = Validator::new(101);
    new.account = world.alice.clone();
    world.call(&new.account.clone(), STAKING, 10_000 * TOKEN, &join(&new)).unwrap();
    for _ in 0..5 {
        next_epoch(&mut world);
    }
    let mut other = Validator::new(77);
    other.account = account.clone();
    refused(world.call(&account, STAKING, 10_000 * TOKEN, &join(&other)), "other keys");
    let same = join(&world.validators[0]);
    world.call(&account, STAKING, 10_000 * TOKEN, &same).unwrap();
}
