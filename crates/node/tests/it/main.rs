//! A node as its clients see it: a real model, a real folder, real sockets.

mod answers;
mod chain;
mod explorer;
mod failures;
mod keys;
mod load;
mod receipts;
mod routes;
mod shutdown;
mod slow;
mod streams;
mod wire;
mod world;
