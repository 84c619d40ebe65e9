//! Validators that lie: what they propose is not followed, and their votes convict them.

use crate::cluster::{Cluster, key, simulate};
use crate::host::Kept;
use crate::keys::{CHAIN_ID, EPOCH, Person, TOKEN, beginning, checked, validators};
use alloy_primitives::U256;
use bytes::Bytes;
use commonware_codec::varint::UInt;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::simplex::scheme::bls12381_multisig::Scheme;
use commonware_consensus::simplex::types::{Notarize, Proposal, Vote};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::bls12381::primitives::group::{G2, Private};
use commonware_cryptography::bls12381::primitives::variant::MinSig;
use commonware_cryptography::ed25519::PublicKey;
use commonware_cryptography::keccak256::Digest;
use commonware_p2p::{Recipients, Sender};
use commonware_runtime::Clock as _;
use commonware_utils::ordered::BiMap;
use std::time::{Duration, UNIX_EPOCH};
use terroir_consensus::{AHEAD_MS, Error, FRAME_TRANSACTIONS_MAX, quota};
use terroir_ledger::genesis::Beginning;
use terroir_ledger::native::staking::seats_of;
use terroir_ledger::{Parent, Place};
use terroir_proof::bls::{VoteKey, signed};

/// What the keys of `people[me]` sign, without a node around them.
fn signer(start: &Beginning, people: &[Person], me: usize) -> Scheme<PublicKey, MinSig> {
    let namespace = [b"terroir 2026-11 chain ".as_slice(), start.hash.as_slice()].concat();
    let seat = |one: &Person| (key(one), G2::decode(one.keys.vote_key().to_vec()).unwrap());
    let seats: BiMap<_, _> = people.iter().map(seat).collect::<Vec<_>>().try_into().unwrap();
    let secret = Private::decode(people[me].vote.to_vec()).unwrap();
    Scheme::signer(&namespace, seats, secret).unwrap()
}

/// Votes for a block, as a validator would.
fn vote(
    votes: &mut impl Sender<PublicKey = PublicKey>,
    scheme: &Scheme<PublicKey, MinSig>,
    (view, parent): (u64, u64),
    hash: [u8; 32],
) {
    let round = Round::new(Epoch::zero(), View::new(view));
    let proposal = Proposal::new(round, View::new(parent), Digest(hash));
    let vote = Notarize::<Scheme<_, MinSig>, _>::sign(scheme, proposal).unwrap();
    let message = [UInt(0_u64).encode(), Vote::Notarize(vote).encode()].concat();
    votes.send(Recipients::All, Bytes::from(message), true);
}

#[test]
fn two_votes_in_a_view_become_evidence_that_stands_alone() {
    let people = validators(4);
    let start = beginning(&people, &[]);
    simulate(8, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        // The fourth is no node: it says what it likes with its own key.
        cluster.start(0..3).await;
        cluster.reach(0..3, 2).await;
        let scheme = signer(&start, &people, 3);
        let control = cluster.oracle.control(cluster.members[3].key.clone());
        let (mut votes, _receiver) = control.register(0, quota(0)).await.unwrap();
        let view = cluster.members[0].host.blocks().last().unwrap().0.seal.view;
        vote(&mut votes, &scheme, (view + 2, view), [1; 32]);
        vote(&mut votes, &scheme, (view + 2, view), [2; 32]);
        cluster.until(0, "sees nothing", |host| !host.evidence().is_empty()).await;
        let found = cluster.members[0].host.evidence().remove(0);
        assert_eq!((found.epoch, found.seat), (0, 3));
        convicts(&found.bytes, &people[3].keys.vote_key(), start.hash.as_slice(), view + 2);
        // Who saw it puts it into a block, once, and the others agree: they go on without the fourth.
        let seats = |host: &Kept, epoch| seats_of(&host.view(), epoch).unwrap().len();
        cluster.reach(0..3, 4 * EPOCH).await;
        let chain = cluster.agree();
        let brought: Vec<_> = chain.iter().flat_map(|(block, _)| &block.seal.evidence).collect();
        assert_eq!(brought, [&found.bytes]);
        let host = &cluster.members[1].host;
        assert_eq!((seats(host, 0), seats(host, 4)), (4, 3));
    });
}

/// Reads evidence of kind 1 as its page says, with numbers below 128, and checks both votes.
fn convicts(bytes: &[u8], key: &[u8; 96], genesis: &[u8], view: u64) {
    let key = VoteKey::decode(key).unwrap();
    let namespace = [b"terroir 2026-11 chain ", genesis, b"_NOTARIZE"].concat();
    let (kind, votes) = bytes.split_first().unwrap();
    assert_eq!(*kind, 1);
    let (first, second) = votes.split_at(votes.len() / 2);
    assert_ne!(first, second);
    for vote in [first, second] {
        assert_eq!(vote.len(), 3 + 32 + 1 + 48);
        assert_eq!((vote[0], u64::from(vote[1]), vote[35]), (0, view, 3));
        let signature = vote[36..].try_into().unwrap();
        assert!(signed(&[key], &namespace, &vote[..35], &signature));
    }
}

#[test]
fn a_leader_that_lies_about_a_sender_is_not_followed() {
    let people = validators(4);
    let (alice, mallory) = (Person::new(101), Person::new(102));
    let start = beginning(&people, &[&alice]);
    simulate(9, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        let mut forged = checked(&mallory.call(0, mallory.address, TOKEN, Vec::new()));
        forged.sender = alice.address;
        cluster.members[3].host.forge(forged.clone());
        cluster.start(0..4).await;
        cluster.reach(0..4, 12).await;
        let chain = cluster.agree();
        assert!(chain.iter().all(|(block, _)| block.transactions.is_empty()));
        assert!(chain.iter().skip(1).all(|(block, _)| block.seal.leader != 3));
        assert!(cluster.members[3].host.forged() > 0, "it never tried");
        assert_eq!(CHAIN_ID, start.chain.id);
    });
}

/// A validator proposes a block whose time is so far ahead of everybody's clock. Gives whether it
/// becomes final, and how many milliseconds before its time it does.
fn from_the_future(ahead_ms: u64) -> Option<u64> {
    let people = validators(4);
    let start = beginning(&people, &[]);
    let work = async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..4).await;
        // It is honest until the others are in a view that it leads, where it has proposed nothing yet:
        // it waits for transactions.
        let before = |host: &Kept| {
            let view = host.blocks().last().unwrap().0.seal.view;
            view > 4 && view % 4 == 2
        };
        cluster.until(0, "no such view", before).await;
        cluster.kill(3).await;
        let scheme = signer(&start, &people, 3);
        let control = cluster.oracle.control(cluster.members[3].key.clone());
        let (mut votes, _votes) = control.register(0, quota(0)).await.unwrap();
        let (mut blocks, _blocks) = control.register(3, quota(3)).await.unwrap();
        let host = &cluster.members[0].host;
        let parent = host.blocks().last().unwrap().0.clone();
        let now = || {
            let now = cluster.context.current().duration_since(UNIX_EPOCH).unwrap();
            now.as_millis() as u64
        };
        let place = Place { view: parent.seal.view + 1, time_ms: now() + ahead_ms };
        let after = Parent {
            header: &parent.header,
            seal: &parent.seal,
            hash: parent.hash(),
            view: &host.view(),
        };
        let none = [].iter();
        let early = terroir_ledger::build(&start.chain, &after, &place, &[], none, |_, _| {})
            .unwrap()
            .block;
        // A block that nobody waits for yet is kept; once more, for messages can be lost.
        for _ in 0..2 {
            blocks.send(Recipients::All, Bytes::from(early.encode()).encode(), true);
            cluster.pass(Duration::from_millis(50)).await;
        }
        for _ in 0..2 {
            vote(&mut votes, &scheme, (place.view, parent.seal.view), early.hash().0);
        }
        let mut found = None;
        while host.height() < parent.header.number + 2 {
            cluster.pass(Duration::from_millis(10)).await;
            let newest = host.blocks().last().unwrap().0.clone();
            let time_ms = newest.seal.time_ms;
            assert!(time_ms <= now() + AHEAD_MS, "{time_ms} is in the future");
            if newest.hash() == early.hash() {
                found.get_or_insert(time_ms.saturating_sub(now()));
            }
        }
        let there = cluster.agree().iter().any(|(block, _)| block.hash() == early.hash());
        assert_eq!(there, found.is_some());
        found
    };
    simulate(10, work).0
}

#[test]
fn a_block_from_the_future_waits_for_its_time() {
    // A little ahead is as good as now; more ahead waits until it is a little; and for much more the
    // others do not wait, and go on without it.
    assert!(from_the_future(AHEAD_MS / 2).is_some());
    let waited = from_the_future(AHEAD_MS + 600).expect("nobody waited for it");
    assert!(waited <= AHEAD_MS, "final {waited} ms before its time");
    assert_eq!(from_the_future(10 * AHEAD_MS), None);
}

#[test]
fn a_host_that_fails_or_has_another_chain_ends_the_node_with_the_reason() {
    let people = validators(1);
    let alice = Person::new(101);
    let start = beginning(&people, &[]);
    let other = beginning(&people, &[&alice]);
    simulate(11, async |context| {
        let hosts = vec![Kept::new(&start)];
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start([0]).await;
        cluster.reach([0], 3).await;
        cluster.members[0].host.fail();
        match cluster.end(0).await {
            Error::Ledger(why) => assert!(why.to_string().contains("the disk is full"), "{why}"),
            why => panic!("{why}"),
        }
        let height = cluster.members[0].host.height();
        cluster.members[0].host = Kept::new(&other);
        cluster.start([0]).await;
        match cluster.end(0).await {
            Error::Fork { number } => assert_eq!(number, 1),
            why => panic!("{why}"),
        }
        assert!(height >= 3);
    });
}

#[test]
fn a_peer_that_sends_no_frame_is_blocked_and_others_go_on() {
    let people = validators(4);
    let start = beginning(&people, &[]);
    simulate(13, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..3).await;
        cluster.reach(0..3, 2).await;
        let liar = cluster.members[3].key.clone();
        let control = cluster.oracle.control(liar.clone());
        let (mut frames, _receiver) = control.register(5, quota(5)).await.unwrap();
        // Bytes that are no transaction are in order: they are dropped, and nobody is blocked.
        frames.send(Recipients::All, Bytes::from_static(&[1, 1, 7]), false);
        cluster.reach(0..3, 4).await;
        assert_eq!(cluster.oracle.blocked().await.unwrap(), []);
        frames.send(Recipients::All, Bytes::from_static(&[9, 9]), false);
        cluster.reach(0..3, 6).await;
        let mut blocked = cluster.oracle.blocked().await.unwrap();
        blocked.retain(|(_, whom)| *whom == liar);
        assert_eq!(blocked.len(), 3, "not all blocked it");
    });
}

#[test]
fn rubbish_of_one_peer_does_not_take_the_time_of_others() {
    let people = validators(4);
    let (alice, bob) = (Person::new(101), Person::new(102));
    let start = beginning(&people, &[&alice]);
    simulate(15, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..3).await;
        cluster.reach(0..3, 2).await;
        let control = cluster.oracle.control(cluster.members[3].key.clone());
        let (mut frames, _receiver) = control.register(5, quota(5)).await.unwrap();
        // As many as a frame may hold, none of which is a transaction.
        let most = FRAME_TRANSACTIONS_MAX;
        let rubbish = vec![Bytes::from_static(&[7]); most].encode();
        for _ in 0..100 {
            frames.send(Recipients::All, rubbish.clone(), false);
            cluster.pass(Duration::from_millis(10)).await;
        }
        let refused = cluster.members[0].host.refused();
        assert!((most..=2 * most).contains(&refused), "{refused} were looked at");
        cluster.submit(1, alice.call(0, bob.address, TOKEN, Vec::new()));
        let paid = |host: &Kept| host.balance(bob.address) == U256::from(TOKEN);
        cluster.until(0, "bob is not paid", paid).await;
        // After a while it is heard again, and nobody blocked it.
        cluster.pass(Duration::from_secs(30)).await;
        let late = [alice.call(1, bob.address, TOKEN, Vec::new()).0];
        for _ in 0..3 {
            frames.send(Recipients::All, late.to_vec().encode(), false);
            cluster.pass(Duration::from_millis(10)).await;
        }
        let paid = |host: &Kept| host.balance(bob.address) == U256::from(2 * TOKEN);
        cluster.until(0, "bob is not paid again", paid).await;
        assert_eq!(cluster.oracle.blocked().await.unwrap(), []);
    });
}

#[test]
fn alice_is_paid_once_however_often_she_is_told_of() {
    let people = validators(4);
    let (alice, bob) = (Person::new(101), Person::new(102));
    let start = beginning(&people, &[&alice]);
    simulate(12, async |context| {
        let hosts = (0..4).map(|_| Kept::new(&start)).collect();
        let mut cluster = Cluster::new(context, &people, &start, hosts).await;
        cluster.start(0..4).await;
        let bytes = alice.call(0, bob.address, TOKEN, Vec::new());
        for place in [0, 1, 2, 3, 0, 1] {
            cluster.submit(place, bytes.clone());
        }
        cluster.reach(0..4, 6).await;
        assert_eq!(cluster.members[0].host.balance(bob.address), U256::from(TOKEN));
        cluster.agree();
    });
}
