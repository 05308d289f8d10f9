//! Messages on their way out, by position.

use alloc::collections::VecDeque;

use super::LAST;
use crate::dialect::Credit;
use crate::id::MessageId;

/// The messages that have a position and are not acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Outbound {
    /// Everything up to here is acknowledged.
    acked: u64,
    /// The messages at `acked + 1`, `acked + 2` and so on.
    unacked: VecDeque<UnackedMessage>,
    /// How many of them went out on the present connection, and how many bytes that was.
    sent: usize,
    bytes: u64,
}

/// One message that has a position.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UnackedMessage {
    /// Its place in the outbox.
    pub(crate) slot: u64,
    pub(crate) id: MessageId,
    /// Bytes of its frame on the present connection.
    bytes: u64,
    /// Whether the other end was told that it does not come, so that an acknowledgement says nothing about it.
    pub(crate) skipped: bool,
}

impl UnackedMessage {
    pub(super) fn restored(slot: u64, id: MessageId, skipped: bool) -> Self {
        Self { slot, id, bytes: 0, skipped }
    }
}

impl Outbound {
    pub(super) fn restored(acked: u64, unacked: VecDeque<UnackedMessage>) -> Self {
        Self { acked, unacked, sent: 0, bytes: 0 }
    }

    /// Everything up to this position is acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    /// The last position that was given.
    pub(crate) fn highest(&self) -> u64 {
        self.acked.saturating_add(self.unacked.len() as u64)
    }

    pub(super) fn unacked(&self) -> impl Iterator<Item = &UnackedMessage> {
        self.unacked.iter()
    }

    /// Nothing has gone out on this connection yet.
    pub(super) fn on_ready(&mut self) {
        (self.sent, self.bytes) = (0, 0);
    }

    /// The next message that has a position and has to go out again on this connection.
    pub(crate) fn next_again(&self) -> Option<(u64, &UnackedMessage)> {
        let unacked = self.unacked.get(self.sent)?;
        Some((self.acked + self.sent as u64 + 1, unacked))
    }

    /// That message went out, or word that it does not come.
    pub(crate) fn on_sent_again(&mut self, bytes: usize, skipped: bool) {
        if let Some(unacked) = self.unacked.get_mut(self.sent) {
            unacked.bytes = bytes as u64;
            unacked.skipped |= skipped;
            self.bytes = self.bytes.saturating_add(unacked.bytes);
            self.sent += 1;
        }
    }

    /// The position of the next new message.
    pub(crate) fn next(&self) -> u64 {
        self.highest() + 1
    }

    /// A new message went out under that position.
    pub(crate) fn on_sent(&mut self, slot: u64, id: MessageId, bytes: usize) {
        self.unacked.push_back(UnackedMessage { slot, id, bytes: 0, skipped: false });
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
        self.is_full() && self.unacked.is_empty()
    }

    /// Whether an acknowledgement speaks of positions that were given. Those of an earlier connection count: what the other end had
    /// then it may have stored only now, ahead of our repeating it.
    pub(crate) fn covers(&self, seq: u64) -> bool {
        seq <= self.highest()
    }

    /// Everything up to `position` is acknowledged: gives the first message concerned, until there is none.
    pub(crate) fn pop_acked(&mut self, seq: u64) -> Option<(u64, UnackedMessage)> {
        if seq <= self.acked {
            return None;
        }
        let unacked = self.unacked.pop_front()?;
        self.acked += 1;
        if self.sent > 0 {
            self.sent -= 1;
            self.bytes = self.bytes.saturating_sub(unacked.bytes);
        }
        Some((self.acked, unacked))
    }
}
