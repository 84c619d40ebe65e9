//! Batches of a training manifest over HTTP: serving them, and reading them from a stranger.
//!
//! For whoever trains on another machine than the one that holds the tokens. Routes and headers:
//! `docs/format/training-manifest.md`. Invariant: no token leaves, and none that came is given on,
//! before its whole sequence was compared with what the manifest signs.

mod remote;
mod router;

pub use remote::Remote;

use crate::server::{HttpLimits, listen, signals};
use crate::{Error, telemetry};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use terroir_corpus::lead::Training;
use tokio::runtime::Runtime;

/// Most bytes of tokens in one batch.
pub const BATCH_BYTES_MAX: u64 = 1 << 30;
/// Name of the header with the digest of a batch's body.
const DIGEST: &str = "x-terroir-digest";
/// What clients may claim: each connection costs a thread and a few chunks of tokens.
const LIMITS: HttpLimits = HttpLimits { connections_max: 64, ..HttpLimits::DEFAULT };
/// How long batches under way may go on after the signal to end.
const DRAIN: Duration = Duration::from_secs(30);

/// Serves the batches of `training` at `address` until SIGTERM or SIGINT; a second signal breaks off
/// what is left.
///
/// Blocks. Whoever reaches the address may read. `ready` is called with the address once requests
/// are taken; port 0 takes a free one. Errors: `Listen`, `Setup`, those of reading the manifest.
pub fn serve(
    training: Training,
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    let router = router::new(training)?;
    let runtime = Runtime::new().map_err(Error::Setup)?;
    let done = runtime.block_on(async {
        let (stop, hurry) = signals()?;
        let failed = |source| Error::Listen { address, source };
        let listener = listen::open(address).map_err(failed)?;
        ready(listener.local_addr().map_err(failed)?);
        let open = listen::answer(listener, (router, LIMITS), || (), pin!(stop)).await;
        listen::drain(open, DRAIN, pin!(hurry), || telemetry::breaking_off(0)).await;
        Ok(())
    });
    // Threads that wait for clients who are gone end by themselves.
    runtime.shutdown_background();
    done
}
