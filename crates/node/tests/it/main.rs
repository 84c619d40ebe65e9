//! A node as its clients see it: a real model, a real folder, real sockets.

mod account;
mod answers;
mod chain;
mod explorer;
mod failures;
mod keys;
mod load;
mod member;
mod members;
mod receipts;
mod routes;
mod shutdown;
mod slow;
mod streams;
mod wire;
mod world;
