//! What is served: the manifest, the tables of its sequences, and batches.
//!
//! Invariant: memory of an answer is a few chunks of sequences and 16 bytes for each sequence of the
//! batch that is read, however many bytes it has.

use super::{BATCH_BYTES_MAX, DIGEST};
use crate::Error;
use crate::error::disk;
use crate::server::failure;
use crate::server::router::{finish, segment, wrong_method};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Response, Uri};
use axum::routing::get;
use futures_util::stream;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Weak};
use terroir_api::Problem;
use terroir_corpus::lead::{CONTENT_TYPE as MANIFEST, Manifest, Training, npy_header, table_path};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Bytes of a body that are read at a time.
const CHUNK_BYTES: usize = 1 << 18;
/// Chunks that wait for a client.
const CHUNKS: usize = 4;
const BYTES: &str = "application/octet-stream";
const PARQUET: &str = "application/vnd.apache.parquet";

/// What a path names, if it is UTF-8.
type Named<T> = Result<Path<T>, PathRejection>;
type Answer = Result<Response<Body>, Problem>;

/// What every handler sees.
struct Shared {
    training: Training,
    id: String,
    /// The signed manifest.
    signed: Bytes,
}

/// The router over `training`. Errors: `Disk`.
pub(super) fn new(training: Training) -> Result<Router, Error> {
    let path = training.folder().join("manifest.cose");
    let signed = fs::read(&path).map_err(disk(&path))?.into();
    let id = training.manifest().id().to_string();
    let shared = Arc::new(Shared { training, id, signed });
    let router = Router::new()
        .route("/{manifest}/manifest.cose", get(manifest))
        .route("/{manifest}/sequences/{source}", get(sequences))
        .route("/{manifest}/batches", get(several))
        .route("/{manifest}/batches/{batch}", get(one));
    let router = router.method_not_allowed_fallback(wrong_method).fallback(no_route);
    Ok(router.with_state(shared))
}

async fn manifest(State(shared): State<Arc<Shared>>, id: Named<String>) -> Response<Body> {
    finish(segment(id).and_then(|id| shared.is(&id)).map(|()| {
        let signed = shared.signed.clone();
        reply(MANIFEST, signed.len() as u64, Body::from(signed))
    }))
}

async fn sequences(
    State(shared): State<Arc<Shared>>,
    names: Named<(String, String)>,
) -> Response<Body> {
    finish(segment(names).and_then(|(id, source)| {
        shared.is(&id)?;
        shared.table(&source)
    }))
}

async fn several(State(shared): State<Arc<Shared>>, id: Named<String>, uri: Uri) -> Response<Body> {
    finish(segment(id).and_then(|id| {
        shared.is(&id)?;
        Ok(Asked::read(None, &uri, shared.training.manifest())?.pour(shared))
    }))
}

async fn one(
    State(shared): State<Arc<Shared>>,
    names: Named<(String, String)>,
    uri: Uri,
) -> Response<Body> {
    finish(single(shared, names, uri).await)
}

async fn single(shared: Arc<Shared>, names: Named<(String, String)>, uri: Uri) -> Answer {
    let (id, batch) = segment(names)?;
    shared.is(&id)?;
    let asked = Asked::read(Some(&batch), &uri, shared.training.manifest())?;
    // The digest goes before the bytes, so they are read twice rather than held. Who hangs up drops
    // this future, and with it what says that the digest is still wanted.
    let wanted = Arc::new(());
    let still = Arc::downgrade(&wanted);
    let (own, first) = (Arc::clone(&shared), asked.clone());
    let digest = spawn_blocking(move || first.digest(&own.training, &still)).await;
    drop(wanted);
    let digest = digest.map_err(|panicked| failure::internal(&panicked))?;
    let digest = digest.map_err(|error| failure::internal(&error))?;
    let mut reply = asked.pour(shared);
    let digest = HeaderValue::from_str(&digest).expect("hexadecimal digits are ASCII");
    reply.headers_mut().insert(HeaderName::from_static(DIGEST), digest);
    Ok(reply)
}

async fn no_route(request: Request) -> Response<Body> {
    let path: String = request.uri().path().chars().take(100).collect();
    let message = format!(
        "there is nothing at {path}; /MANIFEST/ has manifest.cose, sequences/SOURCE, batches and \
         batches/T"
    );
    failure::reply(&Problem::request(404, "no_such_route", message))
}

impl Shared {
    /// Whether `id` is the manifest that is served.
    fn is(&self, id: &str) -> Result<(), Problem> {
        match id == self.id {
            true => Ok(()),
            false => {
                let message = format!("only the manifest {} is served here", self.id);
                Err(Problem::request(404, "manifest_not_found", message))
            }
        }
    }

    /// The table of the sequences of a source.
    fn table(&self, source: &str) -> Answer {
        let sources = self.training.manifest().sources.len();
        let source = number("source", source)?;
        let known = u32::try_from(source).ok().filter(|source| (*source as usize) < sources);
        let source = known.ok_or_else(|| {
            let message = format!("the manifest has {sources} sources, counted from 0");
            Problem::request(404, "source_not_found", message)
        })?;
        let path = table_path(self.training.folder(), source);
        let open = || -> io::Result<(File, u64)> {
            let file = File::open(&path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(|error| failure::internal(&disk(&path)(error)))?;
        let body = body(move |send| {
            let mut file = file.take(bytes);
            loop {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES);
                let read = (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
                if read == 0 || !send(chunk) {
                    return Ok(());
                }
            }
        });
        Ok(reply(PARQUET, bytes, body))
    }
}

/// Which batches, and in which form.
#[derive(Clone, Debug)]
struct Asked {
    batches: Range<u64>,
    size: u64,
    npy: bool,
    /// Bytes of the answer.
    bytes: u64,
}

impl Asked {
    /// What the path and the query say; `batch` is the one that the path names.
    fn read(batch: Option<&str>, uri: &Uri, manifest: &Manifest) -> Result<Asked, Problem> {
        let (mut from, mut count) = (batch.map(|batch| number("batch", batch)).transpose()?, None);
        let (mut size, mut npy) = (None, None);
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let twice = match key {
                "size" => size.replace(number("size", value)?).is_some(),
                "format" => npy.replace(is_npy(value)?).is_some(),
                "from" if batch.is_none() => from.replace(number("from", value)?).is_some(),
                "count" if batch.is_none() => count.replace(number("count", value)?).is_some(),
                _ => {
                    let key: String = key.chars().take(40).collect();
                    let message = format!("{key:?} is no parameter of this route");
                    return Err(Problem::field("unsupported_value", key, message));
                }
            };
            if twice {
                let message = format!("{key} is given twice");
                return Err(Problem::field("unsupported_value", key, message));
            }
        }
        let size = size.ok_or_else(|| {
            Problem::field("missing_field", "size", "size is missing: sequences of a batch")
        })?;
        let sequence = manifest.shape.sequence_bytes() as u64;
        if size == 0 || size.saturating_mul(sequence) > BATCH_BYTES_MAX {
            let most = BATCH_BYTES_MAX / sequence;
            let message = format!("size is {size}, expected 1 to {most} sequences");
            return Err(Problem::field("unsupported_value", "size", message));
        }
        let (from, count) = (from.unwrap_or(0), count.unwrap_or(1));
        let place = |batch: u64| batch.saturating_mul(size).min(manifest.sequences);
        let end = from.saturating_add(count);
        let rows = place(end) - place(from);
        if rows == 0 {
            let all = manifest.sequences.div_ceil(size);
            let message = format!("there are {all} batches of {size} sequences, counted from 0");
            return Err(Problem::request(404, "batch_not_found", message));
        }
        let npy = npy.unwrap_or(true);
        let header = |rows: u64| npy_header(&manifest.shape, rows).len() as u64;
        let headers = match (npy, rows % size) {
            (false, _) => 0,
            (true, 0) => rows / size * header(size),
            (true, rest) => rows / size * header(size) + header(rest),
        };
        Ok(Asked { batches: from..end, size, npy, bytes: rows * sequence + headers })
    }

    /// Gives the answer's bytes in chunks, every sequence checked, as long as `take` says yes.
    fn chunks(
        &self,
        training: &Training,
        mut take: impl FnMut(Vec<u8>) -> bool,
    ) -> Result<(), terroir_corpus::Error> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        for batch in self.batches.clone() {
            let places = training.order().batch(batch, self.size);
            if places.is_empty() {
                break;
            }
            if self.npy {
                let header = npy_header(&training.manifest().shape, places.len() as u64);
                chunk.extend_from_slice(&header);
            }
            for place in places {
                training.tokens(place, &mut chunk)?;
                let full = chunk.len() >= CHUNK_BYTES;
                if full && !take(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_BYTES))) {
                    return Ok(());
                }
            }
        }
        take(chunk);
        Ok(())
    }

    /// BLAKE3 of the answer, in hexadecimal digits; of a part of it once nobody has what `still` is
    /// about.
    fn digest(
        &self,
        training: &Training,
        still: &Weak<()>,
    ) -> Result<String, terroir_corpus::Error> {
        let mut hasher = blake3::Hasher::new();
        self.chunks(training, |chunk| {
            hasher.update(&chunk);
            still.strong_count() > 0
        })?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// The answer.
    fn pour(self, shared: Arc<Shared>) -> Response<Body> {
        let bytes = self.bytes;
        let body = body(move |send| {
            self.chunks(&shared.training, send).map_err(|error| {
                // The client sees a body that ends too soon; why is for the log.
                failure::internal(&error);
                io::Error::other(error)
            })
        });
        reply(BYTES, bytes, body)
    }
}

/// A body that `make` gives to its argument chunk by chunk, on a thread that may wait; it is told
/// `false` when nobody takes more.
fn body(
    make: impl FnOnce(&mut dyn FnMut(Vec<u8>) -> bool) -> io::Result<()> + Send + 'static,
) -> Body {
    let (send, receive) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    spawn_blocking(move || {
        let made = make(&mut |chunk| send.blocking_send(Ok(chunk.into())).is_ok());
        if let Err(error) = made {
            // Whoever asked may be gone.
            let _ = send.blocking_send(Err(error));
        }
    });
    let next = |mut receive: mpsc::Receiver<io::Result<Bytes>>| async move {
        receive.recv().await.map(|chunk| (chunk, receive))
    };
    Body::from_stream(stream::unfold(receive, next))
}

fn number(name: &'static str, text: &str) -> Result<u64, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        let message = format!("{name} is {shown:?}, expected a whole number");
        Problem::field("unsupported_value", name, message)
    })
}

fn is_npy(text: &str) -> Result<bool, Problem> {
    match text {
        "npy" => Ok(true),
        "raw" => Ok(false),
        _ => {
            let shown: String = text.chars().take(40).collect();
            let message = format!("format is {shown:?}, expected npy or raw");
            Err(Problem::field("unsupported_value", "format", message))
        }
    }
}

fn reply(kind: &'static str, bytes: u64, body: Body) -> Response<Body> {
    let mut reply = Response::new(body);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    reply
}
