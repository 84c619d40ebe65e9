use super::{Committees, Scheme};
use crate::error::Error;
use crate::keys::Keys;
use alloy_primitives::{Address, B256};
use commonware_consensus::simplex::elector::{Config as _, Elector, RoundRobin};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::Sha256;
use commonware_cryptography::certificate::{Provider as _, Scheme as _};
use terroir_ledger::native::staking::{Seated, leader};

fn keys(seed: u8) -> Keys {
    let mut vote = [seed; 32];
    vote[0] = 0;
    Keys::new(&[seed; 32], &vote).unwrap()
}

fn seats(count: u8) -> Vec<Seated> {
    let seat = |seed| Seated {
        validator: Address::repeat_byte(seed),
        key: B256::from(keys(seed).identity()),
        vote_key: keys(seed).vote_key().to_vec(),
        payout: Address::ZERO,
    };
    let mut seats: Vec<Seated> = (1..=count).map(seat).collect();
    seats.sort_by_key(|seat| seat.key);
    seats
}

fn refused(seats: &[Seated], why: &str) {
    match Committees::new(B256::ZERO, keys(1)).committee(7, seats).err() {
        Some(Error::Committee { epoch: 7, why: said }) => assert!(said.contains(why), "{said}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_engine_elects_whom_the_ledger_says() {
    for count in [1_u8, 4, 5, 7] {
        let committees = Committees::new(B256::ZERO, keys(1));
        let committee = committees.committee(0, &seats(count)).unwrap();
        let elector: RoundRobin<Sha256> = RoundRobin::default();
        let elector = elector.build(committee.scheme.participants());
        for (epoch, view) in (0..9).flat_map(|epoch| (1..20).map(move |view| (epoch, view))) {
            let round = Round::new(Epoch::new(epoch), View::new(view));
            let elected = Elector::<Scheme>::elect(&elector, round, ());
            assert_eq!(u64::from(elected.get()), leader(epoch, view, count.into()));
        }
    }
}

#[test]
fn seats_that_cannot_vote_are_refused_with_the_reason() {
    refused(&[], "no seat");
    let mut wrong = seats(4);
    wrong.swap(0, 1);
    refused(&wrong, "order");
    let mut wrong = seats(4);
    wrong[2].vote_key = wrong[1].vote_key.clone();
    refused(&wrong, "one key");
    let mut wrong = seats(4);
    wrong[2].vote_key[5] ^= 1;
    refused(&wrong, "no point");
    wrong[2].vote_key.truncate(95);
    refused(&wrong, "no point");
}

#[test]
fn only_both_keys_of_a_seat_vote() {
    let votes = |keys: Keys| {
        let committees = Committees::new(B256::ZERO, keys);
        let committee = committees.committee(0, &seats(4)).unwrap();
        committees.known().insert(0, committee);
        let scheme = committees.scoped(Epoch::zero()).unwrap().into_scheme();
        assert!(committees.scoped(Epoch::new(1)).is_none());
        scheme.is_some_and(|scheme| scheme.me().is_some())
    };
    assert!(votes(keys(2)));
    assert!(!votes(keys(9)));
    let mixed = Keys { identity: keys(2).identity, vote: keys(3).vote };
    assert!(!votes(mixed));
}
