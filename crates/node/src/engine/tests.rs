use super::mailbox;
use super::slots::Slots;
use super::{Event, Job};
use crate::Error;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn poll(receiver: &mut mailbox::Receiver) -> Poll<Option<Event>> {
    receiver.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn what_a_slow_reader_missed_comes_as_one_piece() {
    let (sender, mut receiver) = mailbox::channel();
    assert!(poll(&mut receiver).is_pending());
    for token in 0..1000 {
        sender.say(&[token], "é");
    }
    match poll(&mut receiver) {
        Poll::Ready(Some(Event::Tokens { tokens, text })) => {
            assert_eq!(tokens, (0..1000).collect::<Vec<u32>>());
            assert_eq!(text, "é".repeat(1000));
        }
        other => panic!("{other:?}"),
    }
    assert!(poll(&mut receiver).is_pending());
    sender.say(&[1], "");
    sender.end(Err(Error::Closing));
    assert!(matches!(poll(&mut receiver), Poll::Ready(Some(Event::Tokens { .. }))));
    let end = poll(&mut receiver);
    assert!(matches!(end, Poll::Ready(Some(Event::Failed(Error::Closing)))));
    assert!(matches!(poll(&mut receiver), Poll::Ready(None)));
}

#[test]
fn an_engine_that_dies_tells_its_readers() {
    let (sender, mut receiver) = mailbox::channel();
    drop(sender);
    let end = poll(&mut receiver);
    assert!(matches!(end, Poll::Ready(Some(Event::Failed(Error::Stopped)))));
    assert!(matches!(poll(&mut receiver), Poll::Ready(None)));
}

#[test]
fn places_are_counted_and_given_back() {
    let slots = Arc::new(Slots::new(2, 1));
    let taken: Vec<_> = (0..3).map(|_| slots.take().unwrap()).collect();
    match slots.take().unwrap_err() {
        Error::Busy { waiting, retry_s } => assert_eq!((waiting, retry_s), (1, 1)),
        other => panic!("{other}"),
    }
    assert!(!slots.wait_empty(Duration::ZERO));
    drop(taken);
    assert!(slots.wait_empty(Duration::ZERO));
    let last = slots.take().unwrap();
    slots.close();
    assert!(matches!(slots.take(), Err(Error::Closing)));
    assert_eq!(slots.count(), (1, true));
    drop(last);
    assert_eq!(slots.count(), (0, true));
}

#[test]
fn jobs_can_cross_threads() {
    fn send<T: Send>() {}
    send::<Job>();
    send::<Event>();
}
