//! What can go wrong, and where.

use datafusion::error::DataFusionError;
use std::fmt::Display;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the data chain said.
    #[error(transparent)]
    Corpus(#[from] terroir_corpus::Error),
    /// What the home said.
    #[error(transparent)]
    Node(#[from] terroir_node::Error),
    /// The scheduler cannot be used.
    #[error("scheduler {address}: {what}")]
    Scheduler {
        /// Its host and port.
        address: String,
        /// What is wrong.
        what: String,
    },
    /// An executor could not do its part.
    #[error("executor {name}: {what}")]
    Executor {
        /// Its name.
        name: String,
        /// What is wrong, with the file or stage.
        what: String,
    },
    /// A query that cannot be answered.
    #[error("query: {0}")]
    Query(String),
    /// A part of a plan that came over the wire and is none.
    #[error("plan: {0}")]
    Plan(#[from] terroir_base::cbor::Error),
    /// Something of this machine that is needed and cannot be had.
    #[error("{what}: {error}")]
    Machine {
        /// What was wanted.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
}

/// Makes an error of what the engine said about a query.
pub fn query(error: DataFusionError) -> Error {
    Error::Query(error.strip_backtrace())
}

/// Makes an error of what was said about the scheduler at `address`.
pub fn scheduler<E: Display>(address: &str) -> impl FnOnce(E) -> Error + use<'_, E> {
    move |error| Error::Scheduler { address: address.to_owned(), what: error.to_string() }
}

/// Makes an error of what the system said when `what` was wanted.
pub fn machine(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    move |error| Error::Machine { what, error }
}

/// Gives an error to the engine, which carries it to where [`query`] takes it.
pub fn carried(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
