//! What happens in a run: which faults, and when. A function of the seed alone.

mod make;

use crate::people::SEATS;
use std::fmt;

/// A run, before it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed of everything.
    pub seed: u64,
    /// Places of validators that have a twin: a second process with the same keys.
    pub liars: Vec<usize>,
    /// Places of validators whose disk says that it synced and did not.
    pub false_disks: Vec<usize>,
    /// Whether a node that blocks a peer no longer hears it; otherwise the liar is never silenced.
    pub disconnect: bool,
    /// Milliseconds in which a leader waits for something to be in its block.
    pub idle_ms: u64,
    /// Bytes of a hundred that are kept of what the engine has not synced when all machines go.
    pub kept_percent: u64,
    /// Whether those are the first ones of each write; otherwise any.
    pub kept_first: bool,
    /// Parts of the run. Between two all machines lose power at once; after the last all is mended.
    pub acts: Vec<Vec<Step>>,
}

/// Something that happens, after some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds after the step before.
    pub after_ms: u64,
    /// What happens.
    pub event: Event,
}

/// How links are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Mean milliseconds that a message takes.
    pub latency_ms: u64,
    /// Its standard deviation.
    pub jitter_ms: u64,
    /// Messages of a hundred that are lost.
    pub lost_percent: u64,
}

/// What a peer hears of a validator with a twin, and who of both hears the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// The one only.
    First,
    /// Its twin only.
    Second,
    /// Both: it sees every contradiction.
    Both,
}

/// A lie that takes no twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Two votes for two blocks in one view.
    Notarize,
    /// Two votes that make two blocks final in one view.
    Finalize,
    /// A vote that makes a block final and one that skips its view.
    NullifyFinalize,
    /// A block with another state than it has, and a vote for it.
    State,
    /// A transaction that its sender did not sign, in every block that it proposes.
    Sender,
    /// Bytes that mean nothing, on every channel.
    Noise,
}

/// What can happen. Places are those of validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// All links change.
    Weather(Weather),
    /// Those that are true no longer reach the others; nor the others them, where both ways are cut.
    Cut([bool; SEATS], bool),
    /// Two no longer reach each other, although others may reach both.
    Part(usize, usize),
    /// All reach all.
    Join,
    /// A process is killed; its disk keeps what chance leaves of what was not synced.
    Kill(usize),
    /// A disk loses power at the sync after so many; its process ends with it.
    PowerOff(usize, u64),
    /// Whoever does not run is started.
    Start(usize),
    /// What each place hears of the liar.
    Split([Hears; SEATS]),
    /// The liar lies.
    Lie(Lie),
    /// Clients bring so many transactions to a node.
    Pay(usize, u64),
    /// A client brings two transactions with one nonce to two nodes.
    PayTwice(usize, usize),
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, liars, false_disks, disconnect, idle_ms, .. } = self;
        writeln!(
            f,
            "seed {seed}: liars {liars:?}, false disks {false_disks:?}, disconnect {disconnect}, \
             idle {idle_ms} ms, engine keeps {} % (first {})",
            self.kept_percent, self.kept_first
        )?;
        for (number, act) in self.acts.iter().enumerate() {
            writeln!(f, "  act {}", number + 1)?;
            for Step { after_ms, event } in act {
                writeln!(f, "    +{after_ms} ms {event:?}")?;
            }
        }
        Ok(())
    }
}
