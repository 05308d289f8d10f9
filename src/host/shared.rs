//! What the loop of a host and its application share: session, clock, waiters and the end of the loop.
//!
//! 1. Every input has the time of the last reading of the clocks, and sleep is told before any other input.
//! 2. A message and its waiter are taken in one call, so that no outcome comes between the two.
//! 3. After the end of the loop nothing is taken: each call says so.

use alloc::string::String;
use alloc::vec::Vec;

use super::clock::HostClock;
use super::ending::{Ending, Turn};
use super::recorded::RecordedSession;
use super::waiters::{WaitFor, Waiters, ended_by};
use crate::action::Action;
use crate::error::{NotOpenError, SendError};
use crate::event::Event;
use crate::id::MessageId;
use crate::journal::{Call, CallError};
use crate::outgoing::Outgoing;
use crate::session::Session;
use crate::status::Status;
use crate::time::Instant;

/// What the loop of a host and its application share, as one value to stand under one lock. `T` wakes whoever waits
/// for a message.
///
/// Whoever holds the lock reads the clocks first ([`read_clocks`](Self::read_clocks)); the inputs that follow have
/// that time. After an input of the application the loop has to be woken, without the lock. The page of the
/// [module](crate::host) has a whole loop.
#[derive(Debug)]
pub struct Host<T> {
    session: RecordedSession,
    clock: HostClock,
    waiters: Waiters<T>,
    ending: Ending,
    is_over: bool,
}

impl<T> Host<T> {
    /// Creates the shared part of a host. A session without a journal can be given as it is.
    pub fn new(session: impl Into<RecordedSession>, clock: HostClock) -> Self {
        let (waiters, ending) = (Waiters::new(), Ending::new());
        Self { session: session.into(), clock, waiters, ending, is_over: false }
    }

    /// Reads both clocks as [`HostClock::read`] does, and tells the session of sleep. Returns the session time.
    pub fn read_clocks(&mut self, monotonic: core::time::Duration, wall: Option<core::time::Duration>) -> Instant {
        let (now, woke) = self.clock.read(monotonic, wall);
        if let Some(woke) = woke {
            self.session.handle(now, woke);
        }
        now
    }

    /// Handles one event, as [`Session::handle`] does.
    pub fn handle(&mut self, event: Event) {
        self.session.handle(self.clock.now(), event);
    }

    /// Makes a call, as [`Call::make`] does; refused with [`NotOpenError`] after the end of the loop.
    pub fn call(&mut self, call: Call) -> Result<Option<MessageId>, CallError> {
        if self.waiters.is_finished() {
            return Err(NotOpenError::NotOpen.into());
        }
        self.session.call(self.clock.now(), call)
    }

    /// Takes a message, as [`Session::send`] does, with the waiter for its outcome; refused with
    /// [`SendError::Stopped`] after the end of the loop.
    pub fn send(&mut self, message: impl Into<Outgoing>, waiter: Option<T>) -> Result<MessageId, SendError> {
        if self.waiters.is_finished() {
            return Err(SendError::Stopped);
        }
        let id = self.session.send(self.clock.now(), message)?;
        if let Some(waiter) = waiter {
            // The id is new, so that nobody else waits for its outcome.
            self.waiters.wait(id.clone(), WaitFor::Outcome, waiter);
        }
        Ok(id)
    }

    /// Registers a waiter for a message that was sent before. Returns whom to tell at once, and what.
    ///
    /// That is the given waiter where the status has come already, where the session does not know the message, where
    /// the list of waiters takes no more, and after the end of the loop; otherwise the one that waited for the same
    /// status of this message. A status that cannot be known is told as [`Status::Unconfirmed`].
    pub fn wait(&mut self, id: &MessageId, wait_for: WaitFor, waiter: T) -> Option<(T, Status)> {
        let status = self.session().status(id).unwrap_or(Status::Unconfirmed);
        if ended_by(status, self.has_receipts()).contains(&wait_for) {
            return Some((waiter, status));
        }
        self.waiters.wait(id.clone(), wait_for, waiter).map(|waiter| (waiter, Status::Unconfirmed))
    }

    /// Removes a waiter that has stopped waiting.
    pub fn forget(&mut self, id: &MessageId, wait_for: WaitFor) {
        self.waiters.forget(id, wait_for);
    }

    /// Takes the next action, as [`Session::poll_action`] does; whoever waited for it goes to `told`.
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self, told: &mut Vec<(T, Status)>) -> Option<Action> {
        let action = self.session.poll_action()?;
        told.append(&mut self.waiters.on_action(&action, self.has_receipts()));
        Some(action)
    }

    /// Closes the session for an application that is gone: once it has stopped, the loop returns.
    pub fn close(&mut self) {
        self.is_over = true;
        // A close without a code cannot be refused.
        let _ = self.session.call(self.clock.now(), Call::Close { code: None, reason: String::new() });
    }

    /// Says what this turn of the loop ends with; `has_socket` is true for a dial too.
    pub fn turn(&mut self, has_socket: bool) -> Turn {
        self.ending.turn(self.clock.now(), self.session.session(), has_socket, self.is_over)
    }

    /// Ends the loop, by whatever it ended: returns all who still wait. To be called where a panic passes too, such
    /// as in a `Drop`.
    pub fn finish(&mut self) -> Vec<(T, Status)> {
        self.waiters.finish()
    }

    /// Returns the session, to be looked at.
    pub fn session(&self) -> &Session {
        self.session.session()
    }

    /// Returns the clock, to be asked for the time until a deadline.
    pub fn clock(&self) -> HostClock {
        self.clock
    }

    fn has_receipts(&self) -> bool {
        self.session().preset().dialect().capabilities().receipts
    }
}
