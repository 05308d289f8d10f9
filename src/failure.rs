//! Failures of connections: kind, HTTP status, detail and wait, as the host reports them; and the reason of a loss.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::excerpt::{excerpt, masked};
use crate::kinds::all;
use crate::retry_after;
use crate::time::Duration;

/// Why a connection failed, as far as the host can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransportError {
    /// Nothing listens at the address.
    Refused,
    /// The server refused the handshake for lack of a credential (401 or 403).
    Unauthorized,
    /// The dial or a write took too long.
    TimedOut,
    /// TLS failed.
    Tls,
    /// The name could not be resolved.
    Dns,
    /// Reading or writing failed.
    Io,
    /// The peer broke the rules of the WebSocket protocol (RFC 6455); another attempt follows.
    Protocol,
    /// The peer sent a text that is not UTF-8 (RFC 6455 §8.1).
    InvalidUtf8,
    /// The peer sent a message that is longer than the host takes.
    TooBig,
    /// The server answered the handshake, and the answer is no upgrade to a WebSocket (RFC 6455 §4.1).
    NotWebSocket,
    /// The server answered the handshake with an HTTP status that is neither 101 nor 401 nor 403.
    Http,
    /// No further attempt can help: the URL cannot be parsed, or it asks for TLS and the host has none. The session
    /// stops with [`Cause::Permanent`](crate::Cause::Permanent).
    Permanent,
    /// Any other failure.
    #[default]
    #[serde(other)]
    Other,
}

all!(TransportError:
    Refused, Unauthorized, TimedOut, Tls, Dns, Io,
    Protocol, InvalidUtf8, TooBig,
    NotWebSocket, Http, Permanent, Other,
);

impl TransportError {
    /// The close code that the host sends when it fails the connection for a bad frame (RFC 6455 §7.1.7, §7.4.1):
    /// 1002 for `Protocol`, 1007 for `InvalidUtf8`, 1009 for `TooBig`. `None` where no close frame goes out.
    ///
    /// ```
    /// use redial::TransportError;
    /// assert_eq!(TransportError::InvalidUtf8.close_code(), Some(1007));
    /// assert_eq!(TransportError::Refused.close_code(), None);
    /// ```
    pub fn close_code(self) -> Option<u16> {
        match self {
            Self::Protocol => Some(1002),
            Self::InvalidUtf8 => Some(1007),
            Self::TooBig => Some(1009),
            _ => None,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "nothing listens there",
            Self::Unauthorized => "unauthorized",
            Self::TimedOut => "timed out",
            Self::Tls => "TLS failed",
            Self::Dns => "no such name",
            Self::Io => "reading or writing failed",
            Self::Protocol => "the peer broke the WebSocket protocol",
            Self::InvalidUtf8 => "a text was not UTF-8",
            Self::TooBig => "a message was too big",
            Self::NotWebSocket | Self::Http => "not a WebSocket",
            Self::Permanent => "permanent",
            Self::Other => "for another reason",
        })
    }
}

/// A failure of a connection: its kind, and what the host knows beside that.
///
/// The host reports a failure with [`Event::Errored`](crate::Event::Errored). The session gives it back in the
/// [`Reason`] of its actions, in [`explain`](crate::Session::explain) and in [`Stats`](crate::Stats).
///
/// ```
/// use redial::{Duration, Failure, TransportError};
/// let failure = Failure::new(TransportError::Tls).with_detail("the certificate has expired");
/// assert_eq!(failure.to_string(), "TLS failed, the certificate has expired");
/// let failure = Failure::from_http(503, Some("120"), 0);
/// assert_eq!((failure.cause, failure.status), (TransportError::Http, Some(503)));
/// assert_eq!(failure.retry_after, Some(Duration::from_secs(120)));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// The kind of failure; `other` where the host cannot tell.
    #[serde(default)]
    pub cause: TransportError,
    /// The HTTP status of the answer to the handshake, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The host's own words, for people; see [`with_detail`](Failure::with_detail). Default empty.
    #[serde(default, deserialize_with = "read_detail", skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The wait that the server asked for with `Retry-After` (RFC 9110 §10.2.3); at most one hour is honoured.
    #[serde(default, rename = "retry_after_ms", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Makes a failure of this kind, of which nothing else is known.
    pub fn new(cause: TransportError) -> Self {
        Self { cause, ..Self::default() }
    }

    /// Makes the failure of a handshake that was answered with this HTTP status.
    ///
    /// The statuses 401 and 403 mean `Unauthorized`, 101 means `NotWebSocket` (a switch of protocols that is no
    /// WebSocket), and all others mean `Http`. `retry_after` is the value of the answer's `Retry-After`: seconds, or a
    /// date in one of the three forms of HTTP (RFC 9110 §5.6.7, §10.2.3); a value that is neither is ignored. `now` is
    /// the host's wall clock in seconds of the Unix time; a date before it asks for no wait.
    pub fn from_http(status: u16, retry_after: Option<&str>, now: u64) -> Self {
        let cause = match status {
            401 | 403 => TransportError::Unauthorized,
            101 => TransportError::NotWebSocket,
            _ => TransportError::Http,
        };
        let retry_after = retry_after.and_then(|value| retry_after::wait(value, now));
        Self { cause, status: Some(status), detail: String::new(), retry_after }
    }

    /// Sets the HTTP status of the answer to the handshake.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Sets the host's own words, for people, such as the text of an error.
    ///
    /// At most 256 bytes are kept, cut at a character. A space replaces every control character, and `***` replaces the
    /// query and the user of every URL. The session replaces the credential that it holds as well, unless that is
    /// shorter than 4 bytes; the host adds no other secret.
    #[must_use]
    pub fn with_detail(self, detail: impl AsRef<str>) -> Self {
        Self { detail: masked(detail.as_ref()), ..self }
    }

    /// Sets the wait that the server asked for.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Bounds the detail, whose field a host may have set itself.
    pub(crate) fn clean(&mut self) {
        self.detail = masked(&self.detail);
    }
}

impl From<TransportError> for Failure {
    fn from(cause: TransportError) -> Self {
        Self::new(cause)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Parts::default();
        if let Some(status) = self.status {
            parts.add(f, &status)?;
        }
        let known_otherwise = self.status.is_some() || !self.detail.is_empty();
        if self.cause != TransportError::Other || !known_otherwise {
            parts.add(f, &self.cause)?;
        }
        if self.detail.is_empty() { Ok(()) } else { parts.add(f, &masked(&self.detail)) }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("cause", &self.cause)
            .field("status", &self.status)
            .field("detail", &masked(&self.detail))
            .field("retry_after", &self.retry_after)
            .finish()
    }
}

fn read_detail<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|detail| masked(&detail))
}

/// The reason of a loss: what the server or the host said when a connection or an attempt ended.
///
/// Empty where nothing was said. In the journal its fields stand in the action itself, and empty ones are absent.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// The code that the server gave: the code of its close frame or bye, or that of its refusal of the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// The text that the server gave with its close or its refusal, at most 256 bytes; in the journal `reason`.
    #[serde(default, rename = "reason", skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The failure that the host reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<Failure>>,
}

impl Reason {
    /// Makes the reason of a close or a refusal, by its code and its text; at most 256 bytes of the text are kept, and
    /// a space replaces every control character.
    pub fn new(code: Option<u32>, text: impl AsRef<str>) -> Self {
        Self { code, text: excerpt(text.as_ref()), failure: None }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Failure> for Reason {
    /// A failure of which nothing is known is no reason.
    fn from(failure: Failure) -> Self {
        let known = failure != Failure::default();
        Self { failure: known.then(|| Box::new(failure)), ..Self::default() }
    }
}

/// Shows what is there: most losses have no reason, and the lines of a log stay short.
impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() { f.write_str("none") } else { write!(f, "({self})") }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Parts::default();
        if let Some(code) = self.code {
            parts.add(f, &code)?;
        }
        if !self.text.is_empty() {
            parts.add(f, &self.text)?;
        }
        match &self.failure {
            Some(failure) => parts.add(f, failure),
            None => Ok(()),
        }
    }
}

/// Parts of a text, with commas between them.
#[derive(Default)]
struct Parts {
    begun: bool,
}

impl Parts {
    fn add(&mut self, f: &mut fmt::Formatter<'_>, part: &dyn fmt::Display) -> fmt::Result {
        if core::mem::replace(&mut self.begun, true) {
            f.write_str(", ")?;
        }
        write!(f, "{part}")
    }
}
