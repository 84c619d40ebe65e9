#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod batch;
mod error;
mod feed;
pub mod inspect;
#[cfg(feature = "laws")]
pub mod laws;
mod manifest;
mod model;
mod replay;
mod request;
mod sampler;
mod score;
mod speech;
mod template;
pub mod tokenizer;

pub use answer::{ANSWER_BYTES_MAX, Answer, Finish};
pub use batch::{Batch, BatchLimits, Event, Outcome, Space, Ticket};
pub use error::Error;
pub use manifest::{MANIFEST_BYTES_MAX, Manifest, Profile};
pub use model::{Model, Prepared};
pub use replay::{Difference, Replayed, replay};
pub use request::{Input, MICRO, Message, REQUEST_BYTES_MAX, Request, Sampling, TEXT_VERSION};
pub use sampler::{SAMPLING_VERSION, Sampler, Scratch};
pub use score::{Score, score};
pub use template::Template;
pub use terroir_tensor::{Isa, SPEC_VERSION};
pub use tokenizer::{Detokenizer, Tokenizer, Vocabulary};
