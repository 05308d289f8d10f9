//! Numbers of messages on their way out: which are acknowledged, and which went out on the present connection.
//!
//! 1. Numbers are given in order and without holes; `acked` rises one by one.
//! 2. A new connection has sent nothing: each message that has no ack goes out on it again.

use alloc::collections::VecDeque;

use super::LAST;
use crate::dialect::Credit;
use crate::id::MessageId;

/// The messages that have a sequence number and are not acknowledged.
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

/// One message that has a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct UnackedMessage {
    /// Its place in the outbox.
    pub(super) slot: u64,
    pub(super) id: MessageId,
    /// Bytes of its frame on the present connection.
    bytes: u64,
    /// Whether the other end was told that it does not come, so that an acknowledgement says nothing about it.
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

    /// Everything up to this number is acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    /// The last number that was given.
    pub(crate) fn highest(&self) -> u64 {
        self.acked.saturating_add(self.unacked.len() as u64)
    }

    pub(super) fn unacked(&self) -> impl Iterator<Item = &UnackedMessage> {
        self.unacked.iter()
    }

    /// The connection is lost: nothing has gone out on the next one yet.
    pub(super) fn on_lost(&mut self) {
        (self.sent, self.bytes) = (0, 0);
    }

    /// The next message that has a number and has to go out again on this connection.
    pub(super) fn next_again(&self) -> Option<(u64, &UnackedMessage)> {
        let unacked = self.unacked.get(self.sent)?;
        Some((self.acked + self.sent as u64 + 1, unacked))
    }

    /// Gives a new message the next number.
    pub(super) fn number(&mut self, slot: u64, id: MessageId) {
        self.unacked.push_back(UnackedMessage::new(slot, id, false));
    }

    /// The message of `next_again` went out, or word that it does not come.
    pub(super) fn on_sent(&mut self, bytes: usize, skipped: bool) {
        if let Some(unacked) = self.unacked.get_mut(self.sent) {
            unacked.bytes = bytes as u64;
            unacked.skipped |= skipped;
            self.bytes = self.bytes.saturating_add(unacked.bytes);
            self.sent += 1;
        }
    }

    /// The number of the next new message.
    pub(super) fn next(&self) -> u64 {
        self.highest() + 1
    }

    /// Whether the other end takes another frame of so many bytes before it acknowledges; one alone always goes.
    pub(super) fn has_room(&self, bytes: usize, credit: &Credit) -> bool {
        let messages = self.sent as u64;
        messages == 0 || (messages < credit.messages && self.bytes.saturating_add(bytes as u64) <= credit.bytes)
    }

    /// Whether this session's numbers are used up.
    pub(super) fn is_full(&self) -> bool {
        self.highest() >= LAST
    }

    /// Whether another session has to begin, and nothing stands against it.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_full() && self.unacked.is_empty()
    }

    /// Everything up to `seq` is acknowledged: gives the first message concerned, until there is none.
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
