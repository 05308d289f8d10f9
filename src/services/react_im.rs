//! Service `react_im`: an IM page in React with heartbeats as texts.
//!
//! Words on the wire: the text `ping` (heartbeat), the text `pong` (heartbeat reply), and every other text (message). A
//! `ping` goes out every second; after 60 s without `pong` the link is dead, and the reconnect comes at once.
//!
//! The rules of the service's document, by their numbers, and their place in this preset:
//!
//! * S001-1, S001-2: a close by the user carries its code and reason (such as 3001), is awaited, and is final (B001-5).
//! * S001-3, S001-10: every text is a message, in both directions, JSON or not; a binary frame is reported.
//! * S001-4, S001-5: a text `ping` goes out every 1,000 ms from open, none at open. Each connection has a heartbeat of
//!   its own (B001-6).
//! * S001-6 to S001-8: only a text that is exactly `pong` counts. After 59 pings without `pong`, at the sixtieth
//!   second, the connection is closed without a code.
//! * S001-9: the reconnect comes at once, without limit, above the safety floor. A `ping` that cannot be written is a
//!   lost connection too.
//! * S001-11 to S001-14: the states of a message are [`SendState`] and [`ReadState`], both made from its [`Status`];
//!   `resend` keeps the id. This wire has no receipts: a message is `Sent` when the socket has it.
//!
//! The document does not define a close or an error from outside (O001-1). Here both reconnect at once. With
//! `reconnect.first.closed` and `errored` set to `None` they wait for the missing replies instead: the next attempt
//! begins when the sixtieth heartbeat would have found the link dead, and a connection that never opened is given up.

use alloc::format;
use serde::{Deserialize, Serialize};

use super::query::percent_encoded;
use super::{ServiceId, document, ping_pong};
use crate::config::{
    Backoff, Config, DeadAfter, DeadLink, FirstDelay, HeartbeatSchedule, Limits, Liveness, MeasuredFrom, Probe,
    WhileDown,
};
use crate::dialect::{Capabilities, Content, Dialect, Handshake, Side, Signal, Span};
use crate::error::{Malformed, Unencodable};
use crate::{Duration, Frame, Preset, Secret, Status};

/// Dialect of the service `react_im`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReactIm {
    /// The user, for the query `fuid=..` of the URL. Default `None`: this dialect adds no query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuid: Option<ServiceId>,
}

impl Preset {
    /// Returns the preset `react_im`, with the timings of the document and without a user in the URL.
    pub fn react_im() -> Self {
        Self::unchecked(ReactIm::default(), config())
    }
}

fn config() -> Config {
    let second = Duration::from_secs(1);
    let mut config = document::config(WhileDown::Queue);
    config.heartbeat.every = second;
    config.heartbeat.at_ready = false;
    config.heartbeat.schedule = HeartbeatSchedule::Grid;
    config.heartbeat.liveness = Liveness::Reply;
    config.heartbeat.dead_after = DeadAfter::after(59, second);
    config.heartbeat.suspicion = None;
    config.heartbeat.unanswered = None;
    config.heartbeat.probe = Some(Probe::default());
    config.reconnect.first = FirstDelay::all(Duration::ZERO);
    config.reconnect.again = Backoff::constant(Duration::ZERO);
    config.reconnect.from = MeasuredFrom::Failure;
    config.close.code = None;
    config.close.dead = DeadLink::Close { code: None };
    config
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
        Handshake::default().query(query)
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Sending state of a message in the words of the service's document, made from a [`Status`].
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
    /// The status is `Queued`.
    Sending,
    /// The status is `Sent`, `Accepted`, `Delivered` or `Read`.
    Sent,
    /// The status is `NotSent`, `Rejected`, `Unconfirmed` or `Cancelled`; `resend` may send the message again.
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

/// Read state of a message in the words of the service's document, made from a [`Status`].
///
/// No frame of this wire is a read receipt, so a page marks messages as read by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadState {
    /// The status is any other than `Read`.
    Unread,
    /// The status is `Read`.
    Read,
}

impl From<Status> for ReadState {
    fn from(status: Status) -> Self {
        if status == Status::Read { Self::Read } else { Self::Unread }
    }
}
