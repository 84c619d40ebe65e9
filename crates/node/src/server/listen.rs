//! Connections: taking them, keeping them within their limits, and letting go of them.
//!
//! Invariant: at most `connections_max` are open, and none stays after [`drain`].

use super::HttpLimits;
use super::stall::Stall;
use crate::telemetry;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Pause after a connection could not be taken: the machine is out of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 1 << 16;
/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Bytes that the system keeps for a client who has not taken them.
const SEND_BYTES_MAX: u32 = 1 << 17;
/// Connections that the system keeps until they are taken.
const BACKLOG: u32 = 1024;
/// Time for answers that were broken off to reach their clients.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Connections that were open when the server stopped taking new ones.
pub(crate) struct Open {
    tasks: JoinSet<()>,
    ending: watch::Sender<bool>,
}

/// Takes the port.
pub(crate) fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that starts again takes its old port while old connections fade away.
    socket.set_reuseaddr(true)?;
    // Connections inherit this. Left alone, the system grows it to megabytes for a client who
    // takes nothing.
    socket.set_send_buffer_size(SEND_BYTES_MAX)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes connections until `stop` comes; what `connected` gives is kept as long as each is open.
pub(crate) async fn answer<C: Send + 'static>(
    listener: TcpListener,
    (router, limits): (Router, HttpLimits),
    connected: impl Fn() -> C,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Open {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let mut open = Open { tasks: JoinSet::new(), ending: watch::channel(false).0 };
    loop {
        let next = tokio::select! {
            () = &mut stop => return open,
            next = next(&listener, &places) => next,
            Some(_) = open.tasks.join_next() => continue,
        };
        match next {
            Ok((stream, place)) => {
                let ending = open.ending.subscribe();
                let connected = connected();
                let service = router.clone();
                open.tasks.spawn(async move {
                    serve(stream, service, limits, ending).await;
                    drop((place, connected));
                });
            }
            Err(error) => {
                telemetry::accept_failed(&error);
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("nobody closes it");
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn serve(
    stream: TcpStream,
    router: Router,
    limits: HttpLimits,
    mut ending: watch::Receiver<bool>,
) {
    // Chunks of a stream are small and each one counts; without this they only come later.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let stream = TokioIo::new(Stall::new(stream, limits.stall));
    let connection = http.serve_connection(stream, TowerToHyperService::new(router));
    let mut connection = pin!(connection.with_upgrades());
    // How a connection ends is the client's business: handlers count what they did.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ending.wait_for(|ending| *ending) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Waits for the open connections; breaks off what is left after `patience` or when `hurry` comes,
/// and says so by `break_off`.
pub(crate) async fn drain(
    mut open: Open,
    patience: Duration,
    hurry: Pin<&mut impl Future<Output = ()>>,
    break_off: impl FnOnce(),
) {
    open.ending.send_replace(true);
    tokio::select! {
        () = gone(&mut open.tasks) => return,
        () = sleep(patience) => {}
        () = hurry => {}
    }
    break_off();
    // Clients that still hold on are cut off when the tasks are dropped.
    let _ = timeout(LAST_WORDS, gone(&mut open.tasks)).await;
}

async fn gone(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}
