//! Outbox: outgoing messages are taken, sent, confirmed or not, and settled once a round.
//!
//! 1. A message leaves the outbox only by its settlement; no message is evicted for a new message.
//! 2. On each connection messages are first sent in the order in which they were taken.
//! 3. `NotSent` is reported only for a message of which no byte was ever handed to a socket.
//! 4. `Unconfirmed` is reported for a message that may have arrived and cannot safely be sent again: the message is
//!    older than the server's dedup window, may be sent at most once, or was the first in flight at too many suspicious
//!    losses.
//! 5. The age of a message includes the time for which the machine slept.
//! 6. A copy that is asked for by hand goes out on the present connection, before messages that wait.
//! 7. Where a failure holds the line, no message behind the failed one leaves until the user decides.
//! 8. A confirmation is overdue when nothing moved for `receipt_timeout`: the wait of the first message in flight
//!    starts when its last byte is written, and anew with each confirmation in order.

mod by_hand;
mod entry;
mod rate;
pub(crate) mod settled;
pub(crate) mod slot_map;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::config::{OnFailure, OutboxPolicy, SendFailure, WhileDown};
use crate::deadline::Deadline;
use crate::durable::{AgeClock, Batch, Damaged, Kind, Log, Records};
use crate::error::{AbandonError, CancelError, ResendError, SendError};
use crate::frame::Body;
use crate::id::{LAST, MessageId};
use crate::outgoing::Repeat;
use crate::status::Status;
use crate::time::{Duration, Instant};

use by_hand::{ByHand, Failed};
pub(crate) use entry::Entry;
use entry::{CopiesRecord, MessageRecord, Standing};
use rate::RateLimit;
use settled::{Confirmed, Kept, Settled, SettledEntry, SettledRecord};
use slot_map::{HasId, SlotMap};

/// Slots of messages that wait again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Returned(BTreeSet<u64>);

/// Unsettled messages in the order of their slots, and the memory of settled messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outbox {
    unsettled: SlotMap<Entry>,
    /// Slot of the first message that was not handed over, or the end: all messages from there on wait.
    fresh: u64,
    /// Slots before that one whose messages wait again; boxed, since few sessions ever have one.
    returned: Option<Box<Returned>>,
    /// Number of messages in flight.
    in_flight: usize,
    /// When the wait for confirmations last started anew.
    renewed_at: Instant,
    /// Ends of the times to live, with the slots of the messages.
    expiries: BTreeSet<(Instant, u64)>,
    by_hand: ByHand,
    settled: Settled,
    /// `None` until the first message meets a rate.
    rate: Option<Box<RateLimit>>,
    /// Length of all unsettled bodies together, in bytes.
    bytes: usize,
    ages: AgeClock,
    /// First slot whose messages wait until the host has stored them; `u64::MAX` without write-ahead.
    held_from: u64,
    /// Messages taken and settled since records were last announced, and those whose copies changed.
    log: Log,
}

impl Outbox {
    /// Creates an empty outbox; `logs` says whether it notes the changes of its records.
    pub(crate) fn new(logs: bool) -> Self {
        Self {
            unsettled: SlotMap::default(),
            fresh: 0,
            returned: None,
            in_flight: 0,
            renewed_at: Instant::ORIGIN,
            expiries: BTreeSet::new(),
            by_hand: ByHand::default(),
            settled: Settled::new(logs),
            rate: None,
            bytes: 0,
            ages: AgeClock::default(),
            held_from: u64::MAX,
            log: Log::new(logs),
        }
    }

    /// Clock of ages, on which records hold moments.
    pub(crate) fn ages(&self) -> AgeClock {
        self.ages
    }

    /// Whether a change of the records begins a new version.
    pub(crate) fn has_changed(&self) -> bool {
        self.log.is_loud()
    }

    /// Writes the records that were touched, or `all` of them.
    pub(crate) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        let message = |slot, batch: &mut Batch<'_>| {
            batch.set(Kind::Message.at(slot), self.unsettled.get(slot).map(Entry::message_record).as_ref());
        };
        let copies = |slot, batch: &mut Batch<'_>| {
            batch.set(Kind::Copies.at(slot), self.unsettled.get(slot).and_then(Entry::copies_record).as_ref());
        };
        if all {
            self.unsettled.iter().for_each(|(slot, _)| {
                message(slot, batch);
                copies(slot, batch);
            });
            self.by_hand.failures().for_each(|(slot, failed)| batch.put(Kind::Failure.at(slot), &failed.record()));
        } else {
            for slot in self.log.numbers() {
                message(slot, batch);
                batch.set(Kind::Failure.at(slot), self.by_hand.failure(slot).map(Failed::record).as_ref());
            }
            self.log.second_numbers().for_each(|slot| copies(slot, batch));
        }
        self.settled.write(batch, all);
    }

    /// Whether a message waits to be stored.
    pub(crate) fn has_unstored(&self) -> bool {
        self.held_from < self.unsettled.end()
    }

    /// Forgets the changes of the records, because they are announced.
    pub(crate) fn clear_changes(&mut self) {
        self.log.clear();
        self.settled.log().clear();
    }

    /// Restores the outbox from its records, at `now` on the session's clock; `None` where an id stands twice or a
    /// message contradicts itself. Where the process could send messages until it ended, each counts as sent at the
    /// time `sent`. `moved` is how far moments move back on the clock of ages.
    pub(crate) fn restored(
        now: Instant,
        records: &Records,
        (ages, moved): (AgeClock, Duration),
        sent: Option<Instant>,
        policy: &OutboxPolicy,
        logs: bool,
    ) -> Result<Self, Damaged> {
        let messages: Vec<(u64, MessageRecord<'_>)> = records.all(Kind::Message)?;
        let mut copies: BTreeMap<u64, CopiesRecord> = records.all(Kind::Copies)?.into_iter().collect();
        let settled: Vec<(u64, SettledRecord<'_>)> = records.all(Kind::Settled)?;
        let failures: Vec<(u64, SettledRecord<'_>)> = records.all(Kind::Failure)?;
        let past = settled.iter().chain(&failures).map(|(_, entry)| &*entry.id);
        let ids: BTreeSet<&MessageId> =
            messages.iter().map(|(_, message)| &*message.id).chain(past).filter(|id| id.is_sound()).collect();
        if ids.len() < messages.len() + settled.len() + failures.len() {
            return Err(Damaged);
        }
        let mut outbox = Self::new(logs);
        outbox.ages = ages;
        outbox.settled = Settled::restored(settled, policy.remembered.as_count(), logs).ok_or(Damaged)?;
        // What is behind a message that holds the line cannot have left since.
        let holds = failures.first().filter(|_| policy.on_failure == OnFailure::Hold);
        let end = holds.map_or(LAST, |(slot, _)| *slot);
        for (slot, message) in messages {
            let mut copies = copies.remove(&slot).unwrap_or_default();
            if let Some(sent) = sent.filter(|_| slot < end) {
                copies.count_possible(sent);
            }
            if !copies.is_sound() || slot >= LAST {
                return Err(Damaged);
            }
            outbox.insert(slot, Entry::restored(now, message, copies, moved), policy);
        }
        if !copies.is_empty() {
            return Err(Damaged);
        }
        for (slot, record) in failures {
            let is_free = slot < LAST && outbox.unsettled.get(slot).is_none();
            let (id, status, kept) = record.into_failure().filter(|_| is_free).ok_or(Damaged)?;
            // Its place is taken and given up again, so that new messages get places behind it.
            outbox.insert(slot, Entry::reopened(id, kept), policy);
            outbox.settle(slot, status, policy);
        }
        outbox.make_room(policy);
        outbox.clear_changes();
        Ok(outbox)
    }

    /// Settles, after a restart, each message that may have been sent in its round and may not be sent again; with
    /// `WhileDown::Refuse` settles every message.
    pub(crate) fn on_restored(&mut self, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        let unrepeatable = |entry: &Entry| {
            policy.while_down == WhileDown::Refuse || (entry.first_sent.is_some() && entry.is_once(policy))
        };
        let slots = self.slots_where(unrepeatable).into_iter();
        slots.filter_map(|slot| self.fail(slot, policy)).collect()
    }

    /// Whether any id of a message passes this test.
    pub(crate) fn any_id(&self, test: impl Fn(&MessageId) -> bool) -> bool {
        let failures = self.by_hand.failures().map(|(_, failed)| failed.id());
        self.unsettled.iter().any(|(_, entry)| test(&entry.id)) || failures.chain(self.settled.ids()).any(test)
    }

    /// Returns the unsettled messages in this slot or a later one: their slots and ids, in order.
    pub(crate) fn ids_from(&self, slot: u64) -> impl Iterator<Item = (u64, &MessageId)> {
        self.unsettled.iter_from(slot).map(|(slot, entry)| (slot, &entry.id))
    }

    /// Slot of the next message to be taken.
    pub(crate) fn end(&self) -> u64 {
        self.unsettled.end()
    }

    /// Releases the messages before slot `end` for sending, holds those behind it, and returns the released messages.
    pub(crate) fn release_before(&mut self, end: u64) -> Vec<(u64, MessageId)> {
        let start = core::mem::replace(&mut self.held_from, end);
        if start >= end {
            return Vec::new();
        }
        let released = self.unsettled.iter_from(start).take_while(|(slot, _)| *slot < end);
        released.map(|(slot, entry)| (slot, entry.id.clone())).collect()
    }

    /// Number of unsettled messages.
    pub(crate) fn len(&self) -> usize {
        self.unsettled.len()
    }

    /// Whether every message is settled.
    pub(crate) fn is_empty(&self) -> bool {
        self.unsettled.len() == 0
    }

    /// Status of a message; `None` if the message is unknown or forgotten. `receipts` says whether the peer confirms.
    pub(crate) fn status(&self, id: &MessageId, receipts: bool) -> Option<Status> {
        match self.unsettled.find(id) {
            Some((_, entry)) => Some(entry.status(receipts)),
            None => self.by_hand.find(id).map(|(_, failed)| failed.entry.status).or_else(|| self.settled.status(id)),
        }
    }

    /// Whether an unsettled or remembered message has this id, so that no new message may use it.
    pub(crate) fn knows(&self, id: &MessageId) -> bool {
        self.status(id, true).is_some()
    }

    /// Checks that one more body of `bytes` fits. Bodies kept of failed messages do not count: they are dropped for it.
    pub(crate) fn admits(&self, bytes: usize, policy: &OutboxPolicy) -> Result<(), SendError> {
        let (failed, failed_bytes) = self.by_hand.failed();
        if self.unsettled.len() + failed >= policy.messages.as_count() {
            return Err(SendError::Full { limit: policy.messages.get() });
        }
        if self.bytes.saturating_add(failed_bytes).saturating_add(bytes) > policy.bytes.as_count() {
            return Err(SendError::FullBytes { limit: policy.bytes.get() });
        }
        Ok(())
    }

    /// Takes a message that `admits` has accepted; `ttl` stands before the time to live of the policy.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        id: &MessageId,
        body: Body,
        repeat: Repeat,
        ttl: Option<Duration>,
        policy: &OutboxPolicy,
    ) {
        let expires = ttl.or(policy.time_to_live).map(|ttl| self.ages.at(now) + ttl);
        self.insert(self.unsettled.end(), Entry::new(now, id.clone(), body, repeat, expires), policy);
    }

    /// Adds a waiting message at the end of the queue, or puts it back into the slot that it had.
    fn insert(&mut self, slot: u64, entry: Entry, policy: &OutboxPolicy) {
        self.log.touch(slot);
        self.log.touch_second(slot);
        self.bytes = self.bytes.saturating_add(entry.body.len());
        self.make_room(policy);
        if let Some(at) = entry.expires {
            self.expiries.insert((at, slot));
        }
        self.unsettled.insert(slot, entry);
        self.mark_waiting(slot);
    }

    /// Whether a message waits to be stored.
    pub(crate) fn is_unstored(&self, slot: u64) -> bool {
        slot >= self.held_from
    }

    /// Whether a message waits to be stored, or for the user to decide about a failed message before it.
    pub(crate) fn is_held(&self, slot: u64) -> bool {
        self.is_unstored(slot) || self.first_held() < slot
    }

    /// Returns the next message to send and its slot, if the in-flight window has room.
    pub(crate) fn next_to_send(&self, policy: &OutboxPolicy) -> Option<(u64, &Entry)> {
        let slot = self.waiting().filter(|slot| !self.is_held(*slot))?;
        let entry = self.unsettled.get(slot)?;
        let head = self.head().map_or(entry, |(_, head)| head);
        // A message suspected of ending connections is sent alone, so that the next loss is blamed on the right one.
        let window = if head.losses >= 2 { 1 } else { policy.in_flight.as_count() };
        (self.in_flight < window).then_some((slot, entry))
    }

    /// Has another copy of a message sent, if the message is in flight; one that waits keeps its place.
    pub(crate) fn repeat(&mut self, slot: u64) {
        self.by_hand.repeat(slot);
    }

    /// Returns the next message of which another copy was asked for, and its slot.
    pub(crate) fn next_repeat(&self) -> Option<(u64, &Entry)> {
        let slot = self.by_hand.next_repeat()?;
        Some((slot, self.unsettled.get(slot)?))
    }

    /// Forgets that another copy of a message was asked for.
    pub(crate) fn drop_repeat(&mut self, slot: u64) {
        self.by_hand.drop_repeat(slot);
    }

    /// Lets the messages leave that wait behind failed messages; returns whether there were failed messages.
    pub(crate) fn pass_failures(&mut self, policy: &OutboxPolicy) -> bool {
        let failures: Vec<u64> = self.by_hand.failures().map(|(slot, _)| slot).collect();
        for slot in &failures {
            self.pass(*slot, policy);
        }
        !failures.is_empty()
    }

    /// Lets the messages leave that wait behind one failed message.
    fn pass(&mut self, slot: u64, policy: &OutboxPolicy) {
        let Some(Failed { entry, kept }) = self.by_hand.pass(slot) else { return };
        self.log.touch(slot);
        self.settled.remember(entry, Some(kept), policy);
        self.make_room(policy);
    }

    /// Slot from which on messages wait behind a failed one; [`LAST`] where none does.
    pub(crate) fn first_held(&self) -> u64 {
        self.by_hand.failures().next().map_or(LAST, |(slot, _)| slot)
    }

    /// Id of the message in a slot, if it is unsettled or failed and holds the line.
    pub(crate) fn id_at(&self, slot: u64) -> Option<&MessageId> {
        let failed = || self.by_hand.failure(slot).map(HasId::id);
        self.unsettled.get(slot).map(HasId::id).or_else(failed)
    }

    /// Whether a failed message holds the line in this slot, and no message waits before it.
    pub(crate) fn holds_place(&self, slot: u64) -> bool {
        self.by_hand.failure(slot).is_some() && self.waiting().is_none_or(|first| first > slot)
    }

    /// Whether the rate lets a message leave now; if one waits for the rate, its deadline is set.
    #[inline]
    pub(crate) fn rate_allows(&mut self, now: Instant, policy: &OutboxPolicy) -> bool {
        let Some(rate) = policy.rate else { return true };
        let waits = self.waiting().is_some() || self.by_hand.next_repeat().is_some();
        !waits || self.rate.get_or_insert_default().allows(now, rate)
    }

    /// When the rate allows a whole burst again; `None` where it does now.
    pub(crate) fn rate_full_at(&self, now: Instant) -> Option<Instant> {
        self.rate.as_ref().and_then(|rate| rate.full_at(now))
    }

    /// Goes on with a rate that allows a whole burst again after `spent`; `may_have_left` says whether messages left
    /// perhaps that are not counted in it.
    pub(crate) fn restore_rate(&mut self, now: Instant, spent: Duration, may_have_left: bool, policy: &OutboxPolicy) {
        let end = self.first_held();
        let copies = self.unsettled.iter().take_while(|(slot, _)| may_have_left && *slot < end).count() as u64;
        self.rate = policy.rate.and_then(|rate| RateLimit::restored(now, spent, copies, rate)).map(Box::new);
    }

    /// When the rate lets the next message leave; never while no message waits for that.
    pub(crate) fn rate_deadline(&self) -> Deadline {
        self.rate.as_ref().map_or(Deadline::NEVER, |rate| rate.deadline())
    }

    /// Stops the timer of the rate.
    pub(crate) fn stop_rate(&mut self) {
        if let Some(rate) = &mut self.rate {
            rate.stop();
        }
    }

    /// Whether the first copy of a message is as old as the server's dedup window, so that the server could take
    /// another copy for a new message.
    pub(crate) fn is_stale(&self, now: Instant, entry: &Entry, dedup: Option<Duration>) -> bool {
        match (entry.first_sent, dedup) {
            (Some(first), Some(window)) => self.ages.at(now).since(first) >= window,
            _ => false,
        }
    }

    /// Marks a message as handed to the socket: the message is in flight until it is confirmed. The wait for that
    /// starts now or, for an `unwritten` message, when the socket has taken it.
    pub(crate) fn on_sent(&mut self, now: Instant, slot: u64, unwritten: bool, policy: &OutboxPolicy) {
        let sent_at = if unwritten { Instant::NEVER } else { now };
        if self.count_copy(now, slot, sent_at, Standing::InFlight, policy) {
            self.in_flight += 1;
            self.unmark_waiting(slot);
        }
    }

    /// Marks a message as handed to a host whose socket has not taken it, where the peer sends no confirmations.
    pub(crate) fn on_leaving(&mut self, now: Instant, slot: u64, policy: &OutboxPolicy) {
        if self.count_copy(now, slot, Instant::NEVER, Standing::Leaving, policy) {
            self.unmark_waiting(slot);
        }
    }

    /// Counts a copy of a message; returns whether the message was waiting.
    fn count_copy(
        &mut self,
        now: Instant,
        slot: u64,
        sent_at: Instant,
        standing: Standing,
        policy: &OutboxPolicy,
    ) -> bool {
        let aged = self.ages.at(now);
        let by_hand = self.by_hand.drop_repeat(slot);
        if let Some(rate) = policy.rate {
            self.rate.get_or_insert_default().on_sent(now, rate);
        }
        self.log.touch_second(slot);
        let Some(entry) = self.unsettled.get_mut(slot) else { return false };
        entry.sends = entry.sends.saturating_add(1);
        entry.round = entry.round.saturating_add(1);
        entry.first_sent.get_or_insert(aged);
        entry.sent_at = sent_at;
        entry.own_sent_at = if by_hand { entry.own_sent_at } else { sent_at };
        core::mem::replace(&mut entry.standing, standing) == Standing::Waiting
    }

    /// Handles a message that the socket has taken completely: its confirmation is awaited from now on, or, where the
    /// peer sends none, it is settled as `Sent` and returned.
    pub(crate) fn on_written(&mut self, now: Instant, slot: u64, policy: &OutboxPolicy) -> Option<(MessageId, Status)> {
        let entry = self.unsettled.get_mut(slot)?;
        if entry.is_leaving() {
            return self.settle_and_report(slot, Status::Sent, policy);
        }
        entry.sent_at = now;
        entry.own_sent_at = entry.own_sent_at.min(now);
        None
    }

    /// Starts the wait for confirmations anew: they may be behind a frame that arrives at present.
    pub(crate) fn on_arriving(&mut self, now: Instant) {
        self.renewed_at = now;
    }

    /// Holds the wait for confirmations while frames are not read: they may be among the frames that are not read.
    #[inline]
    pub(crate) fn settle_reading(&mut self, now: Instant, reads: bool) {
        if !reads {
            self.renewed_at = Instant::NEVER;
        } else if self.renewed_at.is_never() {
            self.renewed_at = now;
        }
    }

    /// Marks a message as handed to the socket and settles it as `Sent`, because the peer sends no confirmations. The
    /// body is kept for a failed write.
    pub(crate) fn on_sent_for_good(&mut self, now: Instant, slot: u64, policy: &OutboxPolicy) {
        self.on_sent(now, slot, false, policy);
        self.settle(slot, Status::Sent, policy);
    }

    /// Applies the confirmation `status` of the peer to a message.
    pub(crate) fn on_confirmed(
        &mut self,
        now: Instant,
        id: &MessageId,
        status: Status,
        policy: &OutboxPolicy,
    ) -> Confirmed {
        if let Some((slot, entry)) = self.unsettled.find(id) {
            if !entry.was_sent() {
                // The peer cannot have a message that was never sent.
                return Confirmed::Unknown;
            }
            if self.head().is_some_and(|(first, _)| first == slot) {
                self.renewed_at = now;
            }
            self.settle(slot, status, policy);
            return Confirmed::Settled;
        }
        let confirmed = match self.by_hand.find(id) {
            Some((_, failed)) => Settled::effect(status, failed.entry.status),
            None => self.settled.on_confirmed(id, status),
        };
        if confirmed == Confirmed::Raised {
            self.log.call();
        }
        confirmed
    }

    /// Undoes a failed write. Returns the new status of the message and, where the failure ends the link, of each
    /// message behind it.
    pub(crate) fn on_send_failed(&mut self, id: &MessageId, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        let ends_link = policy.send_failure == SendFailure::EndLink;
        let unsent = self.unsend(id, ends_link, policy).into_iter();
        if ends_link {
            // A message of which another copy was sent in this round stays `Sent`.
            let unsent = unsent.filter_map(|slot| self.unsettled.get(slot).filter(|entry| entry.round == 0));
            return unsent.map(|entry| (entry.id.clone(), Status::Queued)).collect();
        }
        unsent.filter_map(|slot| self.fail(slot, policy)).collect()
    }

    /// Settles a message that leaves and of which no byte was written; `NotSent` where no earlier copy was sent.
    pub(crate) fn on_never_written(&mut self, slot: u64, policy: &OutboxPolicy) -> Option<(MessageId, Status)> {
        let entry = self.unsettled.get_mut(slot).filter(|entry| entry.is_leaving())?;
        entry.sends = entry.sends.saturating_sub(1);
        self.fail(slot, policy)
    }

    /// Makes a message wait again whose connection was lost before the message was handed to a socket.
    pub(crate) fn on_withdrawn(&mut self, id: &MessageId, policy: &OutboxPolicy) {
        // Every message handed over behind it is withdrawn too, and one that a socket has keeps its outcome.
        if self.unsend(id, false, policy).is_empty() {
            // Another copy of the message was withdrawn before this one.
            let copied = self.unsettled.find(id).filter(|(_, entry)| entry.was_sent_this_round());
            if let Some(slot) = copied.map(|(slot, _)| slot) {
                self.uncount_copy(slot);
            }
        }
    }

    /// Whether the sending of a message can be undone: the message is in flight, or was settled as `Sent` and its body
    /// is kept.
    pub(crate) fn can_unsend(&self, id: &MessageId) -> bool {
        match self.unsettled.find(id) {
            Some((_, entry)) => entry.standing != Standing::Waiting,
            None => self.settled.status(id) == Some(Status::Sent) && self.settled.kept(id).is_some(),
        }
    }

    /// Makes a message that is in flight or was settled as `Sent` wait again, and returns its slot.
    fn take_back(&mut self, id: &MessageId, policy: &OutboxPolicy) -> Option<u64> {
        if let Some(slot) = self.unsettled.slot_of(id) {
            return self.return_to_waiting(slot).then_some(slot);
        }
        // A failed write undoes the settlement as `Sent` and no other settlement.
        self.settled.status(id).filter(|status| *status == Status::Sent)?;
        let kept = self.settled.take_back(id)?;
        let slot = kept.slot;
        self.insert(slot, Entry::reopened(id.clone(), kept), policy);
        Some(slot)
    }

    /// Undoes one write of a message and, where the link ends, one write of each message behind it. Returns the slots
    /// of these messages.
    fn unsend(&mut self, id: &MessageId, ends_link: bool, policy: &OutboxPolicy) -> Vec<u64> {
        let Some(slot) = self.take_back(id, policy) else { return Vec::new() };
        let mut unsent = alloc::vec![slot];
        if ends_link {
            // A socket writes in order, so no message behind the failed one was written either.
            for (slot, id) in self.settled.sent_behind(slot) {
                unsent.extend(self.take_back(&id, policy).filter(|taken_back| *taken_back == slot));
            }
            for behind in self.slots_where(Entry::is_leaving) {
                if behind > slot && self.return_to_waiting(behind) {
                    unsent.push(behind);
                }
            }
        }
        for slot in &unsent {
            self.uncount_copy(*slot);
        }
        unsent
    }

    /// Takes back the count of one copy in this round.
    fn uncount_copy(&mut self, slot: u64) {
        self.log.touch_second(slot);
        let Some(entry) = self.unsettled.get_mut(slot) else { return };
        entry.sends = entry.sends.saturating_sub(1);
        entry.round = entry.round.saturating_sub(1);
        if entry.round == 0 {
            entry.first_sent = None;
        }
    }

    /// Whether the first message in flight gets its outcome when connections keep ending with it.
    pub(crate) fn has_suspect(&self, policy: &OutboxPolicy) -> bool {
        self.head().is_some_and(|(_, head)| policy.quarantine.is_some() || head.is_once(policy))
    }

    /// Handles the loss of the connection: each message in flight waits again or is settled as `Unconfirmed`; with
    /// `WhileDown::Refuse` every message is settled. The first message in flight may have ended the connection if its
    /// copy was out for less than `suspicious_for`, where copies by hand do not count; any other loss sets back the
    /// count of a message that was suspected.
    /// Returns the settled messages.
    pub(crate) fn on_lost(
        &mut self,
        now: Instant,
        suspicious_for: Duration,
        policy: &OutboxPolicy,
    ) -> Vec<(MessageId, Status)> {
        let mut settlements = Vec::new();
        self.settled.forget_sent_bodies();
        let first = self.head().or_else(|| self.unsettled.first()).map(|(slot, _)| slot);
        if let Some(entry) = first.and_then(|slot| self.unsettled.get_mut(slot)) {
            let suspected = entry.is_in_flight() && now.since(entry.own_sent_at) < suspicious_for;
            entry.losses = if suspected { entry.losses.saturating_add(1) } else { 0 };
            self.log.touch_second(first.unwrap_or_default());
        }
        // A message waits as well whose second copy could not be written; the first one may have arrived.
        let ends = |entry: &Entry| {
            entry.standing != Standing::Waiting || (entry.was_sent_this_round() && entry.is_once(policy))
        };
        for slot in self.slots_where(ends) {
            let Some(entry) = self.unsettled.get(slot) else { continue };
            let quarantined = policy.quarantine.is_some_and(|limit| entry.losses >= limit.get());
            let once = entry.is_once(policy);
            if once || entry.is_leaving() || quarantined {
                settlements.extend(self.settle_and_report(slot, Status::Unconfirmed, policy));
            } else {
                self.return_to_waiting(slot);
            }
        }
        if policy.while_down == WhileDown::Refuse {
            settlements.extend(self.settle_all(policy));
        }
        settlements
    }

    /// Settles every message but those that leave, when the session closes; no earlier write can be reported as failed
    /// any more.
    pub(crate) fn on_closing(&mut self, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        self.settled.forget_sent_bodies();
        let slots = self.slots_where(|entry| !entry.is_leaving()).into_iter();
        let settled = slots.filter_map(|slot| self.fail(slot, policy)).collect();
        self.pass_failures(policy);
        settled
    }

    /// Settles the messages that leave, when the connection is gone.
    pub(crate) fn on_closed(&mut self, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        let settled = self.settle_all(policy);
        self.pass_failures(policy);
        settled
    }

    fn settle_all(&mut self, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        self.slots_where(|_| true).into_iter().filter_map(|slot| self.fail(slot, policy)).collect()
    }

    /// Settles a message as failed: as `NotSent` if no copy was sent, else as `Unconfirmed`.
    pub(crate) fn fail(&mut self, slot: u64, policy: &OutboxPolicy) -> Option<(MessageId, Status)> {
        let status = self.unsettled.get(slot)?.failed();
        self.settle_and_report(slot, status, policy)
    }

    /// Settles a message as `Cancelled`, if no copy of it was sent.
    pub(crate) fn cancel(&mut self, id: &MessageId, policy: &OutboxPolicy) -> Result<(), CancelError> {
        let (slot, entry) = self.unsettled.find(id).ok_or(CancelError::Unknown)?;
        if entry.was_sent() {
            return Err(CancelError::Sent);
        }
        self.settle(slot, Status::Cancelled, policy);
        Ok(())
    }

    /// Settles a message that was sent as `Unconfirmed`, and returns that status; of a failed message that holds the
    /// line, only lets the line go on.
    pub(crate) fn abandon(&mut self, id: &MessageId, policy: &OutboxPolicy) -> Result<Option<Status>, AbandonError> {
        if let Some((slot, entry)) = self.unsettled.find(id) {
            if !entry.was_sent() {
                return Err(AbandonError::NotSent);
            }
            self.settle(slot, Status::Unconfirmed, policy);
            self.pass(slot, policy);
            return Ok(Some(Status::Unconfirmed));
        }
        let (slot, _) = self.by_hand.find(id).ok_or(AbandonError::Unknown)?;
        self.pass(slot, policy);
        Ok(None)
    }

    /// Slot of a message that was sent and is not settled, and whether it is in flight.
    pub(crate) fn in_doubt(&self, id: &MessageId) -> Option<(u64, bool)> {
        let (slot, entry) = self.unsettled.find(id)?;
        (entry.was_sent() && !entry.is_leaving()).then_some((slot, entry.is_in_flight()))
    }

    /// Starts a new round for a failed message: at the end of the queue or, where the message holds the line, in its
    /// old place. Returns the slot of that place.
    pub(crate) fn resend(
        &mut self,
        now: Instant,
        id: &MessageId,
        policy: &OutboxPolicy,
    ) -> Result<Option<u64>, ResendError> {
        if self.unsettled.slot_of(id).is_some() {
            return Err(ResendError::NotFailed);
        }
        let place = self.by_hand.find(id).map(|(slot, _)| slot);
        let kept = match place.and_then(|slot| self.by_hand.pass(slot)) {
            Some(failed) => failed.kept,
            None => self.take_back_failed(id, policy)?,
        };
        // A resend is the decision of the user, so the age of earlier copies does not count against the message.
        let expires = policy.time_to_live.map(|ttl| self.ages.at(now) + ttl);
        let entry = Entry { expires, ..Entry::reopened(id.clone(), kept) };
        self.insert(place.unwrap_or(self.unsettled.end()), entry, policy);
        Ok(place)
    }

    /// Removes a failed message from the memory for a new round, if there is room for it.
    fn take_back_failed(&mut self, id: &MessageId, policy: &OutboxPolicy) -> Result<Kept, ResendError> {
        let status = self.settled.status(id).ok_or(ResendError::Unknown)?;
        if !status.may_resend() {
            return Err(ResendError::NotFailed);
        }
        let kept = self.settled.kept(id).ok_or(ResendError::Unknown)?;
        self.admits(kept.body.len(), policy).map_err(|_| ResendError::Full)?;
        self.settled.take_back(id).ok_or(ResendError::Unknown)
    }

    /// Whether the time to live of a message is over.
    pub(crate) fn is_expired(&self, now: Instant, entry: &Entry) -> bool {
        entry.expires.is_some_and(|at| at.is_due(self.ages.at(now)))
    }

    /// Settles one message whose time to live is over; to be called until it returns `None`.
    pub(crate) fn expire(&mut self, now: Instant, policy: &OutboxPolicy) -> Option<(MessageId, Status)> {
        let &(at, slot) = self.expiries.first()?;
        if !at.is_due(self.ages.at(now)) {
            return None;
        }
        self.fail(slot, policy)
    }

    /// Slots of all messages whose confirmation is overdue.
    pub(crate) fn all_overdue(&self, now: Instant, policy: &OutboxPolicy) -> Vec<u64> {
        let Some(timeout) = policy.receipt_timeout else { return Vec::new() };
        self.slots_where(|entry| entry.is_in_flight() && (self.awaited_since(entry) + timeout).is_due(now))
    }

    /// Slot of an unsettled message.
    pub(crate) fn slot_of(&self, id: &MessageId) -> Option<u64> {
        self.unsettled.slot_of(id)
    }

    /// Unsettled message in a slot.
    pub(crate) fn entry(&self, slot: u64) -> Option<&Entry> {
        self.unsettled.get(slot)
    }

    /// Moment at which the confirmation of the first message in flight becomes overdue.
    pub(crate) fn receipt_deadline(&self, policy: &OutboxPolicy) -> Option<Instant> {
        let (_, entry) = self.head()?;
        Some(self.awaited_since(entry) + policy.receipt_timeout?.max(Duration::from_millis(1)))
    }

    /// When the wait for the confirmation of this message started; [`Instant::NEVER`] while it is unwritten.
    fn awaited_since(&self, entry: &Entry) -> Instant {
        entry.sent_at.max(self.renewed_at)
    }

    /// Moment at which the next time to live is over, on the clock of `now`.
    pub(crate) fn expiry_deadline(&self) -> Option<Instant> {
        let &(at, _) = self.expiries.first()?;
        (at != Instant::NEVER).then_some(self.ages.to_session(at))
    }

    /// Adds a sleep of the machine to the age of every message.
    pub(crate) fn on_slept(&mut self, asleep: Duration) {
        let moved = self.ages.advance(asleep);
        if !moved.is_zero() {
            self.grow_older(moved);
        }
    }

    /// Moves all moments on the clock of ages back, because that clock is as far ahead as it may be.
    #[cold]
    fn grow_older(&mut self, span: Duration) {
        self.expiries.clear();
        for slot in self.slots_where(|_| true) {
            self.log.touch(slot);
            self.log.touch_second(slot);
            let Some(entry) = self.unsettled.get_mut(slot) else { continue };
            entry.first_sent = entry.first_sent.map(|at| at - span);
            entry.expires = entry.expires.map(|at| if at.is_never() { at } else { at - span });
            self.expiries.extend(entry.expires.map(|at| (at, slot)));
        }
    }

    /// First message in flight, and its slot.
    pub(crate) fn head(&self) -> Option<(u64, &Entry)> {
        if self.in_flight == 0 {
            return None;
        }
        // Messages in flight come first, except those behind a message that waits again after a failed write.
        self.unsettled.first().filter(|(_, entry)| entry.is_in_flight()).or_else(|| self.head_slow())
    }

    /// Slow path of `head`, for a queue whose first message waits.
    #[inline(never)]
    fn head_slow(&self) -> Option<(u64, &Entry)> {
        self.unsettled.iter().find(|(_, entry)| entry.is_in_flight())
    }

    fn slots_where(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<u64> {
        self.unsettled.iter().filter(|(_, entry)| wanted(entry)).map(|(slot, _)| slot).collect()
    }

    /// Makes a message wait again that leaves or is in flight; returns `false` for a message that waits.
    fn return_to_waiting(&mut self, slot: u64) -> bool {
        let Some(entry) = self.unsettled.get_mut(slot) else { return false };
        match core::mem::replace(&mut entry.standing, Standing::Waiting) {
            Standing::Waiting => return false,
            Standing::Leaving => self.log.touch_second(slot),
            Standing::InFlight => self.in_flight -= 1,
        }
        self.by_hand.drop_repeat(slot);
        self.mark_waiting(slot);
        true
    }

    /// Slot of the first message that waits to be sent.
    fn waiting(&self) -> Option<u64> {
        let returned = self.returned.as_ref().and_then(|returned| returned.0.first().copied());
        returned.or_else(|| (self.fresh < self.unsettled.end()).then_some(self.fresh))
    }

    fn mark_waiting(&mut self, slot: u64) {
        if slot < self.fresh {
            self.returned.get_or_insert_default().0.insert(slot);
        } else if slot > self.fresh && self.unsettled.get(self.fresh).is_none() {
            self.find_fresh_slow(slot);
        }
    }

    /// Notes that a message was handed over.
    fn unmark_waiting(&mut self, slot: u64) {
        if slot < self.fresh {
            return self.stop_waiting(slot);
        }
        if slot > self.fresh {
            self.pass_waiting(slot);
        }
        self.find_fresh(slot.saturating_add(1));
    }

    /// Lets messages wait that a later message passes, as a sequence may have it.
    #[cold]
    fn pass_waiting(&mut self, slot: u64) {
        let passed: Vec<_> =
            self.unsettled.iter_from(self.fresh).map(|(other, _)| other).take_while(|other| *other < slot).collect();
        if !passed.is_empty() {
            self.returned.get_or_insert_default().0.extend(passed);
        }
    }

    /// Forgets a message that waited.
    fn stop_waiting(&mut self, slot: u64) {
        if let Some(returned) = &mut self.returned {
            returned.0.remove(&slot);
            if returned.0.is_empty() {
                self.returned = None;
            }
        }
        if slot == self.fresh {
            self.find_fresh(slot);
        }
    }

    /// Finds the first message from a slot on, none of which was handed over.
    #[inline]
    fn find_fresh(&mut self, from: u64) {
        // A new message leaves at once, and nothing waits behind it.
        self.fresh = from.min(self.unsettled.end());
        if self.fresh < self.unsettled.end() {
            self.find_fresh_slow(from);
        }
    }

    #[inline(never)]
    fn find_fresh_slow(&mut self, from: u64) {
        self.fresh = self.unsettled.iter_from(from).next().map_or(self.unsettled.end(), |(slot, _)| slot);
    }

    fn settle(&mut self, slot: u64, status: Status, policy: &OutboxPolicy) {
        let Some(entry) = self.unsettled.remove(slot) else { return };
        match entry.standing {
            Standing::InFlight => self.in_flight -= 1,
            Standing::Waiting => self.stop_waiting(slot),
            Standing::Leaving => {}
        }
        self.log.touch(slot);
        self.log.touch_second(slot);
        self.by_hand.drop_repeat(slot);
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, slot));
        }
        self.bytes = self.bytes.saturating_sub(entry.body.len());
        let Entry { id, body, sends, repeat, .. } = entry;
        let (entry, kept) = (SettledEntry { id, status }, Kept { body, repeat, sends, slot });
        if policy.on_failure == OnFailure::Hold && status.may_resend() && status != Status::Cancelled {
            self.by_hand.hold(slot, Failed { entry, kept });
        } else {
            let kept = (status.may_resend() || status == Status::Sent).then_some(kept);
            self.settled.remember(entry, kept, policy);
        }
        self.make_room(policy);
    }

    /// Drops bodies of settled messages until the others fit; those of messages that hold the line stay.
    fn make_room(&mut self, policy: &OutboxPolicy) {
        let (_, failed) = self.by_hand.failed();
        self.settled.make_room(policy.bytes.as_count().saturating_sub(self.bytes).saturating_sub(failed));
    }

    /// Settles a message, and returns its id with the status to be reported.
    fn settle_and_report(&mut self, slot: u64, status: Status, policy: &OutboxPolicy) -> Option<(MessageId, Status)> {
        let id = self.unsettled.get(slot)?.id.clone();
        self.settle(slot, status, policy);
        Some((id, status))
    }
}
