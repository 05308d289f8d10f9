//! Messages on their way out, by position.

use alloc::collections::VecDeque;

use super::LAST;
use crate::id::MessageId;
use crate::signal::Credit;

/// The messages that have a position and are not acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Outbound {
    /// Everything up to here is acknowledged.
    acked: u64,
    /// The messages at `acked + 1`, `acked + 2` and so on.
    slots: VecDeque<Slot>,
    /// How many of them went out on the present connection, and how many bytes that was.
    sent: usize,
    bytes: u64,
}

/// One message that has a position.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    /// Its place in the outbox.
    pub(crate) place: u64,
    pub(crate) id: MessageId,
    /// Bytes of its frame on the present connection.
    bytes: u64,
    /// Whether the other end was told that it does not come, so that an acknowledgement says nothing about it.
    pub(crate) skipped: bool,
}

impl Slot {
    pub(super) fn restored(place: u64, id: MessageId, skipped: bool) -> Self {
        Self { place, id, bytes: 0, skipped }
    }
}

impl Outbound {
    pub(super) fn restored(acked: u64, slots: VecDeque<Slot>) -> Self {
        Self { acked, slots, sent: 0, bytes: 0 }
    }

    /// Everything up to this position is acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    /// The last position that was given.
    pub(crate) fn highest(&self) -> u64 {
        self.acked.saturating_add(self.slots.len() as u64)
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Nothing has gone out on this connection yet.
    pub(super) fn on_ready(&mut self) {
        (self.sent, self.bytes) = (0, 0);
    }

    /// The next message that has a position and has to go out again on this connection.
    pub(crate) fn next_again(&self) -> Option<(u64, &Slot)> {
        let slot = self.slots.get(self.sent)?;
        Some((self.acked + self.sent as u64 + 1, slot))
    }

    /// That message went out, or word that it does not come.
    pub(crate) fn on_sent_again(&mut self, bytes: usize, skipped: bool) {
        if let Some(slot) = self.slots.get_mut(self.sent) {
            slot.bytes = bytes as u64;
            slot.skipped |= skipped;
            self.bytes = self.bytes.saturating_add(slot.bytes);
            self.sent += 1;
        }
    }

    /// The position of the next new message.
    pub(crate) fn next(&self) -> u64 {
        self.highest() + 1
    }

    /// A new message went out under that position.
    pub(crate) fn on_sent(&mut self, place: u64, id: MessageId, bytes: usize) {
        self.slots.push_back(Slot { place, id, bytes: 0, skipped: false });
        self.on_sent_again(bytes, false);
    }

    /// Whether the other end takes another frame of so many bytes before it acknowledges; one alone always goes.
    pub(crate) fn has_room(&self, bytes: usize, credit: &Credit) -> bool {
        let messages = self.sent as u64;
        messages == 0 || (messages < credit.messages && self.bytes.saturating_add(bytes as u64) <= credit.bytes)
    }

    /// Whether this session's positions are used up.
    pub(crate) fn is_full(&self) -> bool {
        self.highest() >= LAST
    }

    /// Whether another session has to begin, and nothing stands against it.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_full() && self.slots.is_empty()
    }

    /// Whether an acknowledgement speaks of positions that were given. Those of an earlier connection count: what the other end had
    /// then it may have stored only now, ahead of our repeating it.
    pub(crate) fn covers(&self, position: u64) -> bool {
        position <= self.highest()
    }

    /// Everything up to `position` is acknowledged: gives the first message concerned, until there is none.
    pub(crate) fn pop_acked(&mut self, position: u64) -> Option<(u64, Slot)> {
        if position <= self.acked {
            return None;
        }
        let slot = self.slots.pop_front()?;
        self.acked += 1;
        if self.sent > 0 {
            self.sent -= 1;
            self.bytes = self.bytes.saturating_sub(slot.bytes);
        }
        Some((self.acked, slot))
    }
}
