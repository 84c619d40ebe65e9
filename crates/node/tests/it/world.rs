//! A node with a small random model, serving on a free port.

use crate::wire::{Connection, DEADLINE, Reply, post};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};
use terroir_model::laws::{Toy, VOCAB};
use terroir_model::{Manifest, Model};
use terroir_node::server::{Config, HttpLimits, Server};
use terroir_node::{Engine, Home, Limits, Options};
use terroir_tensor::Isa;
use terroir_tensor::laws::{Shape, decoder};
use tokio::sync::oneshot;

/// What the model is called here.
pub const NAME: &str = "toy";
/// Context of the model that never ends an answer.
pub const ENDLESS_CONTEXT: u32 = 1 << 15;

/// How a world differs from the usual one.
pub struct Setup {
    /// A model that goes on until it is stopped, with a long context.
    pub endless: bool,
    pub limits: Limits,
    pub http: HttpLimits,
    pub keys: Option<&'static str>,
    pub drain: Duration,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            endless: false,
            limits: Limits { sequences_max: 8, ..Limits::SERVER },
            http: HttpLimits::DEFAULT,
            keys: None,
            drain: DEADLINE,
        }
    }
}

/// A running node.
pub struct World {
    pub address: SocketAddr,
    pub engine: Arc<Engine>,
    pub home: Home,
    pub model: Arc<Model>,
    stop: Option<oneshot::Sender<()>>,
    hurry: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl World {
    pub fn usual() -> World {
        World::new(Setup::default())
    }

    /// One whose answers go on until they are stopped.
    pub fn endless() -> World {
        World::new(Setup { endless: true, ..Setup::default() })
    }

    pub fn new(setup: Setup) -> World {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        let id = if setup.endless { put_endless(&home) } else { put_toy(&home) };
        home.name_model(NAME, id).unwrap();
        let model = home.load_model(home.find_model(NAME).unwrap()).unwrap();
        let options = Options { threads: 1, isa: Isa::detect(), limits: setup.limits };
        let engine = Arc::new(Engine::start(&home, Arc::clone(&model), options).unwrap());
        let keys = setup.keys.map(|keys| write_keys(&folder, keys));
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = Config {
            listen,
            model_name: NAME.into(),
            keys,
            limits: setup.http,
            drain: setup.drain,
        };
        let (stop, stopped) = oneshot::channel();
        let (hurry, hurried) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let working = Arc::clone(&engine);
        let server = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let server = Server::bind(working, config).unwrap();
                ready.send(server.address()).unwrap();
                let until = |signal: oneshot::Receiver<()>| async {
                    signal.await.expect("a world stops its server before it goes");
                };
                server.run(until(stopped), until(hurried)).await;
            });
        });
        World {
            address: address.recv_timeout(DEADLINE).unwrap(),
            engine,
            home,
            model,
            stop: Some(stop),
            hurry: Some(hurry),
            server: Some(server),
            _folder: folder,
        }
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: node\r\n\r\n").as_bytes())
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(&post(path, "", body.to_string().as_bytes()))
    }

    pub fn send(&self, request: &[u8]) -> Reply {
        let mut connection = self.connect();
        connection.send(request);
        connection.reply()
    }

    /// A stream that is under way: its first text has come.
    pub fn stream(&self, body: &Value) -> Connection {
        let mut connection = self.connect();
        connection.post("/v1/chat/completions", body);
        assert_eq!(connection.head().0, 200);
        connection.chunk().unwrap();
        connection.chunk().unwrap();
        connection
    }

    /// Asks the server to end.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Asks it to break off what is left.
    pub fn hurry(&mut self) {
        self.hurry.take().unwrap().send(()).unwrap();
    }

    /// Waits for its end.
    pub fn join(&mut self) {
        self.server.take().unwrap().join().unwrap();
    }

    /// Waits until every job has ended.
    pub fn wait_idle(&self) {
        assert!(self.engine.wait_idle(DEADLINE), "jobs are left: {:?}", self.engine.status());
    }

    /// Waits until so many jobs are taken on.
    pub fn wait_jobs(&self, jobs: usize) {
        until(|| self.engine.status().jobs == jobs);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let signals = [self.stop.take(), self.hurry.take()];
        for signal in signals.into_iter().flatten() {
            // A server that has gone needs no signal.
            let _ = signal.send(());
        }
        if let Some(server) = self.server.take() {
            // A test that fails already says why.
            drop(server.join());
        }
    }
}

/// Waits for something that another thread does.
pub fn until(happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < DEADLINE, "it does not happen");
        thread::yield_now();
    }
}

/// The body of a short chat.
pub fn chat(content: &str) -> Value {
    json!({
        "model": NAME,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 24,
        "temperature": 0.8,
        "seed": 7,
    })
}

/// The body of a chat that streams until it is stopped; for an endless world.
pub fn endless(content: &str) -> Value {
    let mut body = chat(content);
    body["max_tokens"] = json!(ENDLESS_CONTEXT - 200);
    body["stream"] = json!(true);
    body
}

/// A body with other fields in it.
pub fn with(mut body: Value, fields: Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn put_toy(home: &Home) -> ModelId {
    let toy = Toy::new(3);
    for blob in toy.blobs() {
        home.store().put(blob).unwrap();
    }
    toy.id
}

/// The same, but with a long context and without a token that ends an answer.
fn put_endless(home: &Home) -> ModelId {
    let toy = put_toy(home);
    let manifest = home.store().get(&terroir_base::id::BlobId(toy.0)).unwrap();
    let shape = Shape { vocab: VOCAB, positions: ENDLESS_CONTEXT, ..Shape::small() };
    let (program, constants) = decoder(3, shape);
    let mut blobs: Vec<(Digest, u64)> = constants
        .all()
        .map(|blob| (home.store().put(blob).unwrap().0, blob.len() as u64))
        .collect();
    blobs.sort_unstable();
    let manifest = Manifest {
        program: ProgramId(home.store().put(&program.encode()).unwrap().0),
        context_max: ENDLESS_CONTEXT,
        eos: Vec::new(),
        blobs,
        ..Manifest::decode(&manifest).unwrap()
    };
    ModelId(home.store().put(&manifest.encode()).unwrap().0)
}

fn write_keys(folder: &TempDir, keys: &str) -> PathBuf {
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.path().join("keys");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&path).unwrap();
    std::io::Write::write_all(&mut file, keys.as_bytes()).unwrap();
    path
}
