//! Parts that every host of a session needs beside its sockets, so that an adapter is short.
//!
//! A host is the loop between a session and the sockets of one runtime. The loop differs from runtime to runtime; these
//! values do not. Each is a small machine without clock, thread or socket:
//!
//! | value | what a host has of it |
//! |---|---|
//! | [`HostClock`] | session time, and `Woke` after sleep |
//! | [`RecordedSession`] | a session that writes its journal |
//! | [`Waiters`] | who waits for the outcome of which message, and nobody for ever |
//! | [`Target`] | a URL, refused at the start where it cannot work; the request and its headers |
//! | [`DialOrder`] | which address of a name to dial next, and when (RFC 8305) |
//! | [`Flow`] | when to report frames that are under way, both ways |
//! | [`Ending`] | how long the last socket is kept, and when the loop returns |
//!
//! One turn of a loop, with a socket that takes everything at once:
//!
//! ```
//! use core::time::Duration;
//! use redial::host::{Ending, HostClock, RecordedSession, Turn, WaitFor, Waiters};
//! use redial::journal::Call;
//! use redial::{Action, Event, Preset, Seed};
//!
//! let mut clock = HostClock::new();
//! let mut session = RecordedSession::new(Preset::plain(), Seed::from_bytes([7; 16]), None);
//! let mut waiters = Waiters::new();
//! let (mut ending, mut socket) = (Ending::new(), None);
//!
//! // The application, under the lock of the session.
//! let (now, _) = clock.read(Duration::ZERO, None);
//! session.call(now, Call::Open)?;
//! let id = session.send(now, "hello")?;
//! waiters.wait(id, WaitFor::Outcome, "whoever called");
//!
//! // The loop.
//! let mut written = Vec::new();
//! for millis in 1..3 {
//!     let (now, woke) = clock.read(Duration::from_millis(millis), None);
//!     if let Some(woke) = woke {
//!         session.handle(now, woke);
//!     }
//!     session.handle(now, Event::Tick);
//!     let receipts = session.session().preset().dialect().capabilities().receipts;
//!     while let Some(action) = session.poll_action() {
//!         for (waiter, status) in waiters.on_action(&action, receipts) {
//!             println!("{waiter}: {status:?}");
//!         }
//!         match action {
//!             Action::Connect { connection, .. } => {
//!                 socket = Some(connection);
//!                 session.handle(now, Event::Opened { connection });
//!             }
//!             Action::Send { frame, .. } => written.push(frame),
//!             Action::Abort { .. } => socket = None,
//!             _ => {}
//!         }
//!     }
//!     match ending.turn(now, session.session().state(), socket.is_some(), false) {
//!         Turn::DropSocket => socket = None,
//!         Turn::Return => break,
//!         // Here a host waits for its socket, its application, and the earlier of the two deadlines.
//!         _ => {}
//!     }
//! }
//! assert_eq!(written[0].as_text(), Some("hello"));
//! assert!(waiters.is_empty());
//! # Ok::<(), redial::journal::CallError>(())
//! ```

mod clock;
mod dial_order;
mod ending;
mod flow;
mod recorded;
mod target;
mod waiters;

pub use clock::HostClock;
pub use dial_order::DialOrder;
pub use ending::{Ending, Turn};
pub use flow::Flow;
pub use recorded::{JournalWriter, RecordedSession};
pub use target::{Target, TargetError};
pub use waiters::{WaitFor, Waiters};
