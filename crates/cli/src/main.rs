//! `terroir`: words to calls to print.
//!
//! For people and scripts. Read [`args`] for the grammar; each command has a module of its own that
//! resolves what was typed and calls the crates below. Invariant: exit status 0 is yes, 1 a clean
//! no, 2 an error; a reader that closes the pipe is no error.

#![forbid(unsafe_code)]

mod account;
mod args;
mod ask;
mod chain;
mod data;
mod devnet;
mod interrupt;
mod model;
mod node;
mod output;
mod progress;
mod receipt;
mod serve;
mod settings;
mod store;

use anyhow::Result;
use args::{Args, Command};
use clap::Parser;
use settings::Settings;
use std::process::ExitCode;

/// What `--version` says: the program's version and that of the arithmetic it computes in.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (spec terroir-int-1)");

/// How a command that did its work ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is so, or it is done.
    Yes,
    /// A clean no: a receipt is rejected, a store is damaged.
    No,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(Verdict::Yes) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(1),
        Err(error) if error.is::<output::Closed>() => ExitCode::SUCCESS,
        Err(error) => {
            output::talk(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<Verdict> {
    let settings = Settings::resolve(args.home)?;
    match args.command {
        Command::Ask(typed) => ask::run(&settings, *typed),
        Command::Data(verb) => data::run(&settings, *verb),
        Command::Account(verb) => account::run(&settings, verb),
        Command::Chain(verb) => chain::run(verb),
        Command::Devnet(verb) => devnet::run(&settings, verb),
        Command::Node(verb) => node::run(verb),
        Command::Receipt(verb) => receipt::run(&settings, verb),
        Command::Model(verb) => model::run(&settings, verb),
        Command::Serve(typed) => serve::run(&settings, typed),
        Command::Store(verb) => store::run(&settings, &verb),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_names_the_specification_in_use() {
        assert!(super::VERSION.contains(terroir_model::SPEC_VERSION));
    }
}
