//! Errors as clients of Ethereum's nodes expect them: codes, messages, reasons of reverts.
//!
//! Invariant: what happened inside this machine is in the log; a client learns only that it did.

use crate::chain::{self, Refused};
use crate::telemetry;
use alloy_primitives::Bytes;
use alloy_sol_types::{Panic, Revert, SolError};
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::types::error::{INTERNAL_ERROR_CODE, INTERNAL_ERROR_MSG, INVALID_PARAMS_CODE};
use std::fmt::Display;

/// A call that the EVM reverted; its output is the data.
const REVERTED: i32 = 3;
/// Everything that this node did not do for a reason of the request.
const SERVER: i32 = -32_000;
/// More than one request may ask for.
const LIMIT: i32 = -32_005;
/// No such method, or not in this form.
const UNSUPPORTED: i32 = -32_004;

/// The reason that Solidity's `require` or a panic put into `output`; errors of contracts have none.
pub(super) fn reason(output: &[u8]) -> Option<String> {
    let required = Revert::abi_decode(output).map(|revert| revert.reason);
    required.or_else(|_| Panic::abi_decode(output).map(|panic| panic.to_string())).ok()
}

/// Why a request failed.
#[derive(Debug)]
pub(super) struct Failure(pub ErrorObjectOwned);

impl Failure {
    fn new(code: i32, message: impl Into<String>) -> Failure {
        Failure(ErrorObjectOwned::owned(code, message, None::<()>))
    }

    /// A parameter is not what it must be.
    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(INVALID_PARAMS_CODE, message)
    }

    /// What was asked for is not done.
    pub fn server(message: impl Into<String>) -> Failure {
        Failure::new(SERVER, message)
    }

    /// It would be more than one request may have.
    pub fn limit(message: impl Into<String>) -> Failure {
        Failure::new(LIMIT, message)
    }

    /// Clients have more to take than this node keeps for them.
    pub fn full() -> Failure {
        Failure::limit("too many answers wait to be taken, try again")
    }

    /// It would take longer than one request may.
    pub fn too_long() -> Failure {
        Failure::limit("query takes too long: ask for fewer blocks")
    }

    /// There is such a method, without what was asked of it.
    pub fn unsupported(message: impl Into<String>) -> Failure {
        Failure::new(UNSUPPORTED, message)
    }

    /// A call reverted with `output`.
    pub fn reverted(output: &Bytes) -> Failure {
        let message = match reason(output) {
            Some(reason) => format!("execution reverted: {reason}"),
            None => "execution reverted".to_owned(),
        };
        Failure(ErrorObjectOwned::owned(REVERTED, message, Some(output)))
    }

    /// Something here failed, whatever was asked.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Failure {
        telemetry::internal(error);
        Failure::new(INTERNAL_ERROR_CODE, INTERNAL_ERROR_MSG)
    }

    /// There is no such block.
    pub fn no_block(what: impl Display) -> Failure {
        Failure::server(format!("header not found: block {what}"))
    }
}

impl From<terroir_ledger::Error> for Failure {
    fn from(error: terroir_ledger::Error) -> Failure {
        Failure::internal(&error)
    }
}

impl From<chain::Error> for Failure {
    fn from(error: chain::Error) -> Failure {
        Failure::internal(&error)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match refused {
            Refused::State(error) => error.into(),
            other => Failure::server(other.to_string()),
        }
    }
}
