//! The deadlines of a session or a peer, and the timers behind them.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::kinds::all;
use crate::time::{Duration, Instant};

/// The next moment at which a session or a peer wants a `Tick`, and the timer behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    /// The moment.
    pub at: Instant,
    /// The timer.
    pub timer: Timer,
}

/// The timers of a session and of a [`Peer`](crate::Peer).
///
/// A peer has `Push`, which a session lacks, and of the other timers `Death`, `Authentication`, `Expiry` and
/// `Stall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Timer {
    /// The time at which a silent link counts as dead.
    Death,
    /// The end of the wait for the answer to a probe, or of a doubt in which nothing can be asked.
    Probe,
    /// The time at which a silent link is suspected.
    Suspicion,
    /// The time of the next heartbeat.
    Heartbeat,
    /// The end of an attempt that does not open.
    Attempt,
    /// The end of a wait for a credential.
    Credential,
    /// The end of a login that gets no answer.
    Authentication,
    /// The time of the next attempt.
    Reconnect,
    /// The time at which the attempts count as used up.
    GiveUp,
    /// The end of a close handshake that gets no answer.
    Close,
    /// The time at which the confirmation of a sent message is overdue.
    Receipt,
    /// The end of a message's time to live.
    Expiry,
    /// The time of the next poll.
    Poll,
    /// The end of a drain.
    Drain,
    /// The time at which an unacknowledged push is repeated.
    Push,
    /// The time at which a connection that takes no byte of what was handed over counts as stalled.
    Stall,
    /// The end of the time for which the session may not read.
    Pause,
    /// The time at which the rate of messages allows the next message.
    Rate,
}

all!(Timer:
    Death, Probe, Suspicion, Heartbeat, Attempt, Credential, Authentication, Reconnect, GiveUp, Close, Receipt, Expiry,
    Poll, Drain, Push, Stall, Pause, Rate,
);

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Death => "a sign of life, before the link counts as dead",
            Self::Probe => "the answer to a probe",
            Self::Suspicion => "a sign of life, before the link is suspected",
            Self::Heartbeat => "the next heartbeat",
            Self::Attempt => "the attempt to open",
            Self::Credential => "a credential",
            Self::Authentication => "the answer to the login",
            Self::Reconnect => "the next attempt",
            Self::GiveUp => "the end of the last attempt's time",
            Self::Close => "the peer's close",
            Self::Receipt => "the confirmation of a message",
            Self::Expiry => "the end of a message's time to live",
            Self::Poll => "the next poll",
            Self::Drain => "the end of the drain",
            Self::Push => "the repetition of a push",
            Self::Stall => "a byte that leaves, before the connection counts as stalled",
            Self::Pause => "messages to be taken, before reading has paused for too long",
            Self::Rate => "the rate to allow the next message",
        })
    }
}

impl Deadline {
    /// A deadline that never comes.
    pub(crate) const NEVER: Self = Self { at: Instant::NEVER, timer: Timer::Death };

    /// A deadline at this time, or `NEVER` where there is no time.
    pub(crate) fn perhaps(at: Option<Instant>, timer: Timer) -> Self {
        Self { at: at.unwrap_or(Instant::NEVER), timer }
    }

    /// The earlier of two deadlines; the first where both are at the same time.
    pub(crate) fn earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    /// The deadline, or `None` where it never comes.
    pub(crate) fn real(self) -> Option<Self> {
        (self.at != Instant::NEVER).then_some(self)
    }

    pub(crate) fn is_due(self, now: Instant) -> bool {
        self.at.is_due(now)
    }
}

/// One more wait where the host is late: what it was told meanwhile may be in its queue, behind the input at hand.
///
/// A deadline gets it once, and only where it is served more than a second late. The value is when the wait began: what
/// was due before waits for its end. Nothing is due before the origin, which stands for no wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Respite(Instant);

/// How late a deadline is served that gets a respite, and how long that is.
const RESPITE: Duration = Duration::from_secs(1);

impl Respite {
    /// The deadline, or the end of the respite for one that was due before.
    #[inline]
    pub(crate) fn hold(self, due: Deadline) -> Deadline {
        let at = if self.holds(due) { self.0 + RESPITE } else { due.at };
        Deadline { at, ..due }
    }

    /// Whether this deadline was due when the wait began.
    #[inline]
    pub(crate) fn holds(self, due: Deadline) -> bool {
        due.at < self.0
    }

    /// Whether the deadline ends what it is for now: it is due, and gets no respite in this call.
    pub(crate) fn is_over(&mut self, now: Instant, due: Deadline) -> bool {
        let held = self.hold(due);
        let late = held.at == due.at && now.since(due.at) > RESPITE;
        if late {
            self.0 = now;
        }
        held.is_due(now) && !late
    }
}
