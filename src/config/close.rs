//! Settings for closing connections.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;
use crate::kinds::no_fields;
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
    /// The close code sent where the call names none: 1000 or 3000 to 4999. Default 1000, a normal closure (RFC 6455
    /// §7.4.1); `None` sends no code, for services that expect none.
    pub code: Option<u16>,
    /// Selects how a dead link is ended. Default [`DeadLink::Abort`]: nobody is there to answer a close frame. Use
    /// [`DeadLink::Close`] where the service counts close frames.
    pub dead: DeadLink,
    /// Selects which close codes of the peer forbid another attempt. Default [`CloseCodes::Classified`]: a mistake of
    /// this client would only be repeated on the next connection. Use [`CloseCodes::RetryAll`] where a service gives
    /// these codes another meaning.
    pub codes: CloseCodes,
    /// The close codes of the peer that stop the session, whatever `codes` and the dialect say. Default empty. A code
    /// stands in at most one of the lists `stop`, `credential` and `retry`, and is one that a peer may send: 1000 to
    /// 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455 §7.4).
    ///
    /// ```
    /// use redial::Preset;
    /// use redial::config::CodeRange;
    /// let preset = Preset::plain().configure(|config| {
    ///     config.close.stop = vec![4404.into(), CodeRange::Range(4500, 4999)];
    ///     config.close.credential = vec![4401.into()];
    /// })?;
    /// let close = serde_json::to_value(&preset.config().close).unwrap();
    /// assert_eq!(close["stop"], serde_json::json!([4404, [4500, 4999]]));
    /// # Ok::<(), redial::error::ConfigError>(())
    /// ```
    #[serde(default)]
    pub stop: Vec<CodeRange>,
    /// The close codes of the peer that refuse the credential, which `authentication.unauthorized` handles like a
    /// handshake refused with 401. In a dialect without a login such a handshake is a failed attempt, and a code of
    /// this list stops the session as elsewhere, with the cause `unauthorized`. Default empty; the rules of `stop`
    /// apply.
    #[serde(default)]
    pub credential: Vec<CodeRange>,
    /// The close codes of the peer after which the session tries again later, whatever `codes` and the dialect say.
    /// Default empty; the rules of `stop` apply.
    #[serde(default)]
    pub retry: Vec<CodeRange>,
}

impl Default for ClosePolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3),
            code: Some(1000),
            dead: DeadLink::Abort,
            codes: CloseCodes::Classified,
            stop: Vec::new(),
            credential: Vec::new(),
            retry: Vec::new(),
        }
    }
}

/// One close code, or all from one to another. In JSON `4401` or `[4400, 4499]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CodeRange {
    /// One code.
    One(u16),
    /// The codes from one to the other, both included.
    Range(u16, u16),
}

impl CodeRange {
    fn codes(self) -> RangeInclusive<u16> {
        match self {
            Self::One(code) => code..=code,
            Self::Range(one, other) => one.min(other)..=one.max(other),
        }
    }
}

impl From<u16> for CodeRange {
    fn from(code: u16) -> Self {
        Self::One(code)
    }
}

/// Meaning of a close code of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseVerdict {
    Stop,
    Credential,
    Expired,
    Retry,
}

impl ClosePolicy {
    fn lists(&self) -> [(&'static str, CloseVerdict, &[CodeRange]); 3] {
        [
            ("close.stop", CloseVerdict::Stop, &self.stop),
            ("close.credential", CloseVerdict::Credential, &self.credential),
            ("close.retry", CloseVerdict::Retry, &self.retry),
        ]
    }

    /// Meaning of a close code that stands in one of the lists.
    pub(crate) fn listed(&self, code: u16) -> Option<CloseVerdict> {
        let mut lists = self.lists().into_iter();
        let list = lists.find(|(.., list)| list.iter().any(|range| range.codes().contains(&code)));
        list.map(|(_, verdict, _)| verdict)
    }

    /// Checks the codes that are sent, and the lists of those that come.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let dead = if let DeadLink::Close { code } = self.dead { code } else { None };
        for (setting, code) in [("close.code", self.code), ("close.dead.code", dead)] {
            if let Some(code) = code.filter(|code| !may_be_sent(*code)) {
                return Err(ConfigError::CloseCode { setting, code });
            }
        }
        let mut seen = BTreeSet::new();
        for (setting, _, list) in self.lists() {
            for code in list.iter().flat_map(|range| range.codes()) {
                if !may_be_received(code) {
                    return Err(ConfigError::CloseCode { setting, code });
                }
                if !seen.insert(code) {
                    return Err(ConfigError::CloseCodeTwice { setting, code });
                }
            }
        }
        Ok(())
    }
}

/// Whether this end may send a close code (RFC 6455 §7.4).
pub(crate) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000 | 3000..=4999)
}

/// Whether a close frame of the peer may carry a close code (RFC 6455 §7.4): the others are reserved or undefined.
pub(crate) fn may_be_received(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// How a dead link is ended. Either way the connection counts as ended at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum DeadLink {
    /// The socket is dropped.
    #[serde(deserialize_with = "no_fields")]
    Abort,
    /// A close frame is sent first, for services that count close frames.
    Close {
        /// The close code, 1000 or 3000 to 4999; `None` sends none.
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
    ///
    /// The codes 1003, 1007 and 1009 speak of a message. Where a message was in flight that
    /// [`quarantine`](crate::config::OutboxPolicy::quarantine) may set aside, or that is never sent again, the session
    /// tries again after them, until that message has its outcome. Where messages left that the server confirms in no
    /// way, none of them can be named: the third of these codes in a row stops the session, and not the first.
    ///
    /// Another loss, a connection that was stable, and one that delivered or confirmed a message end that row.
    ///
    /// The code 1008 stops the session even with a message in flight: servers close with it for a client that they do
    /// not want. Where it speaks of a message, `close.retry` lists it.
    Classified,
    /// The session tries again after every code.
    RetryAll,
}
