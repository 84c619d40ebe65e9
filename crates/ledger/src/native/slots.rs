//! Where native contracts keep things: slots by number, by key and in rows, as Solidity lays them out.

use super::{Call, Part, Stop};
use alloy_primitives::{B256, U256, keccak256};

/// Most bytes of a text that is kept.
const BYTES_MAX: u64 = 1 << 10;

/// A place in the storage of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub U256);

impl Slot {
    /// The slot of a variable.
    pub const fn number(number: u64) -> Slot {
        Slot(U256::from_limbs([number, 0, 0, 0]))
    }

    /// Where a mapping at this slot keeps what belongs to `key`: `keccak256(key . slot)`.
    pub fn of(self, key: impl Into<B256>) -> Slot {
        let mut both = [0; 64];
        both[..32].copy_from_slice(key.into().as_slice());
        both[32..].copy_from_slice(&self.0.to_be_bytes::<32>());
        Slot(keccak256(both).into())
    }

    /// Where a mapping keeps what belongs to a number.
    pub fn at(self, number: u64) -> Slot {
        self.of(B256::from(U256::from(number)))
    }

    /// The slot so many places on: a field of a record.
    pub fn field(self, places: u64) -> Slot {
        Slot(self.0.wrapping_add(U256::from(places)))
    }
}

impl Call<'_> {
    /// Reads a slot.
    pub fn load(&mut self, slot: Slot) -> Part<U256> {
        self.load_of(self.me, slot)
    }

    /// Reads a slot of another native contract.
    pub fn load_of(&mut self, contract: alloy_primitives::Address, slot: Slot) -> Part<U256> {
        self.gas.load()?;
        let (value, cold) = self.host.load(contract, slot.0).map_err(Stop::Fatal)?;
        if cold {
            self.gas.cold()?;
        }
        Ok(value)
    }

    /// Writes a slot.
    pub fn store(&mut self, slot: Slot, value: U256) -> Part<()> {
        self.gas.store()?;
        let (before, cold) = self.host.store(self.me, slot.0, value).map_err(Stop::Fatal)?;
        if cold {
            self.gas.cold()?;
        }
        if before.is_zero() && !value.is_zero() {
            self.gas.grow()?;
        }
        Ok(())
    }

    /// Adds an item to the list at `slot`: its length there, its items by number.
    pub fn push(&mut self, slot: Slot, value: U256) -> Part<u64> {
        let count = super::small(self.load(slot)?);
        self.store(slot.at(count), value)?;
        self.store(slot, U256::from(count + 1))?;
        Ok(count)
    }

    /// Reads a row of bytes: its length at `slot`, its words by number.
    pub fn load_bytes(&mut self, slot: Slot) -> Part<Vec<u8>> {
        let length = super::small(self.load(slot)?).min(BYTES_MAX);
        let mut bytes = Vec::new();
        for word in 0..length.div_ceil(32) {
            bytes.extend(self.load(slot.at(word))?.to_be_bytes::<32>());
        }
        bytes.truncate(usize::try_from(length).expect("at most a thousand"));
        Ok(bytes)
    }

    /// Writes a row of bytes; what was there before and is not covered is cleared.
    pub fn store_bytes(&mut self, slot: Slot, bytes: &[u8]) -> Part<()> {
        let length = bytes.len() as u64;
        assert!(length <= BYTES_MAX, "the contract checks lengths first");
        let before = super::small(self.load(slot)?);
        self.store(slot, U256::from(length))?;
        for (word, chunk) in bytes.chunks(32).enumerate() {
            let mut whole = [0; 32];
            whole[..chunk.len()].copy_from_slice(chunk);
            self.store(slot.at(word as u64), U256::from_be_bytes(whole))?;
        }
        for word in length.div_ceil(32)..before.div_ceil(32) {
            self.store(slot.at(word), U256::ZERO)?;
        }
        Ok(())
    }

    /// Reads a text.
    pub fn load_text(&mut self, slot: Slot) -> Part<String> {
        // Only texts are written where texts are read.
        Ok(String::from_utf8_lossy(&self.load_bytes(slot)?).into_owned())
    }

    /// Reads a list of digests: its length at `slot`, its items by number.
    pub fn load_list(&mut self, slot: Slot) -> Part<Vec<B256>> {
        let count = super::small(self.load(slot)?);
        (0..count).map(|place| Ok(self.load(slot.at(place))?.into())).collect()
    }

    /// Writes a list of digests; items that were there before and are not covered are cleared.
    pub fn store_list(&mut self, slot: Slot, items: &[B256]) -> Part<()> {
        let before = super::small(self.load(slot)?);
        self.store(slot, U256::from(items.len()))?;
        for (place, item) in items.iter().enumerate() {
            self.store(slot.at(place as u64), (*item).into())?;
        }
        for place in items.len() as u64..before {
            self.store(slot.at(place), U256::ZERO)?;
        }
        Ok(())
    }
}
