#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod ask;
pub mod decimal;
mod json;
pub mod openapi;
pub mod opening;
mod problem;
pub mod reply;
mod route;

pub use ask::{Ask, Input, Message, Sampling};
pub use problem::Problem;
pub use route::{Method, Route};
