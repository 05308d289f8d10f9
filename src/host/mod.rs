//! Parts that every host of a session needs beside its sockets, so that an adapter is short.
//!
//! A host is the loop between a session and the sockets of one runtime. The loop differs from runtime to runtime; these
//! values do not. Each is a small machine without clock, thread or socket:
//!
//! | value | what a host has of it |
//! |---|---|
//! | [`Host`] | the first four below as one value, to stand under the lock that loop and application share |
//! | [`HostClock`] | session time, and `Woke` after sleep |
//! | [`RecordedSession`] | a session that writes its journal |
//! | [`Waiters`] | who waits for the outcome of which message, and nobody for ever |
//! | [`Ending`] | until when to wait, how long the last socket is kept, and when the loop returns |
//! | [`Target`] | a URL, refused at the start where it cannot work; the request and its headers |
//! | [`DialOrder`] | which address of a name to dial next, and when (RFC 8305) |
//! | [`Flow`] | when to report frames that are under way, both ways |
//!
//! A whole loop, with a socket that takes everything at once and a server that repeats what it hears:
//!
//! ```
//! use core::time::Duration;
//! use redial::host::{Host, HostClock, Turn};
//! use redial::journal::Call;
//! use redial::{Action, Event, Preset, Seed, Session};
//!
//! let session = Session::new(Preset::plain(), Seed::from_bytes([7; 16]));
//! let mut host = Host::new(session, HostClock::new());
//! // The application, under the lock.
//! host.call(Call::Open)?;
//! host.send("hello", Some("the caller"))?;
//!
//! // The loop. A real one reads the clocks and does each block below under the lock, and waits without it.
//! let (mut socket, mut millis, mut told, mut heard) = (None, 0, Vec::new(), Vec::new());
//! loop {
//!     millis += 1;
//!     host.read_clocks(Duration::from_millis(millis), None);
//!     host.handle(Event::Tick);
//!     while let Some(action) = host.poll_action(&mut told) {
//!         match action {
//!             Action::Connect { connection, .. } => {
//!                 socket = Some(connection);
//!                 host.handle(Event::Opened { connection });
//!             }
//!             Action::Send { connection, frame, .. } => host.handle(Event::FrameIn { connection, frame }),
//!             Action::Deliver(message) => {
//!                 heard.push(message);
//!                 host.close();
//!             }
//!             Action::Close { connection, code, reason } => {
//!                 socket = None;
//!                 host.handle(Event::Closed { connection, code, reason });
//!             }
//!             Action::Abort { .. } => socket = None,
//!             _ => {}
//!         }
//!     }
//!     match host.turn(socket.is_some()) {
//!         Turn::Wait { until: _ } => {}
//!         Turn::DropSocket => socket = None,
//!         _ => break,
//!     }
//! }
//! told.extend(host.finish());
//! assert_eq!(told, [("the caller", redial::Status::Sent)]);
//! assert_eq!(heard[0].body.as_text(), Some("hello"));
//! assert!(host.send("too late", None).is_err());
//! # Ok::<(), redial::journal::CallError>(())
//! ```

mod clock;
mod dial_order;
mod ending;
mod flow;
mod recorded;
mod shared;
mod target;
mod waiters;

pub use clock::HostClock;
pub use dial_order::DialOrder;
pub use ending::{Ending, Turn};
pub use flow::Flow;
pub use recorded::{JournalWriter, RecordedSession};
pub use shared::Host;
pub use target::{Target, TargetError};
pub use waiters::{Ticket, WaitFor, Waiters};
