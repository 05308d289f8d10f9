//! Time of the session: whole milliseconds since an origin that the caller chooses.
//!
//! Arithmetic saturates; [`Instant::NEVER`] is a deadline that no clock reaches.

use core::fmt;
use core::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// An instant is a point in time: whole milliseconds since an origin that the caller chooses.
///
/// The origin may be the start of the process, the Unix epoch or zero in a test, because the session only compares and
/// adds. Shifting every `Instant` by the same amount shifts every deadline and changes nothing else.
///
/// ```
/// use redial::{Duration, Instant};
/// let at = Instant::from_millis(1_500) + Duration::from_secs(2);
/// assert_eq!(at.as_millis(), 3_500);
/// assert_eq!(at.since(Instant::from_millis(3_000)), Duration::from_millis(500));
/// assert_eq!(Instant::NEVER + Duration::from_secs(1), Instant::NEVER);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// Origin of time, zero milliseconds.
    pub const ORIGIN: Self = Self(0);

    /// Last representable instant; a deadline at this instant never fires.
    pub const NEVER: Self = Self(u64::MAX);

    /// Creates the instant `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the origin.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// Whether the instant is [`Instant::NEVER`].
    pub(crate) fn is_never(self) -> bool {
        self == Self::NEVER
    }

    /// Whether a deadline at `self` has been reached at `now`; [`Instant::NEVER`] is never reached.
    pub(crate) fn is_due(self, now: Self) -> bool {
        // The sum saturates at `NEVER`, so a deadline at `NEVER` is not below it.
        self.0 < now.0.saturating_add(1)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A duration is a span of time in whole milliseconds.
///
/// ```
/// use redial::Duration;
/// assert_eq!(Duration::from_secs(25), Duration::from_millis(25_000));
/// let std: core::time::Duration = Duration::from_millis(5).into();
/// assert_eq!(Duration::from(std), Duration::from_millis(5));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(u64);

impl Duration {
    /// Zero milliseconds.
    pub const ZERO: Self = Self(0);

    /// Longest representable span, which is as good as for ever.
    pub const MAX: Self = Self(u64::MAX);

    /// Creates a span of `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Creates a span of `secs` seconds; saturates.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Returns the span in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whether the span is zero.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    pub(crate) const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// Multiplies the span by `factor`, saturating.
    pub(crate) const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Add for Duration {
    type Output = Self;

    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub for Duration {
    type Output = Self;

    fn sub(self, rhs: Self) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

impl From<core::time::Duration> for Duration {
    /// Rounds up to the next millisecond, so that a deadline is never early.
    fn from(span: core::time::Duration) -> Self {
        Self(u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

impl From<Duration> for core::time::Duration {
    fn from(span: Duration) -> Self {
        Self::from_millis(span.0)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1_000 && self.0 % 1_000 == 0 {
            write!(f, "{} s", self.0 / 1_000)
        } else {
            write!(f, "{} ms", self.0)
        }
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
