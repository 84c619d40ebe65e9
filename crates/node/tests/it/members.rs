//! Members that run: one validator, with a node that follows it or with light clients of it.

use crate::chain::world::{Account, draft};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Address;
use axum::routing::post;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;
use terroir_node::chain::{Origin, Tip};
use terroir_node::light::{FinalBlock, Refused};
use terroir_node::member::{Folder, Member, Network, Pacing, Peer, Secrets, Settings, Wallets};
use terroir_node::rpc::{Client, RpcLimits, RpcServer};
use tokio::runtime::Runtime;

const CHAIN_ID: u64 = 7_701;
const EPOCH: u64 = 80;
const TOKEN: u128 = 1_000_000_000_000_000_000;

fn free() -> SocketAddr {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    TcpListener::bind(local).unwrap().local_addr().unwrap()
}

fn alice() -> Account {
    Account::new(101)
}

/// A chain whose one validator has the keys in `secrets`, and on which alice has money.
fn genesis(secrets: &Secrets) -> String {
    let entry = secrets.entry(CHAIN_ID, Address::repeat_byte(9), 10_000 * TOKEN).unwrap();
    let accounts = [Address::repeat_byte(9), alice().address]
        .map(|one| format!("[accounts.\"{one}\"]\nbalance = \"{}\"\n", 20_000 * TOKEN));
    format!(
        "name = \"test\"\nchain_id = {CHAIN_ID}\ntime = 1790000000\nepoch_blocks = {EPOCH}\n\
         {entry}{}",
        accounts.concat()
    )
}

fn write(folder: &Folder, genesis: &str, listen: SocketAddr, peers: Vec<Peer>) {
    let network = Network { listen, public: None, peers };
    let pace = Pacing { block_ms: 10, idle_ms: 20 };
    let settings = Settings {
        genesis: "genesis.toml".into(),
        network: Some(network),
        follow: None,
        rpc: Wallets::default(),
        pace,
    };
    folder.write(&settings, genesis).unwrap();
}

/// Waits until the newest block of a member is as it should be.
async fn until(member: &Member, what: &str, holds: impl Fn(&Tip) -> bool) {
    let mut tips = member.chain().tips();
    let found = tips.wait_for(|tip| holds(tip));
    tokio::time::timeout(Duration::from_secs(60), found).await.expect(what).unwrap();
}

#[test]
fn what_was_sent_before_anybody_was_there_is_sent_again() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| Folder::make(&place.path().join(name)).unwrap();
    let ((validator, keys), (follower, other)) = (at("validator"), at("follower"));
    let (genesis, address) = (genesis(&keys), free());
    let peer =
        |secrets: &Secrets, address| Peer { identity: secrets.identity().to_string(), address };
    write(&validator, &genesis, address, vec![peer(&other, None)]);
    write(&follower, &genesis, free(), vec![peer(&keys, Some(address))]);
    let few = Rlimit { current: Some(512), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, few).unwrap();
    Runtime::new().unwrap().block_on(async {
        let follower = Member::start(&follower).unwrap();
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum, "few files can be open");
        let bytes = alice().sign(draft(0, Address::repeat_byte(7))).encoded_2718();
        let mut news = follower.chain().mempool().added();
        let hash = follower.chain().mempool().add(&bytes, Origin::Local).unwrap();
        assert_eq!(news.recv().await.unwrap().hash, hash);
        let validator = Member::start(&validator).unwrap();
        let paid = |tip: &Tip| tip.kept.place_of(&hash).unwrap().is_some();
        until(&validator, "the transaction was lost", paid).await;
        until(&follower, "it does not follow", paid).await;
    });
}

/// A node that asks `honest` for blocks so many before those that it is asked for, and changes what
/// that answers: method, first parameter, answer.
async fn liar(honest: &str, before: u64, change: fn(&str, u64, &mut Value)) -> String {
    let honest = honest.to_owned();
    let answer = move |body: String| {
        let honest = honest.clone();
        async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let (method, params) = (request["method"].as_str().unwrap(), &request["params"]);
            let digits = params[0].as_str().and_then(|text| text.strip_prefix("0x"));
            let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let (method, mut params) = (method.to_owned(), params.clone());
            if method == "terroir_header" {
                params[0] = format!("{:#x}", number.unwrap_or_default() - before).into();
            }
            let asked = tokio::task::spawn_blocking(move || {
                let mut answer = Client::new(&honest).call(&method, params).unwrap();
                change(&method, number.unwrap_or_default(), &mut answer);
                answer
            });
            json!({ "jsonrpc": "2.0", "id": request["id"], "result": asked.await.unwrap() })
                .to_string()
        }
    };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/", post(answer));
    tokio::spawn(async { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// A validator that has some epochs behind it, and its port for clients.
async fn served(place: &Path) -> (Member, String, String) {
    let (folder, secrets) = Folder::make(place).unwrap();
    let text = genesis(&secrets);
    write(&folder, &text, free(), Vec::new());
    let member = Member::start(&folder).unwrap();
    until(&member, "no epoch ends", |tip| tip.header.number > 2 * EPOCH + 9).await;
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (routes, chain) = (axum::Router::new(), member.chain().clone());
    let server = RpcServer::bind(local, routes, chain, RpcLimits::DEFAULT).unwrap();
    let url = format!("http://{}", server.address());
    tokio::spawn(async { server.run(std::future::pending()).await });
    (member, url, text)
}

async fn fetch(url: &str, number: u64) -> Result<FinalBlock, String> {
    let url = url.to_owned();
    let fetched = move || FinalBlock::fetch(&Client::new(&url), number);
    let fetched = tokio::task::spawn_blocking(fetched).await.unwrap();
    fetched.map_err(|error| error.to_string())
}

#[test]
fn a_block_some_epochs_on_is_fetched_and_checked_and_lies_are_not_taken() {
    let place = tempfile::tempdir().unwrap();
    Runtime::new().unwrap().block_on(async {
        let (_member, url, text) = served(place.path()).await;
        let number = 2 * EPOCH + 5;
        let found = fetch(&url, number).await.unwrap();
        assert_eq!(found.epochs.len(), 2);
        assert_eq!(found.check(&text).unwrap().header.number, number);
        refused(&found, &text);
        // The certificates of most blocks of an epoch are missing: one of it is enough.
        let poor = liar(&url, 0, |method, number, answer| {
            if method == "terroir_header" && number % EPOCH > 5 {
                answer["certificate"] = Value::Null;
            }
        });
        let other = fetch(&poor.await, number).await.unwrap();
        assert_eq!(other.check(&text).unwrap().hash, found.check(&text).unwrap().hash);
        for (lie, why) in LIES {
            let said = fetch(&liar(&url, 0, *lie).await, number).await.unwrap_err();
            assert!(said.contains(why), "{said}, and not {why}");
        }
        let said = fetch(&liar(&url, 1, |_, _, _| ()).await, number).await.unwrap_err();
        assert!(said.contains("gives block 164 for block 165"), "{said}");
        let said = fetch(&url, u64::MAX).await.unwrap_err();
        assert!(said.contains("65536 is the most"), "{said}");
    });
}

type Lie = (fn(&str, u64, &mut Value), &'static str);

const LIES: &[Lie] = &[
    (
        |method, number, answer| {
            if method == "terroir_header" && number < EPOCH {
                *answer = Value::Null;
            }
        },
        "no certificate of any block of epoch 0",
    ),
    (
        |method, _, answer| {
            if method == "terroir_genesis" {
                *answer = answer.as_str().unwrap().replace("= 80\n", "= 30\n").into();
            }
        },
        // Another chain's, then.
        "block of epoch 0: the signature of the certificate does not hold",
    ),
    (
        |method, _, answer| {
            if method == "terroir_genesis" {
                *answer = answer.as_str().unwrap().replace("= 80\n", "= 0\n").into();
            }
        },
        "epoch_blocks is 0, and 8 is the least",
    ),
    (
        |method, _, answer| {
            if method == "terroir_committee" {
                answer["seats"] = json!([]);
            }
        },
        "block of epoch 1",
    ),
    (
        |method, number, answer| {
            if method == "terroir_header" && number >= 2 * EPOCH {
                answer["sealRlp"] = json!("0x00");
            }
        },
        "block of epoch 2",
    ),
    (|_, _, answer| *answer = json!({}), "genesis"),
];

/// What is changed in a file is found out by whoever has the genesis file.
fn refused(found: &FinalBlock, text: &str) {
    let because = |change: fn(&mut FinalBlock)| {
        let mut changed = found.clone();
        change(&mut changed);
        changed.check(text).unwrap_err()
    };
    let why = because(|file| drop(file.epochs.pop()));
    assert!(matches!(why, Refused::Not { epoch: 1, .. }), "{why}");
    let why = because(|file| file.epochs.swap(0, 1));
    assert!(matches!(why, Refused::Not { epoch: 0, .. }), "{why}");
    let why = because(|file| file.epochs[1].committee[0].vote_key = vec![7; 95].into());
    assert!(matches!(why, Refused::Key { epoch: 2, seat: 0, bytes: 95 }), "{why}");
    let why = because(|file| file.epochs[0].committee[0].key.0[0] ^= 1);
    assert!(matches!(why, Refused::Not { epoch: 1, .. }), "{why}");
    let why = because(|file| file.epochs = vec![file.epochs[0].clone(); (1 << 16) + 1]);
    assert!(matches!(why, Refused::Epochs(65_537)), "{why}");
}
