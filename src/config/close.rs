//! Settings for closing connections.

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// Settings for closing connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClosePolicy {
    /// Limits the wait for the peer's close frame after `close`. Default 3 s: several round trips of a slow link, and
    /// short enough for a user who wants to leave. Nothing else in the session waits for that frame.
    #[serde(rename = "timeout_ms")]
    pub timeout: Duration,
    /// The close code sent where the call names none. Default 1000, a normal closure (RFC 6455 §7.4.1); `None` sends
    /// no code, for services that expect none.
    pub code: Option<u16>,
    /// Selects how a dead link is ended. Default [`DeadLink::Abort`]: nobody is there to answer a close frame. Use
    /// [`DeadLink::Close`] where the service counts close frames.
    pub dead: DeadLink,
    /// Selects which close codes of the peer forbid another attempt. Default [`CloseCodes::Classified`]: a mistake of
    /// this client would only be repeated on the next connection. Use [`CloseCodes::RetryAll`] where a service gives
    /// these codes another meaning.
    pub codes: CloseCodes,
}

impl Default for ClosePolicy {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(3), code: Some(1000), dead: DeadLink::Abort, codes: CloseCodes::Classified }
    }
}

/// How a dead link is ended. Either way the connection counts as ended at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeadLink {
    /// The socket is dropped.
    Abort,
    /// A close frame is sent first, for services that count close frames.
    Close {
        /// The close code; `None` sends none.
        code: Option<u16>,
    },
}

/// Which close codes of the peer forbid another attempt (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CloseCodes {
    /// The codes 1002, 1003, 1007, 1008, 1010, 3500 to 3999 and 4500 to 4999 stop the session, as does the third 1009
    /// in a row. After every other code the session tries again.
    Classified,
    /// The session tries again after every code.
    RetryAll,
}
