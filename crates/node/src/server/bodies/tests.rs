use super::*;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn bodies(body_bytes_max: usize, bytes_max: usize) -> Arc<Bodies> {
    Arc::new(Bodies::new(body_bytes_max, bytes_max))
}

fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_body_costs_what_has_come_of_it() {
    let bodies = bodies(100, 100);
    let idle: Vec<Arrival> = (0..1000).map(|_| bodies.arrival()).collect();
    assert_eq!(bodies.held(), 0);
    let arrival = bodies.arrival();
    for _ in 0..10 {
        assert_eq!(arrival.push(b"0123456789"), Ok(()));
    }
    assert_eq!(bodies.held(), 100);
    let whole = arrival.finish().unwrap();
    assert_eq!(whole.bytes, b"0123456789".repeat(10));
    drop((whole, idle));
    assert_eq!(bodies.held(), 0);
}

#[test]
fn no_body_takes_more_memory_than_the_longest_one() {
    let bodies = bodies(1_000, 1 << 20);
    let arrival = bodies.arrival();
    for _ in 0..1_000 {
        arrival.push(b"x").unwrap();
        assert!(bodies.held() <= 1_000);
    }
    drop(arrival);
    assert_eq!(bodies.held(), 0);
}

#[test]
fn who_has_been_sending_longest_gives_way_and_whole_bodies_stay() {
    let bodies = bodies(100, 100);
    let whole = bodies.arrival();
    whole.push(&[0; 40]).unwrap();
    let whole = whole.finish().unwrap();
    let (mut old, mut young) = (bodies.arrival(), bodies.arrival());
    old.push(&[1; 30]).unwrap();
    young.push(&[2; 30]).unwrap();
    assert!(poll(old.gave_way()).is_pending());
    young.push(&[2; 20]).unwrap();
    assert_eq!(poll(old.gave_way()), Poll::Ready(GaveWay));
    assert!(poll(young.gave_way()).is_pending());
    assert_eq!(old.push(&[1]), Err(GaveWay));
    assert!(old.finish().is_err());
    assert_eq!(bodies.held(), 100);
    // With nobody older left, whoever wants more gives way, and not those who came later.
    let next = bodies.arrival();
    assert_eq!(young.push(&[2; 11]), Err(GaveWay));
    assert!(young.finish().is_err());
    assert_eq!(bodies.held(), 40);
    next.push(&[3; 60]).unwrap();
    assert_eq!(next.finish().unwrap().bytes, [3; 60]);
    drop(whole);
    assert_eq!(bodies.held(), 0);
}

#[test]
fn a_body_is_held_until_it_was_read_even_if_nobody_waits_for_that() {
    runtime().block_on(async {
        let bodies = bodies(100, 100);
        let arrival = bodies.arrival();
        arrival.push(&[7; 50]).unwrap();
        let (begun, beginning) = std::sync::mpsc::channel();
        let (go_on, going) = std::sync::mpsc::channel();
        let mut reading = Box::pin(arrival.finish().unwrap().read(move |bytes| {
            begun.send(bytes.len()).unwrap();
            going.recv().unwrap();
        }));
        assert!(poll(reading.as_mut()).is_pending());
        assert_eq!(beginning.recv().unwrap(), 50);
        drop(reading);
        assert_eq!(bodies.held(), 50);
        assert_eq!(bodies.readers.available_permits(), READERS_MAX - 1);
        go_on.send(()).unwrap();
        let all = u32::try_from(READERS_MAX).unwrap();
        drop(bodies.readers.acquire_many(all).await.unwrap());
        assert_eq!(bodies.held(), 0);
    });
}

#[test]
fn only_a_few_are_read_at_once() {
    runtime().block_on(async {
        let bodies = bodies(100, 100);
        let places: Vec<_> = (0..READERS_MAX).map(|_| bodies.readers.try_acquire()).collect();
        let mut reading = Box::pin(bodies.arrival().finish().unwrap().read(<[u8]>::len));
        assert!(poll(reading.as_mut()).is_pending());
        drop(places);
        // It was waiting for one of the places: it takes the first that is given back.
        assert_eq!(bodies.readers.available_permits(), READERS_MAX - 1);
        assert_eq!(reading.await.unwrap(), 0);
        assert_eq!(bodies.readers.available_permits(), READERS_MAX);
    });
}

#[test]
fn short_bodies_find_room_however_full_it_is() {
    let bodies = Arc::new(Bodies::new(100, 50).with_own(10));
    let (short, mut long) = (bodies.arrival(), bodies.arrival());
    short.push(&[1; 10]).unwrap();
    long.push(&[2; 60]).unwrap();
    assert_eq!(bodies.held(), 50);
    let other = bodies.arrival();
    other.push(&[3; 10]).unwrap();
    assert!(poll(long.gave_way()).is_pending());
    // The oldest has nothing that would help.
    other.push(&[3; 1]).unwrap();
    assert_eq!(poll(long.gave_way()), Poll::Ready(GaveWay));
    assert_eq!(short.finish().unwrap().bytes(), [1; 10]);
    let other = other.finish().unwrap();
    assert_eq!(bodies.held(), bodies.charged(other.bytes.capacity()));
    drop(other);
    assert_eq!(bodies.held(), 0);
}
