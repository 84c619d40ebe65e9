//! A chain on disk, its mempool and its JSON-RPC server, without consensus: blocks are built here.

mod budgets;
mod database;
mod follow;
pub mod leader;
mod limits;
mod mempool;
mod rpc;
mod served;
mod socket;
mod sockets;
mod unwritten;
pub mod votes;
pub mod world;
