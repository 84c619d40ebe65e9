#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod error;
mod layout;
mod lock;
mod map;
mod pin;
mod read;
mod store;
mod sweep;
mod temp;

pub use error::Error;
pub use lock::Hold;
pub use map::Mapped;
pub use store::Store;
pub use sweep::Swept;
