//! How connections end.

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// How connections end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
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
#[non_exhaustive]
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
#[non_exhaustive]
pub enum CloseCodes {
    /// 1002, 1003, 1007, 1008, 1010, 3500 to 3999 and 4500 to 4999 stop, 1009 at the third in a row; all else retries.
    Classified,
    /// Every code retries.
    RetryAll,
}
