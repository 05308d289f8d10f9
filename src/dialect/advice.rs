//! Advice of a dialect about the end of a connection.

use crate::time::Duration;

/// What a close of the peer means in a service.
///
/// The lists of the configuration ([`close.stop`](crate::config::ClosePolicy::stop) and its siblings) come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseAdvice {
    /// The service gives the code no meaning of its own, so the configuration decides
    /// ([`close.codes`](crate::config::ClosePolicy::codes)).
    #[default]
    AsConfigured,
    /// The session tries again, whatever the code means elsewhere.
    Retry {
        /// The wait before the next attempt, honoured up to an hour; jitter and the safety floor apply on top.
        after: Duration,
    },
    /// The session stops, because no later attempt can succeed.
    Stop,
    /// The server refuses the credential that it was told: the session does what it does after a refused login.
    CredentialRefused,
    /// The credential has run out: the session tries again, and asks the host for another credential where it may.
    CredentialExpired,
}
