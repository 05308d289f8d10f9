//! How a session behaves: a plain value, every part valid by construction.
//!
//! [`Config::default`] is what `plain` uses and what somebody with a server of their own starts from. Every part derives
//! serde, so a configuration can be stored, merged over a preset and written into a journal. The policies of the small
//! machines stand beside their machines.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::durability::Durability;
use crate::error::ConfigError;
use crate::fallback::FallbackPolicy;
use crate::heartbeat::HeartbeatPolicy;
use crate::inbox::InboxPolicy;
use crate::outbox::OutboxPolicy;
use crate::reconnect::ReconnectPolicy;
use crate::time::Duration;

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
    /// Whether the settings go together, as far as they are known to have to; [`Preset::named`](crate::Preset::named) asks.
    ///
    /// ```
    /// use redial::{Bounded, Config, ConfigError};
    /// let mut config = Config::default();
    /// config.inbox.server_keeps = Some(60);
    /// assert_eq!(config.check(), Ok(()));
    /// config.inbox.window = Bounded::clamped(16);
    /// assert_eq!(config.check(), Err(ConfigError::Window { window: 16, needed: 60 }));
    /// ```
    pub fn check(&self) -> Result<(), ConfigError> {
        let window = self.inbox.window.get();
        match self.inbox.needed_window() {
            Some(needed) if needed > window => Err(ConfigError::Window { window, needed }),
            _ => Ok(()),
        }
    }
}

/// Credentials and logins; they matter to dialects that have them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthenticationPolicy {
    /// Where credentials come from. Default [`CredentialSource::Held`], so that one login serves every connection; change it to
    /// [`CredentialSource::Asked`] where tokens are short-lived.
    pub credential: CredentialSource,
    /// How long a credential or the answer to a login may take. Default 10 s: a server that has not answered by then rarely does.
    /// Raise it where a person types the credential; `None` waits for ever.
    #[serde(rename = "timeout_ms")]
    pub timeout: Option<Duration>,
    /// What a handshake refused with 401 or 403 means. Default [`Unauthorized::Stop`]: hammering with a bad token helps nobody.
    /// Change it where a proxy answers so while the service restarts.
    pub unauthorized: Unauthorized,
}

impl Default for AuthenticationPolicy {
    fn default() -> Self {
        Self {
            credential: CredentialSource::Held,
            timeout: Some(Duration::from_secs(10)),
            unauthorized: Unauthorized::Stop,
        }
    }
}

/// Where a credential comes from when a handshake or a challenge needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialSource {
    /// The one held, whatever it is, and none at all where none was given.
    Optional,
    /// The one held; `NeedCredential` asks where there is none.
    Held,
    /// `NeedCredential` asks anew for every attempt and every challenge.
    Asked,
}

/// What a refused handshake means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unauthorized {
    /// Stop; the outbox is kept until `open` or `close`.
    Stop,
    /// A failed attempt like any other.
    Retry,
}

/// How connections end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosePolicy {
    /// How long the peer's close is awaited after `close`. Default 3 s: several round trips of a slow link, and short enough for
    /// somebody who wants to leave. Nothing else waits for it.
    #[serde(rename = "timeout_ms")]
    pub timeout: Duration,
    /// The code of a close without one of its own. Default 1000, a normal closure (RFC 6455 §7.4.1); `None` sends none, for
    /// services that expect none.
    pub code: Option<u16>,
    /// How a dead link is ended. Default [`DeadLink::Abort`]: nobody is there to answer a close. Change it where the service counts
    /// close frames.
    pub dead: DeadLink,
    /// Which close codes of the peer forbid another attempt. Default [`CloseCodes::Classified`]: what the server calls our mistake
    /// is one again on the next connection. Change it where a service uses its codes otherwise.
    pub codes: CloseCodes,
}

impl Default for ClosePolicy {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(3), code: Some(1000), dead: DeadLink::Abort, codes: CloseCodes::Classified }
    }
}

/// How a dead link is ended. Either way it counts as ended at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DeadLink {
    /// The socket is dropped.
    Abort,
    /// A close frame is tried first, for services that count it.
    Close {
        /// The code; `None` sends none.
        code: Option<u16>,
    },
}

/// Which close codes of the peer forbid another attempt (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseCodes {
    /// 1002, 1003, 1007, 1008, 1010, 3500 to 3999 and 4500 to 4999 stop, 1009 at the third in a row; all else retries.
    Classified,
    /// Every code retries.
    RetryAll,
}

/// What a peer or a caller may ask for at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of an inbound frame. Default 1 MiB, far above any chat message; more is dropped unread and reported. Raise it for
    /// services that push documents. Where the dialect can, it is told to the other end.
    pub frame_bytes: Bounded<1, 0x100_0000>,
    /// Bytes of an outbound body. Default 64 KiB, which common servers take; more is refused, before it can end the link with 1009.
    /// Set it to the server's own limit.
    pub message_bytes: Bounded<1, 0x10_0000>,
    /// Bytes of a text id. Default 128: a UUID takes 36. It bounds what the dedup window can hold.
    pub id_bytes: Bounded<1, 256>,
    /// Levels of nesting in a frame of JSON. Default 32: what people nest by hand stays below ten, and whoever parses the body again
    /// must survive it.
    pub depth: Bounded<1, 100>,
    /// Malformed frames within 10 s before the connection is closed with 4400. Default 10: one is a mistake, more are a peer that
    /// speaks something else. `None` never, where a service is known to be sloppy.
    pub malformed: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: Bounded::clamped(1 << 20),
            message_bytes: Bounded::clamped(64 << 10),
            id_bytes: Bounded::clamped(128),
            depth: Bounded::clamped(32),
            malformed: NonZeroU32::new(10),
        }
    }
}
