//! redial keeps a WebSocket conversation alive across dropped connections.
//!
//! The crate is a pure state machine: it decides when to connect, send a heartbeat, acknowledge, resend and give up;
//! the host brings the socket, the clock and the randomness. The few types that a host needs:
//!
//! * [`Session`] is the client side. The host passes in calls and [`Event`]s, takes out [`Action`]s, and sends a `Tick`
//!   at [`Session::next_deadline`].
//! * [`Preset`] is a dialect (the spelling of one service) with a [`Config`] (timings and limits);
//!   [`dialect::Dialect`] is the trait for a service of your own.
//! * [`Peer`] is the accepting side, made of the same parts.
//!
//! Features, all of them on by default; without them the crate has the presets `plain` and `native`:
//!
//! * `services` switches on the registry of services: `Service`, `Preset::named` and `Preset::names`.
//! * `systems` switches on the presets of five systems, such as `Preset::uni_app`; it includes `services`.
//! * `journal` switches on the journal of inputs and outputs as JSON lines, with replay; it includes `services`.
//! * `host` switches on the parts that every host needs beside its sockets: a clock that finds sleep, a session that
//!   writes its journal, the order of dials, URLs; it includes `journal`.
//!
//! To read the source, begin with the table of transitions in `src/link/machine.rs`. Every input starts in
//! `src/session/mod.rs`, and an inbound frame goes on to `src/receive.rs`. The repository's CONTRIBUTING.md says what
//! each folder has, and how to add a service, an event, a timer, an action or a setting. What waits for storage is
//! decided in `src/delivery/write_ahead.rs`. The page [`invariants`] lists the laws with their tests, and the page
//! [`redial_v1`] specifies the protocol of `native`. Adapters for real sockets are packages in the repository, to
//! depend on or to copy: redial-tokio in `examples/tokio`, and redial-blocking, over threads, in `examples/blocking`.
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
mod backlog;
mod context;
mod deadline;
mod delivery;
mod digits;
mod event;
mod excerpt;
mod failure;
mod frame;
mod host_profile;
mod id;
mod inbox;
mod kinds;
mod link;
mod outbox;
mod outgoing;
mod read_markers;
mod receive;
mod records;
mod retry_after;
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
pub mod durable;
pub mod error;
#[cfg(feature = "host")]
pub mod host;
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
pub use durable::Snapshot;
pub use error::SendError;
pub use event::{CredentialFailure, Event};
pub use failure::{Failure, Reason, TransportError};
pub use frame::{Body, Frame};
pub use host_profile::HostProfile;
pub use id::{ConnectionId, MessageId};
pub use outgoing::Outgoing;
pub use peer::Peer;
pub use rng::Seed;
pub use secret::Secret;
pub use session::{Explanation, Session};
pub use state::{Cause, State};
pub use stats::Stats;
pub use status::Status;
pub use time::{Duration, Instant};

/// Compiles and runs the example of the README as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
