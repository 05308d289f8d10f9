//! Session time, and the sleep that a monotonic clock does not count.

use std::time::Duration as Span;

use proptest::prelude::*;
use redial::host::HostClock;
use redial::{Duration, Event, Instant};

use crate::properties::cases;

/// A machine with both clocks.
struct Machine {
    clock: HostClock,
    monotonic: u64,
    wall: u64,
}

impl Machine {
    fn new(speed: u32) -> Self {
        let mut machine = Self { clock: HostClock::new().speed(speed), monotonic: 0, wall: 1_800_000_000_000 };
        assert_eq!(machine.read(), (Instant::ORIGIN, None));
        machine
    }

    fn read(&mut self) -> (Instant, Option<Event>) {
        self.clock.read(Span::from_millis(self.monotonic), Some(Span::from_millis(self.wall)))
    }

    /// Both clocks move, the wall clock by its own amount.
    fn pass(&mut self, monotonic: u64, wall: i64) -> (Instant, Option<Event>) {
        self.monotonic += monotonic;
        self.wall = self.wall.saturating_add_signed(wall);
        self.read()
    }
}

fn woke(millis: u64) -> Event {
    Event::Woke { asleep: Duration::from_millis(millis) }
}

#[test]
fn sleep_is_told_once_and_session_time_does_not_count_it() {
    let mut machine = Machine::new(1);
    assert_eq!(machine.pass(1_000, 1_000), (Instant::from_millis(1_000), None));
    assert_eq!(machine.pass(500, 200_500), (Instant::from_millis(1_500), Some(woke(200_000))));
    assert_eq!(machine.pass(500, 500), (Instant::from_millis(2_000), None));
}

#[test]
fn sleep_counts_from_two_seconds() {
    let mut machine = Machine::new(1);
    assert_eq!(machine.pass(10, 2_009).1, None);
    assert_eq!(machine.pass(10, 2_010).1, Some(woke(2_000)));
}

#[test]
fn a_wall_clock_that_is_set_back_hides_no_later_sleep() {
    let mut machine = Machine::new(1);
    assert_eq!(machine.pass(1_000, -3_600_000), (Instant::from_millis(1_000), None));
    assert_eq!(machine.pass(1_000, 11_000), (Instant::from_millis(2_000), Some(woke(10_000))));
}

#[test]
fn a_wall_clock_that_is_set_forward_counts_as_sleep() {
    let mut machine = Machine::new(1);
    assert_eq!(machine.pass(1_000, 3_601_000), (Instant::from_millis(1_000), Some(woke(3_600_000))));
}

#[test]
fn a_correction_of_500_ppm_is_no_sleep_however_long_it_lasts() {
    let mut machine = Machine::new(1);
    for _ in 0..100 {
        assert_eq!(machine.pass(3_600_000, 3_601_800).1, None);
    }
}

#[test]
fn a_boot_time_clock_has_nothing_to_tell() {
    let mut machine = Machine::new(1);
    assert_eq!(machine.pass(200_000, 200_000), (Instant::from_millis(200_000), None));
}

#[test]
fn without_a_wall_clock_time_passes_and_sleep_is_found_at_the_next_comparison() {
    let mut machine = Machine::new(1);
    let alone = machine.clock.read(Span::from_millis(700), None);
    assert_eq!(alone, (Instant::from_millis(700), None));
    machine.monotonic = 700;
    assert_eq!(machine.pass(300, 61_000), (Instant::from_millis(1_000), Some(woke(60_000))));
}

#[test]
fn a_fast_clock_is_fast_in_everything() {
    let mut machine = Machine::new(60);
    assert_eq!(machine.pass(1_000, 4_000), (Instant::from_millis(60_000), Some(woke(180_000))));
    let wait = |until| machine.clock.wait(Span::from_secs(1), Instant::from_millis(until));
    assert_eq!(wait(120_000), Span::from_secs(1));
    assert_eq!((wait(60_000), wait(10)), (Span::ZERO, Span::ZERO));
    assert_eq!(wait(60_001), Span::from_micros(17), "rounded up: a timer is never early");
    assert_eq!(HostClock::new().speed(0), HostClock::new(), "time cannot stand still");
}

#[test]
fn a_deadline_that_never_comes_is_waited_for_without_a_panic() {
    let wait = HostClock::new().wait(Span::from_secs(5), Instant::NEVER);
    assert!(wait > Span::from_secs(100_000_000));
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn session_time_never_goes_back_whatever_the_clocks_do(
        readings in prop::collection::vec((any::<u64>(), prop::option::of(any::<u64>())), 1..40),
        speed in any::<u32>(),
    ) {
        let mut clock = HostClock::new().speed(speed);
        let mut last = Instant::ORIGIN;
        for (monotonic, wall) in readings {
            let (now, woke) = clock.read(Span::from_micros(monotonic), wall.map(Span::from_micros));
            prop_assert!(now >= last && now == clock.now());
            prop_assert!(wall.is_some() || woke.is_none());
            last = now;
        }
    }
}

#[test]
fn where_a_wall_clock_is_read_no_wait_is_longer_than_it_may_take_to_notice_a_sleep() {
    let mut clock = HostClock::new();
    clock.read(Span::from_secs(1), None);
    assert!(clock.wait(Span::from_secs(1), Instant::NEVER) > HostClock::LONGEST_WAIT);
    clock.read(Span::from_secs(1), Some(Span::from_secs(1_000)));
    assert_eq!(clock.wait(Span::from_secs(1), Instant::NEVER), HostClock::LONGEST_WAIT);
    assert_eq!(clock.wait(Span::from_secs(1), Instant::from_millis(3_000)), Span::from_secs(2));
}
