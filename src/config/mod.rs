//! How a session behaves: a plain value, checked as a whole when a preset is made of it.
//!
//! [`Config::default`] is what `plain` uses and what somebody with a server of their own starts from. Every part derives
//! serde, so a configuration can be stored, merged over a preset and written into a journal. The policies of the small
//! machines stand beside their machines.

mod authentication;
mod bounds;
mod close;
mod durability;
mod fallback;
mod heartbeat;
mod inbox;
mod limit;
mod limits;
mod outbox;
mod peer;
mod reconnect;

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;

pub use authentication::{AuthenticationPolicy, CredentialSource, Unauthorized};
pub use bounds::{Bounds, Guarantee};
pub use close::{CloseCodes, ClosePolicy, DeadLink};
pub use durability::Durability;
pub use fallback::FallbackPolicy;
pub use heartbeat::{DeadAfter, HeartbeatPolicy, HeartbeatSchedule, Liveness, Probe, Suspicion};
pub use inbox::{Acknowledge, Deliver, InboxPolicy};
pub use limit::Limit;
pub use limits::Limits;
pub(crate) use limits::{DEEPEST, LONGEST_ID};
pub use outbox::{OutboxPolicy, Resend, SendFailure, WhileDown};
pub use peer::PeerPolicy;
pub(crate) use reconnect::floor_after;
pub use reconnect::{Backoff, FirstDelay, Jitter, MeasuredFrom, ReconnectPolicy, Reset};

/// How a session behaves.
///
/// ```
/// use redial::{Config, Duration};
/// let mut config = Config::default();
/// config.heartbeat.every = Duration::from_secs(10);
/// assert_eq!(config.reconnect.attempt_timeout, Some(Duration::from_secs(10)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Credentials and logins.
    pub authentication: AuthenticationPolicy,
    /// Heartbeats, and when a silent link is dead.
    pub heartbeat: HeartbeatPolicy,
    /// When to connect again, and when to stop.
    pub reconnect: ReconnectPolicy,
    /// How connections end.
    pub close: ClosePolicy,
    /// Messages on their way out.
    pub outbox: OutboxPolicy,
    /// Messages on their way in.
    pub inbox: InboxPolicy,
    /// Whether messages wait until the host has stored them. Default [`Durability::Off`].
    pub durability: Durability,
    /// Polling while the connection brings nothing.
    pub fallback: FallbackPolicy,
    /// What a peer or a caller may ask for at most.
    pub limits: Limits,
}

impl Config {
    /// Whether every limit lies within its range and the settings go together. Whatever makes a [`Preset`](crate::Preset) asks.
    ///
    /// ```
    /// use redial::config::{Config, Limit};
    /// use redial::error::ConfigError;
    /// let mut config = Config::default();
    /// config.inbox.server_keeps = Some(60);
    /// assert_eq!(config.check(), Ok(()));
    /// config.inbox.window = Limit::new(16);
    /// assert_eq!(config.check(), Err(ConfigError::Window { window: 16, needed: 60 }));
    /// config.inbox.window = Limit::new(0);
    /// let range = ConfigError::Range { setting: "inbox.window", value: 0, least: 1, most: 1_000_000 };
    /// assert_eq!(config.check(), Err(range));
    /// ```
    pub fn check(&self) -> Result<(), ConfigError> {
        limits::check_ranges(self)?;
        self.check_window()
    }

    /// Whether the dedup window takes in all that the server may repeat, as far as that is known.
    fn check_window(&self) -> Result<(), ConfigError> {
        let window = self.inbox.window.get();
        match self.inbox.needed_window() {
            Some(needed) if needed > window => Err(ConfigError::Window { window, needed }),
            _ => Ok(()),
        }
    }
}
