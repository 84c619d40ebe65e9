//! The angles of rotary embeddings, as tables of cosines and sines.
//!
//! Every angle is computed in `f64` by `libm`, so the tables are the same everywhere.
//! Source: Su et al., "RoFormer"; the `linear` and `llama3` scalings as model hubs define them.

use crate::round::nearest;
use terroir_tensor::program::ROPE_LOW;

/// The frequencies of one rotary embedding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rope {
    /// The base of the frequencies, often 10,000.
    pub(crate) base: f64,
    /// Values of a head that are turned; an even number.
    pub(crate) dims: u32,
    /// How frequencies are stretched.
    pub(crate) scaling: Scaling,
}

/// A change of frequencies that lets a model see further than it was first trained for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scaling {
    /// None.
    None,
    /// Every frequency is divided by this.
    Linear(f64),
    /// Each frequency is divided by its own factor.
    Factors(Vec<f64>),
    /// Low frequencies are divided by `factor`, high ones stay, those between are blended.
    Llama3 {
        /// Divides the low frequencies.
        factor: f64,
        /// Waves longer than `context / low` are low.
        low: f64,
        /// Waves shorter than `context / high` are high.
        high: f64,
        /// Context of the first training.
        context: f64,
    },
}

impl Rope {
    /// Angle per position of every pair, in radians.
    pub(crate) fn frequencies(&self) -> Vec<f64> {
        let pairs = self.dims / 2;
        let plain = |i: u32| libm::pow(self.base, -f64::from(2 * i) / f64::from(self.dims));
        (0..pairs).map(|i| self.scaling.apply(i as usize, plain(i))).collect()
    }

    /// The blob of a [`terroir_tensor::program::RopeTable`] with `highs` high rows.
    pub(crate) fn table(&self, highs: u32) -> Vec<u8> {
        let low = (0..ROPE_LOW as u32).map(f64::from);
        let high = (0..highs).map(|high| f64::from(high) * ROPE_LOW as f64);
        let frequencies = self.frequencies();
        let mut blob = Vec::new();
        for position in low.chain(high) {
            for frequency in &frequencies {
                let angle = position * frequency;
                blob.extend(q30(libm::cos(angle)).to_le_bytes());
                blob.extend(q30(libm::sin(angle)).to_le_bytes());
            }
        }
        blob
    }
}

impl Scaling {
    fn apply(&self, pair: usize, frequency: f64) -> f64 {
        match self {
            Scaling::None => frequency,
            Scaling::Linear(factor) => frequency / factor,
            Scaling::Factors(factors) => frequency / factors[pair],
            Scaling::Llama3 { factor, low, high, context } => {
                let waves = context * frequency / (2.0 * std::f64::consts::PI);
                if waves < *low {
                    frequency / factor
                } else if waves > *high {
                    frequency
                } else {
                    let blend = (waves - low) / (high - low);
                    (1.0 - blend) * frequency / factor + blend * frequency
                }
            }
        }
    }
}

/// Nearest Q30 integer of a number in `-1..=1`.
fn q30(value: f64) -> i32 {
    nearest(value * f64::from(1 << 30)) as i32
}

#[cfg(test)]
mod tests;
