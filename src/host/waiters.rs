//! Those who wait for the outcome of a message, or for a mark beyond it.
//!
//! 1. Each waiter is given back exactly once: at the status it waits for, at an outcome after which that status will
//!    not come, or at the end of the loop.
//! 2. After `finish` nobody is taken any more, so that nobody waits for a loop that is gone.
//! 3. Waiters for an outcome are as many as the outbox has messages; waiters for marks are at most 1,024.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::action::Action;
use crate::id::MessageId;
use crate::status::Status;

/// The status that a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum WaitFor {
    /// The outcome of the message, which ends its round.
    Outcome,
    /// The mark [`Status::Delivered`], or [`Status::Read`].
    Delivered,
    /// The mark [`Status::Read`].
    Read,
}

/// Waiters of a host: who wants to know the status of which message. `T` wakes one of them, such as the sender of a
/// one-shot channel.
///
/// A host registers the waiter under the lock under which it sends the message, so that the outcome cannot come
/// between the two.
///
/// ```
/// use redial::host::{WaitFor, Waiters};
/// use redial::{Action, MessageId, Status};
///
/// let mut waiters = Waiters::new();
/// let id = MessageId::from("m1");
/// waiters.wait(id.clone(), WaitFor::Outcome, "the sender");
/// waiters.wait(id.clone(), WaitFor::Read, "the screen");
///
/// let mut told = |status| waiters.on_action(&Action::Status { id: id.clone(), status }, true);
/// assert_eq!(told(Status::Sent), []);
/// assert_eq!(told(Status::Accepted), [("the sender", Status::Accepted)]);
/// assert_eq!(told(Status::Read), [("the screen", Status::Read)]);
/// ```
#[derive(Clone, Debug)]
pub struct Waiters<T> {
    waiting: BTreeMap<(MessageId, WaitFor), T>,
    marks: usize,
    finished: bool,
}

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Waiters<T> {
    /// Most waiters for marks at a time: 1,024. A mark may never come, and no other bound ends such a wait.
    pub const MARKS: usize = 1_024;

    /// Creates an empty list.
    pub const fn new() -> Self {
        Self { waiting: BTreeMap::new(), marks: 0, finished: false }
    }

    /// Registers a waiter. Returns a waiter that nobody will tell any more.
    ///
    /// That is the given one after [`finish`](Self::finish), and where [`MARKS`](Self::MARKS) waiters for marks are
    /// registered already; otherwise it is the one that waited for the same status of the same message.
    ///
    /// A status that came before is not told: a host asks [`Session::status`](crate::Session::status) first where the
    /// message was sent earlier.
    pub fn wait(&mut self, id: MessageId, status: WaitFor, waiter: T) -> Option<T> {
        let key = (id, status);
        let is_mark = status != WaitFor::Outcome;
        let is_new = !self.waiting.contains_key(&key);
        if self.finished || (is_mark && is_new && self.marks >= Self::MARKS) {
            return Some(waiter);
        }
        self.marks += usize::from(is_mark && is_new);
        self.waiting.insert(key, waiter)
    }

    /// Takes out those whose wait this action ends, each with the status to be told; `receipts` says whether the
    /// dialect has receipts ([`Capabilities`](crate::dialect::Capabilities)).
    ///
    /// A failed outcome ends the wait for the marks as well.
    pub fn on_action(&mut self, action: &Action, receipts: bool) -> Vec<(T, Status)> {
        let mut told = Vec::new();
        if let (Action::Status { id, status }, false) = (action, self.waiting.is_empty()) {
            for wait in ended_by(*status, receipts) {
                told.extend(self.forget(id, *wait).map(|waiter| (waiter, *status)));
            }
        }
        told
    }

    /// Removes a waiter that has stopped waiting.
    pub fn forget(&mut self, id: &MessageId, status: WaitFor) -> Option<T> {
        let waiter = self.waiting.remove(&(id.clone(), status))?;
        self.marks -= usize::from(status != WaitFor::Outcome);
        Some(waiter)
    }

    /// Takes out all who are left, when the loop has ended, by whatever. Nobody is registered afterwards.
    ///
    /// The status to be told is [`Status::Unconfirmed`]: what became of these messages is not known here.
    pub fn finish(&mut self) -> Vec<(T, Status)> {
        self.finished = true;
        self.marks = 0;
        core::mem::take(&mut self.waiting).into_values().map(|waiter| (waiter, Status::Unconfirmed)).collect()
    }

    /// Whether the loop has ended, so that a message handed over now would go nowhere.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Returns how many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// The waits that a status ends.
pub(super) fn ended_by(status: Status, receipts: bool) -> &'static [WaitFor] {
    match status {
        // A mark can be the first confirmation, and then it is the outcome too.
        Status::Read => &[WaitFor::Outcome, WaitFor::Delivered, WaitFor::Read],
        Status::Delivered => &[WaitFor::Outcome, WaitFor::Delivered],
        status if status.may_resend() => &[WaitFor::Outcome, WaitFor::Delivered, WaitFor::Read],
        status if status.settles(receipts) => &[WaitFor::Outcome],
        _ => &[],
    }
}
