//! What a liar does: two processes with one identity, and messages that no process makes.

use crate::dice::Dice;
use crate::people::{Account, People, SEATS};
use crate::plan::{Hears, Lie};
use alloy_primitives::B256;
use bytes::Bytes;
use commonware_codec::varint::UInt;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::simplex::scheme::bls12381_multisig;
use commonware_consensus::simplex::types::{Finalize, Notarize, Nullify, Proposal, Vote};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::bls12381::primitives::group::{G2, Private};
use commonware_cryptography::bls12381::primitives::variant::MinSig;
use commonware_cryptography::ed25519::PublicKey;
use commonware_cryptography::keccak256::Digest;
use commonware_p2p::Recipients;
use commonware_p2p::simulated::{SplitForwarder, SplitOrigin, SplitTarget};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terroir_ledger::{Block, Place, Transaction};
use terroir_node::chain::Tip;

/// Channels of votes and of blocks.
const VOTES: usize = 0;
const BLOCKS: usize = 3;
/// Bytes of noise.
const NOISE: usize = 48;

type Scheme = bls12381_multisig::Scheme<PublicKey, MinSig>;

/// Who hears which of two processes with one identity.
#[derive(Clone)]
pub(crate) struct Split(Arc<Mutex<Vec<(PublicKey, Hears)>>>);

impl Split {
    /// All `peers` hear the first process.
    pub(crate) fn new(people: &People) -> Split {
        let all = people.validators.iter().map(|one| (one.key.clone(), Hears::First));
        Split(Arc::new(Mutex::new(all.collect())))
    }

    fn peers(&self) -> MutexGuard<'_, Vec<(PublicKey, Hears)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes who hears whom.
    pub(crate) fn set(&self, hears: &[Hears]) {
        self.peers().iter_mut().zip(hears).for_each(|((_, old), new)| *old = *new);
    }

    /// Which of `to` a message of `from` reaches.
    fn reached(&self, from: SplitOrigin, to: &Recipients<PublicKey>) -> Vec<PublicKey> {
        let deaf = match from {
            SplitOrigin::Primary => Hears::Second,
            SplitOrigin::Secondary => Hears::First,
        };
        let meant = |key: &PublicKey| match to {
            Recipients::All => true,
            Recipients::Some(some) => some.contains(key),
            Recipients::One(one) => one == key,
        };
        let peers = self.peers();
        let reached = peers.iter().filter(|(key, hears)| *hears != deaf && meant(key));
        reached.map(|(key, _)| key.clone()).collect()
    }

    /// Which process a message of `peer` reaches.
    pub(crate) fn target(&self, peer: &PublicKey) -> SplitTarget {
        let peers = self.peers();
        match peers.iter().find(|(key, _)| key == peer) {
            Some((_, Hears::First)) => SplitTarget::Primary,
            Some((_, Hears::Second)) => SplitTarget::Secondary,
            Some((_, Hears::Both)) => SplitTarget::Both,
            None => SplitTarget::None,
        }
    }

    pub(crate) fn forwarder(self) -> impl SplitForwarder<PublicKey> {
        move |from, to: &Recipients<PublicKey>, _: &_| {
            Some(Recipients::Some(self.reached(from, to)))
        }
    }
}

/// Sends bytes on a channel in a liar's name, to all who hear its first process.
pub(crate) type Voice = Box<dyn FnMut(usize, Bytes)>;

/// Says votes of `epoch`.
fn vote(epoch: u64, votes: [Option<Vote<Scheme, Digest>>; 2], say: &mut Voice) {
    for vote in votes.into_iter().flatten() {
        let message = [UInt(epoch).encode(), vote.encode()].concat();
        say(VOTES, message.into());
    }
}

/// A liar's keys.
pub(crate) struct Liar<'a> {
    people: &'a People,
    place: usize,
    scheme: Scheme,
}

impl Liar<'_> {
    pub(crate) fn new(people: &People, place: usize) -> Liar<'_> {
        let genesis = people.beginning.hash;
        let namespace = [b"terroir 2026-11 chain ".as_slice(), genesis.as_slice()].concat();
        let seats = people.validators.iter().map(|one| {
            let vote = G2::decode(one.keys.vote_key().to_vec()).expect("it is a key for votes");
            (one.key.clone(), vote)
        });
        let seats: Vec<_> = seats.collect();
        let seats = seats.try_into().expect("nobody has the key of another");
        let secret = people.validators[place].vote.to_vec();
        let secret = Private::decode(secret).expect("it is a key for votes");
        let scheme = Scheme::signer(&namespace, seats, secret).expect("it has a seat");
        Liar { people, place, scheme }
    }

    /// Tells `lie`, about a view soon after the block `tip`, at `now_ms`.
    pub(crate) fn tell(&self, lie: Lie, tip: &Tip, now_ms: u64, dice: &mut Dice, say: &mut Voice) {
        let (epoch, parent) = (tip.seal.epoch, View::new(tip.seal.view));
        let round = Round::new(Epoch::new(epoch), View::new(tip.seal.view + dice.between(1, 4)));
        let mut any = || {
            let hash = B256::left_padding_from(&dice.throw().to_be_bytes());
            Proposal::new(round, parent, Digest(hash.0))
        };
        let notarize = |proposal| Notarize::sign(&self.scheme, proposal).map(Vote::Notarize);
        let finalize = |proposal| Finalize::sign(&self.scheme, proposal).map(Vote::Finalize);
        let nullify = || Nullify::sign::<Digest>(&self.scheme, round).map(Vote::Nullify);
        match lie {
            Lie::Notarize => vote(epoch, [notarize(any()), notarize(any())], say),
            Lie::Finalize => vote(epoch, [finalize(any()), finalize(any())], say),
            Lie::NullifyFinalize => vote(epoch, [finalize(any()), nullify()], say),
            Lie::State => {
                let forged = self.forged(tip, now_ms, dice);
                let seal = &forged.seal;
                let round = Round::new(Epoch::new(seal.epoch), View::new(seal.view));
                let parent = View::new(seal.parent_view);
                let proposal = Proposal::new(round, parent, Digest(forged.hash().0));
                say(BLOCKS, Bytes::from(forged.encode()).encode());
                vote(seal.epoch, [notarize(proposal), None], say);
            }
            Lie::Noise => {
                for channel in 0..terroir_consensus::CHANNELS {
                    let noise: Vec<u8> = (0..NOISE).map(|_| dice.throw() as u8).collect();
                    say(channel, noise.into());
                }
            }
            // It lies when it proposes.
            Lie::Sender => {}
        }
    }

    /// The next block that this liar may propose after `tip`, with a state that it does not lead to.
    fn forged(&self, tip: &Tip, now_ms: u64, dice: &mut Dice) -> Block {
        let chain = &self.people.beginning.chain;
        let epoch = chain.epoch(tip.header.number + 1);
        let first = if epoch == tip.seal.epoch { tip.seal.view + 1 } else { 1 };
        let leads = |view: &u64| (epoch + view) % SEATS as u64 == self.place as u64;
        let view = (first..).find(leads).expect("it leads one in four");
        let place = Place { view, time_ms: now_ms.max(tip.seal.time_ms + 1) };
        let built = terroir_ledger::build(chain, &tip.parent(), &place, &[], [].iter(), |_, _| {});
        let mut forged = built.expect("an empty block can be built").block.clone();
        forged.header.state_root = B256::left_padding_from(&dice.throw().to_be_bytes());
        forged
    }

    /// A payment of the first account that the second one signed.
    pub(crate) fn payment(&self) -> Transaction {
        let [robbed, thief, ..]: &[Account] = &self.people.accounts else {
            unreachable!("there are more accounts");
        };
        let (_, bytes) = thief.pay(0, thief.address, 1);
        let chain_id = self.people.beginning.chain.id;
        let signed = Transaction::decode(&bytes, chain_id).expect("the thief signed it");
        Transaction { sender: robbed.address, ..signed }
    }
}
