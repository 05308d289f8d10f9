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

// Floor 0: values.
mod bounded;
mod digits;
mod frame;
mod id;
mod kinds;
mod rng;
mod secret;
mod time;
mod uncompared;

// Floor 1: words, and lines of what has an id.
mod durability;
mod outgoing;
mod queue;
mod signal;
mod state;
mod status;
mod timer;

// Floor 2: refusals, figures, and the memory of settled messages.
mod error;
mod settled;
mod stats;

// Floor 3: small machines.
mod fallback;
mod heartbeat;
mod inbox;
mod outbox;
mod read_markers;
mod reconnect;
mod sequence;

// Floors 4 and 5: what goes in and out, and how services spell it.
mod action;
mod capabilities;
mod config;
mod context;
mod dialect;
mod event;

// Floor 6: the two halves at work.
mod delivery;
mod link;

// Floors 7 and 8: the session, its counterpart, its journal.
#[doc = include_str!("invariants.md")]
pub mod invariants {}
#[doc = include_str!("redial_v1.md")]
pub mod redial_v1 {}
pub mod journal;
mod peer;
mod session;

pub use action::{Action, Handshake, Message, PollCause, Purpose};
pub use bounded::Bounded;
pub use capabilities::{Capabilities, Login};
pub use config::{
    AuthenticationPolicy, CloseCodes, ClosePolicy, Config, CredentialSource, DeadLink, Limits, Unauthorized,
};
pub use dialect::{
    Dialect, HeartbeatFrame, LiveChat, LiveChatSettings, Plain, Preset, ReactIm, ReadState, RedialV1, SendState,
    ServiceId, UniApp, UniAppWords, VuePolling, Wechat,
};
pub use durability::Durability;
pub use error::{
    AcknowledgeError, CancelError, CloseError, ConfigError, FetchedError, JsonProblem, Malformed, MarkReadError,
    NotOpenError, PresetError, ResendError, RestoreError, SendError, Unencodable,
};
pub use event::{CredentialFailure, Event, TransportError};
pub use fallback::FallbackPolicy;
pub use frame::{Body, Frame};
pub use heartbeat::{DeadAfter, HeartbeatPolicy, HeartbeatSchedule, Liveness, Probe, Suspicion};
pub use id::{ConnectionId, MessageId};
pub use inbox::{Acknowledge, Deliver, InboxPolicy};
pub use outbox::{OutboxPolicy, Resend, SendFailure, WhileDown};
pub use outgoing::Outgoing;
pub use peer::{Peer, PeerPolicy, PeerSnapshot};
pub use reconnect::{Backoff, FirstDelay, Jitter, MeasuredFrom, ReconnectPolicy, Reset};
pub use rng::Seed;
pub use secret::Secret;
pub use session::{Bounds, Explanation, Guarantee, Session, Snapshot};
pub use signal::{
    AckCarrier, Bye, Credit, Echo, Hello, NotResumed, Payload, Refusal, Resume, Resumption, SessionTerms, Side, Signal,
};
pub use state::{Cause, State};
pub use stats::{RoundTrip, Stats, TimeIn};
pub use status::Status;
pub use time::{Duration, Instant};
pub use timer::{Deadline, Timer};

/// The README's example is compiled and run like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
