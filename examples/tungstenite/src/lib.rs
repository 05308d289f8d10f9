//! What every host of a redial session does with tungstenite, whatever its runtime.
//!
//! | value | what it has of a host |
//! |---|---|
//! | [`Socket`], [`Opening`] | one WebSocket over a non-blocking byte stream: frames go in, events come out |
//! | [`Driver`] | a whole loop but for its waiting: it carries actions out, dials, asks for credentials, ends |
//! | [`Handle`], [`Place`], [`Taking`] | the calls of the application, from any thread |
//! | [`Settings`], [`setters`] | what an application can set |
//!
//! A byte stream does not block where its `read` and `write` fail with `WouldBlock` when they would have to wait. An
//! adapter, such as redial-tokio or redial-blocking, says how its runtime wakes, tells and works beside the loop
//! ([`Runtime`], [`Worker`]), and waits between the turns of its driver:
//!
//! ```ignore
//! loop {
//!     let wait = match driver.step() {
//!         Step::Wait(wait) => wait,
//!         Step::Return(summary) => return *summary,
//!     };
//!     // The socket first: what has arrived counts before silence is judged.
//!     if !driver.turn() {
//!         wait_for_the_socket_or_for_a_wake(wait);
//!         driver.turn();
//!     }
//!     driver.tick();
//! }
//! ```
//!
//! 1. A frame counts as written once the byte stream has taken its last byte.
//! 2. The events of one turn are in order; after `Closed` or `Errored` there are none, and the socket is dropped.
//! 3. A frame that breaks the rules of RFC 6455 is answered with the close code of §7.1.7.
//! 4. Nothing that the application hands over holds the loop up or ends it: the observer has a thread of its own, and
//!    a closure that panics has failed.
//! 5. However the loop ends, all who wait are told.

mod driver;
mod handle;
mod socket;
mod trace;

pub use driver::{Driver, Settings, Step, Summary, Worker};
pub use handle::{Handle, Place, Runtime, Shared, Taking, WeakHandle};
pub use socket::{Opening, Socket, io_failure, request};
pub use tungstenite::handshake::client::{Request, Response};
