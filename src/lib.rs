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
mod status;
mod time;
mod timers;
mod uncompared;

pub mod config;
pub mod dialect;
pub mod error;
#[doc = include_str!("invariants.md")]
pub mod invariants {}
#[cfg(feature = "journal")]
pub mod journal;
pub mod peer;
#[doc = include_str!("redial_v1.md")]
pub mod redial_v1 {}
#[cfg(feature = "services")]
pub mod services;
mod session;
pub mod stats;

pub use action::{Action, Message, PollCause, Purpose};
pub use config::Config;
pub use deadline::{Deadline, Timer};
pub use dialect::Preset;
pub use error::SendError;
pub use event::{CredentialFailure, Event, TransportError};
pub use frame::{Body, Frame};
pub use id::{ConnectionId, MessageId};
pub use outgoing::Outgoing;
pub use peer::Peer;
pub use rng::Seed;
pub use secret::Secret;
pub use session::{Explanation, Session, Snapshot};
pub use state::{Cause, State};
pub use stats::Stats;
pub use status::Status;
pub use time::{Duration, Instant};

/// The README's example is compiled and run like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
