//! A chain of four validators as processes, and what people do with it.

mod follow;

use crate::support::{Home, until};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

/// Four processes, which end with the test however it ends.
struct Devnet {
    home: Home,
    said: Value,
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A port that is free, like those after it and those for peers.
fn port() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let all = |port: &u16| (0..4).all(|place| free(port + place) && free(port + 1_000 + place));
    let start = 20_000 + (std::process::id() % 2_000) as u16 * 10;
    (start..60_000).step_by(10).find(all).expect("some ports are free")
}

impl Devnet {
    fn up() -> Devnet {
        let mut devnet = Devnet { home: Home::empty(), said: Value::Null };
        devnet.said = devnet.run(&["devnet", "up", "--port", &port().to_string(), "--json"]);
        devnet
    }

    fn command(&self, words: &[&str]) -> Output {
        self.home.command().args(words).output().unwrap()
    }

    fn run(&self, words: &[&str]) -> Value {
        self.home.json(words)
    }

    fn rpc(&self, place: usize) -> &str {
        self.said["rpc"][place].as_str().unwrap()
    }

    fn write(&self, name: &str, text: &str) -> String {
        self.home.write(name, text).display().to_string()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        self.command(&["devnet", "down"]);
    }
}

fn block(devnet: &Devnet, place: usize) -> Option<u64> {
    let output = devnet.command(&["chain", "status", "--rpc", devnet.rpc(place), "--json"]);
    output.status.success().then(|| json_of(&output)["block"].as_u64()).flatten()
}

/// Somebody with money, and somebody who is paid.
struct Payment {
    from: String,
    to: String,
    password: String,
}

impl Payment {
    fn between(devnet: &Devnet) -> Payment {
        let account = &devnet.said["accounts"][5];
        let from = account["address"].as_str().unwrap().to_owned();
        let key = devnet.write("key", account["private_key"].as_str().unwrap());
        let password = devnet.write("password", "correct horse\n");
        let secret = ["--json", "--password-file", password.as_str()];
        let kept = devnet.run(&[&["account", "import", &key][..], &secret].concat());
        assert!(kept["address"].as_str().unwrap().eq_ignore_ascii_case(&from));
        let new = devnet.run(&[&["account", "new"][..], &secret].concat());
        Payment { from, to: new["address"].as_str().unwrap().to_owned(), password }
    }

    /// Pays 1.5 tokens by the node at `place`; gives the number of the block.
    fn make(&self, devnet: &Devnet, place: usize) -> u64 {
        let Payment { from, to, password } = self;
        let words = ["account", "send", "--from", from, "--to", to, "--value", "1.5", "--json"];
        let with = ["--rpc", devnet.rpc(place), "--password-file", password];
        let paid = devnet.run(&[&words[..], &with].concat());
        assert_eq!(paid["success"], true);
        paid["block"].as_u64().unwrap()
    }

    /// Waits until the node at `place` knows of so many payments.
    fn arrives(&self, devnet: &Devnet, place: usize, count: u64) {
        let words = ["account", "balance", &self.to, "--json", "--rpc", devnet.rpc(place)];
        let want = (count * 15).to_string() + "00000000000000000";
        until("it is not paid", || devnet.run(&words)["base_units"] == want);
    }
}

#[test]
fn what_four_validators_made_final_is_shown_with_the_genesis_file_alone() {
    let devnet = Devnet::up();
    assert_eq!(devnet.said["chain_id"], 7_701);
    assert_eq!(devnet.said["pids"].as_array().unwrap().len(), 4);
    let number = Payment::between(&devnet).make(&devnet, 0);
    let proof = devnet.home.path("proof.json").display().to_string();
    until("no certificate", || {
        let words =
            ["chain", "header", &number.to_string(), "--rpc", devnet.rpc(2), "--out", &proof];
        devnet.command(&words).status.success()
    });
    let genesis = devnet.home.path("devnet/node-3/genesis.toml");
    let text = std::fs::read_to_string(&genesis).unwrap();
    let verify = |genesis: &Path, proof: &str| {
        let genesis = genesis.display().to_string();
        devnet.command(&["chain", "verify-header", proof, "--genesis", &genesis, "--json"])
    };
    let verified = verify(&genesis, &proof);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    assert_eq!(json_of(&verified)["number"].as_u64(), Some(number));
    // Another chain's, and a block that was changed.
    let other = devnet.write("other.toml", &text.replace("time = ", "time = 1"));
    assert_eq!(verify(Path::new(&other), &proof).status.code(), Some(1));
    let forged = std::fs::read_to_string(&proof).unwrap();
    let place = forged.rfind("\"header\": \"0x").unwrap() + 200;
    let digit = if &forged[place..=place] == "7" { "8" } else { "7" };
    let forged = [&forged[..place], digit, &forged[place + 1..]].concat();
    let forged = devnet.write("forged.json", &forged);
    assert_eq!(verify(&genesis, &forged).status.code(), Some(1));
}

#[test]
fn killed_validators_come_back_and_nothing_final_is_lost() {
    let devnet = Devnet::up();
    let payment = Payment::between(&devnet);
    payment.make(&devnet, 0);
    (0..4).for_each(|place| payment.arrives(&devnet, place, 1));
    let kill = |pid: &Value| {
        let mut kill = Command::new("kill");
        assert!(kill.args(["-9", &pid.to_string()]).status().unwrap().success());
    };
    let all_run = || devnet.command(&["devnet", "status", "--json"]).status.code() == Some(0);

    // Three go on without the fourth.
    kill(&devnet.said["pids"][3]);
    until("it runs", || !all_run());
    payment.make(&devnet, 1);
    let said = devnet.run(&["devnet", "up", "--json"]);
    assert_eq!(said["pids"][0], devnet.said["pids"][0]);
    assert_ne!(said["pids"][3], devnet.said["pids"][3]);
    payment.arrives(&devnet, 3, 2);

    let before = block(&devnet, 0).unwrap();
    said["pids"].as_array().unwrap().iter().for_each(kill);
    until("they run", || !all_run());
    devnet.run(&["devnet", "up", "--json"]);
    // One that cannot be started is told, and those that run go on.
    let said = devnet.run(&["devnet", "status", "--json"]);
    kill(&said["validators"][2]["pid"]);
    until("it runs", || !all_run());
    let settings = devnet.home.path("devnet/node-2/node.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, "listen = 7\n").unwrap();
    let refused = devnet.command(&["devnet", "up"]);
    assert_eq!(refused.status.code(), Some(2));
    std::fs::write(&settings, &text).unwrap();
    let again = devnet.run(&["devnet", "up", "--json"]);
    for place in [0, 1, 3] {
        assert_eq!(again["pids"][place], said["validators"][place]["pid"]);
    }
    for place in 0..4 {
        until("blocks are lost", || block(&devnet, place).is_some_and(|number| number > before));
        payment.arrives(&devnet, place, 2);
    }
    let down = devnet.run(&["devnet", "down", "--forget", "--json"]);
    assert_eq!(down, json!({ "ended": 4, "forgotten": true }));
    assert!(!devnet.home.path("devnet/node-3").exists());
    // The home that they made is one.
    assert_eq!(devnet.command(&["store", "sweep"]).status.code(), Some(0));
}
