//! The store from outside: its files are changed, cut, raced for and filled up.

mod bench;
mod corrupt;
mod crash;
mod full;
mod model;
mod pins;
mod race;
mod read;
mod sweep;
