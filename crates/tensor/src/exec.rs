//! Runs a plan over a batch of rows from many sequences at once.
//!
//! For sessions, replay and scoring. A call takes some tokens of some sequences, runs the program
//! operator by operator over all their rows, extends each sequence's cache, and gives the logits
//! that were asked for. Invariant: what a row becomes does not depend on its neighbours in the call.

use crate::kernel::Quantised;
use crate::plan::{Plan, width};
use crate::program::*;
use crate::trace::step_digest;
use crate::{Error, Isa, Row};
use rayon::prelude::*;
use std::sync::Arc;
use terroir_base::Digest;

mod attention;
mod cache;
mod linear;
mod rows;

pub use cache::Cache;

/// Most rows of one call.
pub const ROWS_MAX: usize = 1 << 12;

/// Most bytes that the values of one call may take.
const CALL_BYTES_MAX: u64 = 4 << 30;

/// Which logits of a run are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// None: the tokens only extend the cache.
    None,
    /// Those after the last token.
    Last,
    /// Those after every token.
    All,
}

/// Some tokens of one sequence.
pub struct Run<'a> {
    /// What the sequence has seen so far; extended by the call.
    pub cache: &'a mut Cache,
    /// The next tokens.
    pub tokens: &'a [u32],
    /// Which logits to give back.
    pub logits: Wanted,
}

/// Rows of logits, in the order of the runs, and inside a run by position.
#[derive(Clone, Debug, Default)]
pub struct Logits {
    width: usize,
    values: Arc<Vec<i32>>,
}

impl Logits {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// One row: a logit per token, in Q16. Panics: when there is no such row.
    pub fn row(&self, index: usize) -> &[i32] {
        &self.values[index * self.width..][..self.width]
    }
}

/// The output of one operator at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Index of the operator.
    pub operator: usize,
    /// Index of the run in the call.
    pub run: usize,
    /// Position in the sequence.
    pub position: usize,
    /// [`Row::digest`] of the output.
    pub digest: Digest,
}

/// Takes what [`Executor::forward_traced`] reports.
pub type Tracer<'a> = &'a mut (dyn FnMut(Traced) + Send);

/// One row of the call.
#[derive(Clone, Copy, Debug)]
struct Place {
    run: usize,
    position: usize,
    token: u32,
    wanted: bool,
}

/// Room for one value; which half is used is fixed by the plan.
#[derive(Default)]
struct Buffer {
    fixed: Vec<i32>,
    quantised: Quantised,
}

/// A plan with threads and memory to run it.
pub struct Executor {
    plan: Arc<Plan>,
    isa: Isa,
    threads: usize,
    pool: Option<Arc<rayon::ThreadPool>>,
    buffers: Vec<Buffer>,
    checkpoints: Vec<u8>,
    /// The logits of the last call, to be used again once nobody holds them.
    logits: Arc<Vec<i32>>,
    scratch: crate::kernel::attention::Scratch,
}

impl Executor {
    /// Prepares `threads` threads for `plan`.
    ///
    /// Errors: [`Error::Argument`] for 0 or more than 256 threads, or an instruction set that this
    /// machine lacks.
    pub fn new(plan: Arc<Plan>, threads: usize, isa: Isa) -> Result<Executor, Error> {
        if !(1..=256).contains(&threads) {
            return Err(Error::Argument(format!("{threads} threads, allowed are 1 to 256")));
        }
        if !isa.available() {
            return Err(Error::Argument(format!("this machine does not have {isa}")));
        }
        let pool = if threads > 1 {
            let build = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            Some(Arc::new(
                build.map_err(|e| Error::Argument(format!("cannot start threads: {e}")))?,
            ))
        } else {
            None
        };
        let count = plan.buffers.iter().max().map_or(0, |m| m + 1);
        let buffers = std::iter::repeat_with(Buffer::default).take(count).collect();
        let (checkpoints, logits, scratch) = Default::default();
        Ok(Executor { plan, isa, threads, pool, buffers, checkpoints, logits, scratch })
    }

    /// Runs the tokens of every run, at most `ROWS_MAX` in all.
    ///
    /// Errors: [`Error::Token`], [`Error::Positions`], [`Error::Argument`]; then nothing changed.
    pub fn forward(&mut self, runs: &mut [Run<'_>]) -> Result<Logits, Error> {
        self.call(runs, None)
    }

    /// [`Executor::forward`], reporting the digest of every operator's output at every position.
    ///
    /// Operators that serve the logits alone are reported where logits are wanted.
    pub fn forward_traced(
        &mut self,
        runs: &mut [Run<'_>],
        tracer: Tracer<'_>,
    ) -> Result<Logits, Error> {
        self.call(runs, Some(tracer))
    }

    fn call(&mut self, runs: &mut [Run<'_>], tracer: Option<Tracer<'_>>) -> Result<Logits, Error> {
        let places = self.places(runs)?;
        if places.is_empty() {
            return Ok(Logits::default());
        }
        let pool = self.pool.clone();
        let work = || self.run(runs, places, tracer);
        Ok(match pool {
            Some(pool) => pool.install(work),
            None => work(),
        })
    }

    fn places(&self, runs: &[Run<'_>]) -> Result<Vec<Place>, Error> {
        let (vocab, limit) = (self.plan.vocab(), self.plan.positions_max());
        let total: usize = runs.iter().map(|run| run.tokens.len()).sum();
        if total > ROWS_MAX {
            return Err(Error::Argument(format!("{total} rows in a call, at most {ROWS_MAX}")));
        }
        let bytes = total as u64 * self.plan.row_bytes();
        if bytes > CALL_BYTES_MAX {
            return Err(Error::Argument(format!(
                "{total} rows need {bytes} bytes of values, at most {CALL_BYTES_MAX} in a call"
            )));
        }
        let mut places = Vec::with_capacity(total);
        for (index, run) in runs.iter().enumerate() {
            run.cache.belongs_to(&self.plan)?;
            let wanted = run.cache.len() + run.tokens.len();
            if wanted > limit {
                return Err(Error::Positions { wanted, limit });
            }
            for (offset, &token) in run.tokens.iter().enumerate() {
                if token as usize >= vocab {
                    return Err(Error::Token { token, vocab });
                }
                let last = offset + 1 == run.tokens.len();
                places.push(Place {
                    run: index,
                    position: run.cache.len() + offset,
                    token,
                    wanted: run.logits == Wanted::All || (run.logits == Wanted::Last && last),
                });
            }
        }
        Ok(places)
    }

    fn run(
        &mut self,
        runs: &mut [Run<'_>],
        mut places: Vec<Place>,
        mut tracer: Option<Tracer<'_>>,
    ) -> Logits {
        let plan = self.plan.clone();
        if let Ok(values) = Arc::try_unwrap(std::mem::take(&mut self.logits)) {
            self.buffers[plan.buffers[plan.program.logits as usize]].fixed = values;
        }
        let stride: usize =
            plan.program.checkpoints.iter().map(|&v| 4 * width(&plan.types[v as usize])).sum();
        self.checkpoints.resize(places.len() * stride, 0);
        let mut offset = 0;
        let mut index = 0;
        let mut whole_done = false;
        while index < plan.program.ops.len() {
            if index >= plan.tail && !whole_done {
                self.commit(runs, &places, stride);
                places = self.keep_wanted(places);
                whole_done = true;
            }
            if places.is_empty() {
                break;
            }
            let count = plan.together[index];
            self.operate(index, count, runs, &places);
            for made in index..index + count {
                if plan.program.checkpoints.binary_search(&(made as Value)).is_ok() {
                    self.checkpoint(made, stride, offset);
                    offset += 4 * width(&plan.types[made]);
                }
                if let Some(tracer) = &mut tracer {
                    self.report(made, &places, tracer);
                }
            }
            index += count;
        }
        if !whole_done {
            self.commit(runs, &places, stride);
            places = self.keep_wanted(places);
        }
        let width = plan.logits();
        let buffer = plan.buffers[plan.program.logits as usize];
        if places.is_empty() {
            return Logits::default();
        }
        self.logits = Arc::new(std::mem::take(&mut self.buffers[buffer].fixed));
        assert_eq!(self.logits.len(), places.len() * width, "one row for every place");
        Logits { width, values: self.logits.clone() }
    }

    /// Runs operator `index`, or that and the linear operators after it that run as one.
    fn operate(&mut self, index: usize, count: usize, runs: &mut [Run<'_>], places: &[Place]) {
        let plan = self.plan.clone();
        match &plan.program.ops[index] {
            Op::Linear { .. } => self.linear(&plan, index..index + count, places.len()),
            op @ Op::Attention { .. } => self.attention(&plan, index, op, runs, places),
            op => self.row_operator(&plan, index, op, places),
        }
    }

    /// Drops every row whose logits nobody wants; the values still alive shrink with it.
    fn keep_wanted(&mut self, places: Vec<Place>) -> Vec<Place> {
        let rows: Vec<usize> = (0..places.len()).filter(|&row| places[row].wanted).collect();
        if rows.len() == places.len() {
            return places;
        }
        let plan = self.plan.clone();
        let tail = &plan.program.ops[plan.tail.min(plan.program.ops.len())..];
        let mut alive: Vec<Value> = tail.iter().flat_map(Op::inputs).collect();
        alive.push(plan.program.logits);
        alive.retain(|&value| (value as usize) < plan.tail);
        alive.sort_unstable();
        alive.dedup();
        for value in alive {
            let buffer = &mut self.buffers[plan.buffers[value as usize]];
            match plan.types[value as usize] {
                Type::Fixed { width, .. } => {
                    for (to, &from) in rows.iter().enumerate() {
                        buffer.fixed.copy_within(from * width..(from + 1) * width, to * width);
                    }
                    buffer.fixed.truncate(rows.len() * width);
                }
                Type::Quantised { .. } => buffer.quantised.keep(&rows),
            }
        }
        rows.iter().map(|&row| places[row]).collect()
    }

    /// Copies a checkpoint's rows to where each position's bytes are gathered.
    fn checkpoint(&mut self, value: usize, stride: usize, offset: usize) {
        let length = width(&self.plan.types[value]);
        let rows = self.buffers[self.plan.buffers[value]].fixed.chunks_exact(length);
        for (row, bytes) in rows.zip(self.checkpoints.chunks_exact_mut(stride)) {
            let bytes = bytes[offset..offset + 4 * length].chunks_exact_mut(4);
            bytes.zip(row).for_each(|(bytes, x)| bytes.copy_from_slice(&x.to_le_bytes()));
        }
    }

    /// Extends every cache by the digests of its new positions.
    fn commit(&mut self, runs: &mut [Run<'_>], places: &[Place], stride: usize) {
        let bytes = &self.checkpoints[..places.len() * stride];
        let digests: Vec<Digest> = if self.threads > 1 && places.len() > 1 {
            bytes.par_chunks_exact(stride).map(step_digest).collect()
        } else {
            bytes.chunks_exact(stride).map(step_digest).collect()
        };
        for (place, digest) in places.iter().zip(digests) {
            runs[place.run].cache.steps.push(digest);
        }
    }

    fn report(&self, operator: usize, places: &[Place], tracer: &mut Tracer<'_>) {
        let buffer = &self.buffers[self.plan.buffers[operator]];
        for (row, place) in places.iter().enumerate() {
            let digest = match self.plan.types[operator] {
                Type::Fixed { width, .. } => {
                    Row::Fixed(buffer.fixed[row * width..][..width].to_vec()).digest()
                }
                Type::Quantised { .. } => buffer.quantised.row(row).digest(),
            };
            tracer(Traced { operator, run: place.run, position: place.position, digest });
        }
    }
}
