//! Credentials and logins.

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// Credentials and logins; they matter to dialects that have them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
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
#[non_exhaustive]
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
#[non_exhaustive]
pub enum Unauthorized {
    /// Stop; the outbox is kept until `open` or `close`.
    Stop,
    /// A failed attempt like any other.
    Retry,
}
