//! Plans out of seeds.

use super::{Event, Hears, Lie, Plan, Step, Weather};
use crate::dice::Dice;
use crate::people::SEATS;

/// Milliseconds between two steps, at most.
const STEP_MS_MAX: u64 = 3_000;

impl Plan {
    /// The plan of a seed. At most one validator lies in it, and all disks keep what they synced.
    pub fn of(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, 0);
        let liars: Vec<usize> = match dice.chance(50) {
            true => vec![dice.index(SEATS)],
            false => Vec::new(),
        };
        let acts = 1 + u64::from(dice.chance(40)) + u64::from(dice.chance(20));
        Plan {
            seed,
            false_disks: Vec::new(),
            disconnect: dice.chance(50),
            idle_ms: [200, 500, 900][dice.index(3)],
            kept_percent: [0, 50, 90, 99, 100][dice.index(5)],
            kept_first: dice.chance(50),
            acts: (0..acts).map(|_| act(&mut dice, &liars, acts)).collect(),
            liars,
        }
    }
}

/// A part of a run; it is shorter where there are more of them.
fn act(dice: &mut Dice, liars: &[usize], acts: u64) -> Vec<Step> {
    let mut steps = vec![Step { after_ms: 0, event: Event::Weather(weather(dice)) }];
    if !liars.is_empty() {
        steps.push(Step { after_ms: 0, event: split(dice) });
    }
    let mut trouble = Trouble::default();
    for _ in 0..dice.between(5, 5 + 10 / acts) {
        let after_ms = match dice.chance(30) {
            true => dice.between(0, 60),
            false => dice.between(0, STEP_MS_MAX),
        };
        let event = trouble.mended(dice).unwrap_or_else(|| event(dice, !liars.is_empty()));
        trouble.take(event);
        steps.push(Step { after_ms, event });
    }
    steps
}

/// What keeps the chain from going on. It is often mended, so that there is something to be lost.
#[derive(Default)]
struct Trouble {
    down: Vec<usize>,
    cut: bool,
}

impl Trouble {
    fn take(&mut self, event: Event) {
        match event {
            Event::Cut(..) | Event::Part(..) => self.cut = true,
            Event::Join => self.cut = false,
            Event::Kill(place) | Event::PowerOff(place, _) => self.down.push(place),
            Event::Start(place) => self.down.retain(|down| *down != place),
            _ => {}
        }
    }

    fn mended(&self, dice: &mut Dice) -> Option<Event> {
        if self.cut && dice.chance(40) {
            return Some(Event::Join);
        }
        match self.down.is_empty() || dice.chance(60) {
            true => None,
            false => Some(Event::Start(self.down[dice.index(self.down.len())])),
        }
    }
}

fn event(dice: &mut Dice, lies: bool) -> Event {
    match dice.between(0, if lies { 99 } else { 74 }) {
        0..25 => Event::Pay(dice.index(SEATS), dice.between(1, 8)),
        25..30 => Event::PayTwice(dice.index(SEATS), dice.index(SEATS)),
        30..39 => Event::Cut(sides(dice), dice.chance(80)),
        39..45 => Event::Part(dice.index(SEATS), dice.index(SEATS)),
        45..57 => Event::Kill(dice.index(SEATS)),
        57..69 => Event::PowerOff(dice.index(SEATS), dice.between(0, 5)),
        69..75 => Event::Weather(weather(dice)),
        75..88 => split(dice),
        _ => Event::Lie(lie(dice)),
    }
}

fn weather(dice: &mut Dice) -> Weather {
    let (far, lossy) = (dice.chance(10), dice.chance(10));
    let latency_ms = dice.between(1, if far { 400 } else { 60 });
    let jitter_ms = dice.between(0, latency_ms);
    let lost_percent = dice.between(0, if lossy { 30 } else { 3 });
    Weather { latency_ms, jitter_ms, lost_percent }
}

fn sides(dice: &mut Dice) -> [bool; SEATS] {
    std::array::from_fn(|_| dice.chance(50))
}

fn split(dice: &mut Dice) -> Event {
    let hears = [Hears::First, Hears::First, Hears::Second, Hears::Second, Hears::Both];
    Event::Split(std::array::from_fn(|_| hears[dice.index(hears.len())]))
}

fn lie(dice: &mut Dice) -> Lie {
    match dice.index(11) {
        0..2 => Lie::Notarize,
        2..4 => Lie::Finalize,
        4..6 => Lie::NullifyFinalize,
        6..8 => Lie::State,
        8..10 => Lie::Sender,
        _ => Lie::Noise,
    }
}
