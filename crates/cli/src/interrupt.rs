//! Ctrl-C and SIGTERM: the first asks to end, the second ends at once.
//!
//! For work that has something to save. Invariant: once [`on_first`] has returned, no signal is
//! lost.

use anyhow::{Context, Result};
use std::process;
use std::task::Poll;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit status of a program that a second Ctrl-C ended: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// Calls `ask_to_end` at the first signal, from a thread of its own that lives as long as the
/// program.
pub fn on_first(ask_to_end: impl FnOnce() + Send + 'static) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build();
    let runtime = runtime.context("cannot listen for Ctrl-C")?;
    let inside = runtime.enter();
    let mut ctrl_c = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut term = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    drop(inside);
    std::thread::spawn(move || {
        runtime.block_on(async {
            either(&mut ctrl_c, &mut term).await;
            ask_to_end();
            either(&mut ctrl_c, &mut term).await;
            process::exit(INTERRUPTED);
        });
    });
    Ok(())
}

/// Waits for one of two signals.
async fn either(one: &mut Signal, other: &mut Signal) {
    std::future::poll_fn(|context| {
        let came = [one.poll_recv(context), other.poll_recv(context)].iter().any(Poll::is_ready);
        if came { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
