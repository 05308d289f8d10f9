//! What a frame means, free of its spelling.

use core::fmt;
use core::ops::Range;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::{Body, Frame};
use crate::id::MessageId;
use crate::secret::Secret;
use crate::time::Duration;

use super::greeting::{Hello, Refusal, SessionTerms};

/// Which end of the connection wrote or reads a frame: a service may spell one signal differently each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The end that connects.
    Client,
    /// The end that accepts.
    Server,
}

impl Side {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What one frame says, whoever says it.
///
/// `decode` of a [`Dialect`](crate::Dialect) turns a frame into one, `encode` turns one into a frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Signal<'a> {
    /// Are you there?
    Heartbeat,
    /// I am here: the answer to a heartbeat.
    HeartbeatReply,
    /// A message, under its id where the service names messages.
    Message {
        /// The id to acknowledge, or `None` where the dialect has none.
        id: Option<MessageId>,
        /// The content.
        body: Payload<'a>,
    },
    /// A frame of the service that is no message but concerns the application; delivered, never acknowledged.
    Notice {
        /// The content.
        body: Payload<'a>,
    },
    /// I have your message.
    Ack {
        /// The message that arrived.
        id: MessageId,
        /// Where the acknowledgement is the message itself, pushed back to its sender: that push.
        echo: Option<Echo<'a>>,
    },
    /// I will not take your message.
    Nack {
        /// The message that is refused.
        id: MessageId,
        /// The service's reason as a number; zero where it gave none.
        code: u32,
    },
    /// The receiver's device has your message.
    Delivered {
        /// The message.
        id: MessageId,
    },
    /// The receiver has read your message.
    Read {
        /// The message.
        id: MessageId,
    },
    /// Prove who you are.
    Challenge {
        /// What the proof is computed from, where the service gives something.
        challenge: Option<Payload<'a>>,
        /// What the answer must carry back unchanged, as JSON.
        reference: Option<&'a str>,
    },
    /// The proof, or the first word of a service that wants a login.
    Login {
        /// The credential.
        credential: Secret,
        /// What the challenge asked to have carried back, as JSON.
        reference: Option<&'a str>,
    },
    /// The login is accepted.
    LoginAccepted,
    /// The login is refused.
    Refused {
        /// The service's reason as a number; zero where it gave none.
        code: u32,
    },
    /// This account is connected elsewhere: leave, and do not come back.
    Kick {
        /// The frame's content, for the application.
        body: Payload<'a>,
    },
    /// The first word of a client that counts its messages.
    Hello(Box<Hello>),
    /// The answer to it: the login is accepted, on these terms.
    Welcome(Box<SessionTerms>),
    /// A message under its position in the session, which rises by one from message to message.
    SequencedMessage {
        /// The position, from 1.
        seq: u64,
        /// The id, by which the message is known beyond this session.
        id: MessageId,
        /// The content; `None` for a message that was given up since it got its position.
        body: Option<Payload<'a>>,
    },
    /// I have your messages up to this position.
    CumulativeAck {
        /// The position.
        seq: u64,
        /// Which of them I refuse, since the last time I said so.
        refused: Vec<Refusal>,
        /// What else the frame is.
        carrier: AckCarrier,
    },
    /// This connection ends; what to do then.
    Bye(Bye),
    /// A sound frame that the service's clients pass over; it counts as a frame that arrived, and nothing else.
    Ignored,
}

/// What carries an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AckCarrier {
    /// A frame of its own.
    Alone,
    /// A heartbeat.
    Heartbeat,
    /// The answer to one.
    HeartbeatReply,
}

/// The last word on a connection, before its close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bye {
    /// The code of the close that follows.
    pub code: u16,
    /// Whether another connection is welcome, or to be expected.
    pub reconnect: bool,
    /// Whether the session may go on then.
    pub resume: bool,
    /// How long to wait before that.
    pub after: Duration,
}

impl Signal<'_> {
    /// Whether the signal has its meaning before the login is done.
    pub(crate) fn is_about_login(&self) -> bool {
        matches!(
            self,
            Self::Heartbeat
                | Self::HeartbeatReply
                | Self::Challenge { .. }
                | Self::Login { .. }
                | Self::LoginAccepted
                | Self::Refused { .. }
                | Self::Kick { .. }
                | Self::Hello(_)
                | Self::Welcome(_)
                | Self::Bye(_)
        )
    }
}

/// A message that comes back to its sender, as a push under an id of its own.
///
/// It is acknowledged like any push; and where the message is not one of this session's, it is delivered like any push.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Echo<'a> {
    /// The push's own id.
    pub id: MessageId,
    /// The content.
    pub body: Payload<'a>,
}

/// The content of a signal, borrowed from the frame it came in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Payload<'a> {
    /// The frame itself, moved rather than copied.
    Whole,
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// A JSON value as it was written; a JSON string stands for its text.
    Json(&'a str),
}

impl<'a> Payload<'a> {
    /// The payload of a body.
    pub fn of(body: &'a Body) -> Self {
        match body {
            Body::Text(text) => Self::Text(text),
            Body::Binary { binary } => Self::Binary(binary),
        }
    }

    /// The content as a body of its own, or `None` where it is the whole frame.
    ///
    /// A JSON string that is no valid Unicode (a lone surrogate) stays as it was written, quotes included, so that a
    /// message is never lost to its spelling.
    pub fn to_body(self) -> Option<Body> {
        match self {
            Self::Whole => None,
            Self::Text(text) => Some(Body::from(text)),
            Self::Binary(bytes) => Some(Body::from(bytes)),
            Self::Json(json) => Some(match stands_as_it_is(json) {
                Some(text) => Body::from(text),
                None => Body::Text(serde_json::from_str(json).unwrap_or_else(|_| json.to_string())),
            }),
        }
    }

    /// The content as a body, given the frame it came in.
    pub fn into_body(self, frame: &Frame) -> Body {
        self.to_body().unwrap_or_else(|| Body::from(frame.clone()))
    }

    /// The content without the loan of the frame, so that the frame itself can become the body.
    pub(crate) fn within(self, frame: &Frame) -> Content {
        let part = match (self, frame) {
            (Self::Whole, _) => return Content::Whole,
            (Self::Text(text), Frame::Text(_)) => Some(text.as_bytes()),
            (Self::Json(json), Frame::Text(_)) => stands_as_it_is(json).map(str::as_bytes),
            (Self::Binary(bytes), Frame::Binary(_)) => Some(bytes),
            _ => None,
        };
        match part.and_then(|part| frame.range_of(part)) {
            Some(range) => Content::Part(range),
            None => self.to_body().map_or(Content::Whole, Content::Copied),
        }
    }
}

/// What a JSON value is as a text, where that stands there as it is: all but a string with escapes.
fn stands_as_it_is(json: &str) -> Option<&str> {
    if json.trim_start().starts_with('"') { plain_string(json) } else { Some(json) }
}

/// The text of a JSON string that has no escapes, so that it stands there as it is; `json` is one sound value.
pub(crate) fn plain_string(json: &str) -> Option<&str> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.as_bytes().contains(&b'\\')).then_some(inner)
}

/// What a payload says of its frame, once nothing is borrowed from that any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The frame itself.
    Whole,
    /// A part of the frame.
    Part(Range<usize>),
    /// A copy, because the frame spells it otherwise.
    Copied(Body),
}

impl Content {
    /// The body, made of the frame where that can be; it is not moved before.
    #[inline]
    pub(crate) fn into_body(self, frame: &mut Frame) -> Body {
        match self {
            Self::Whole => Body::from(frame.take()),
            Self::Part(range) => frame.cut(range),
            Self::Copied(body) => body,
        }
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("Whole"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Json(json) => write!(f, "Json({} bytes)", json.len()),
        }
    }
}
