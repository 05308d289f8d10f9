//! Signal: the meaning of one frame, free of its spelling.

use alloc::boxed::Box;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::content::{Content, Span};
use super::greeting::{Hello, Refusal, SessionTerms};
use crate::frame::Frame;
use crate::id::MessageId;
use crate::secret::Secret;
use crate::time::Duration;

/// End of a connection that writes or reads a frame. A service may spell one signal differently in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The end that connects, a [`Session`](crate::Session).
    Client,
    /// The end that accepts, a [`Peer`](crate::Peer).
    Server,
}

impl Side {
    /// Returns the other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Meaning of one frame, for either end of the connection.
///
/// `decode` of a [`Dialect`](super::Dialect) turns a frame into a `Signal<Span>`, in which a content is a range of that
/// frame; `encode` turns a `Signal<Content>` into a frame. Each variant is handled by one part of this crate. A dialect
/// makes signals by the functions below, and only those that its service has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal<C> {
    /// A heartbeat or a heartbeat reply.
    Heartbeat(HeartbeatSignal),
    /// A step of the login.
    Login(LoginSignal<C>),
    /// A message, with its id where the service has ids.
    Message(MessageSignal<C>),
    /// A receipt for a message that the reader sent.
    Receipt(ReceiptSignal<C>),
    /// A greeting, a message or a cumulative ack of a session with sequence numbers.
    Sequence(SequenceSignal<C>),
    /// The announced end of the connection.
    Leave(LeaveSignal<C>),
    /// A frame for the application that is no message: it is delivered and never acknowledged.
    Notice(C),
    /// A well-formed frame without meaning for the session: it counts as a frame that arrived, and has no other effect.
    Ignored,
}

/// Heartbeat or heartbeat reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeartbeatSignal {
    /// A heartbeat, which asks for a heartbeat reply.
    Ask,
    /// A heartbeat reply.
    Reply,
}

/// Step of the login.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoginSignal<C> {
    /// The server asks for a proof.
    #[non_exhaustive]
    Challenge {
        /// The value from which the proof is computed; `None` where the service sends none.
        challenge: Option<C>,
        /// The JSON value that the proof must carry back unchanged; `None` where the service sends none.
        reference: Option<C>,
    },
    /// The client sends the proof, or a new credential on a ready connection.
    #[non_exhaustive]
    Proof {
        /// The credential.
        credential: Secret,
        /// The reference of the challenge, carried back as JSON.
        reference: Option<C>,
    },
    /// The client says who it is before the server says anything ([`Login::First`](super::Login::First)).
    #[non_exhaustive]
    First {
        /// The credential; `None` where the host gave none.
        credential: Option<Secret>,
    },
    /// The server accepts the login, or greets a client that has said nothing yet
    /// ([`Login::Greeted`](super::Login::Greeted)).
    #[non_exhaustive]
    Accepted {
        /// What else the server says with it; `None` where it says no more.
        greeting: Option<Box<Greeting<C>>>,
    },
    /// The server refuses the login. It need not close the connection: the session ends it.
    #[non_exhaustive]
    Refused {
        /// The service's reason as a number; 0 where it gave none.
        code: u32,
        /// The service's reason in words, or as JSON; `None` where it gave none. The session reports at most 256 bytes.
        content: Option<C>,
        /// What may help.
        again: Again,
    },
}

/// What a server says when it accepts a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Greeting<C> {
    /// The time between two heartbeats, the client's or its own; `None` leaves it to the configuration. It is kept
    /// within 5 s to 5 min.
    pub heartbeat: Option<Duration>,
    /// The content for the application, which hears it as [`Action::Greeted`](crate::Action::Greeted).
    pub content: Option<C>,
}

impl<C> Default for Greeting<C> {
    fn default() -> Self {
        Self { heartbeat: None, content: None }
    }
}

impl<C> Greeting<C> {
    /// Sets the time between two heartbeats.
    #[must_use]
    pub fn heartbeat(self, every: Duration) -> Self {
        Self { heartbeat: Some(every), ..self }
    }

    /// Sets the content for the application.
    #[must_use]
    pub fn content(self, content: C) -> Self {
        Self { content: Some(content), ..self }
    }
}

/// What may help after a refused login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Again {
    /// Another credential: the session does what [`Unauthorized`](crate::config::Unauthorized) says.
    #[default]
    WithAnotherCredential,
    /// A later attempt, with the same credential.
    Later {
        /// The wait before that attempt, honoured up to an hour; jitter and the safety floor apply on top.
        after: Duration,
    },
    /// Nothing: the session stops, and keeps its messages until `open` or `close`.
    Never,
}

/// Message without a sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MessageSignal<C> {
    /// The id to acknowledge; `None` where the dialect has no ids.
    pub id: Option<MessageId>,
    /// The content.
    pub content: C,
}

/// Receipt for a message that the reader of the frame sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceiptSignal<C> {
    /// The other end has the message.
    #[non_exhaustive]
    Accepted {
        /// The id of the message.
        id: MessageId,
        /// The push of the message back to its sender, where the service confirms a message in that way.
        echo: Option<Echo<C>>,
    },
    /// The other end refuses the message.
    #[non_exhaustive]
    Rejected {
        /// The id of the message.
        id: MessageId,
        /// The service's reason as a number; 0 where it gave none.
        code: u32,
    },
    /// The receiver's device has the message.
    #[non_exhaustive]
    Delivered {
        /// The id of the message.
        id: MessageId,
    },
    /// The receiver has read the message.
    #[non_exhaustive]
    Read {
        /// The id of the message.
        id: MessageId,
    },
}

/// Echo: a message pushed back to its sender, with an id of the push.
///
/// An echo is acknowledged like any push. An echo of a message that this session did not send is delivered like any
/// push.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Echo<C> {
    /// The id of the push.
    pub id: MessageId,
    /// The content.
    pub content: C,
}

/// Signal of a session with sequence numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SequenceSignal<C> {
    /// The first signal of a client.
    Hello(Box<Hello>),
    /// The answer to a hello: the server accepts the login and names the terms of the session.
    Welcome(Box<SessionTerms>),
    /// A message with its sequence number, which rises by 1 from message to message.
    #[non_exhaustive]
    Message {
        /// The sequence number, from 1.
        seq: u64,
        /// The id, which names the message beyond this session.
        id: MessageId,
        /// The content; `None` for a message that was given up after it got its sequence number.
        content: Option<C>,
    },
    /// A cumulative ack: the messages up to a sequence number are accepted or refused.
    #[non_exhaustive]
    Ack {
        /// The sequence number of the last acknowledged message.
        seq: u64,
        /// The refused messages up to `seq` that no earlier ack on this connection named.
        refused: Vec<Refusal>,
        /// The frame that carries the ack.
        carrier: AckCarrier,
    },
}

/// Frame that carries a cumulative ack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AckCarrier {
    /// A frame of its own.
    Alone,
    /// A heartbeat.
    Heartbeat,
    /// A heartbeat reply.
    HeartbeatReply,
}

/// Announced end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaveSignal<C> {
    /// The account is connected elsewhere: the client leaves and does not reconnect.
    #[non_exhaustive]
    Kick {
        /// The content for the application.
        content: C,
    },
    /// The connection ends, on the terms of the [`Bye`].
    Bye(Bye),
}

/// Last signal on a connection before its close, with the terms of the next connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bye {
    /// The code of the close frame that follows (RFC 6455 §7.4).
    pub code: u16,
    /// Whether the server accepts, or a client plans, another connection.
    pub reconnect: bool,
    /// Whether the next connection may resume the session.
    pub resume: bool,
    /// The wait before the next connection, honoured up to an hour.
    pub after: Duration,
}

impl Bye {
    /// Makes a bye after which the next connection may come at once and may resume the session.
    pub const fn new(code: u16) -> Self {
        Self { code, reconnect: true, resume: true, after: Duration::ZERO }
    }

    /// Sets whether another connection may come.
    #[must_use]
    pub const fn reconnect(self, reconnect: bool) -> Self {
        Self { reconnect, ..self }
    }

    /// Sets whether the next connection may resume the session.
    #[must_use]
    pub const fn resume(self, resume: bool) -> Self {
        Self { resume, ..self }
    }

    /// Sets the wait before the next connection.
    #[must_use]
    pub const fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

impl<C> Signal<C> {
    /// Makes a heartbeat.
    pub const fn heartbeat() -> Self {
        Self::Heartbeat(HeartbeatSignal::Ask)
    }

    /// Makes a heartbeat reply.
    pub const fn heartbeat_reply() -> Self {
        Self::Heartbeat(HeartbeatSignal::Reply)
    }

    /// Makes a message, with its id where the service has ids.
    pub const fn message(id: Option<MessageId>, content: C) -> Self {
        Self::Message(MessageSignal { id, content })
    }

    /// Makes a receipt: the other end has the message.
    pub const fn accepted(id: MessageId) -> Self {
        Self::Receipt(ReceiptSignal::Accepted { id, echo: None })
    }

    /// Makes a receipt that pushes the message back to its sender; `id` names the message and `push` the push.
    pub const fn echoed(id: MessageId, push: MessageId, content: C) -> Self {
        Self::Receipt(ReceiptSignal::Accepted { id, echo: Some(Echo { id: push, content }) })
    }

    /// Makes a receipt: the other end refuses the message. `code` is the service's reason, 0 where it gave none.
    pub const fn rejected(id: MessageId, code: u32) -> Self {
        Self::Receipt(ReceiptSignal::Rejected { id, code })
    }

    /// Makes a receipt: the receiver's device has the message.
    pub const fn delivered(id: MessageId) -> Self {
        Self::Receipt(ReceiptSignal::Delivered { id })
    }

    /// Makes a receipt: the receiver has read the message.
    pub const fn read(id: MessageId) -> Self {
        Self::Receipt(ReceiptSignal::Read { id })
    }

    /// Makes a challenge: the proof is computed from `challenge` and carries `reference` back.
    pub const fn challenge(challenge: Option<C>, reference: Option<C>) -> Self {
        Self::Login(LoginSignal::Challenge { challenge, reference })
    }

    /// Makes a proof: the answer to a challenge, or a new credential on a ready connection.
    pub const fn proof(credential: Secret, reference: Option<C>) -> Self {
        Self::Login(LoginSignal::Proof { credential, reference })
    }

    /// Makes the first signal of a client in a dialect without sequence numbers.
    pub const fn login_first(credential: Option<Secret>) -> Self {
        Self::Login(LoginSignal::First { credential })
    }

    /// Makes the acceptance of a login.
    pub const fn login_accepted() -> Self {
        Self::Login(LoginSignal::Accepted { greeting: None })
    }

    /// Makes the acceptance of a login with what else the server says.
    pub fn greeting(greeting: Greeting<C>) -> Self {
        Self::Login(LoginSignal::Accepted { greeting: Some(Box::new(greeting)) })
    }

    /// Makes the refusal of a login; `code` is the service's reason, 0 where it gave none.
    pub const fn login_refused(code: u32) -> Self {
        Self::Login(LoginSignal::Refused { code, content: None, again: Again::WithAnotherCredential })
    }

    /// Makes the refusal of a login whose server says why in words, or what may help; `code` is 0 where it gave none.
    pub const fn login_refused_with(code: u32, content: Option<C>, again: Again) -> Self {
        Self::Login(LoginSignal::Refused { code, content, again })
    }

    /// Makes a kick: the account is connected elsewhere.
    pub const fn kick(content: C) -> Self {
        Self::Leave(LeaveSignal::Kick { content })
    }

    /// Makes the announced end of a connection.
    pub const fn bye(bye: Bye) -> Self {
        Self::Leave(LeaveSignal::Bye(bye))
    }

    /// Makes the first signal of a client in a dialect with sequence numbers.
    pub fn hello(hello: Hello) -> Self {
        Self::Sequence(SequenceSignal::Hello(Box::new(hello)))
    }

    /// Makes the answer of a server that accepts a hello.
    pub fn welcome(terms: SessionTerms) -> Self {
        Self::Sequence(SequenceSignal::Welcome(Box::new(terms)))
    }

    /// Makes a message with a sequence number; `content` is `None` where the message was given up.
    pub const fn sequenced(seq: u64, id: MessageId, content: Option<C>) -> Self {
        Self::Sequence(SequenceSignal::Message { seq, id, content })
    }

    /// Makes a cumulative ack of the messages up to `seq`, except those in `refused`.
    pub const fn cumulative_ack(seq: u64, refused: Vec<Refusal>, carrier: AckCarrier) -> Self {
        Self::Sequence(SequenceSignal::Ack { seq, refused, carrier })
    }

    /// Whether the signal is handled before the login is done.
    pub(crate) fn is_about_login(&self) -> bool {
        match self {
            Self::Heartbeat(_) | Self::Login(_) | Self::Leave(_) => true,
            Self::Sequence(sequence) => matches!(sequence, SequenceSignal::Hello(_) | SequenceSignal::Welcome(_)),
            Self::Message(_) | Self::Receipt(_) | Self::Notice(_) | Self::Ignored => false,
        }
    }

    /// Converts the contents of the signal.
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
                LoginSignal::First { credential } => LoginSignal::First { credential },
                LoginSignal::Accepted { greeting } => LoginSignal::Accepted {
                    greeting: greeting.map(|greeting| {
                        let Greeting { heartbeat, content: words } = *greeting;
                        Box::new(Greeting { heartbeat, content: words.map(content) })
                    }),
                },
                LoginSignal::Refused { code, content: reason, again } => {
                    LoginSignal::Refused { code, content: reason.map(content), again }
                }
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
    /// Borrows the contents of the signal from the frame it was decoded from.
    pub fn in_frame(self, frame: &Frame) -> Signal<Content<'_>> {
        self.map(|span| span.content(frame))
    }
}
