//! A process of a validator, and what outlives it.

use crate::dice::Dice;
use crate::disk::Disk;
use crate::host::Forged;
use crate::laws::Laws;
use crate::liar::Voice;
use crate::people::{People, SEATS};
use crate::plan::Plan;
use alloy_primitives::Bytes;
use commonware_runtime::Handle;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_consensus::{Error, Running};
use terroir_node::chain::{Chain, Origin};

/// A process of a validator, whether it runs or not. A liar has two.
pub(crate) struct Process {
    pub(crate) place: usize,
    pub(super) liar: bool,
    pub(crate) disk: Disk,
    pub(crate) forged: Forged,
    pub(super) running: Option<Live>,
}

/// What there is of a process while it runs.
pub(super) struct Live {
    pub(super) chain: Arc<Chain>,
    pub(super) node: Running,
    pub(super) task: Handle<Error>,
    pub(super) voice: Voice,
}

/// What outlives a runtime: disks, and what was planned.
pub(crate) struct Ground {
    pub(crate) people: Arc<People>,
    pub(crate) plan: Plan,
    pub(crate) laws: Laws,
    pub(crate) dice: Dice,
    pub(crate) disks: Vec<Disk>,
    /// Where nodes keep contradicting votes.
    pub(crate) evidence: PathBuf,
    pub(crate) starts: u64,
    pub(crate) outages: u64,
}

impl Ground {
    /// Whose every process is, in the order of disks; twins come last.
    pub(super) fn roles(plan: &Plan) -> Vec<usize> {
        (0..SEATS).chain(plan.liars.iter().copied()).collect()
    }

    pub(crate) fn new(plan: Plan, people: People, evidence: &Path) -> Ground {
        let disk = |place| Disk::new(plan.false_disks.contains(&place));
        Ground {
            disks: Ground::roles(&plan).into_iter().map(disk).collect(),
            laws: Laws::new(&plan.liars),
            dice: Dice::new(plan.seed, 2),
            evidence: evidence.to_owned(),
            starts: 0,
            outages: 0,
            people: Arc::new(people),
            plan,
        }
    }
}

impl Process {
    pub(crate) fn runs(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn honest(&self) -> bool {
        !self.liar
    }

    pub(crate) fn chain(&self) -> Option<&Arc<Chain>> {
        self.running.as_ref().map(|live| &live.chain)
    }

    /// Speaks in the name of its validator.
    pub(crate) fn voice(&mut self) -> Option<&mut Voice> {
        self.running.as_mut().map(|live| &mut live.voice)
    }

    /// Brings a client's transaction here, as the JSON-RPC server does.
    pub(crate) fn submit(&self, bytes: &Bytes) {
        let Some(live) = &self.running else { return };
        if live.chain.mempool().add(bytes, Origin::Local).is_ok() {
            live.node.submit(vec![bytes.clone()]);
        }
    }
}
