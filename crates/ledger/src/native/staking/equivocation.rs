//! Validators that contradict themselves: whoever shows it is paid, and they never sit again.

use super::{COMMITTEES, ENDED, GENESIS, Status, WHOLE, field, params, slot_of};
use crate::native::abi::IStaking;
use crate::native::{Call, Part, Stop, refuse, require, small, to_address};
use alloy_primitives::{Address, B256, U256};
use revm::handler::SYSTEM_ADDRESS;
use terroir_proof::bls;
use terroir_proof::finality::Equivocation;

/// What a system call that shows evidence begins with: no selector of the interface.
const CONVICT: [u8; 4] = *b"con\0";

/// Evidence that a block brings, and who is paid for it.
#[derive(Clone, Copy, Debug)]
pub struct Conviction<'a> {
    /// Who is paid.
    pub reporter: Address,
    /// Two votes (`docs/format/evidence.md`).
    pub evidence: &'a [u8],
}

impl<'a> Conviction<'a> {
    /// The input of the system call to [`crate::native::STAKING`].
    pub fn input(&self) -> Vec<u8> {
        [&CONVICT, self.reporter.as_slice(), self.evidence].concat()
    }

    /// Reads `input` where the system calls; nobody else can.
    pub(super) fn read(caller: Address, input: &'a [u8]) -> Option<Conviction<'a>> {
        let rest = input.strip_prefix(&CONVICT).filter(|_| caller == SYSTEM_ADDRESS)?;
        let (reporter, evidence) = rest.split_first_chunk::<20>()?;
        Some(Conviction { reporter: reporter.into(), evidence })
    }
}

/// What of the money that is taken goes to whoever shows the evidence, in millionths.
const REPORTER: u64 = 50_000;

impl Call<'_> {
    /// Keeps the name of the chain, which votes are signed for: block 1 knows it, block 0 does not.
    pub(super) fn begin(&mut self, genesis: B256) -> Part<()> {
        match self.now.number {
            1 => self.store(GENESIS, genesis.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn report(&mut self, evidence: &[u8], reporter: Address) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        let found = match Equivocation::decode(evidence) {
            Ok(found) => found,
            Err(why) => return refuse(why.to_string()),
        };
        let list = COMMITTEES.at(found.epoch);
        let seats = small(self.load(list)?);
        require(found.seat < seats, || {
            format!("epoch {} has {seats} seats, and no seat {}", found.epoch, found.seat)
        })?;
        let ended = small(self.load(ENDED.at(found.epoch))?);
        let until = ended.saturating_add(self.param_small(params::UNBOND_SECONDS)?);
        require(ended == 0 || self.now.time <= until, || {
            format!("epoch {} is too long ago: its money was free from {until} on", found.epoch)
        })?;
        let validator = to_address(self.load(list.at(found.seat))?);
        let slot = slot_of(validator);
        require(self.load(slot.field(field::EQUIVOCATED))?.is_zero(), || {
            format!("{validator} was punished already")
        })?;
        let key = self.load_bytes(slot.field(field::VOTE_KEY))?;
        let Ok(key) = <[u8; bls::KEY_BYTES]>::try_from(&key[..]) else {
            return Err(Stop::Fatal(format!("{validator} has a key of {} bytes", key.len())));
        };
        let genesis = B256::from(self.load(GENESIS)?);
        self.gas.pairings()?;
        self.gas.pairings()?;
        if let Err(why) = found.check(&genesis.0, &key) {
            return refuse(why.to_string());
        }
        self.store(slot.field(field::EQUIVOCATED), U256::from(1))?;
        self.set_status(validator, Status::Leaving)?;
        let millionths = self.param_small(params::SLASH_EQUIVOCATION)?;
        let taken = self.slash(validator, millionths)?;
        let reward = taken * U256::from(REPORTER) / U256::from(WHOLE);
        self.burn(taken - reward)?;
        self.emit(&IStaking::Equivocated {
            validator,
            reporter,
            epoch: found.epoch,
            viewNumber: found.view,
            taken,
        })?;
        self.pay(reporter, reward)?;
        Ok(Vec::new())
    }
}
