//! The formats of `base` from outside: golden files, and peers written by other people.

mod cbor;
mod envelope;
mod golden;
mod key;
mod opening;
