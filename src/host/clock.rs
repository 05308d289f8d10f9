//! Session time from the clocks of a host, and the sleep that the monotonic clock did not count.
//!
//! 1. Session time follows the monotonic clock alone and never goes back.
//! 2. Sleep shows where the wall clock ran ahead of the monotonic clock by 2 s or more between two readings.
//! 3. A wall clock that was set back shows nothing, and the next reading is compared with the new time.

use crate::event::Event;
use crate::time::{Duration, Instant};

/// Clock of a host: makes session time of a monotonic clock, and finds sleep with the help of the wall clock.
///
/// The two clocks are arguments, because this crate has none: the time of a monotonic clock since an origin of the
/// host's choice, and the time of the wall clock since the Unix epoch, `None` where the host has no wall clock. A host
/// reads its clocks under the lock of its session, and tells the session of the sleep before anything else.
///
/// What the wall clock is misjudged for:
///
/// * A wall clock that is set forward by 2 s or more counts as sleep. A ready connection is probed, and a message
///   settles where it would be too old for the server's dedup window.
/// * Sleep of less than 2 s is not found, and neither is sleep during which the wall clock was set back as far.
/// * NTP that slews the clock at its usual 500 ppm needs more than an hour between two readings to look like sleep.
///
/// Where the monotonic clock counts sleep (`CLOCK_BOOTTIME`), the two clocks agree and no sleep is found: session time
/// went on during the sleep, so that there is nothing to tell.
///
/// ```
/// use core::time::Duration;
/// use redial::host::HostClock;
/// use redial::{Event, Instant};
///
/// let mut clock = HostClock::new();
/// // A host passes `origin.elapsed()` and `SystemTime::UNIX_EPOCH.elapsed().ok()`.
/// let (now, woke) = clock.read(Duration::from_secs(5), Some(Duration::from_secs(1_000)));
/// assert_eq!((now, woke), (Instant::from_millis(5_000), None));
///
/// // The machine slept for ten minutes: its monotonic clock counted one second of them.
/// let (now, woke) = clock.read(Duration::from_secs(6), Some(Duration::from_secs(1_601)));
/// assert_eq!(now, Instant::from_millis(6_000));
/// assert_eq!(woke, Some(Event::Woke { asleep: redial::Duration::from_secs(600) }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostClock {
    speed: u32,
    latest: core::time::Duration,
    compared: Option<Reading>,
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Reading {
    monotonic: core::time::Duration,
    wall: core::time::Duration,
}

impl HostClock {
    /// Longest wait where a wall clock is read: 10 s. A machine that slept is found out at the next reading, so a
    /// longer wait would find it out later.
    pub const LONGEST_WAIT: core::time::Duration = core::time::Duration::from_secs(10);

    /// Least sleep that is found: 2 s. Corrections of NTP between two readings stay below this time, and no heartbeat
    /// of a service is missed within it.
    pub const LEAST_SLEEP: core::time::Duration = core::time::Duration::from_secs(2);

    /// Creates a clock whose session time is the time of the monotonic clock.
    pub const fn new() -> Self {
        Self { speed: 1, latest: core::time::Duration::ZERO, compared: None }
    }

    /// Sets how many times as fast session time passes, for a demo or a test. Default: 1, which is also the least.
    #[must_use]
    pub const fn speed(mut self, speed: u32) -> Self {
        self.speed = if speed == 0 { 1 } else { speed };
        self
    }

    /// Reads both clocks: returns the session time, and `Woke` where the machine slept since the last reading.
    ///
    /// A monotonic clock that goes back stands still. The first reading finds no sleep.
    pub fn read(
        &mut self,
        monotonic: core::time::Duration,
        wall: Option<core::time::Duration>,
    ) -> (Instant, Option<Event>) {
        self.latest = self.latest.max(monotonic);
        let Some(wall) = wall else { return (self.now(), None) };
        let reading = Reading { monotonic: self.latest, wall };
        let asleep = self.compared.replace(reading).map_or(core::time::Duration::ZERO, |last| reading.ahead_of(last));
        let woke = (asleep >= Self::LEAST_SLEEP)
            .then(|| Event::Woke { asleep: Duration::from_millis(scaled(asleep, self.speed) / 1_000) });
        (self.now(), woke)
    }

    /// Returns the session time of the last reading.
    pub fn now(&self) -> Instant {
        Instant::from_millis(scaled(self.latest, self.speed) / 1_000)
    }

    /// Returns how long a host sleeps until this session time, by its own clock; zero where the time has come.
    ///
    /// The result is rounded up, so that a timer is never early. Where a wall clock is read, the wait is at most
    /// [`LONGEST_WAIT`](Self::LONGEST_WAIT); otherwise [`Instant::NEVER`] gives a wait of many years.
    pub fn wait(&self, monotonic: core::time::Duration, until: Instant) -> core::time::Duration {
        let left = until.as_millis().saturating_mul(1_000).saturating_sub(scaled(monotonic, self.speed));
        let wait = core::time::Duration::from_micros(left.div_ceil(self.speed.into()));
        if self.compared.is_some() { wait.min(Self::LONGEST_WAIT) } else { wait }
    }
}

impl Default for HostClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Reading {
    /// The time by which the wall clock ran ahead of the monotonic clock since `last`.
    fn ahead_of(self, last: Self) -> core::time::Duration {
        self.wall.saturating_sub(last.wall).saturating_sub(self.monotonic.saturating_sub(last.monotonic))
    }
}

/// Microseconds of session time.
fn scaled(span: core::time::Duration, speed: u32) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX).saturating_mul(speed.into())
}
