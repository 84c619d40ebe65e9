//! What a run tells its executors: the recipe, and which stages it must give.
//!
//! Invariant: an executor measures with the very stages that the run has, or says why it cannot.

use crate::error::Error;
use std::path::Path;
use terroir_base::Digest;
use terroir_base::cbor::{Limits, Value, decode, encode};
use terroir_corpus::recipe::{RECIPE_BYTES_MAX, Recipe, STAGES_MAX};
use terroir_corpus::stage::{Stage, chain};

/// A recipe with the ids of its stages, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The recipe as TOML, overrides applied and paths absolute.
    pub recipe: String,
    /// What each stage measures.
    pub stages: Vec<Digest>,
}

/// Bytes that an encoded job has besides its recipe, at most.
const REST_BYTES_MAX: usize = 64 + STAGES_MAX * 40;
/// Paths and overrides can make a recipe longer than its file.
const TEXT_BYTES_MAX: usize = 4 * RECIPE_BYTES_MAX as usize;
const LIMITS: Limits =
    Limits { bytes_max: TEXT_BYTES_MAX + REST_BYTES_MAX, depth_max: 2, items_max: 4 + STAGES_MAX };

impl Job {
    /// What a run of `recipe` tells; `stages` are its chain.
    pub fn new(recipe: &Recipe, stages: &[Stage]) -> Job {
        let stages = stages.iter().map(|stage| stage.id).collect();
        Job { recipe: recipe.text.clone(), stages }
    }

    /// As it stands in a plan: the CBOR array `[recipe, [id, ...]]`.
    pub fn encode(&self) -> Vec<u8> {
        let stages = Value::array(self.stages.iter().copied());
        encode(&Value::Array(vec![self.recipe.as_str().into(), stages]))
    }

    /// Reads what [`Job::encode`] wrote. Errors: `Plan`.
    pub fn decode(bytes: &[u8]) -> Result<Job, Error> {
        let [recipe, stages] = decode(bytes, &LIMITS)?.into_array_n("job")?;
        let stages = stages.into_array("stages", STAGES_MAX)?;
        let stages = stages.into_iter().map(|id| id.into_digest("stage"));
        let recipe = recipe.into_text("recipe", TEXT_BYTES_MAX)?;
        Ok(Job { recipe, stages: stages.collect::<Result<_, _>>()? })
    }

    /// Names this job among those that a worker has seen.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// The stages of the recipe on this machine. Errors: those of [`chain`]; a text that names the
    /// first stage that would measure something else than the run's.
    pub fn chain(&self) -> Result<Vec<Stage>, String> {
        let root = Path::new("/");
        let recipe = Recipe::parse(&self.recipe, root, &[], root);
        let recipe = recipe.map_err(|error| error.to_string())?;
        let stages = chain(&recipe).map_err(|error| error.to_string())?;
        if stages.len() != self.stages.len() {
            let (here, there) = (stages.len(), self.stages.len());
            return Err(format!("the recipe has {here} stages here, and {there} in the run"));
        }
        for (stage, id) in stages.iter().zip(&self.stages) {
            if stage.id != *id {
                return Err(format!(
                    "stage {} is {} here and {} in the run: the files that it reads differ, or the \
                     program does",
                    stage.name,
                    stage.id.short(),
                    id.short()
                ));
            }
        }
        Ok(stages)
    }
}

#[cfg(test)]
mod tests;
