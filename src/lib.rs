//! redial keeps a WebSocket conversation alive across dropped connections: a pure state machine that tells you when to connect,
//! beat, acknowledge, resend and give up, while you bring the socket, the clock and the randomness.
//!
//! * [`Session`] is the machine: [`Event`]s and calls go in, [`Action`]s come out, [`Session::next_deadline`] says when to tick.
//! * [`Preset`] is a dialect (how a service spells things) together with a [`Config`] (its timings and limits).
//! * [`Peer`] is the accepting side, made of the same parts.
//! * [`journal`] writes inputs and outputs as JSON lines, so that a run can be replayed byte for byte.
//!
//! Adapters that drive real sockets are in the repository's `examples/`: copy one and change it.
#![no_std]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable
)]

extern crate alloc;

mod action;
mod context;
mod deadline;
mod delivery;
mod digits;
mod event;
mod frame;
mod id;
mod inbox;
mod kinds;
mod link;
mod outbox;
mod outgoing;
mod read_markers;
mod receive;
mod rng;
mod secret;
mod sequence;
mod state;
mod stats;
mod status;
mod time;
mod timers;
mod uncompared;

pub mod config;
pub mod dialect;
pub mod error;
#[doc = include_str!("invariants.md")]
pub mod invariants {}
pub mod journal;
pub mod peer;
#[doc = include_str!("redial_v1.md")]
pub mod redial_v1 {}
pub mod services;
mod session;

pub use action::{Action, Message, PollCause, Purpose};
pub use config::{
    Acknowledge, AuthenticationPolicy, Backoff, Bounds, CloseCodes, ClosePolicy, Config, CredentialSource, DeadAfter,
    DeadLink, Deliver, Durability, FallbackPolicy, FirstDelay, Guarantee, HeartbeatPolicy, HeartbeatSchedule,
    InboxPolicy, Jitter, Limit, Limits, Liveness, MeasuredFrom, OutboxPolicy, PeerPolicy, Probe, ReconnectPolicy,
    Resend, Reset, SendFailure, Suspicion, Unauthorized, WhileDown,
};
pub use deadline::{Deadline, Timer};
pub use dialect::{
    AckCarrier, Bye, Capabilities, Content, Credit, Dialect, Echo, Handshake, HeartbeatFrame, HeartbeatSignal, Hello,
    LeaveSignal, Login, LoginSignal, MessageSignal, NotResumed, Plain, Preset, ReceiptSignal, RedialV1, Refusal,
    Resume, Resumption, SequenceSignal, SessionTerms, Side, Signal, Span,
};
pub use error::{
    AcknowledgeError, CancelError, CloseError, ConfigError, FetchedError, JsonProblem, Malformed, MarkReadError,
    NotOpenError, PresetError, ResendError, RestoreError, SendError, Unencodable,
};
pub use event::{CredentialFailure, Event, TransportError};
pub use frame::{Body, Frame};
pub use id::{ConnectionId, MessageId};
pub use outgoing::Outgoing;
pub use peer::{Peer, PeerSnapshot};
pub use rng::Seed;
pub use secret::Secret;
pub use services::{
    LiveChat, LiveChatSettings, ReactIm, ReadState, SendState, ServiceId, UniApp, UniAppWords, VuePolling, Wechat,
};
pub use session::{Explanation, Session, Snapshot};
pub use state::{Cause, State};
pub use stats::{RoundTrip, Stats, TimeIn};
pub use status::Status;
pub use time::{Duration, Instant};

/// The README's example is compiled and run like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
