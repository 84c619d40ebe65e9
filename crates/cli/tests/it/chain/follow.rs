//! Nodes without a seat and without keys, and what dishonest nodes tell them.

use super::{Devnet, Payment, json_of};
use crate::support::{Home, until};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use terroir_node::chain::{Chain, PoolLimits};

/// A node that follows, which ends with the test.
struct Follower {
    child: Child,
    rpc: String,
    log: PathBuf,
}

impl Follower {
    /// Makes a folder that follows the nodes at `sources`, and starts it.
    fn start(home: &Home, name: &str, genesis: &str, sources: &[&str]) -> Follower {
        let folder = home.path(name).display().to_string();
        let mut words = vec!["node", "init", "--dir", &folder, "--rpc", "127.0.0.1:0"];
        words.extend(["--genesis", genesis]);
        sources.iter().for_each(|source| words.extend(["--follow", source]));
        home.run(words).expect(0);
        let log = home.path(&format!("{name}.log"));
        let mut run = home.command();
        run.args(["node", "run", "--config", &format!("{folder}/node.toml")]);
        run.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = run.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let said = || fs::read_to_string(&log).unwrap();
        let rpc = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{}", said()));
        Follower { rpc: rpc.to_owned(), child, log }
    }

    fn end(mut self) {
        let mut kill = Command::new("kill");
        assert!(kill.args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    fn says(&self, what: &str) {
        until(what, || fs::read_to_string(&self.log).unwrap().contains(what));
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn block(devnet: &Devnet, rpc: &str) -> u64 {
    let said = devnet.command(&["chain", "status", "--rpc", rpc, "--json"]);
    json_of(&said)["block"].as_u64().unwrap()
}

fn genesis(devnet: &Devnet) -> String {
    devnet.home.path("devnet/node-0/genesis.toml").display().to_string()
}

#[test]
fn a_node_without_keys_follows_takes_payments_and_shows_what_is_final() {
    let devnet = Devnet::up();
    let payment = Payment::between(&devnet);
    payment.make(&devnet, 0);
    let genesis = genesis(&devnet);
    let follower = Follower::start(&devnet.home, "follower", &genesis, &[devnet.rpc(1)]);
    assert!(!devnet.home.path("follower/identity.key").exists());
    let balance = ["account", "balance", &payment.to, "--json", "--rpc", &follower.rpc];
    let paid = |want: &str| until("it is not paid", || devnet.run(&balance)["base_units"] == want);
    paid("1500000000000000000");
    // One of its own clients pays.
    let Payment { from, to, password } = &payment;
    let words = ["account", "send", "--from", from, "--to", to, "--value", "1.5", "--json"];
    let with = ["--rpc", &follower.rpc, "--password-file", password];
    let number = devnet.run(&[&words[..], &with].concat())["block"].as_u64().unwrap();
    paid("3000000000000000000");
    let proof = devnet.home.path("proof.json").display().to_string();
    let header = |number: u64| {
        let words =
            ["chain", "header", &number.to_string(), "--rpc", &follower.rpc, "--out", &proof];
        devnet.command(&words).status.success()
    };
    assert!((number..=block(&devnet, &follower.rpc)).any(header), "no certificate is kept");
    let checked = devnet.command(&["chain", "verify-header", &proof, "--genesis", &genesis]);
    assert_eq!(checked.status.code(), Some(0));
    // It ends when it is told to, and has everything that it has said.
    let said = block(&devnet, &follower.rpc);
    follower.end();
    let file = devnet.home.path("follower/chain.redb");
    let text = fs::read_to_string(genesis).unwrap();
    let kept = Chain::open(&file, &text, PoolLimits::DEFAULT).unwrap();
    assert!(kept.tip().header.number >= said, "{} of {said}", kept.tip().header.number);
}

/// A server that asks `node` and changes what it says of blocks.
fn liar(node: &str, change: impl Fn(&mut Value) + Send + Sync + 'static) -> String {
    let address = node.strip_prefix("http://").unwrap().to_owned();
    serve(move |body, out| {
        let mut answer: Value = serde_json::from_slice(&post(&address, body)).unwrap();
        for block in answer["result"].as_array_mut().unwrap() {
            change(block);
        }
        let body = answer.to_string();
        write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    })
}

/// Answers each request by `answer`, as long as the test runs.
fn serve(
    answer: impl Fn(&[u8], &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some(body) = message(&mut reader) {
                    if answer(&body, &mut stream).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// The body of the next message of HTTP.
fn message(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn post(address: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(body).unwrap();
    message(&mut BufReader::new(stream)).unwrap()
}

/// A block with the same header and seal, and no transactions.
fn emptied(block: &str) -> String {
    let bytes: Vec<u8> = (2..block.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&block[at..at + 2], 16).unwrap())
        .collect();
    // Long lists: a byte that says how many bytes of length follow.
    let long = |at: usize| {
        let count = usize::from(bytes[at] - 0xf7);
        let length =
            bytes[at + 1..=at + count].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (at + 1 + count, length)
    };
    let (begin, _) = long(0);
    let (header, length) = long(begin);
    let seal = header + length;
    let end = match bytes[seal] {
        short @ ..=0xf7 => seal + 1 + usize::from(short - 0xc0),
        _ => long(seal).0 + long(seal).1,
    };
    let inner = [&bytes[begin..end], &[0xc0]].concat();
    let length = u16::try_from(inner.len()).unwrap().to_be_bytes();
    let whole = [&[0xf9][..], &length, &inner].concat();
    whole.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn what_a_dishonest_node_says_is_refused_with_the_reason() {
    let devnet = Devnet::up();
    let number = Payment::between(&devnet).make(&devnet, 0);
    let (genesis, honest) = (genesis(&devnet), devnet.rpc(1).to_owned());
    let forged = |block: &mut Value| {
        if let Some(text) = block["certificate"].as_str() {
            let last = if text.ends_with('7') { "8" } else { "7" };
            block["certificate"] = json!([&text[..text.len() - 1], last].concat());
        }
    };
    let bodies =
        |block: &mut Value| block["block"] = json!(emptied(block["block"].as_str().unwrap()));
    let longer = |block: &mut Value| {
        block["block"] = json!(block["block"].as_str().unwrap().to_owned() + "00");
    };
    let endless = serve(|_, out| {
        write!(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            write!(out, "10000\r\n{}\r\n", " ".repeat(1 << 16))?;
        }
    });
    let cases = [
        ("forged", liar(&honest, forged), "the signature of the certificate does not hold"),
        ("bodies", liar(&honest, bodies), "gasUsed"),
        ("longer", liar(&honest, longer), "after its end"),
        (
            "many",
            serve(|_, out| {
                let body = json!({ "jsonrpc": "2.0", "id": 1,
                "result": vec![json!({ "block": "0x", "certificate": null }); 300] })
                .to_string();
                write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }),
            "more than 256",
        ),
        ("endless", endless, "limit"),
    ];
    for (name, liar, why) in cases {
        let follower = Follower::start(&devnet.home, name, &genesis, &[&liar, &honest]);
        follower.says(why);
        until("the honest node is not asked", || block(&devnet, &follower.rpc) >= number);
    }
    let text = fs::read_to_string(&genesis).unwrap().replace("time = ", "time = 1");
    let other = devnet.write("other.toml", &text);
    let follower = Follower::start(&devnet.home, "other", &other, &[&honest]);
    follower.says("block 1: does not follow the block before it");
    assert_eq!(block(&devnet, &follower.rpc), 0);
}
