#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod data;
mod decoder;
mod error;
pub mod gguf;
mod import;
mod json;
mod pack;
pub mod progress;
pub mod quant;
mod round;
pub mod safetensors;
pub mod source;
pub mod tensors;
mod vocabulary;

pub use error::Error;
pub(crate) use error::header_error;
pub(crate) use import::hash;
pub use import::{IMPORTER, Imported, import, pin_name};
pub use progress::{Progress, Silent};
pub use source::{Source, fetch};
pub use terroir_model::Profile;
