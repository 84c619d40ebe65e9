//! The real binary in fresh homes, as people and scripts meet it.

mod ask;
mod chain;
mod data;
mod grammar;
mod lead;
mod model;
mod partition;
mod receipt;
mod seal;
mod serve;
mod stages;
mod support;
mod value;
