//! So much a second: [`Rate`].
#![allow(clippy::disallowed_methods, reason = "an Instant can only be had from the clock; which one is all the same")]
use std::time::{Duration, Instant};

use sekisho_gate::Rate;

#[test]
fn a_second_has_room_for_so_much_and_fills_again() {
    let (mut rate, start) = (Rate::default(), Instant::now());
    let after = |ms| start + Duration::from_millis(ms);
    assert!((0..100).all(|_| rate.take(start, 1, 100)), "a second's worth at once");
    assert!(!rate.take(start, 1, 100));
    assert_eq!(rate.wait(start, 1, 100), Duration::from_millis(10));
    assert!(rate.take(after(10), 1, 100) && !rate.take(after(10), 1, 100));
    assert_eq!((11..=1010).filter(|ms| rate.take(after(*ms), 1, 100)).count(), 100, "and no more in the long run");
    assert!(!rate.is_idle(after(1010)) && rate.is_idle(after(2010)));
    assert!((0..100).all(|_| rate.take(after(9000), 1, 100)) && !rate.take(after(9000), 1, 100), "nothing is saved up");
}

#[test]
fn what_is_owed_is_waited_for() {
    let (mut rate, start) = (Rate::default(), Instant::now());
    rate.owe(start, 150_000, 50_000);
    assert_eq!(rate.wait(start, 0, 50_000), Duration::from_secs(2));
    assert!(!rate.take(start, 50_001, 50_000), "not ever");
    rate.owe(start, u32::MAX, 0);
    assert!(rate.take(start, u32::MAX, 0), "without a bound");
}
