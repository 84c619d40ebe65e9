//! What client, scheduler and executors have in common: functions, codecs and settings.

use crate::codec::Codec;
use crate::functions;
use ballista_core::extension::{SessionConfigExt, SessionStateExt};
use ballista_core::utils::default_session_builder;
use datafusion::error::Result;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// Longest message between two of them: plans name every shard that they are about. 64 MiB.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// The settings of a session.
pub fn config() -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_ballista_physical_extension_codec(Arc::new(Codec::default()))
        .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES_MAX)
}

/// A session with all functions, ours among them.
pub fn state(config: SessionConfig) -> Result<SessionState> {
    with_functions(default_session_builder(config)?)
}

/// A session like [`state`]'s whose queries the scheduler at `address` answers.
pub fn remote(address: &str) -> Result<SessionState> {
    let state = default_session_builder(config())?;
    with_functions(state.upgrade_for_ballista(format!("http://{address}"))?)
}

fn with_functions(mut state: SessionState) -> Result<SessionState> {
    for function in functions::all() {
        state.register_udf(function)?;
    }
    Ok(state)
}
