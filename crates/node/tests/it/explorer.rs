//! The explorer as browsers see it, over a chain on which a little of everything happened.

mod garden;
mod pages;
mod visitor;
mod walk;

// What the garden is made with.
use crate::chain::{leader, votes, world};
