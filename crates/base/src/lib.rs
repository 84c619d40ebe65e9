#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::unwrap_used,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod amount;
pub mod cbor;
pub mod digest;
pub mod hex;
pub mod id;
pub mod opening;
pub mod sign;

pub use amount::Amount;
pub use digest::Digest;
