//! Proof that a block is final, in one file: fetched from any node, checked with the genesis file.
//!
//! The file names one final block of each epoch up to that of the block, with the committee that it
//! leads to. Format: `docs/format/final-block.md`. Invariant: nothing that a node says is believed.

use crate::error::Error;
use crate::rpc::Client;
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use terroir_ledger::native::staking::seats_of;
use terroir_ledger::{Genesis, Memory, View};
use terroir_proof::finality::{Final, Light, NotFinal, SeatKeys};

/// Most epochs of a file.
const EPOCHS_MAX: usize = 1 << 16;
/// So many blocks after the last of an epoch are asked for one with a certificate.
const LOOK_BACK: u64 = 64;

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
    /// Fetches the proof that the block `number` is final.
    ///
    /// Errors: `Remote`; also where the node has no certificate of the block yet.
    pub fn fetch(client: &Client, number: u64) -> Result<FinalBlock, Error> {
        let found = sealed(client, number)?;
        let none = || remote(client, format!("has no certificate of block {number} itself"));
        let (block, epoch) = found.ok_or_else(none)?;
        let text = client.call("terroir_genesis", json!([]))?;
        let genesis = Genesis::parse(text.as_str().unwrap_or_default());
        let length = genesis.map_err(|error| remote(client, error.to_string()))?.epoch_blocks;
        let mut epochs = Vec::new();
        for epoch in 0..epoch {
            let last = (epoch + 1).saturating_mul(length).saturating_sub(1);
            let mut found = None;
            for number in (last.saturating_sub(LOOK_BACK)..=last).rev() {
                found = sealed(client, number)?;
                if found.is_some() {
                    break;
                }
            }
            let none = || remote(client, format!("has no certificate at the end of epoch {epoch}"));
            let (block, _) = found.ok_or_else(none)?;
            let committee = committee(client, epoch + 1)?;
            epochs.push(Step { block, committee });
        }
        Ok(FinalBlock { epochs, block })
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

/// The block `number` and its epoch, where it has a certificate of its own.
fn sealed(client: &Client, number: u64) -> Result<Option<(Sealed, u64)>, Error> {
    let value = client.call("terroir_header", json!([format!("{number:#x}")]))?;
    if value.is_null() || value["certificate"].is_null() {
        return Ok(None);
    }
    let bytes = |name: &str| field::<Bytes>(client, &value[name], name);
    let epoch = &value["seal"]["epoch"];
    let epoch: alloy_primitives::U64 = field(client, epoch, "seal.epoch")?;
    let (header, seal) = (bytes("headerRlp")?, bytes("sealRlp")?);
    let certificate = bytes("certificate")?;
    Ok(Some((Sealed { header, seal, certificate }, epoch.to())))
}

fn committee(client: &Client, epoch: u64) -> Result<Vec<Seat>, Error> {
    let value = client.call("terroir_committee", json!([format!("{epoch:#x}")]))?;
    let seats = value["seats"].as_array().cloned().unwrap_or_default();
    let seat = |seat: &Value| {
        Ok(Seat {
            key: field(client, &seat["key"], "key")?,
            vote_key: field(client, &seat["voteKey"], "voteKey")?,
        })
    };
    seats.iter().map(seat).collect()
}

fn field<T: for<'a> Deserialize<'a>>(
    client: &Client,
    value: &Value,
    name: &str,
) -> Result<T, Error> {
    T::deserialize(value).map_err(|error| remote(client, format!("{name}: {error}")))
}
