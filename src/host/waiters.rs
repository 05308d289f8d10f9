//! Those who wait for the outcome of a message, or for a mark beyond it.
//!
//! 1. Each waiter is given back exactly once: at the status it waits for, at an outcome after which that status will
//!    not come, at a later message under the same id, or at the end of the loop.
//! 2. Each waiter has a ticket of its own, and leaves by that ticket alone: never in the place of another.
//! 3. Nobody is told a status that the message does not have.
//! 4. After `finish` nobody is taken any more, so that nobody waits for a loop that is gone.
//! 5. The first waiter for the outcome of a message always finds room, and the outbox bounds these; all others are at
//!    most 1,024.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

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

/// Place of one waiter in [`Waiters`], with which it can leave. No two waiters have the same ticket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    id: MessageId,
    wait_for: WaitFor,
    number: u64,
}

impl Ticket {
    /// Returns the id of the message that is waited for.
    pub fn id(&self) -> &MessageId {
        &self.id
    }
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
/// waiters.wait(id.clone(), WaitFor::Outcome, "the sender").expect("room");
/// waiters.wait(id.clone(), WaitFor::Read, "the screen").expect("room");
/// let another = waiters.wait(id.clone(), WaitFor::Read, "another screen").expect("room");
/// waiters.forget(&another);
///
/// let mut told = |status| waiters.on_action(&Action::Status { id: id.clone(), status }, true);
/// assert_eq!(told(Status::Sent), []);
/// assert_eq!(told(Status::Accepted), [("the sender", Status::Accepted)]);
/// assert_eq!(told(Status::Read), [("the screen", Status::Read)]);
/// ```
#[derive(Clone, Debug)]
pub struct Waiters<T> {
    waiting: BTreeMap<Ticket, Waiter<T>>,
    next: u64,
    bounded: usize,
    finished: bool,
}

#[derive(Clone, Debug)]
struct Waiter<T> {
    wakes: T,
    /// The status to be told where the awaited one does not come.
    otherwise: Status,
    /// Whether the waiter counts for [`Waiters::MOST`].
    is_bounded: bool,
}

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Waiters<T> {
    /// Most waiters at a time beside the first for each outcome: 1,024. A mark may never come, and no other bound ends
    /// such a wait.
    pub const MOST: usize = 1_024;

    /// Creates an empty list.
    pub const fn new() -> Self {
        Self { waiting: BTreeMap::new(), next: 0, bounded: 0, finished: false }
    }

    /// Registers a waiter, beside those who wait for the same. Gives it back after [`finish`](Self::finish), and where
    /// [`MOST`](Self::MOST) others wait.
    ///
    /// A status that came before is not told: a host asks [`Session::status`](crate::Session::status) first where the
    /// message was sent earlier.
    pub fn wait(&mut self, id: MessageId, wait_for: WaitFor, waiter: T) -> Result<Ticket, T> {
        let is_bounded =
            wait_for != WaitFor::Outcome || self.waiting.range(up_to(&id, WaitFor::Outcome)).next().is_some();
        if self.finished || (is_bounded && self.bounded >= Self::MOST) {
            return Err(waiter);
        }
        self.bounded += usize::from(is_bounded);
        let ticket = self.ticket(id, wait_for);
        self.waiting.insert(ticket.clone(), Waiter { wakes: waiter, otherwise: Status::Unconfirmed, is_bounded });
        Ok(ticket)
    }

    /// Makes a ticket of nobody, for a message whose sender does not wait.
    pub(super) fn ticket(&mut self, id: MessageId, wait_for: WaitFor) -> Ticket {
        self.next += 1;
        Ticket { id, wait_for, number: self.next }
    }

    /// Takes out those whose wait this action ends, each with the status to be told; `receipts` says whether the
    /// dialect has receipts ([`Capabilities`](crate::dialect::Capabilities)).
    ///
    /// A failed outcome ends the wait for the marks as well.
    pub fn on_action(&mut self, action: &Action, receipts: bool) -> Vec<(T, Status)> {
        let (Action::Status { id, status }, false) = (action, self.waiting.is_empty()) else { return Vec::new() };
        let Some(last) = ended_by(*status, receipts) else { return Vec::new() };
        let told = self.take_up_to(id, last).into_iter().map(|waiter| (waiter.wakes, *status)).collect();
        self.settled(id, *status);
        told
    }

    /// Notes the outcome of a message for those who wait for a mark, who may be told nothing else.
    pub(super) fn settled(&mut self, id: &MessageId, outcome: Status) {
        self.waiting.range_mut(up_to(id, WaitFor::Read)).for_each(|(_, waiter)| waiter.otherwise = outcome);
    }

    /// Takes out all who wait for an earlier message under this id, which is now given to another. The status to be
    /// told is the outcome of the earlier message.
    pub fn renamed(&mut self, id: &MessageId) -> Vec<(T, Status)> {
        self.take_up_to(id, WaitFor::Read).into_iter().map(|waiter| (waiter.wakes, waiter.otherwise)).collect()
    }

    /// Removes the waiter with this ticket, which has stopped waiting; `None` where it was told before.
    pub fn forget(&mut self, ticket: &Ticket) -> Option<T> {
        self.take(ticket).map(|waiter| waiter.wakes)
    }

    /// Takes out all who are left, when the loop has ended, by whatever. Nobody is registered afterwards.
    ///
    /// The status to be told is the outcome of the message where it has come, and [`Status::Unconfirmed`] otherwise:
    /// what became of these messages is not known here.
    pub fn finish(&mut self) -> Vec<(T, Status)> {
        (self.finished, self.bounded) = (true, 0);
        let left = core::mem::take(&mut self.waiting).into_values();
        left.map(|waiter| (waiter.wakes, waiter.otherwise)).collect()
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

    fn take_up_to(&mut self, id: &MessageId, last: WaitFor) -> Vec<Waiter<T>> {
        let tickets: Vec<Ticket> = self.waiting.range(up_to(id, last)).map(|(ticket, _)| ticket.clone()).collect();
        tickets.iter().filter_map(|ticket| self.take(ticket)).collect()
    }

    fn take(&mut self, ticket: &Ticket) -> Option<Waiter<T>> {
        let waiter = self.waiting.remove(ticket)?;
        self.bounded -= usize::from(waiter.is_bounded);
        Some(waiter)
    }
}

/// The tickets of all who wait for this message, and for this status or less.
fn up_to(id: &MessageId, last: WaitFor) -> RangeInclusive<Ticket> {
    let ticket = |wait_for, number| Ticket { id: id.clone(), wait_for, number };
    ticket(WaitFor::Outcome, 0)..=ticket(last, u64::MAX)
}

/// The waits that a status ends: all up to this one.
pub(super) fn ended_by(status: Status, receipts: bool) -> Option<WaitFor> {
    match status {
        Status::Read => Some(WaitFor::Read),
        // A mark can be the first confirmation, and then it is the outcome too.
        Status::Delivered => Some(WaitFor::Delivered),
        status if status.may_resend() => Some(WaitFor::Read),
        status => status.settles(receipts).then_some(WaitFor::Outcome),
    }
}
