//! Sequence numbers of outgoing messages: which are acknowledged, and which went out on the present connection.
//!
//! 1. Sequence numbers are given in order and without holes; `acked` rises one by one.
//! 2. On a new connection no message has gone out: every message that has no ack goes out again.

use alloc::collections::VecDeque;

use super::LAST;
use crate::dialect::Credit;
use crate::id::MessageId;

/// Messages that have a sequence number and are not acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Outbound {
    /// Sequence number up to which every message is acknowledged.
    acked: u64,
    /// Messages with the sequence numbers `acked + 1`, `acked + 2` and so on.
    unacked: VecDeque<UnackedMessage>,
    /// Number of unacknowledged messages that went out on the present connection.
    sent: usize,
    /// Bytes of the frames of these messages.
    bytes: u64,
}

/// Unacknowledged message that has a sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct UnackedMessage {
    /// Slot of the message in the outbox.
    pub(super) slot: u64,
    pub(super) id: MessageId,
    /// Bytes of the frame on the present connection.
    bytes: u64,
    /// Whether the message was skipped: its sequence number went out without a body, so an ack does not confirm it.
    pub(super) skipped: bool,
}

impl UnackedMessage {
    pub(super) fn new(slot: u64, id: MessageId, skipped: bool) -> Self {
        Self { slot, id, bytes: 0, skipped }
    }
}

impl Outbound {
    pub(super) fn restored(acked: u64, unacked: VecDeque<UnackedMessage>) -> Self {
        Self { acked, unacked, sent: 0, bytes: 0 }
    }

    /// Sequence number up to which every message is acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    /// Last sequence number that was given.
    pub(crate) fn highest(&self) -> u64 {
        self.acked.saturating_add(self.unacked.len() as u64)
    }

    pub(super) fn unacked(&self) -> impl Iterator<Item = &UnackedMessage> {
        self.unacked.iter()
    }

    /// Handles the loss of the connection: no message has gone out on the next connection yet.
    pub(super) fn on_lost(&mut self) {
        (self.sent, self.bytes) = (0, 0);
    }

    /// Next message that has a sequence number and did not go out on this connection.
    pub(super) fn next_retransmission(&self) -> Option<(u64, &UnackedMessage)> {
        let unacked = self.unacked.get(self.sent)?;
        Some((self.acked + self.sent as u64 + 1, unacked))
    }

    /// Gives the next sequence number to a new message.
    pub(super) fn assign(&mut self, slot: u64, id: MessageId) {
        self.unacked.push_back(UnackedMessage::new(slot, id, false));
    }

    /// Records that the message of `next_retransmission` went out, or was `skipped`.
    pub(super) fn on_sent(&mut self, bytes: usize, skipped: bool) {
        if let Some(unacked) = self.unacked.get_mut(self.sent) {
            unacked.bytes = bytes as u64;
            unacked.skipped |= skipped;
            self.bytes = self.bytes.saturating_add(unacked.bytes);
            self.sent += 1;
        }
    }

    /// Sequence number of the message in a slot of the outbox.
    pub(super) fn seq_of(&self, slot: u64) -> Option<u64> {
        let index = self.unacked.iter().position(|unacked| unacked.slot == slot)?;
        Some(self.acked + index as u64 + 1)
    }

    /// Detaches a sequence number from the slot of its message, which gets another one.
    pub(super) fn forget_slot(&mut self, slot: u64) {
        self.unacked.iter_mut().filter(|unacked| unacked.slot == slot).for_each(|unacked| unacked.slot = u64::MAX);
    }

    /// Sequence number of the next new message.
    pub(super) fn next(&self) -> u64 {
        self.highest() + 1
    }

    /// Whether the credit of the peer has room for another frame of `bytes`; a single frame always has room.
    pub(super) fn has_room(&self, bytes: usize, credit: &Credit) -> bool {
        let messages = self.sent as u64;
        messages == 0 || (messages < credit.messages && self.bytes.saturating_add(bytes as u64) <= credit.bytes)
    }

    /// Uses up the sequence numbers, because one of them cannot go out: another session begins.
    pub(super) fn give_up(&mut self) {
        *self = Self { acked: LAST, ..Self::default() };
    }

    /// Whether the sequence numbers of this session are used up.
    pub(super) fn is_full(&self) -> bool {
        self.highest() >= LAST
    }

    /// Whether the sequence numbers are used up and every message is acknowledged, so that another session can begin.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_full() && self.unacked.is_empty()
    }

    /// Removes the first message that an ack of `seq` covers; to be called until it returns `None`.
    pub(super) fn pop_acked(&mut self, seq: u64) -> Option<(u64, UnackedMessage)> {
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
