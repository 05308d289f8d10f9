//! The line of messages that are not settled: some in flight, the others behind them waiting.

use alloc::vec::Vec;

use crate::frame::Body;
use crate::id::MessageId;
use crate::outbox::queue::{HasId, Queue};
use crate::outbox::settled::Kept;
use crate::outgoing::Repeat;
use crate::status::Status;
use crate::time::Instant;

/// One message that is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    pub(crate) body: Body,
    pub(super) standing: Standing,
    pub(super) expires: Option<Instant>,
    pub(super) repeat: Repeat,
    /// How often it was handed to a socket, all connections together.
    pub(crate) sends: u32,
    /// The same in the present round.
    pub(super) round: u32,
    pub(super) first_sent: Option<Instant>,
    pub(super) sent_at: Instant,
    pub(super) losses: u32,
}

/// Whether a message that is not settled is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    Waiting,
    InFlight,
}

impl HasId for Entry {
    fn id(&self) -> &MessageId {
        &self.id
    }
}

impl Entry {
    pub(super) fn new(now: Instant, id: MessageId, body: Body, repeat: Repeat, expires: Option<Instant>) -> Self {
        Self {
            id,
            body,
            standing: Standing::Waiting,
            expires,
            repeat,
            sends: 0,
            round: 0,
            first_sent: None,
            sent_at: now,
            losses: 0,
        }
    }

    /// One that was settled before; it goes by its old number of sends.
    pub(super) fn reopened(id: MessageId, kept: Kept) -> Self {
        Self { sends: kept.sends, ..Self::new(Instant::ORIGIN, id, kept.body, kept.repeat, None) }
    }

    /// Whether a copy was handed to a socket before.
    pub(crate) fn was_sent(&self) -> bool {
        self.sends > 0
    }

    pub(super) fn failed(&self) -> Status {
        if self.sends == 0 { Status::NotSent } else { Status::Unconfirmed }
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.standing == Standing::InFlight
    }
}

/// Messages in the order in which they were taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MessageQueue {
    queue: Queue<Entry>,
    /// The first that waits.
    waiting: Option<u64>,
    in_flight: usize,
}

impl MessageQueue {
    pub(super) fn new() -> Self {
        Self { queue: Queue::new(), waiting: None, in_flight: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The place of the next message to be taken.
    pub(super) fn end(&self) -> u64 {
        self.queue.end()
    }

    pub(super) fn iter_from(&self, slot: u64) -> impl Iterator<Item = (u64, &Entry)> {
        self.queue.iter_from(slot)
    }

    pub(super) fn slot_of(&self, id: &MessageId) -> Option<u64> {
        self.queue.slot_of(id)
    }

    pub(super) fn get(&self, slot: u64) -> Option<&Entry> {
        self.queue.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: u64) -> Option<&mut Entry> {
        self.queue.get_mut(slot)
    }

    /// The first that waits.
    pub(super) fn waiting(&self) -> Option<u64> {
        self.waiting
    }

    /// How many are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The first of those in flight.
    #[inline]
    pub(super) fn head(&self) -> Option<(u64, &Entry)> {
        if self.in_flight == 0 { None } else { self.first_in_flight() }
    }

    fn first_in_flight(&self) -> Option<(u64, &Entry)> {
        // Those in flight stand first, but for what a failed write has sent back among them.
        self.queue
            .first()
            .filter(|(_, entry)| entry.is_in_flight())
            .or_else(|| self.queue.iter().find(|(_, entry)| entry.is_in_flight()))
    }

    /// The places of the messages of which something is true, in order.
    pub(super) fn places(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<u64> {
        self.queue.iter().filter(|(_, entry)| wanted(entry)).map(|(slot, _)| slot).collect()
    }

    /// A message that waits goes to the end.
    pub(super) fn push(&mut self, entry: Entry) {
        let slot = self.queue.push(entry);
        self.wait(slot);
    }

    /// A message that waits goes back to where it stood.
    pub(super) fn put_back(&mut self, slot: u64, entry: Entry) {
        self.queue.put_back(slot, entry);
        self.wait(slot);
    }

    /// A message is in flight from now on.
    pub(super) fn launch(&mut self, slot: u64) -> Option<&mut Entry> {
        let entry = self.queue.get_mut(slot)?;
        if !entry.is_in_flight() {
            entry.standing = Standing::InFlight;
            self.in_flight += 1;
            self.stop_waiting(slot);
        }
        self.queue.get_mut(slot)
    }

    /// A message in flight waits again; says whether it was in flight.
    pub(super) fn land(&mut self, slot: u64) -> bool {
        let Some(entry) = self.queue.get_mut(slot).filter(|entry| entry.is_in_flight()) else { return false };
        entry.standing = Standing::Waiting;
        self.in_flight -= 1;
        self.wait(slot);
        true
    }

    pub(super) fn remove(&mut self, slot: u64) -> Option<Entry> {
        let entry = self.queue.remove(slot)?;
        match entry.standing {
            Standing::InFlight => self.in_flight -= 1,
            Standing::Waiting => self.stop_waiting(slot),
        }
        Some(entry)
    }

    fn wait(&mut self, slot: u64) {
        self.waiting = Some(self.waiting.map_or(slot, |first| first.min(slot)));
    }

    /// The next in line is the first that waits, where this one was.
    fn stop_waiting(&mut self, slot: u64) {
        if self.waiting == Some(slot) {
            let any = self.in_flight < self.queue.len();
            let next = || self.queue.iter_from(slot).find(|(_, entry)| !entry.is_in_flight()).map(|(slot, _)| slot);
            // With a window full of them, those in flight need not be looked at to see that nobody waits.
            self.waiting = if any { next() } else { None };
        }
    }
}
