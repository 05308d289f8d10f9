//! Settings for credentials and logins.

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// Settings for credentials and logins. They have an effect only in dialects that have a login, but for `unauthorized`
/// where `close.credential` lists codes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthenticationPolicy {
    /// Selects the source of credentials. Default [`CredentialSource::Held`], so that one credential serves every
    /// connection; use [`CredentialSource::Asked`] where tokens are short-lived. `Asked` in a dialect without a login
    /// is refused with [`ConfigError::NoLogin`](crate::error::ConfigError::NoLogin).
    pub credential: CredentialSource,
    /// Limits the wait for a credential and for the answer to a login. Default 10 s: a server that has not answered
    /// by then rarely does. Raise it where a person types the credential; `None` waits for ever, and zero counts as
    /// 1 ms.
    #[serde(rename = "timeout_ms")]
    pub timeout: Option<Duration>,
    /// Selects the reaction to a credential that the server refuses: by a handshake answered with 401 or 403, by a
    /// refused login, or by a close code of `close.credential`. Default [`Unauthorized::Stop`]: more attempts with a
    /// bad token help nobody. Use [`Unauthorized::Retry`] where a proxy answers 401 or 403 while the service restarts.
    ///
    /// In a dialect without a login a refused handshake is a failed attempt in any case: a proxy may have answered
    /// it. A code of `close.credential` is the user's own word, so there too it stops the session under `Stop`.
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
    /// The session uses the credential it holds, or none where none was ever given, and never asks. Where the only
    /// credential was refused, the session stops until it is opened with another.
    Optional,
    /// The session uses the credential it holds; where it holds none, `NeedCredential` asks for one.
    Held,
    /// `NeedCredential` asks for a new credential for every attempt and every challenge.
    Asked,
}

/// The reaction to a credential that the server refuses. A refusal concerns the credential that the server was told,
/// never one that was given later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unauthorized {
    /// The credential is void and the session stops; the outbox is kept until `open` or `close`. Where a newer
    /// credential is held, the session goes on as after any loss, and the next attempt carries that one.
    Stop,
    /// The refusal is a failed attempt like any other, and the session tries again with the same credential.
    Retry,
}
