//! The order in which the addresses of a name are dialed (RFC 8305).

use std::collections::BTreeSet;

use proptest::prelude::*;
use redial::Instant;
use redial::host::DialOrder;

use crate::properties::cases;

/// An address: its family, and its place in the resolver's answer.
type Address = (u8, usize);

fn order(families: &[u8]) -> DialOrder<Address> {
    let addresses = families.iter().enumerate().map(|(place, family)| (*family, place));
    DialOrder::new(addresses, |(family, _)| *family == 6)
}

/// The places in the order in which they are dialed, where no dial ever answers.
fn places(families: &[u8]) -> Vec<usize> {
    let (mut order, mut found) = (order(families), Vec::new());
    while let Some(at) = order.next_deadline() {
        found.extend(order.start(at).map(|(_, place)| place));
    }
    found
}

#[test]
fn families_take_turns_beginning_with_the_first_that_was_resolved() {
    assert_eq!(places(&[6, 6, 6, 4, 4]), [0, 3, 1, 4, 2]);
    assert_eq!(places(&[4, 6, 6, 6]), [0, 1, 2, 3]);
    assert_eq!(places(&[4, 4, 6]), [0, 2, 1]);
    assert_eq!(places(&[6, 6]), [0, 1]);
    assert_eq!(places(&[]), [0; 0]);
}

#[test]
fn a_black_hole_costs_a_quarter_of_a_second() {
    let mut order = order(&[6, 4]);
    assert_eq!(order.start(Instant::from_millis(1_000)), Some((6, 0)));
    assert_eq!(order.start(Instant::from_millis(1_249)), None);
    assert_eq!(order.next_deadline(), Some(Instant::from_millis(1_250)));
    assert_eq!(order.start(Instant::from_millis(1_250)), Some((4, 1)));
    order.opened();
    assert_eq!(order.next_deadline(), None);
}

#[test]
fn a_dial_that_fails_makes_room_for_the_next_at_once() {
    let (mut order, now) = (order(&[6, 4, 6]), Instant::from_millis(1_000));
    assert_eq!(order.start(now), Some((6, 0)));
    order.failed();
    assert_eq!(order.start(now), Some((4, 1)));
    assert_eq!(order.start(now), None, "one failure, one dial");
}

#[test]
fn nothing_is_dialed_once_a_connection_is_open() {
    let mut order = order(&[6, 4, 4]);
    order.start(Instant::ORIGIN);
    order.start(Instant::from_millis(250));
    order.opened();
    // The loser fails late.
    order.failed();
    order.failed();
    assert_eq!(order.start(Instant::from_millis(10_000)), None);
    assert!(!order.has_failed());
}

#[test]
fn a_name_has_failed_with_the_last_of_its_dials_and_not_before() {
    let mut order = order(&[6, 4]);
    order.failed();
    assert!(!order.has_failed(), "nothing was dialed yet");
    order.start(Instant::ORIGIN);
    order.start(Instant::from_millis(250));
    order.failed();
    assert!(!order.has_failed(), "one is still under way");
    order.failed();
    assert!(order.has_failed());
    assert!(self::order(&[]).has_failed(), "a name without addresses");
}

#[test]
fn a_name_with_a_thousand_addresses_is_dialed_at_thirty_two() {
    assert_eq!(places(&[4; 1_000]).len(), DialOrder::<Address>::MOST);
}

proptest! {
    #![proptest_config(cases(300))]

    /// Steps of time, with what happens to the dials at the end of each: a failure, or nothing.
    #[test]
    fn every_address_is_dialed_once_and_never_two_within_the_delay_unless_one_failed(
        families in prop::collection::vec(prop_oneof![Just(4_u8), Just(6)], 0..=32),
        steps in prop::collection::vec((0..400_u64, any::<bool>()), 0..100),
    ) {
        let mut order = order(&families);
        let (mut now, mut dialed) = (Instant::from_millis(5_000), Vec::new());
        let (mut last, mut failures, mut running) = (None::<Instant>, 0_u32, 0_u32);
        let quiet = std::iter::repeat_n((250, false), 32);
        for (pause, fails) in steps.into_iter().chain(quiet) {
            now = now + redial::Duration::from_millis(pause);
            if fails && running > 0 {
                order.failed();
                (failures, running) = (failures + 1, running - 1);
            }
            let due = order.next_deadline().is_some_and(|at| at <= now);
            let started: Vec<Address> = std::iter::from_fn(|| order.start(now)).collect();
            prop_assert_eq!(started.len(), usize::from(due), "due is what is started");
            for address in started {
                let early = last.is_some_and(|last| now.since(last) < DialOrder::<Address>::DELAY);
                prop_assert!(!early || failures > 0);
                (failures, running, last) = (0, running + 1, Some(now));
                dialed.push(address);
            }
        }
        let distinct: BTreeSet<Address> = dialed.iter().copied().collect();
        prop_assert_eq!((distinct.len(), dialed.len()), (families.len(), families.len()));
        // As long as both families have addresses left, no two neighbours are of one family.
        let (six, four): (Vec<u8>, Vec<u8>) = families.iter().partition(|family| **family == 6);
        let both = 2 * six.len().min(four.len());
        prop_assert!(dialed.iter().take(both).collect::<Vec<_>>().windows(2).all(|two| two[0].0 != two[1].0));
        for family in [4, 6] {
            prop_assert!(dialed.iter().filter(|address| address.0 == family).is_sorted(), "the resolver's order stays");
        }
        prop_assert_eq!(dialed.first().map(|first| first.1), families.first().map(|_| 0));
    }
}
