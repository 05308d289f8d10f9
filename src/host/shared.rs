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
use super::waiters::{Ticket, WaitFor, Waiters, ended_by};
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
    /// Those who are to be told with the next action.
    told: Vec<(T, Status)>,
    ending: Ending,
    is_over: bool,
}

impl<T> Host<T> {
    /// Creates the shared part of a host. A session without a journal can be given as it is.
    pub fn new(session: impl Into<RecordedSession>, clock: HostClock) -> Self {
        let (waiters, ending) = (Waiters::new(), Ending::new());
        Self { session: session.into(), clock, waiters, told: Vec::new(), ending, is_over: false }
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
    /// [`SendError::Stopped`] after the end of the loop. The ticket has the id of the message.
    ///
    /// Where the session has forgotten an earlier message under this id, those who still wait for that one are told
    /// its outcome with the next action.
    pub fn send(&mut self, message: impl Into<Outgoing>, waiter: Option<T>) -> Result<Ticket, SendError> {
        if self.waiters.is_finished() {
            return Err(SendError::Stopped);
        }
        let id = self.session.send(self.clock.now(), message)?;
        self.told.append(&mut self.waiters.renamed(&id));
        // The id is new, so that the first to wait for its outcome finds room.
        let registered = waiter.and_then(|waiter| self.waiters.wait(id.clone(), WaitFor::Outcome, waiter).ok());
        Ok(registered.unwrap_or_else(|| self.waiters.ticket(id, WaitFor::Outcome)))
    }

    /// Registers a waiter for a message that was sent before, beside those who wait for the same.
    ///
    /// Gives the waiter back where it has to be told at once, with the status to tell: where the awaited status has
    /// come or will not come, where [`Waiters::MOST`] others wait, and after the end of the loop, when a message
    /// without an outcome is [`Status::Unconfirmed`]. The status is `None` where the session has forgotten the message.
    pub fn wait(&mut self, id: &MessageId, wait_for: WaitFor, waiter: T) -> Result<Ticket, (T, Option<Status>)> {
        let Some(status) = self.session().status(id) else { return Err((waiter, None)) };
        let ended = ended_by(status, self.has_receipts());
        if ended >= Some(wait_for) {
            return Err((waiter, Some(status)));
        }
        let as_it_stands = if self.waiters.is_finished() && ended.is_none() { Status::Unconfirmed } else { status };
        let ticket = self.waiters.wait(id.clone(), wait_for, waiter).map_err(|waiter| (waiter, Some(as_it_stands)))?;
        if ended.is_some() {
            self.waiters.settled(id, status);
        }
        Ok(ticket)
    }

    /// Removes a waiter that has stopped waiting; `None` where it was told before.
    pub fn forget(&mut self, ticket: &Ticket) -> Option<T> {
        self.waiters.forget(ticket)
    }

    /// Takes the next action, as [`Session::poll_action`] does; whoever is to be told a status goes to `told`.
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self, told: &mut Vec<(T, Status)>) -> Option<Action> {
        told.append(&mut self.told);
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
        let mut told = core::mem::take(&mut self.told);
        told.append(&mut self.waiters.finish());
        told
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
