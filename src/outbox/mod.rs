//! Messages on their way out: taken, sent, confirmed or not, and settled once a round.
//!
//! 1. An entry leaves only by its settlement; nothing taken is ever evicted for something new.
//! 2. On each connection messages first go out in the order in which they were taken.
//! 3. `NotSent` is said only of a message of which no byte was ever handed to a socket.
//! 4. What may have arrived and cannot be sent again safely is `Unconfirmed`: too old for the server's dedup window, sent
//!    "once", or first in line at too many losses running.
//! 5. Ages count the machine's sleep.

mod line;
pub(crate) mod queue;
pub(crate) mod settled;
mod spots;
mod state;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::config::{OutboxPolicy, Resend, SendFailure, WhileDown};
use crate::error::{CancelError, ResendError, SendError};
use crate::frame::Body;
use crate::id::MessageId;
use crate::outbox::settled::{Confirmed, Kept, Settled};
use crate::outgoing::Repeat;
use crate::status::Status;
use crate::time::{Duration, Instant};

pub(crate) use line::Entry;
use line::MessageQueue;
pub(crate) use state::OutboxEntryState;

/// Messages that are taken and not settled, and the memory of those that were.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outbox {
    line: MessageQueue,
    expiries: BTreeSet<(Instant, u64)>,
    settled: Settled,
    bytes: usize,
    /// How long the machine slept in all: ages run on `now` plus this.
    slept: Duration,
    /// Messages from this place in line on wait until the host has stored them.
    sealed: u64,
    /// Changes to what a snapshot holds.
    revision: u64,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            line: MessageQueue::new(),
            expiries: BTreeSet::new(),
            settled: Settled::new(),
            bytes: 0,
            slept: Duration::ZERO,
            sealed: u64::MAX,
            revision: 0,
        }
    }

    /// Changes to what a snapshot holds, counted.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The place in line of the next message to be taken.
    pub(crate) fn end(&self) -> u64 {
        self.line.end()
    }

    /// Lets messages before this place in line leave; gives the ids of those that had to wait for it.
    pub(crate) fn seal(&mut self, end: u64) -> Vec<MessageId> {
        let start = core::mem::replace(&mut self.sealed, end);
        if start >= end {
            return Vec::new();
        }
        let released = self.line.iter_from(start).take_while(|(slot, _)| *slot < end);
        released.map(|(_, entry)| entry.id.clone()).collect()
    }

    /// Messages that are not settled.
    pub(crate) fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether every message is settled.
    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Where a message stands, as far as it is remembered.
    pub(crate) fn status(&self, id: &MessageId) -> Option<Status> {
        match self.line.slot_of(id).and_then(|slot| self.line.get(slot)) {
            Some(entry) if entry.is_in_flight() => Some(Status::Sent),
            Some(_) => Some(Status::Queued),
            None => self.settled.status(id),
        }
    }

    /// Whether this id may not be used for a new message.
    pub(crate) fn knows(&self, id: &MessageId) -> bool {
        self.line.slot_of(id).is_some() || self.settled.status(id).is_some()
    }

    /// Whether one more body of `bytes` fits; failed bodies that are only remembered give way.
    pub(crate) fn admits(&self, bytes: usize, policy: &OutboxPolicy) -> Result<(), SendError> {
        if self.line.len() >= policy.messages.as_count() {
            return Err(SendError::Full { limit: policy.messages.get() });
        }
        if self.bytes.saturating_add(bytes) > policy.bytes.as_count() {
            return Err(SendError::FullBytes { limit: policy.bytes.get() });
        }
        Ok(())
    }

    /// Takes a message that `admits` let in.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        id: &MessageId,
        body: Body,
        repeat: Repeat,
        ttl: Option<Duration>,
        policy: &OutboxPolicy,
    ) {
        let expires = ttl.or(policy.time_to_live).map(|ttl| now + self.slept + ttl);
        self.push(Entry::new(now, id.clone(), body, repeat, expires), policy);
    }

    fn push(&mut self, entry: Entry, policy: &OutboxPolicy) {
        self.count_in(self.line.end(), &entry, policy);
        self.line.push(entry);
    }

    /// What is true of the line with a message more at this place.
    fn count_in(&mut self, slot: u64, entry: &Entry, policy: &OutboxPolicy) {
        self.revision += 1;
        self.bytes = self.bytes.saturating_add(entry.body.len());
        self.settled.make_room(policy.bytes.as_count().saturating_sub(self.bytes));
        if let Some(at) = entry.expires {
            self.expiries.insert((at, slot));
        }
    }

    /// The next message to hand over, if the window has room: its place in line and the message.
    pub(crate) fn next_to_send(&self, policy: &OutboxPolicy) -> Option<(u64, &Entry)> {
        let slot = self.line.waiting().filter(|slot| *slot < self.sealed)?;
        let entry = self.line.get(slot)?;
        let head = self.line.head().map_or(entry, |(_, head)| head);
        // A message that may be what kills the link travels alone, so that the verdict on it is just.
        let window = if head.losses >= 2 { 1 } else { policy.in_flight.as_count() };
        (self.line.in_flight() < window).then_some((slot, entry))
    }

    /// Whether sending this entry again could be taken for a new message: its first copy is older than the server remembers.
    pub(crate) fn is_stale(&self, now: Instant, entry: &Entry, dedup: Option<Duration>) -> bool {
        match (entry.first_sent, dedup) {
            (Some(first), Some(window)) => (now + self.slept).since(first) >= window,
            _ => false,
        }
    }

    /// The message was handed to the socket; it waits for its confirmation.
    pub(crate) fn on_sent(&mut self, now: Instant, slot: u64) {
        let aged = now + self.slept;
        if let Some(entry) = self.line.launch(slot) {
            entry.sends = entry.sends.saturating_add(1);
            entry.round = entry.round.saturating_add(1);
            entry.first_sent.get_or_insert(aged);
            entry.sent_at = now;
        }
    }

    /// The message was handed to the socket and nobody will confirm it: that settles it. Its body is kept for a failed write.
    pub(crate) fn on_sent_for_good(&mut self, now: Instant, slot: u64, policy: &OutboxPolicy) {
        self.on_sent(now, slot);
        self.settle(slot, Status::Sent, policy);
    }

    /// The peer has said something about a message of ours.
    pub(crate) fn on_confirmed(&mut self, id: &MessageId, status: Status, policy: &OutboxPolicy) -> Confirmed {
        if let Some(slot) = self.line.slot_of(id) {
            if self.line.get(slot).is_none_or(|entry| entry.sends == 0) {
                // Nothing of it was ever sent, so nobody can have it.
                return Confirmed::Unknown;
            }
            self.settle(slot, status, policy);
            return Confirmed::Settled;
        }
        let confirmed = self.settled.on_confirmed(id, status);
        self.revision += u64::from(confirmed == Confirmed::Raised);
        confirmed
    }

    /// The socket did not take the message; gives where it and those behind it stand now, nothing for one not in flight.
    pub(crate) fn on_send_failed(&mut self, id: &MessageId, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        let ends_link = policy.send_failure == SendFailure::EndLink;
        let unsent = self.unsend(id, ends_link, policy).into_iter();
        if ends_link {
            return unsent.filter_map(|slot| Some((self.line.get(slot)?.id.clone(), Status::Queued))).collect();
        }
        unsent.filter_map(|slot| self.fail(slot, policy)).collect()
    }

    /// The connection is lost, and nobody has handed the message to a socket: it waits as before.
    pub(crate) fn on_withdrawn(&mut self, id: &MessageId, policy: &OutboxPolicy) {
        self.unsend(id, true, policy);
    }

    /// Whether it could be undone that the message was handed over: it waits for its confirmation, or nobody gives one and its
    /// body is kept.
    pub(crate) fn can_unsend(&self, id: &MessageId) -> bool {
        match self.line.slot_of(id).and_then(|slot| self.line.get(slot)) {
            Some(entry) => entry.is_in_flight(),
            None => self.settled.status(id) == Some(Status::Sent) && self.settled.kept(id).is_some(),
        }
    }

    /// Takes a message out of flight, also where its being handed over had settled it.
    fn take_back(&mut self, id: &MessageId, policy: &OutboxPolicy) -> Option<u64> {
        if let Some(slot) = self.line.slot_of(id) {
            return self.line.land(slot).then_some(slot);
        }
        // Only what was settled by its being handed over can be undone by that write's failure.
        self.settled.status(id).filter(|status| *status == Status::Sent)?;
        let kept = self.settled.take_back(id)?;
        let slot = kept.slot;
        let entry = Entry::reopened(id.clone(), kept);
        self.count_in(slot, &entry, policy);
        self.line.put_back(slot, entry);
        Some(slot)
    }

    /// One write of a message did not happen, and where its link ends with that, none of those behind it: gives their places.
    fn unsend(&mut self, id: &MessageId, ends_link: bool, policy: &OutboxPolicy) -> Vec<u64> {
        let Some(slot) = self.take_back(id, policy) else { return Vec::new() };
        let mut unsent = alloc::vec![slot];
        if ends_link {
            // Writes go out in order, so nothing that was handed over behind it went out either.
            for (slot, id) in self.settled.sent_behind(slot) {
                unsent.extend(self.take_back(&id, policy).filter(|again| *again == slot));
            }
        }
        for slot in &unsent {
            let Some(entry) = self.line.get_mut(*slot) else { continue };
            entry.sends = entry.sends.saturating_sub(1);
            entry.round = entry.round.saturating_sub(1);
            if entry.round == 0 {
                entry.first_sent = None;
            }
        }
        unsent
    }

    /// The connection is lost. `suspicious` says that the message first in line may be what ended it.
    pub(crate) fn on_lost(&mut self, suspicious: bool, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        let mut settlements = Vec::new();
        self.settled.forget_sent_bodies();
        let suspect = self.line.head().map(|(slot, _)| slot).filter(|_| suspicious);
        if let Some(entry) = suspect.and_then(|slot| self.line.get_mut(slot)) {
            entry.losses = entry.losses.saturating_add(1);
        }
        for slot in self.line.places(Entry::is_in_flight) {
            let Some(entry) = self.line.get(slot) else { continue };
            let quarantined = policy.quarantine.is_some_and(|limit| entry.losses >= limit.get());
            if policy.resend == Resend::Never || entry.repeat == Repeat::Never || quarantined {
                settlements.extend(self.settle_told(slot, Status::Unconfirmed, policy));
            } else {
                self.line.land(slot);
            }
        }
        if policy.while_down == WhileDown::Refuse {
            settlements.extend(self.settle_all(policy));
        }
        settlements
    }

    /// The session has ended: everything gets its outcome, and no write of the past can be reported as failed any more.
    pub(crate) fn on_ended(&mut self, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        self.settled.forget_sent_bodies();
        self.settle_all(policy)
    }

    fn settle_all(&mut self, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        self.line.places(|_| true).into_iter().filter_map(|slot| self.fail(slot, policy)).collect()
    }

    /// Settles a message as failed: `NotSent` where that is certain, else `Unconfirmed`.
    pub(crate) fn fail(&mut self, slot: u64, policy: &OutboxPolicy) -> Option<(MessageId, Status)> {
        let status = self.line.get(slot)?.failed();
        self.settle_told(slot, status, policy)
    }

    /// Takes a message back before it is sent.
    pub(crate) fn cancel(&mut self, id: &MessageId, policy: &OutboxPolicy) -> Result<(), CancelError> {
        let slot = self.line.slot_of(id).ok_or(CancelError::Unknown)?;
        if self.line.get(slot).is_none_or(|entry| entry.sends > 0) {
            return Err(CancelError::Sent);
        }
        self.settle(slot, Status::Cancelled, policy);
        Ok(())
    }

    /// Opens a new round for a failed message, at the end of the line.
    pub(crate) fn resend(&mut self, now: Instant, id: &MessageId, policy: &OutboxPolicy) -> Result<(), ResendError> {
        if self.line.slot_of(id).is_some() {
            return Err(ResendError::NotFailed);
        }
        let status = self.settled.status(id).ok_or(ResendError::Unknown)?;
        if !status.may_resend() {
            return Err(ResendError::NotFailed);
        }
        let bytes = self.settled.kept(id).ok_or(ResendError::Unknown)?.body.len();
        self.admits(bytes, policy).map_err(|_| ResendError::Full)?;
        if let Some(kept) = self.settled.take_back(id) {
            let mut entry = Entry::reopened(id.clone(), kept);
            // A resend by hand is the user's own decision, so the age of the earlier copies no longer speaks against it.
            entry.first_sent = None;
            entry.expires = policy.time_to_live.map(|ttl| now + self.slept + ttl);
            self.push(entry, policy);
        }
        Ok(())
    }

    /// Whether the time to live of this entry is over.
    pub(crate) fn is_expired(&self, now: Instant, entry: &Entry) -> bool {
        entry.expires.is_some_and(|at| at.is_due(now + self.slept))
    }

    /// Settles one message whose time to live is over; to be called until it has nothing more to say.
    pub(crate) fn expire(&mut self, now: Instant, policy: &OutboxPolicy) -> Option<(MessageId, Status)> {
        let &(at, slot) = self.expiries.first()?;
        if !at.is_due(now + self.slept) {
            return None;
        }
        self.fail(slot, policy)
    }

    /// The first in line of those whose confirmation is overdue.
    pub(crate) fn overdue(&self, now: Instant, policy: &OutboxPolicy) -> Option<u64> {
        let (slot, _) = self.line.head()?;
        self.receipt_deadline(policy).is_some_and(|at| at.is_due(now)).then_some(slot)
    }

    /// Every message whose confirmation is overdue, in order.
    pub(crate) fn all_overdue(&self, now: Instant, policy: &OutboxPolicy) -> Vec<u64> {
        let Some(timeout) = policy.receipt_timeout else { return Vec::new() };
        self.line.places(|entry| entry.is_in_flight() && (entry.sent_at + timeout).is_due(now))
    }

    /// Where in line a message stands.
    pub(crate) fn slot_of(&self, id: &MessageId) -> Option<u64> {
        self.line.slot_of(id)
    }

    /// The message at a place in line.
    pub(crate) fn entry(&self, slot: u64) -> Option<&Entry> {
        self.line.get(slot)
    }

    /// When the message first in line counts as overdue.
    pub(crate) fn receipt_deadline(&self, policy: &OutboxPolicy) -> Option<Instant> {
        let (_, entry) = self.line.head()?;
        Some(entry.sent_at + policy.receipt_timeout?)
    }

    /// When the next time to live is over.
    pub(crate) fn expiry_deadline(&self) -> Option<Instant> {
        let &(at, _) = self.expiries.first()?;
        (at != Instant::NEVER).then_some(at - self.slept)
    }

    /// The machine slept: every message is that much older.
    pub(crate) fn on_slept(&mut self, asleep: Duration) {
        self.slept = self.slept + asleep;
    }

    fn settle(&mut self, slot: u64, status: Status, policy: &OutboxPolicy) {
        let Some(entry) = self.line.remove(slot) else { return };
        self.revision += 1;
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, slot));
        }
        self.bytes = self.bytes.saturating_sub(entry.body.len());
        let Entry { id, body, sends, repeat, .. } = entry;
        let kept = Settled::keeps(status).then_some(Kept { body, sends, repeat, slot });
        self.settled.remember(id, status, kept, policy.remembered.as_count(), policy.in_flight.as_count());
        self.settled.make_room(policy.bytes.as_count().saturating_sub(self.bytes));
    }

    /// The same, and what is to be told of it.
    fn settle_told(&mut self, slot: u64, status: Status, policy: &OutboxPolicy) -> Option<(MessageId, Status)> {
        let id = self.line.get(slot)?.id.clone();
        self.settle(slot, status, policy);
        Some((id, status))
    }
}
