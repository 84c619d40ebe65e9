//! Code of contracts that was asked for lately, ready to run.
//!
//! Reading code takes a copy of it, and making it ready a look at each of its bytes; the same few
//! contracts are called in every block. Invariant: what is here is what the file has.

use alloy_primitives::B256;
use alloy_primitives::map::B256Map;
use revm::state::Bytecode;
use std::sync::{Mutex, PoisonError};
use terroir_ledger::Error;

/// Bytes of one generation.
const BYTES_MAX: usize = 16 << 20;
/// Bytes that code takes beside its own, about: counters, jump table, its place in the map.
const ENTRY_BYTES: usize = 256;

/// Two generations: who is asked for moves into the younger one, and a full younger one ends the
/// older.
#[derive(Default)]
pub(super) struct Codes(Mutex<State>);

#[derive(Default)]
struct State {
    young: B256Map<Bytecode>,
    old: B256Map<Bytecode>,
    bytes: usize,
}

impl State {
    fn find(&mut self, hash: &B256) -> Option<Bytecode> {
        if let Some(code) = self.young.get(hash) {
            return Some(code.clone());
        }
        let code = self.old.remove(hash)?;
        self.put(*hash, &code);
        Some(code)
    }

    fn put(&mut self, hash: B256, code: &Bytecode) {
        let bytes = code.len() + ENTRY_BYTES;
        if self.bytes + bytes > BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.young.insert(hash, code.clone());
    }
}

impl Codes {
    /// The code with the hash `hash`, else what `read` gives.
    pub(super) fn get(
        &self,
        hash: &B256,
        read: impl FnOnce() -> Result<Option<Bytecode>, Error>,
    ) -> Result<Option<Bytecode>, Error> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().find(hash);
        if known.is_some() {
            return Ok(known);
        }
        let Some(code) = read()? else { return Ok(None) };
        lock().put(*hash, &code);
        Ok(Some(code))
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, Codes, ENTRY_BYTES};
    use alloy_primitives::{B256, U256};
    use revm::state::Bytecode;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let codes = Codes::default();
        let code = |number: u64| {
            let mut bytes = vec![0; 1 << 20];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            Bytecode::new_legacy(bytes.into())
        };
        let hash = |number: u64| B256::from(U256::from(number));
        let kept = |number| codes.get(&hash(number), || Ok(None)).unwrap();
        let fill = 3 * (BYTES_MAX >> 20) as u64;
        for number in 0..fill {
            let got = codes.get(&hash(number), || Ok(Some(code(number)))).unwrap();
            assert_eq!(got, Some(code(number)));
            // Asked for again and again, it is never read again.
            assert_eq!(kept(0), Some(code(0)));
        }
        assert_eq!(kept(fill - 1), Some(code(fill - 1)));
        assert_eq!(kept(1), None);
        let held = codes.0.lock().unwrap();
        assert!(held.young.len() + held.old.len() <= 2 * (BYTES_MAX >> 20));
    }

    #[test]
    fn small_code_counts_for_what_is_around_it() {
        let codes = Codes::default();
        for number in 0..3 * (BYTES_MAX / ENTRY_BYTES) as u64 {
            let code = Bytecode::new_legacy(vec![0].into());
            codes.get(&B256::from(U256::from(number)), || Ok(Some(code))).unwrap();
        }
        let held = codes.0.lock().unwrap();
        assert!(held.young.len() + held.old.len() <= 2 * (BYTES_MAX / ENTRY_BYTES));
    }

    #[test]
    fn what_is_not_there_is_asked_for_again() {
        let codes = Codes::default();
        assert_eq!(codes.get(&B256::ZERO, || Ok(None)).unwrap(), None);
        let code = Bytecode::new_legacy(vec![0; 3].into());
        assert_eq!(codes.get(&B256::ZERO, || Ok(Some(code.clone()))).unwrap(), Some(code));
    }
}
