//! The value of a limit.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The value of a limit: a number of messages, bytes, levels or per cent.
///
/// Any number makes a `Limit`. The docs of each setting name its range, and [`Config::check`](crate::Config::check),
/// which every [`Preset`](crate::Preset) passes, refuses a value outside it.
///
/// ```
/// use redial::config::{Config, Limit};
/// let mut config = Config::default();
/// config.outbox.messages = Limit::new(20_000);
/// assert_eq!(config.outbox.messages.get(), 20_000);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limit(u64);

impl Limit {
    /// Makes a limit of this number.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as a count of things in memory.
    pub(crate) fn as_count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl From<u64> for Limit {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl From<u32> for Limit {
    fn from(value: u32) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
