//! What a model file says about text: its tokens, its special tokens and its chat template.
//!
//! For [`crate::import`]. Invariant: a tokenizer that would cut text differently from what the model
//! was trained with is refused by name.

use crate::Error;
use std::collections::BTreeSet;
use terroir_model::Vocabulary;

mod gguf;
mod hub;

pub(crate) use gguf::from_gguf;
pub(crate) use hub::from_hub;

/// Longest chat template in bytes.
const TEMPLATE_BYTES_MAX: usize = 1 << 20;

/// Text and tokens of a model.
pub(crate) struct Words {
    /// The tokens, and how text becomes them.
    pub(crate) vocabulary: Vocabulary,
    /// How a chat becomes text.
    pub(crate) template: Option<String>,
    /// The token that starts a text.
    pub(crate) bos: Option<u32>,
    /// Whether plain text starts with it.
    pub(crate) add_bos: bool,
    /// Tokens that end an answer: first the one that templates call `eos_token`.
    pub(crate) eos: Vec<u32>,
}

/// The tokens that end an answer, as a manifest has them: first the one that the file declares, then
/// the others, ascending.
fn ends(declared: Option<u32>, others: Vec<u32>) -> Vec<u32> {
    let others: BTreeSet<u32> = others.into_iter().filter(|id| declared != Some(*id)).collect();
    declared.into_iter().chain(others).collect()
}

/// Refuses a template that nothing could want to be as long as.
fn checked_template(template: String, fail: impl Fn(String) -> Error) -> Result<String, Error> {
    match template.len() {
        0..=TEMPLATE_BYTES_MAX => Ok(template),
        bytes => Err(fail(format!("{bytes} bytes, at most {TEMPLATE_BYTES_MAX} are read"))),
    }
}
