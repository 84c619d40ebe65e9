//! Which token comes next: integer-exact, from logits, settings and seed alone.
//!
//! For batches and replay. Invariant: the steps of `docs/spec/sampling.md`, in their order; no
//! float, no rounding that depends on how the sums are made.

use crate::request::{MICRO, Sampling};
use terroir_base::Digest;
use terroir_tensor::fixed::{LOG2_E_Q30, exp2_neg};

/// Name of these rules (`docs/spec/sampling.md`).
pub const SAMPLING_VERSION: &str = "terroir-sampling-1";
/// Tokens less than 2^-24 times as likely as the most likely one are never drawn.
const TAIL_BITS: u64 = 24;
/// How deep to look for the most likely tokens, in bits: most often there are enough nearby.
const LOOKS: [u64; 5] = [3, 6, 9, 14, TAIL_BITS];
/// Tokens whose weights are summed together.
const BLOCK: usize = 64;

/// Draws the tokens of one answer.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    /// Tokens drawn so far.
    position: u64,
    /// Every token of prompt and answer, once, in order of first occurrence.
    seen: Vec<u32>,
    /// Bit `t` says whether `seen` holds `t`.
    seen_bits: Vec<u64>,
}

/// Buffers that samplers share, to be kept from token to token.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    penalised: Vec<i32>,
    sums: Vec<u64>,
    keys: Vec<u64>,
}

impl Sampler {
    /// Starts an answer to `prompt`. Logits will have `vocab` values.
    pub fn new(sampling: Sampling, vocab: usize, prompt: &[u32]) -> Sampler {
        let mut sampler = Sampler { sampling, position: 0, seen: vec![], seen_bits: vec![] };
        if sampling.repetition_penalty_micro != MICRO {
            sampler.seen_bits = vec![0; vocab.div_ceil(64)];
            prompt.iter().for_each(|&token| sampler.see(token));
        }
        sampler
    }

    /// The next token, from its logits in Q16.
    ///
    /// Panics: when `logits` is empty.
    pub fn pick(&self, logits: &[i32], scratch: &mut Scratch) -> u32 {
        let logits = if self.seen.is_empty() {
            logits
        } else {
            self.penalise(logits, &mut scratch.penalised);
            &scratch.penalised
        };
        let max = *logits.iter().max().expect("a model has tokens");
        if self.sampling.temperature_micro == 0 {
            let first = logits.iter().position(|&logit| logit == max);
            return first.expect("the maximum is one of them") as u32;
        }
        let row = Row::new(logits, max, self.sampling.temperature_micro);
        let (sums, keys) = (&mut scratch.sums, &mut scratch.keys);
        let random = random(self.sampling.seed, self.position);
        let Sampling { top_k, top_p_micro, min_p_micro, .. } = self.sampling;
        if top_k == 0 && top_p_micro >= MICRO && min_p_micro == 0 {
            let total = row.sum(sums);
            return row.draw(sums, below(random, total));
        }
        let near = row.distance_of(min_p_micro);
        row.likeliest(top_k, top_p_micro, near, sums, keys);
        keys.retain(|&key| key >> 32 <= near);
        keys.sort_unstable_by_key(|&key| key as u32);
        let total = keys.iter().map(|&key| row.weight_of(key)).sum();
        let mut left = below(random, total);
        let drawn = keys.iter().find(|&&key| take(&mut left, row.weight_of(key)));
        *drawn.expect("the random number is below the total") as u32
    }

    /// Takes note of the token that was drawn.
    pub fn accept(&mut self, token: u32) {
        self.position += 1;
        if !self.seen_bits.is_empty() {
            self.see(token);
        }
    }

    fn see(&mut self, token: u32) {
        let Some(word) = self.seen_bits.get_mut(token as usize / 64) else {
            return;
        };
        let bit = 1 << (token % 64);
        if *word & bit == 0 {
            *word |= bit;
            self.seen.push(token);
        }
    }

    /// Step 1: logits of tokens that occurred are divided, or multiplied if negative.
    fn penalise(&self, logits: &[i32], out: &mut Vec<i32>) {
        out.clear();
        out.extend_from_slice(logits);
        let penalty = i64::from(self.sampling.repetition_penalty_micro);
        let micro = i64::from(MICRO);
        for &token in &self.seen {
            let Some(logit) = out.get_mut(token as usize) else {
                continue;
            };
            let wide = i64::from(*logit);
            let (times, by) = if wide > 0 { (micro, penalty) } else { (penalty, micro) };
            let changed = (wide * times).div_euclid(by);
            *logit = changed.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        }
    }
}

/// The logits of one position, seen as weights (step 2).
///
/// A token's key is its distance below the largest logit, above its id: sorted by key, the most
/// likely come first.
struct Row<'a> {
    logits: &'a [i32],
    max: i32,
    /// Depth per distance, Q30.
    slope: u64,
    /// The largest distance that is not in the tail.
    reach: u64,
}

impl Row<'_> {
    fn new(logits: &[i32], max: i32, temperature_micro: u32) -> Row<'_> {
        let slope = u64::from(LOG2_E_Q30) * u64::from(MICRO) / u64::from(temperature_micro);
        Row { logits, max, slope, reach: ((TAIL_BITS << 46) - 1) / slope }
    }

    /// How likely a token is at this distance inside the tail, relative to the most likely, Q30.
    fn weight(&self, distance: u64) -> u64 {
        u64::from(exp2_neg(((distance * self.slope) >> 30) as u32))
    }

    fn weight_of(&self, key: u64) -> u64 {
        self.weight(key >> 32)
    }

    /// The lowest logit at this distance or less.
    fn least(&self, distance: u64) -> i32 {
        (i64::from(self.max) - distance as i64).max(i64::from(i32::MIN)) as i32
    }

    /// The weights of all tokens: in all, and by blocks.
    fn sum(&self, sums: &mut Vec<u64>) -> u64 {
        let least = self.least(self.reach);
        let weight = |&logit: &i32| {
            if logit < least { 0 } else { self.weight(self.max.abs_diff(logit).into()) }
        };
        sums.clear();
        sums.extend(self.logits.chunks(BLOCK).map(|block| block.iter().map(weight).sum::<u64>()));
        sums.iter().sum()
    }

    /// Step 6 over all tokens: the one at `left` of the running sum.
    fn draw(&self, sums: &[u64], mut left: u64) -> u32 {
        let block = sums.iter().position(|&sum| take(&mut left, sum));
        let first = BLOCK * block.expect("the random number is below the total");
        let least = self.least(self.reach);
        let drawn = self.logits[first..].iter().position(|&logit| {
            logit >= least && take(&mut left, self.weight(self.max.abs_diff(logit).into()))
        });
        (first + drawn.expect("the block holds the rest")) as u32
    }

    /// Step 5: the largest distance at which tokens are still `min_p` times as likely as the best.
    fn distance_of(&self, min_p_micro: u32) -> u64 {
        let least = u64::from(min_p_micro) << 30;
        let (mut inside, mut outside) = (0, self.reach + 1);
        while outside - inside > 1 {
            let middle = inside.midpoint(outside);
            let likely = self.weight(middle) * u64::from(MICRO) >= least;
            (inside, outside) = if likely { (middle, outside) } else { (inside, middle) };
        }
        inside
    }

    /// Steps 3 and 4: the keys of the most likely tokens. Those beyond `near` may be missing.
    fn likeliest(
        &self,
        top_k: u32,
        top_p_micro: u32,
        near: u64,
        sums: &mut Vec<u64>,
        keys: &mut Vec<u64>,
    ) {
        let top_k = if top_k == 0 { usize::MAX } else { top_k as usize };
        let top_p = top_p_micro < MICRO;
        // Without top-k, the share is one of all tokens, most of which are not looked at again.
        let of_all = (top_p && top_k == usize::MAX).then(|| share(self.sum(sums), top_p_micro));
        let whole = if top_p { self.reach } else { near };
        for bits in LOOKS {
            let reach = (self.reach * bits / TAIL_BITS).min(whole);
            self.gather(reach, keys);
            let enough = of_all.map_or(keys.len() >= top_k, |wanted| self.mass(keys) >= wanted);
            if enough || reach == whole {
                break;
            }
        }
        if top_k < keys.len() {
            keys.select_nth_unstable(top_k);
            keys.truncate(top_k);
        }
        if top_p {
            self.cut(of_all.unwrap_or_else(|| share(self.mass(keys), top_p_micro)), keys);
        }
    }

    fn mass(&self, keys: &[u64]) -> u64 {
        keys.iter().map(|&key| self.weight_of(key)).sum()
    }

    /// Keeps the fewest most likely that have the mass `wanted` together.
    fn cut(&self, wanted: u64, keys: &mut Vec<u64>) {
        let (mut kept, mut end, mut before) = (0, keys.len(), 0);
        while kept < end {
            // Halves that are needed whole, or not at all, need not be sorted.
            let middle = kept.midpoint(end);
            keys[kept..end].select_nth_unstable(middle - kept);
            let mass = self.mass(&keys[kept..=middle]);
            if before + mass < wanted {
                (kept, before) = (middle + 1, before + mass);
            } else if before + mass - self.weight_of(keys[middle]) < wanted {
                kept = middle + 1;
                break;
            } else {
                end = middle;
            }
        }
        keys.truncate(kept);
    }

    /// The keys of all tokens at this distance or less, by ascending id.
    fn gather(&self, distance: u64, keys: &mut Vec<u64>) {
        let least = self.least(distance);
        keys.clear();
        for (block, some) in self.logits.chunks(BLOCK).enumerate() {
            // A pass without branches, so that blocks deep in the tail cost next to nothing.
            if !some.iter().fold(false, |any, &logit| any | (logit >= least)) {
                continue;
            }
            for (offset, &logit) in some.iter().enumerate().filter(|(_, logit)| **logit >= least) {
                let token = (BLOCK * block + offset) as u64;
                keys.push(u64::from(self.max.abs_diff(logit)) << 32 | token);
            }
        }
    }
}

/// The mass that has the share `top_p` of `total`; at least 1, so that one token is kept.
fn share(total: u64, top_p_micro: u32) -> u64 {
    let wide = u128::from(total) * u128::from(top_p_micro);
    (wide.div_ceil(u128::from(MICRO)) as u64).max(1)
}

/// `random / 2^64` of `total`, rounded down.
fn below(random: u64, total: u64) -> u64 {
    ((u128::from(random) * u128::from(total)) >> 64) as u64
}

/// Whether `left` is inside this weight; if not, goes past it.
fn take(left: &mut u64, weight: u64) -> bool {
    let inside = *left < weight;
    *left -= if inside { 0 } else { weight };
    inside
}

/// The random number at `position` of the stream that `seed` names.
fn random(seed: u64, position: u64) -> u64 {
    let parts: [&[u8]; 2] = [&seed.to_le_bytes(), &position.to_le_bytes()];
    let digest = Digest::derive("terroir 2026-11 sampling", &parts);
    let first = digest.as_bytes().first_chunk().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests;
