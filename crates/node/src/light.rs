//! Proof that a block is final, in one file: fetched from any node, checked with the genesis file.
//!
//! The file names one final block of each epoch up to that of the block, with the committee that it
//! leads to. Format: `docs/format/final-block.md`. Invariant: nothing that a node says is believed.

use crate::error::Error;
use crate::rpc::Client;
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use terroir_ledger::native::staking::seats_of;
use terroir_ledger::{Genesis, Memory, View};
use terroir_proof::finality::{Final, Light, NotFinal, SeatKeys};

/// Most epochs of a file.
const EPOCHS_MAX: usize = 1 << 16;
/// Most blocks that a node is asked for on the way to one: an honest one has certificates of nearly
/// all.
const ASKED_MAX: usize = 1 << 17;
/// Most bytes that are taken from a node for a file.
const TAKEN_BYTES_MAX: usize = 256 << 20;

/// A block that is final, and how its committee follows from the first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FinalBlock {
    /// For each epoch before the block's, one of its final blocks and the committee after it.
    pub epochs: Vec<Step>,
    /// The block.
    pub block: Sealed,
}

/// A final block, and the committee of the epoch after it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The block.
    pub block: Sealed,
    /// The committee, in the order of its seats.
    pub committee: Vec<Seat>,
}

/// A header with what makes it final.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// RLP of the header.
    pub header: Bytes,
    /// RLP of the seal.
    pub seal: Bytes,
    /// The certificate.
    pub certificate: Bytes,
}

/// The keys of a seat.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// Its identity.
    pub key: B256,
    /// Its key for votes.
    pub vote_key: Bytes,
}

/// Why a block is not shown to be final.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The genesis file is none.
    #[error("genesis file: {0}")]
    Genesis(#[source] terroir_ledger::Error),
    /// A committee whose keys are not keys.
    #[error("committee of epoch {epoch}, seat {seat}: a key of {bytes} bytes, and 96 are right")]
    Key {
        /// The epoch.
        epoch: usize,
        /// The seat.
        seat: usize,
        /// Length of its key.
        bytes: usize,
    },
    /// Too many epochs.
    #[error("{0} epochs, at most {EPOCHS_MAX} are taken")]
    Epochs(usize),
    /// A block of an epoch does not hold.
    #[error("block of epoch {epoch}: {why}")]
    Not {
        /// The epoch.
        epoch: usize,
        /// Why.
        why: NotFinal,
    },
}

impl FinalBlock {
    /// Fetches the proof that the block `number` is final, and checks it with the genesis file that
    /// the node names. Whether that is the right one is for [`FinalBlock::check`].
    ///
    /// Errors: `Remote`, also where the node has no certificate of the block itself, or says what
    /// does not hold.
    pub fn fetch(client: &Client, number: u64) -> Result<FinalBlock, Error> {
        let text: String = client.read("terroir_genesis", json!([]))?;
        let beginning = Genesis::parse(&text).and_then(|genesis| genesis.begin());
        let chain = beginning.map_err(|error| remote(client, error.to_string()))?.chain;
        let (epoch, length) = (chain.epoch(number), chain.epoch_blocks);
        if epoch > EPOCHS_MAX as u64 {
            let most = format!("block {number} is of epoch {epoch}, and {EPOCHS_MAX} is the most");
            return Err(remote(client, most));
        }
        let mut asking = Asking { client, asked: 0, bytes: text.len() };
        let none = || remote(client, format!("has no certificate of block {number} itself"));
        let block = asking.sealed(number)?.ok_or_else(none)?;
        let steps = (0..epoch).map(|epoch| asking.step(epoch, length));
        let found = FinalBlock { epochs: steps.collect::<Result<_, _>>()?, block };
        let checked = found.check(&text).map_err(|why| remote(client, why.to_string()))?;
        match checked.header.number == number {
            true => Ok(found),
            false => {
                let got = checked.header.number;
                Err(remote(client, format!("gives block {got} for block {number}")))
            }
        }
    }

    /// Checks it with the genesis file `text` alone.
    ///
    /// Errors: what does not hold, and of which epoch.
    pub fn check(&self, text: &str) -> Result<Final, Refused> {
        if self.epochs.len() > EPOCHS_MAX {
            return Err(Refused::Epochs(self.epochs.len()));
        }
        let beginning = Genesis::parse(text).and_then(|genesis| genesis.begin());
        let beginning = beginning.map_err(Refused::Genesis)?;
        let mut store = Memory::default();
        store.apply(&beginning.changes);
        let view = View::new(Arc::new(store), beginning.block.header.state_root);
        let first = seats_of(&view, 0).map_err(Refused::Genesis)?;
        let first: Vec<Seat> = first
            .into_iter()
            .map(|seat| Seat { key: seat.key, vote_key: seat.vote_key.into() })
            .collect();
        let not = |epoch| move |why| Refused::Not { epoch, why };
        let light = Light::new(&beginning.hash.0, &seats(0, &first)?);
        let mut light = light.map_err(not(0))?;
        for (epoch, step) in self.epochs.iter().enumerate() {
            step.block.check(&mut light).map_err(not(epoch))?;
            let committee = seats(epoch + 1, &step.committee)?;
            light.advance(&committee).map_err(not(epoch + 1))?;
        }
        self.block.check(&mut light).map_err(not(self.epochs.len()))
    }
}

impl Sealed {
    fn check(&self, light: &mut Light) -> Result<Final, NotFinal> {
        light.check(&self.header, &self.seal, &self.certificate)
    }
}

fn seats(epoch: usize, committee: &[Seat]) -> Result<Vec<SeatKeys>, Refused> {
    let seat = |(place, seat): (usize, &Seat)| {
        let bytes = seat.vote_key.len();
        let vote = <[u8; 96]>::try_from(&seat.vote_key[..]);
        Ok((seat.key.0, vote.map_err(|_| Refused::Key { epoch, seat: place, bytes })?))
    };
    committee.iter().enumerate().map(seat).collect()
}

/// The hash of the block 0 that the genesis file `text` makes: the name of its chain.
///
/// Errors: `Chain`, naming the line.
pub fn genesis_hash(text: &str) -> Result<B256, Error> {
    let beginning = Genesis::parse(text).and_then(|genesis| genesis.begin());
    Ok(beginning.map_err(crate::chain::Error::from)?.hash)
}

/// 32 bytes as people write them.
pub fn hex(bytes: &[u8; 32]) -> String {
    B256::from(*bytes).to_string()
}

fn remote(client: &Client, problem: String) -> Error {
    Error::Remote { address: client.url().to_owned(), problem }
}

/// What a node was asked for, and what it gave, so far.
struct Asking<'a> {
    client: &'a Client,
    asked: usize,
    bytes: usize,
}

impl Asking<'_> {
    /// A final block of `epoch`, the last that the node has a certificate of, and the next committee.
    fn step(&mut self, epoch: u64, length: u64) -> Result<Step, Error> {
        let first = epoch.saturating_mul(length);
        let mut number = first.saturating_add(length - 1);
        loop {
            if let Some(block) = self.sealed(number)? {
                return Ok(Step { block, committee: self.committee(epoch + 1)? });
            }
            if number == first {
                let none = format!("has no certificate of any block of epoch {epoch}");
                return Err(remote(self.client, none));
            }
            number -= 1;
        }
    }

    /// The block `number`, where it has a certificate of its own.
    fn sealed(&mut self, number: u64) -> Result<Option<Sealed>, Error> {
        if self.asked == ASKED_MAX {
            let most = format!("has no certificates of most of {ASKED_MAX} blocks");
            return Err(remote(self.client, most));
        }
        self.asked += 1;
        let named = json!([format!("{number:#x}")]);
        let named: Option<Named> = self.client.read("terroir_header", named)?;
        let Some(Named { header_rlp: header, seal_rlp: seal, certificate }) = named else {
            return Ok(None);
        };
        let Some(certificate) = certificate else { return Ok(None) };
        self.take(header.len() + seal.len() + certificate.len())?;
        Ok(Some(Sealed { header, seal, certificate }))
    }

    fn committee(&mut self, epoch: u64) -> Result<Vec<Seat>, Error> {
        let named = json!([format!("{epoch:#x}")]);
        let seats: Option<Committee> = self.client.read("terroir_committee", named)?;
        let seats = seats.map(|Committee { seats }| seats).unwrap_or_default();
        let seat = |NamedSeat { key, vote_key }| Seat { key, vote_key };
        let seats: Vec<Seat> = seats.into_iter().map(seat).collect();
        self.take(seats.iter().map(|seat| seat.key.len() + seat.vote_key.len()).sum())?;
        Ok(seats)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes += bytes;
        match self.bytes <= TAKEN_BYTES_MAX {
            true => Ok(()),
            false => {
                let most = format!("gives more than {TAKEN_BYTES_MAX} bytes for one block");
                Err(remote(self.client, most))
            }
        }
    }
}

/// What a node says of a header, as far as it is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    header_rlp: Bytes,
    seal_rlp: Bytes,
    certificate: Option<Bytes>,
}

/// The same of a committee.
#[derive(Deserialize)]
struct Committee {
    seats: Vec<NamedSeat>,
}

/// The same of a seat.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedSeat {
    key: B256,
    vote_key: Bytes,
}

#[cfg(test)]
mod tests {
    use super::{ASKED_MAX, Asking, TAKEN_BYTES_MAX};
    use crate::rpc::Client;

    #[test]
    fn nobody_is_asked_without_end_or_gives_without_end() {
        let client = Client::new("http://127.0.0.1:1");
        let mut asking = Asking { client: &client, asked: ASKED_MAX, bytes: TAKEN_BYTES_MAX - 1 };
        let why = asking.sealed(7).unwrap_err().to_string();
        assert!(why.contains("most of 131072 blocks"), "{why}");
        asking.take(1).unwrap();
        let why = asking.take(1).unwrap_err().to_string();
        assert!(why.contains("more than 268435456 bytes"), "{why}");
    }
}
