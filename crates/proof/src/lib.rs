#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]

pub mod bls;
mod chain;
mod check;
mod commit;
mod draft;
pub mod finality;
mod receipt;
mod rejected;
#[cfg(feature = "run")]
mod replay;
mod statement;
mod view;

pub use chain::{Chain, Gap, check_chain};
pub use check::{Given, check};
pub use commit::{CHUNK_TOKENS, Salt, Stream};
pub use draft::{Answered, Draft, Run, Signed, Work};
pub use receipt::{
    Body, CONTENT_TYPE, ENGINE_SPEC, Engine, Files, Finish, Inference, Leaves, MEDIA_TYPE, Mode,
    ModelIds, Output, Place, RECEIPT_BYTES_MAX, Receipt, SAMPLER_RULES, Sampler, Stage, TEXT_RULES,
    TIME_MS_MAX, Times, Trace, VERSION,
};
pub use rejected::Rejected;
#[cfg(feature = "run")]
pub use replay::{NotReplayed, check_replay};
pub use statement::{Point, Statement, Unchecked, Why};
