//! What a liar does: two processes with one identity, and messages that no process makes.

use crate::dice::Dice;
use crate::laws::Laws;
use crate::people::{Account, People};
use crate::plan::{Hears, Lie};
use alloy_primitives::{Address, B256};
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
use terroir_ledger::native::staking::{leader, seats_of};
use terroir_ledger::{Block, Place, Transaction, View as State};
use terroir_node::chain::Tip;

/// Channels of votes and of blocks.
const VOTES: usize = 0;
const BLOCKS: usize = 3;
/// Bytes of noise.
const NOISE: usize = 48;
/// What a forged payment is worth: more than clients ever pay, so that it is nobody's else.
const STOLEN: u64 = 1_000_000_000;

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

/// A payment that its sender did not sign.
#[derive(Clone)]
pub(crate) struct Theft {
    robbed: Address,
    thief: Account,
    chain_id: u64,
}

impl Theft {
    /// From the first account, by the second.
    pub(crate) fn new(people: &People) -> Theft {
        let [robbed, thief, ..]: &[Account] = &people.accounts else {
            unreachable!("there are more accounts");
        };
        let chain_id = people.beginning.chain.id;
        Theft { robbed: robbed.address, thief: thief.clone(), chain_id }
    }

    /// As it could be in the block after the state `view`; none where that cannot be read.
    pub(crate) fn payment(&self, view: &State) -> Option<Transaction> {
        let nonce = view.account(&self.robbed).ok()??.nonce;
        let (_, bytes) = self.thief.pay(nonce, self.thief.address, STOLEN);
        let signed = Transaction::decode(&bytes, self.chain_id).expect("the thief signed it");
        Some(Transaction { sender: self.robbed, ..signed })
    }
}

/// A liar, and where its chain ends.
pub(crate) struct Liar<'a> {
    people: &'a People,
    tip: &'a Tip,
    /// The epoch of the next block, and the view of the block before it in that epoch.
    epoch: u64,
    before: u64,
    /// Its seat in that epoch, of how many.
    seat: Option<(u64, u64)>,
    /// Its keys for votes, while it has a seat.
    scheme: Option<Scheme>,
}

impl Liar<'_> {
    /// `place`, whose chain ends in `tip`.
    pub(crate) fn new<'a>(people: &'a People, place: usize, tip: &'a Tip) -> Liar<'a> {
        let epoch = people.beginning.chain.epoch(tip.header.number + 1);
        let before = if epoch == tip.seal.epoch { tip.seal.view } else { 0 };
        let seats = seats_of(&tip.view, epoch).expect("its chain can be read");
        let identity = people.validators[place].keys.identity();
        let seat = seats.iter().position(|seat| seat.key == identity);
        let seat = seat.map(|seat| (seat as u64, seats.len() as u64));
        let namespace = [b"terroir 2026-11 chain ".as_slice(), people.beginning.hash.as_slice()];
        let members = seats.iter().map(|seat| {
            let key = PublicKey::decode(seat.key.to_vec()).expect("it is a public key");
            (key, G2::decode(seat.vote_key.clone()).expect("it is a key for votes"))
        });
        let members: Vec<_> = members.collect();
        let members = members.try_into().expect("nobody has the key of another");
        let secret = people.validators[place].vote.to_vec();
        let secret = Private::decode(secret).expect("it is a key for votes");
        let scheme = Scheme::signer(&namespace.concat(), members, secret);
        Liar { people, tip, epoch, before, seat, scheme }
    }

    /// Whether a block with another state than it has would be the next one that others expect.
    pub(crate) fn leads(&self) -> bool {
        let leads = |(seat, seats)| leader(self.epoch, self.before + 1, seats) == seat;
        self.seat.is_some_and(leads)
    }

    /// Tells `lie`, about a view soon after its chain ends, at `now_ms`; the laws hear of what is forged.
    pub(crate) fn tell(
        &self,
        lie: Lie,
        now_ms: u64,
        laws: &Laws,
        dice: &mut Dice,
        say: &mut Voice,
    ) {
        let epoch = self.epoch;
        let view = View::new(self.before + dice.between(1, 4));
        let round = Round::new(Epoch::new(epoch), view);
        let mut any = || {
            let hash = B256::left_padding_from(&dice.throw().to_be_bytes());
            Proposal::new(round, View::new(self.before), Digest(hash.0))
        };
        let scheme = self.scheme.as_ref();
        let notarize =
            |proposal| scheme.and_then(|by| Notarize::sign(by, proposal)).map(Vote::Notarize);
        let finalize =
            |proposal| scheme.and_then(|by| Finalize::sign(by, proposal)).map(Vote::Finalize);
        let nullify =
            || scheme.and_then(|by| Nullify::sign::<Digest>(by, round)).map(Vote::Nullify);
        match lie {
            Lie::Notarize => vote(epoch, [notarize(any()), notarize(any())], say),
            Lie::Finalize => vote(epoch, [finalize(any()), finalize(any())], say),
            Lie::NullifyFinalize => vote(epoch, [finalize(any()), nullify()], say),
            Lie::State => {
                let Some(forged) = self.forged(now_ms, dice) else { return };
                forged.transactions.iter().for_each(|one| laws.forges(*one.tx_hash()));
                let round = Round::new(Epoch::new(epoch), View::new(forged.seal.view));
                let proposal =
                    Proposal::new(round, View::new(self.before), Digest(forged.hash().0));
                say(BLOCKS, Bytes::from(forged.encode()).encode());
                vote(epoch, [notarize(proposal), None], say);
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

    /// The next block, with a payment and with a state that it does not lead to; none where the liar
    /// does not lead.
    fn forged(&self, now_ms: u64, dice: &mut Dice) -> Option<Block> {
        let (chain, tip) = (&self.people.beginning.chain, self.tip);
        let view = self.leads().then_some(self.before + 1)?;
        let place = Place { view, time_ms: now_ms.max(tip.seal.time_ms + 1) };
        let [.., payer] = &self.people.accounts[..] else { return None };
        let nonce = tip.view.account(&payer.address).ok()??.nonce;
        let (_, bytes) = payer.pay(nonce, payer.address, STOLEN);
        let payment = Transaction::decode(&bytes, chain.id).expect("the payer signed it");
        let none = |_: &Transaction, _| {};
        let built =
            terroir_ledger::build(chain, &tip.parent(), &place, &[], [&payment].into_iter(), none);
        let mut forged = Block::clone(&built.ok()?.block);
        forged.header.state_root = B256::left_padding_from(&dice.throw().to_be_bytes());
        Some(forged)
    }
}
