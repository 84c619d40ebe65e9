//! A plan carried out: act by act, each in a runtime that goes on where the one before fell.

use crate::laws::Violation;
use crate::liar::{Liar, Theft};
use crate::load::Load;
use crate::people::{BEGINNING_SECONDS, People, SEATS};
use crate::plan::{Event, Lie, Plan, Step, Weather};
use crate::world::{Ground, World};
use commonware_runtime::Clock as _;
use commonware_runtime::deterministic::{
    Checkpoint, Config, Context, FaultConfig, PartialWriteMode, Runner, WriteConfig,
};
use commonware_utils::probability;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a run looks whether a law is broken.
const LOOK: Duration = Duration::from_millis(100);
/// How long it may take until all is final after all is mended, in simulated time.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often clients bring again what is not final, once all is mended.
const AGAIN: Duration = Duration::from_secs(3);
/// Blocks that every honest validator must get further than any was before all was mended.
const FURTHER: u64 = 3;
/// Links once all is mended.
const FINE: Weather = Weather { latency_ms: 20, jitter_ms: 5, lost_percent: 0 };

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The highest final block.
    pub blocks: u64,
    /// Final payments.
    pub payments: u64,
    /// Processes that were started.
    pub starts: u64,
    /// Processes that ended because their disk lost power in the middle of a write.
    pub outages: u64,
    /// How often honest validators saw contradictions, and stopped listening.
    pub convictions: u64,
    /// Validators that are proved to have contradicted themselves, and have no seat any more.
    pub expelled: u64,
    /// Transactions in blocks that liars forged.
    pub forged: u64,
    /// Those of them that honest validators saw, in a block that they did not take.
    pub refused: u64,
    /// Milliseconds from when all was mended until all was final.
    pub mended_ms: u64,
    /// Milliseconds that the run took, in simulated time.
    pub took_ms: u64,
    /// What the runtime did, in all its order, as a digest: equal runs have equal ones.
    pub digest: String,
}

/// A law was broken.
#[derive(Debug, thiserror::Error)]
#[error("{violation}\n{plan}to see it again: cargo xtask sim --seed {}", plan.seed)]
pub struct Failure {
    /// What was to happen.
    pub plan: Plan,
    /// What was not to happen.
    pub violation: Violation,
}

/// Carries out `plan`.
///
/// Errors: the first law that was broken.
pub fn run(plan: &Plan) -> Result<Report, Box<Failure>> {
    let failure = |violation| Box::new(Failure { plan: plan.clone(), violation });
    match catch_unwind(AssertUnwindSafe(|| carry_out(plan))) {
        Ok(done) => done.map_err(failure),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
            Err(failure(Violation::Panic(text.unwrap_or_default())))
        }
    }
}

fn carry_out(plan: &Plan) -> Result<Report, Violation> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut ground = Ground::new(plan.clone(), People::new(), folder.path());
    let mut load = Load::new(plan.seed);
    let mut checkpoint = None;
    for (number, steps) in plan.acts.iter().enumerate() {
        let last = number + 1 == plan.acts.len();
        let act = async |context: Context| {
            let world = World::new(context, &mut ground);
            let mut act = Act { world, load: &mut load, forges: false };
            let report = act.play(steps, last).await;
            act.world.fall();
            report
        };
        let (report, fallen) = runner(plan, checkpoint.take()).start_and_recover(act);
        let Ground { disks, dice, laws, .. } = &mut ground;
        disks.iter_mut().for_each(|disk| *disk = disk.on(dice));
        if let Some(violation) = laws.seen().violation.take() {
            return Err(violation);
        }
        if last {
            return Ok(report);
        }
        checkpoint = Some(fallen);
    }
    unreachable!("the last act ends it")
}

/// A runtime whose clock begins with the chain, or which goes on where `fallen` fell.
fn runner(plan: &Plan, fallen: Option<Checkpoint>) -> Runner {
    let writes = WriteConfig {
        failure_rate: probability!(0.0),
        retention_rate: probability!(plan.kept_percent, 100),
        mode: match plan.kept_first {
            true => PartialWriteMode::Prefix,
            false => PartialWriteMode::Subset,
        },
    };
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(BEGINNING_SECONDS + 1);
    let config = Config::default()
        .with_seed(plan.seed)
        .with_start_time(start)
        .with_storage_fault_config(FaultConfig::default().write(writes));
    fallen.map_or_else(|| Runner::new(config), Runner::from)
}

/// What happens between two falls of everything.
struct Act<'a, 'g> {
    world: World<'g>,
    load: &'a mut Load,
    /// Whether the liar is about to forge a block, as soon as it leads.
    forges: bool,
}

impl Act<'_, '_> {
    async fn play(&mut self, steps: &[Step], last: bool) -> Report {
        self.world.open(|_, _, _| true).await;
        for place in 0..SEATS {
            self.world.start(place).await;
        }
        for Step { after_ms, event } in steps {
            if self.pass(Duration::from_millis(*after_ms)).await {
                break;
            }
            self.happen(*event).await;
        }
        let mended = self.now();
        let is_final = last && !self.broken() && self.mend().await;
        self.world.blocks().await;
        if is_final {
            self.world.check();
        }
        let seats = self.world.committee().map(|(_, seats)| seats).unwrap_or_default();
        let seen = self.world.ground.laws.seen();
        Report {
            blocks: seen.blocks.keys().next_back().copied().unwrap_or_default(),
            payments: seen.transactions.len() as u64,
            starts: self.world.ground.starts,
            outages: self.world.ground.outages,
            convictions: seen.convictions,
            expelled: seen.proved.iter().filter(|whom| !seats.contains(whom)).count() as u64,
            forged: seen.forged.len() as u64,
            refused: seen.forged.values().filter(|looked_at| **looked_at).count() as u64,
            mended_ms: (self.now() - mended).as_millis() as u64,
            took_ms: (self.now() - Duration::from_secs(BEGINNING_SECONDS + 1)).as_millis() as u64,
            digest: format!(
                "{} {:?}",
                self.world.context.auditor().state(),
                seen.newest.as_ref().map(|block| block.hash())
            ),
        }
    }

    fn now(&self) -> Duration {
        self.world.context.current().duration_since(UNIX_EPOCH).expect("it is after 1970")
    }

    fn broken(&self) -> bool {
        self.world.ground.laws.seen().violation.is_some()
    }

    /// Lets time pass, unless a law is broken; whether one is.
    async fn pass(&mut self, time: Duration) -> bool {
        let mut left = time;
        while !left.is_zero() && !self.broken() {
            let some = left.min(LOOK);
            self.world.context.sleep(some).await;
            self.world.bury().await;
            if self.forges {
                self.lie(Lie::State);
            }
            left -= some;
        }
        self.broken()
    }

    async fn happen(&mut self, event: Event) {
        let world = &mut self.world;
        match event {
            Event::Weather(weather) => world.weather(weather).await,
            Event::Cut(side, both) => {
                let cut = |from: usize, to: usize| side[from] && !side[to];
                world.open(|from, to, _| !(cut(from, to) || both && cut(to, from))).await;
            }
            Event::Part(one, other) => {
                let between = |from, to| (from, to) == (one, other) || (to, from) == (one, other);
                world.open(|from, to, open| open && !between(from, to)).await;
            }
            Event::Join => world.open(|_, _, _| true).await,
            Event::Kill(place) => world.kill(place).await,
            Event::PowerOff(place, syncs) => {
                let of = world.processes.iter().filter(|one| one.place == place);
                of.for_each(|one| one.disk.off_after(Some(syncs)));
            }
            Event::Start(place) => world.start(place).await,
            Event::Split(hears) => world.split().set(&hears),
            Event::Lie(lie) => self.lie(lie),
            Event::Pay(place, count) => {
                for _ in 0..count {
                    self.pay(&[place]);
                }
            }
            Event::PayTwice(one, other) => self.pay(&[one, other]),
        }
    }

    /// Makes a payment, in another way at each of `places`.
    fn pay(&mut self, places: &[usize]) {
        let accounts = &self.world.ground.people.accounts;
        let ways = self.load.pay(accounts, places.len() as u64);
        for (place, bytes) in places.iter().zip(&ways) {
            let of = self.world.processes.iter().filter(|one| one.place == *place);
            of.for_each(|one| one.submit(bytes));
        }
    }

    /// The first process of each liar lies. A forged block waits until one of them leads: before and
    /// after nobody would look at it.
    fn lie(&mut self, lie: Lie) {
        let now_ms = self.now().as_millis() as u64;
        let Ground { people, laws, dice, .. } = &mut *self.world.ground;
        self.forges = lie == Lie::State;
        for process in self.world.processes.iter_mut().take(SEATS).filter(|one| !one.honest()) {
            let theft = (lie == Lie::Sender).then(|| Theft::new(people));
            *process.forged.lock().expect("nobody panicked with it") = theft;
            let Some(chain) = process.chain() else { continue };
            let tip = chain.tip();
            let liar = Liar::new(people, process.place, &tip);
            if lie == Lie::State && !liar.leads() {
                continue;
            }
            if let Some(voice) = process.voice() {
                liar.tell(lie, now_ms, laws, dice, voice);
                self.forges = false;
            }
        }
    }

    /// Mends everything, and waits until all is final and liars have no seats; whether that came.
    async fn mend(&mut self) -> bool {
        let highest = self.world.ground.laws.seen().blocks.keys().next_back().copied();
        let wanted = highest.unwrap_or_default() + FURTHER;
        self.world.processes.iter().for_each(|one| one.disk.off_after(None));
        self.world.weather(FINE).await;
        self.world.open(|_, _, _| true).await;
        for place in 0..SEATS {
            self.world.start(place).await;
        }
        let begun = self.now();
        let mut again = Duration::ZERO;
        while !self.is_final(wanted) || self.world.unpunished().is_some() {
            if self.now() - begun > PATIENCE {
                let seen = self.world.ground.laws.seen();
                let (heights, missing) = (seen.heights, self.load.missing(&seen.transactions));
                drop(seen);
                let missing = missing.len();
                let violation = match self.world.unpunished() {
                    Some((whom, epoch)) if self.is_final(wanted) => {
                        Violation::Seated { whom, epoch }
                    }
                    _ => Violation::Stalled { heights, missing },
                };
                self.world.ground.laws.broken(violation);
                return false;
            }
            if again.is_zero() {
                self.bring_again();
                again = AGAIN;
            }
            if self.pass(LOOK).await {
                return false;
            }
            again -= LOOK;
        }
        true
    }

    /// Brings everybody honest what is not final.
    fn bring_again(&self) {
        let missing = self.load.missing(&self.world.ground.laws.seen().transactions);
        for bytes in &missing {
            self.world
                .processes
                .iter()
                .filter(|one| one.honest())
                .for_each(|one| one.submit(bytes));
        }
    }

    /// Whether all payments are final, for everybody honest, at `wanted` and above.
    fn is_final(&self, wanted: u64) -> bool {
        let seen = self.world.ground.laws.seen();
        let newest = seen.transactions.values().max().copied().unwrap_or_default().max(wanted);
        let liars = &self.world.ground.plan.liars;
        let honest = (0..SEATS).filter(|place| !liars.contains(place));
        self.load.missing(&seen.transactions).is_empty()
            && honest.map(|place| seen.heights[place]).all(|height| height >= newest)
    }
}
