//! One validator on real threads, a real socket and a real directory.

use crate::host::Kept;
use crate::keys::{Person, TOKEN, beginning, validators};
use alloy_primitives::U256;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terroir_consensus::{Config, Error, Pace, Service};
use terroir_ledger::genesis::Beginning;

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn config(start: &Beginning, person: &Person, directory: &Path, listen: SocketAddr) -> Config {
    Config {
        chain: start.chain.clone(),
        genesis: start.block.clone(),
        keys: person.keys.clone(),
        pace: Pace::default(),
        directory: directory.to_owned(),
        listen,
        public: listen,
        peers: Vec::new(),
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
fn an_address_that_is_taken_is_an_error_with_its_name() {
    let people = validators(1);
    let start = beginning(&people, &[]);
    let host: Arc<Kept> = Kept::new(&start);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = config(&start, &people[0], directory.path(), listen);
    match Service::start(config, host) {
        Err(Error::Listen { address, .. }) => assert_eq!(address, listen),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it listens on a taken address"),
    }
}
