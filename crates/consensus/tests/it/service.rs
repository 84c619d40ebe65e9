//! One validator on real threads, a real socket and a real directory.

use crate::host::Kept;
use crate::keys::{Person, TOKEN, beginning, validators};
use alloy_primitives::U256;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};
use terroir_consensus::{Config, Error, Pace, Peer, Service};
use terroir_ledger::genesis::Beginning;

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn config(start: &Beginning, person: &Person, directory: &Path, listen: SocketAddr) -> Config {
    with_peers(start, person, directory, listen, Vec::new())
}

fn with_peers(
    start: &Beginning,
    person: &Person,
    directory: &Path,
    listen: SocketAddr,
    peers: Vec<Peer>,
) -> Config {
    Config {
        chain: start.chain.clone(),
        genesis: start.block.clone(),
        keys: person.keys.clone(),
        pace: Pace::default(),
        directory: directory.to_owned(),
        listen,
        public: listen,
        peers,
        threads: 2,
    }
}

fn wait(host: &Kept, service: &Service, what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        loop {
            let news = host.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if holds() {
                return;
            }
            assert_eq!(service.failure(), None);
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            let _ = tokio::time::timeout(Duration::from_secs(1), news).await;
        }
    });
}

#[test]
fn one_validator_alone_goes_on_after_it_was_stopped() {
    let people = validators(1);
    let (alice, bob) = (Person::new(101), Person::new(102));
    let start = beginning(&people, &[&alice]);
    let host = Kept::new(&start);
    let directory = tempfile::tempdir().unwrap();
    for nonce in 0..3 {
        let config = config(&start, &people[0], directory.path(), free());
        let service = Service::start(config, host.clone()).unwrap();
        let bytes = alice.call(nonce, bob.address, TOKEN, Vec::new());
        host.take(&bytes);
        service.submit(vec![bytes]);
        let paid = U256::from(TOKEN) * U256::from(nonce + 1);
        wait(&host, &service, "bob is not paid", || host.balance(bob.address) == paid);
        let height = host.height();
        wait(&host, &service, "it stands still", || host.height() > height + 2);
        service.stop();
    }
    assert_eq!(host.left_out(), Vec::<String>::new());
}

#[test]
fn four_validators_over_tcp_agree_and_one_comes_back() {
    let people = validators(4);
    let (alice, bob) = (Person::new(101), Person::new(102));
    let start = beginning(&people, &[&alice]);
    let hosts: Vec<_> = (0..4).map(|_| Kept::new(&start)).collect();
    let directories: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let addresses: Vec<_> = (0..4).map(|_| free()).collect();
    let peer = |place: usize| Peer {
        identity: people[place].keys.identity(),
        address: Some(addresses[place]),
    };
    let begin = |place: usize| {
        let peers = (0..4).filter(|other| *other != place).map(peer).collect();
        let directory = directories[place].path();
        let config = with_peers(&start, &people[place], directory, addresses[place], peers);
        Service::start(config, hosts[place].clone()).unwrap()
    };
    let mut services: Vec<_> = (0..4).map(begin).collect();
    for (nonce, gone) in [(0, 3), (1, 1)] {
        let bytes = alice.call(nonce, bob.address, TOKEN, Vec::new());
        hosts[0].take(&bytes);
        services[0].submit(vec![bytes]);
        let paid = U256::from(TOKEN) * U256::from(nonce + 1);
        for place in 0..4 {
            let (host, service) = (&hosts[place], &services[place]);
            wait(host, service, "bob is not paid", || host.balance(bob.address) == paid);
        }
        services.remove(gone).stop();
        let height = hosts[gone].height() + 4;
        wait(&hosts[0], &services[0], "three do not go on", || hosts[0].height() > height);
        services.insert(gone, begin(gone));
        let (host, service) = (&hosts[gone], &services[gone]);
        wait(host, service, "it does not come back", || host.height() > height);
    }
    let chains: Vec<_> = hosts.iter().map(|host| host.blocks()).collect();
    for ((one, _), (other, _)) in chains[0].iter().zip(&chains[1]) {
        assert_eq!(one.hash(), other.hash());
    }
}

#[test]
fn what_cannot_be_started_is_an_error_with_the_reason() {
    let people = validators(1);
    let start = beginning(&people, &[]);
    let directory = tempfile::tempdir().unwrap();
    let make = || config(&start, &people[0], directory.path(), free());
    let refused = |config: Config| Service::start(config, Kept::new(&start)).err().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    match refused(Config { listen, ..make() }) {
        Error::Listen { address, .. } => assert_eq!(address, listen),
        other => panic!("{other}"),
    }
    let pace = Pace { block_ms: 1, idle_ms: 1_000 };
    assert!(matches!(refused(Config { pace, ..make() }), Error::Pace { got: 1_001, .. }));
    let peers = vec![Peer { identity: [7; 32], address: None }; 64];
    assert!(matches!(refused(Config { peers, ..make() }), Error::Peers { got: 64, max: 63 }));
    let under_a_file = directory.path().join("file");
    std::fs::write(&under_a_file, []).unwrap();
    let file = Config { directory: under_a_file.join("in"), ..make() };
    assert!(matches!(refused(file), Error::Directory { .. }));
    let service = Service::start(make(), Kept::new(&start)).unwrap();
    assert!(matches!(refused(make()), Error::Locked { .. }));
    service.stop();
    Service::start(make(), Kept::new(&start)).unwrap().stop();
}
