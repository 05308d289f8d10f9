//! The clock of a run: time, so many times as fast.

use std::time;

use redial::host::HostClock;
use redial::{Duration, Instant};

/// A clock that runs so many times as fast as time; sessions that begin later begin at zero on clocks of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    begun: time::Instant,
    speed: u32,
}

impl Clock {
    pub(crate) fn new(speed: u32) -> Self {
        Self { begun: time::Instant::now(), speed: speed.max(1) }
    }

    pub(crate) fn speed(self) -> u32 {
        self.speed
    }

    /// The clock of one session, for its adapter.
    pub(crate) fn of_session(self) -> HostClock {
        HostClock::new().speed(self.speed)
    }

    pub(crate) fn now(self) -> Instant {
        self.of_session().read(self.begun.elapsed(), None).0
    }

    /// How long it takes until then.
    pub(crate) fn wait(self, until: Instant) -> time::Duration {
        self.of_session().wait(self.begun.elapsed(), until)
    }

    /// How long a span of the sessions' time takes.
    pub(crate) fn span(self, span: Duration) -> time::Duration {
        time::Duration::from(span) / self.speed
    }
}
