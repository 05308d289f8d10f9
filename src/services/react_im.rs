//! `react_im`: an IM page in React. A text `ping` every second, dead after sixty seconds without `pong`, back at once.
//!
//! What this preset does, by the numbers of its document:
//!
//! * S001-1, S001-2 a close by the user carries its code and reason (3001, say), is awaited, and is final (B001-5);
//! * S001-3, S001-10 every text is a message, out and in, JSON or not; a binary frame is reported;
//! * S001-4, S001-5 a text `ping` each 1,000 ms from open, none at open; each connection has a heartbeat of its own (B001-6);
//! * S001-6 to S001-8 only a text that is exactly `pong` counts: 59 pings without one, and at the sixtieth second the
//!   connection is closed without a code;
//! * S001-9 the reconnect comes at once, without limit, above the safety floor.
//!   A `ping` that cannot be written is a lost connection too;
//! * S001-11 to S001-14 the states of a message are [`SendState`] and [`ReadState`], both read off its
//!   [`Status`]; `resend` keeps the id. Nobody confirms anything on this wire: a message is sent when the socket has it.
//!
//! The document says nothing of a close or an error from outside (O001-1). Here both reconnect at once. With
//! `reconnect.first.closed` and `errored` set to `None` they wait for the missing answers instead: the next connect comes
//! when the sixtieth heartbeat would have found the link dead, and a connection that never opened is given up.

use alloc::format;
use serde::{Deserialize, Serialize};

use super::query::percent_encoded;
use super::{ServiceId, document, ping_pong};
use crate::config::{
    Backoff, ClosePolicy, Config, DeadAfter, DeadLink, FirstDelay, HeartbeatPolicy, HeartbeatSchedule, Limits,
    Liveness, MeasuredFrom, Probe, ReconnectPolicy, WhileDown,
};
use crate::dialect::{Capabilities, Content, Dialect, Handshake, Side, Signal, Span};
use crate::error::{Malformed, Unencodable};
use crate::{Duration, Frame, Preset, Secret, Status};

/// The dialect of the React IM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReactIm {
    /// The user, for the URL's `?fuid=..`. Default `None`: the host's URL says it, or nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuid: Option<ServiceId>,
}

impl Preset {
    /// The React IM, as its document has it.
    pub fn react_im() -> Self {
        Self::unchecked(ReactIm::default(), config())
    }
}

fn config() -> Config {
    let second = Duration::from_secs(1);
    let document = document::config(WhileDown::Queue);
    Config {
        heartbeat: HeartbeatPolicy {
            every: second,
            at_ready: false,
            schedule: HeartbeatSchedule::Grid,
            liveness: Liveness::Reply,
            dead_after: DeadAfter::after(59, second),
            suspicion: None,
            probe: Some(Probe::default()),
        },
        reconnect: ReconnectPolicy {
            first: FirstDelay::all(Duration::ZERO),
            again: Backoff::constant(Duration::ZERO),
            from: MeasuredFrom::Failure,
            ..document.reconnect
        },
        close: ClosePolicy { code: None, dead: DeadLink::Close { code: None }, ..document.close },
        ..document
    }
}

impl Dialect for ReactIm {
    fn name(&self) -> &'static str {
        "react_im"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    fn decode(&self, reader: Side, frame: &Frame, _limits: &Limits) -> Result<Signal<Span>, Malformed> {
        ping_pong::decode(reader, frame)
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        ping_pong::encode(writer, signal)
    }

    fn handshake(&self, _credential: Option<&Secret>) -> Handshake {
        let query = self.fuid.as_ref().map(|fuid| format!("fuid={}", percent_encoded(&format!("{fuid}"))));
        Handshake { query, ..Handshake::default() }
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The document's words for how the sending of a message goes.
///
/// ```
/// use redial::Status;
/// use redial::services::SendState;
/// assert_eq!(SendState::from(Status::Queued), SendState::Sending);
/// assert_eq!(SendState::from(Status::NotSent), SendState::Failed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendState {
    /// `Queued`.
    Sending,
    /// `Sent`, and every success beyond it.
    Sent,
    /// `NotSent`, `Rejected`, `Unconfirmed` and `Cancelled`: what `resend` may send again.
    Failed,
}

impl From<Status> for SendState {
    fn from(status: Status) -> Self {
        match status {
            Status::Queued => Self::Sending,
            Status::Sent | Status::Accepted | Status::Delivered | Status::Read => Self::Sent,
            Status::Rejected { .. } | Status::NotSent | Status::Unconfirmed | Status::Cancelled => Self::Failed,
        }
    }
}

/// The document's words for whether a message was read. No frame of this wire says so, so a page marks it by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadState {
    /// Every status below `Read`.
    Unread,
    /// `Read`.
    Read,
}

impl From<Status> for ReadState {
    fn from(status: Status) -> Self {
        if status == Status::Read { Self::Read } else { Self::Unread }
    }
}
