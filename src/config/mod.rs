//! The configuration of a session: a plain value, checked as a whole when a preset is made from it.
//!
//! [`Config::default`] is the configuration of `plain`, and a starting point for a server of your own. Every part
//! derives serde, so a configuration can be stored, merged over a preset and written into a journal.

mod authentication;
mod bounds;
mod close;
mod connects;
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
pub use close::{CloseCodes, ClosePolicy, CodeRange, DeadLink};
pub(crate) use close::{CloseVerdict, may_be_received, may_be_sent};
pub use durability::Durability;
pub use fallback::FallbackPolicy;
pub use heartbeat::{DeadAfter, HeartbeatPolicy, HeartbeatSchedule, Liveness, Probe, Suspicion};
pub(crate) use heartbeat::{DeathProof, Role, TICK};
pub use inbox::{Acknowledge, Deliver, InboxPolicy};
pub use limit::Limit;
#[cfg(test)]
pub(crate) use limits::LONGEST_OWN_ID;
pub use limits::Limits;
pub(crate) use limits::{DEEPEST, LONGEST_ID, LONGEST_SPAN};
pub use outbox::{OnFailure, OutboxPolicy, Rate, Resend, SendFailure, WhileDown};
pub use peer::PeerPolicy;
pub(crate) use reconnect::floor_after;
pub use reconnect::{Backoff, Budget, EarlyCap, FirstDelay, Jitter, MeasuredFrom, ReconnectPolicy, Reset};

/// The configuration of a session.
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
    /// Settings for credentials and logins.
    pub authentication: AuthenticationPolicy,
    /// Settings for heartbeats, and for when a silent link counts as dead.
    pub heartbeat: HeartbeatPolicy,
    /// Settings for reconnecting, and for giving up.
    pub reconnect: ReconnectPolicy,
    /// Settings for closing connections.
    pub close: ClosePolicy,
    /// Settings for outgoing messages.
    pub outbox: OutboxPolicy,
    /// Settings for incoming messages.
    pub inbox: InboxPolicy,
    /// Whether messages wait until the host has stored them. Default [`Durability::Off`].
    pub durability: Durability,
    /// Settings for polling while the connection brings nothing.
    pub fallback: FallbackPolicy,
    /// Limits on what a peer and a caller may ask for.
    pub limits: Limits,
}

impl Config {
    /// Checks that every limit lies within its range and that the settings agree with each other. Everything that
    /// makes a [`Preset`](crate::Preset) calls this check.
    ///
    /// Fails with [`ConfigError::Range`] for the first limit outside its range, with [`ConfigError::Window`] where the
    /// dedup window is too small for the server, and with [`ConfigError::CloseCode`] or
    /// [`ConfigError::CloseCodeTwice`] for a close code that cannot be used.
    ///
    /// ```
    /// use redial::config::{Config, Limit};
    /// use redial::error::ConfigError;
    /// let mut config = Config::default();
    /// config.inbox.server_keeps = Some(60);
    /// assert_eq!(config.check(), Ok(()));
    /// config.inbox.window = Limit::new(16);
    /// assert_eq!(config.check(), Err(ConfigError::Window { window: 16, needed: 60 }));
    /// config.inbox.pending = Limit::new(0);
    /// let range = ConfigError::Range { setting: "inbox.pending", value: 0, least: 1, most: 10_000 };
    /// assert_eq!(config.check(), Err(range));
    /// ```
    pub fn check(&self) -> Result<(), ConfigError> {
        limits::check_ranges(self)?;
        self.close.check()?;
        self.check_window()
    }

    /// Checks that the dedup window covers all that the server may repeat, as far as that number is known.
    fn check_window(&self) -> Result<(), ConfigError> {
        let window = self.inbox.window.get();
        match self.inbox.needed_window() {
            Some(needed) if needed > window => Err(ConfigError::Window { window, needed }),
            _ => Ok(()),
        }
    }
}
