//! The chain as a whole: the same roots whatever the files, shards and threads; what was tampered
//! with is named; what is known is not measured again.

mod absent;
mod append;
mod audit;
mod chain;
mod forgery;
mod lead;
mod learned;
mod parity;
mod publish;
mod schema;
mod seal;
mod value;
mod world;
