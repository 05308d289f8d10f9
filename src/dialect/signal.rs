//! What a frame means, free of its spelling.

use alloc::boxed::Box;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::content::{Content, Span};
use super::greeting::{Hello, Refusal, SessionTerms};
use crate::frame::Frame;
use crate::id::MessageId;
use crate::secret::Secret;
use crate::time::Duration;

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
/// `decode` of a [`Dialect`](super::Dialect) turns a frame into a `Signal<Span>`, which says where the content stands in that
/// frame; `encode` turns a `Signal<Content>` into a frame. Each family is consumed by one room of this crate. A dialect makes
/// signals by the functions below and names only what its service has a word for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal<C> {
    /// Life: asked for, or shown.
    Heartbeat(HeartbeatSignal),
    /// Who is there, and whether they may be.
    Login(LoginSignal<C>),
    /// A message, under its id where the service names messages.
    Message(MessageSignal<C>),
    /// Word about a message of the reader's.
    Receipt(ReceiptSignal<C>),
    /// A session whose messages are counted: its greeting, its messages, its acknowledgements.
    Sequence(SequenceSignal<C>),
    /// The end of the connection, and what to do then.
    Leave(LeaveSignal<C>),
    /// A frame of the service that is no message but concerns the application; it is delivered and never acknowledged.
    Notice(C),
    /// A sound frame that the service's clients pass over; it counts as a frame that arrived, and nothing else.
    Ignored,
}

/// The two heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeartbeatSignal {
    /// Are you there?
    Ask,
    /// I am here: the answer to a heartbeat.
    Reply,
}

/// Logins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoginSignal<C> {
    /// Prove who you are.
    #[non_exhaustive]
    Challenge {
        /// What the proof is computed from, where the service gives something.
        challenge: Option<C>,
        /// What the answer must carry back unchanged, as JSON.
        reference: Option<C>,
    },
    /// The proof, or a new credential on a live connection.
    #[non_exhaustive]
    Proof {
        /// The credential.
        credential: Secret,
        /// What the challenge asked to have carried back, as JSON.
        reference: Option<C>,
    },
    /// The login is accepted.
    Accepted,
    /// The login is refused.
    #[non_exhaustive]
    Refused {
        /// The service's reason as a number; zero where it gave none.
        code: u32,
    },
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MessageSignal<C> {
    /// The id to acknowledge, or `None` where the dialect has none.
    pub id: Option<MessageId>,
    /// The content.
    pub content: C,
}

/// Word about a message of the reader's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceiptSignal<C> {
    /// I have your message.
    #[non_exhaustive]
    Accepted {
        /// The message that arrived.
        id: MessageId,
        /// Where the acknowledgement is the message itself, pushed back to its sender: that push.
        echo: Option<Echo<C>>,
    },
    /// I will not take your message.
    #[non_exhaustive]
    Rejected {
        /// The message that is refused.
        id: MessageId,
        /// The service's reason as a number; zero where it gave none.
        code: u32,
    },
    /// The receiver's device has your message.
    #[non_exhaustive]
    Delivered {
        /// The message.
        id: MessageId,
    },
    /// The receiver has read your message.
    #[non_exhaustive]
    Read {
        /// The message.
        id: MessageId,
    },
}

/// A message that comes back to its sender, as a push under an id of its own.
///
/// It is acknowledged like any push; and where the message is not one of this session's, it is delivered like any push.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Echo<C> {
    /// The push's own id.
    pub id: MessageId,
    /// The content.
    pub content: C,
}

/// What two ends say that count their messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SequenceSignal<C> {
    /// The first word of a client.
    Hello(Box<Hello>),
    /// The answer to it: the login is accepted, on these terms.
    Welcome(Box<SessionTerms>),
    /// A message under its sequence number, which rises by one from message to message.
    #[non_exhaustive]
    Message {
        /// The sequence number, from 1.
        seq: u64,
        /// The id, by which the message is known beyond this session.
        id: MessageId,
        /// The content; `None` for a message that was given up since it got its number.
        content: Option<C>,
    },
    /// I have your messages up to this one.
    #[non_exhaustive]
    Ack {
        /// The sequence number of the last.
        seq: u64,
        /// Which of them I refuse, since the last time I said so.
        refused: Vec<Refusal>,
        /// What else the frame is.
        carrier: AckCarrier,
    },
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

/// The end of a connection, said in a frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaveSignal<C> {
    /// This account is connected elsewhere: leave, and do not come back.
    #[non_exhaustive]
    Kick {
        /// The frame's content, for the application.
        content: C,
    },
    /// This connection ends; what to do then.
    Bye(Bye),
}

/// The last word on a connection, before its close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

impl Bye {
    /// A good-bye after which another connection is welcome at once, and the session may go on.
    pub const fn new(code: u16) -> Self {
        Self { code, reconnect: true, resume: true, after: Duration::ZERO }
    }

    /// Whether another connection is welcome, or to be expected.
    #[must_use]
    pub const fn reconnect(self, reconnect: bool) -> Self {
        Self { reconnect, ..self }
    }

    /// Whether the session may go on then.
    #[must_use]
    pub const fn resume(self, resume: bool) -> Self {
        Self { resume, ..self }
    }

    /// How long to wait before that.
    #[must_use]
    pub const fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

impl<C> Signal<C> {
    /// Are you there?
    pub const fn heartbeat() -> Self {
        Self::Heartbeat(HeartbeatSignal::Ask)
    }

    /// I am here: the answer to a heartbeat.
    pub const fn heartbeat_reply() -> Self {
        Self::Heartbeat(HeartbeatSignal::Reply)
    }

    /// A message, under its id where the service names messages.
    pub const fn message(id: Option<MessageId>, content: C) -> Self {
        Self::Message(MessageSignal { id, content })
    }

    /// I have your message.
    pub const fn accepted(id: MessageId) -> Self {
        Self::Receipt(ReceiptSignal::Accepted { id, echo: None })
    }

    /// I have your message, and here it is as a push under an id of its own.
    pub const fn echoed(id: MessageId, push: MessageId, content: C) -> Self {
        Self::Receipt(ReceiptSignal::Accepted { id, echo: Some(Echo { id: push, content }) })
    }

    /// I will not take your message; `code` is the service's reason, zero where it gave none.
    pub const fn rejected(id: MessageId, code: u32) -> Self {
        Self::Receipt(ReceiptSignal::Rejected { id, code })
    }

    /// The receiver's device has your message.
    pub const fn delivered(id: MessageId) -> Self {
        Self::Receipt(ReceiptSignal::Delivered { id })
    }

    /// The receiver has read your message.
    pub const fn read(id: MessageId) -> Self {
        Self::Receipt(ReceiptSignal::Read { id })
    }

    /// Prove who you are; the proof is computed from `challenge` and carries `reference` back.
    pub const fn challenge(challenge: Option<C>, reference: Option<C>) -> Self {
        Self::Login(LoginSignal::Challenge { challenge, reference })
    }

    /// The proof, or a new credential on a live connection.
    pub const fn proof(credential: Secret, reference: Option<C>) -> Self {
        Self::Login(LoginSignal::Proof { credential, reference })
    }

    /// The login is accepted.
    pub const fn login_accepted() -> Self {
        Self::Login(LoginSignal::Accepted)
    }

    /// The login is refused; `code` is the service's reason, zero where it gave none.
    pub const fn login_refused(code: u32) -> Self {
        Self::Login(LoginSignal::Refused { code })
    }

    /// This account is connected elsewhere.
    pub const fn kick(content: C) -> Self {
        Self::Leave(LeaveSignal::Kick { content })
    }

    /// This connection ends; what to do then.
    pub const fn bye(bye: Bye) -> Self {
        Self::Leave(LeaveSignal::Bye(bye))
    }

    /// The first word of a client that counts its messages.
    pub fn hello(hello: Hello) -> Self {
        Self::Sequence(SequenceSignal::Hello(Box::new(hello)))
    }

    /// The answer to a hello that is accepted.
    pub fn welcome(terms: SessionTerms) -> Self {
        Self::Sequence(SequenceSignal::Welcome(Box::new(terms)))
    }

    /// A message under its sequence number; without content it was given up.
    pub const fn sequenced(seq: u64, id: MessageId, content: Option<C>) -> Self {
        Self::Sequence(SequenceSignal::Message { seq, id, content })
    }

    /// I have your messages up to this one, but for those that are refused.
    pub const fn cumulative_ack(seq: u64, refused: Vec<Refusal>, carrier: AckCarrier) -> Self {
        Self::Sequence(SequenceSignal::Ack { seq, refused, carrier })
    }

    /// Whether the signal has its meaning before the login is done.
    pub(crate) fn is_about_login(&self) -> bool {
        match self {
            Self::Heartbeat(_) | Self::Login(_) | Self::Leave(_) => true,
            Self::Sequence(sequence) => matches!(sequence, SequenceSignal::Hello(_) | SequenceSignal::Welcome(_)),
            Self::Message(_) | Self::Receipt(_) | Self::Notice(_) | Self::Ignored => false,
        }
    }

    /// The signal with its contents turned into something else.
    pub(crate) fn map<D>(self, mut content: impl FnMut(C) -> D) -> Signal<D> {
        match self {
            Self::Heartbeat(heartbeat) => Signal::Heartbeat(heartbeat),
            Self::Login(login) => Signal::Login(match login {
                LoginSignal::Challenge { challenge, reference } => {
                    LoginSignal::Challenge { challenge: challenge.map(&mut content), reference: reference.map(content) }
                }
                LoginSignal::Proof { credential, reference } => {
                    LoginSignal::Proof { credential, reference: reference.map(content) }
                }
                LoginSignal::Accepted => LoginSignal::Accepted,
                LoginSignal::Refused { code } => LoginSignal::Refused { code },
            }),
            Self::Message(message) => Signal::message(message.id, content(message.content)),
            Self::Receipt(receipt) => Signal::Receipt(match receipt {
                ReceiptSignal::Accepted { id, echo } => {
                    let echo = echo.map(|echo| Echo { id: echo.id, content: content(echo.content) });
                    ReceiptSignal::Accepted { id, echo }
                }
                ReceiptSignal::Rejected { id, code } => ReceiptSignal::Rejected { id, code },
                ReceiptSignal::Delivered { id } => ReceiptSignal::Delivered { id },
                ReceiptSignal::Read { id } => ReceiptSignal::Read { id },
            }),
            Self::Sequence(sequence) => Signal::Sequence(match sequence {
                SequenceSignal::Hello(hello) => SequenceSignal::Hello(hello),
                SequenceSignal::Welcome(terms) => SequenceSignal::Welcome(terms),
                SequenceSignal::Message { seq, id, content: body } => {
                    SequenceSignal::Message { seq, id, content: body.map(content) }
                }
                SequenceSignal::Ack { seq, refused, carrier } => SequenceSignal::Ack { seq, refused, carrier },
            }),
            Self::Leave(leave) => Signal::Leave(match leave {
                LeaveSignal::Kick { content: body } => LeaveSignal::Kick { content: content(body) },
                LeaveSignal::Bye(bye) => LeaveSignal::Bye(bye),
            }),
            Self::Notice(body) => Signal::Notice(content(body)),
            Self::Ignored => Signal::Ignored,
        }
    }
}

impl Signal<Span> {
    /// The signal with its contents, borrowed from the frame it came in.
    pub fn in_frame(self, frame: &Frame) -> Signal<Content<'_>> {
        self.map(|span| span.content(frame))
    }
}
