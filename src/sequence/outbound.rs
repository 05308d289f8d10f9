//! Sequence numbers of outgoing messages: which are acknowledged, and which went out on the present connection.
//!
//! 1. Sequence numbers are given in order and without holes; `acked` rises one by one.
//! 2. On a new connection no message has gone out: every message that has no ack goes out again.
//! 3. With write-ahead a message gets its sequence number when it is taken, and goes out under that number once the
//!    host has stored it; without, it gets the number when it goes out.
//! 4. A number that never went out can be taken back, or given to another message.

use alloc::collections::VecDeque;
use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::LAST;
use crate::dialect::Credit;
use crate::durable::{Batch, Kind, Log};
use crate::id::MessageId;
use crate::outbox::Outbox;

/// Messages that have a sequence number and are not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outbound {
    /// Sequence number up to which every message is acknowledged.
    acked: u64,
    /// Messages with the sequence numbers `acked + 1`, `acked + 2` and so on.
    unacked: VecDeque<UnackedMessage>,
    /// Number of unacknowledged messages that went out on the present connection.
    sent: usize,
    /// Bytes of the frames of these messages.
    bytes: u64,
    /// Last sequence number that ever went out.
    gone_out: u64,
    /// First slot of the outbox whose messages have no sequence number.
    unnumbered: u64,
    /// Sequence numbers given and taken back since records were last announced.
    log: Log,
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

/// Slot of a message that is not in the outbox any more.
const NOWHERE: u64 = u64::MAX;

/// Record of a sequence number: the slot of its message, or that there is none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum NumberRecord {
    Slot(u64),
    Skipped(Skipped),
}

impl NumberRecord {
    /// Slot of the message; `None` for a number without one.
    pub(super) fn slot(&self) -> Option<u64> {
        match self {
            Self::Slot(slot) => Some(*slot),
            Self::Skipped(_) => None,
        }
    }
}

/// Word for a number without a message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Skipped {
    Skipped,
}

impl UnackedMessage {
    fn record(&self) -> NumberRecord {
        let skipped = self.skipped || self.slot == NOWHERE;
        if skipped { NumberRecord::Skipped(Skipped::Skipped) } else { NumberRecord::Slot(self.slot) }
    }

    /// Restores the message of a number; without one in the outbox the number is skipped.
    pub(super) fn restored(seq: u64, record: &NumberRecord, outbox: &Outbox) -> Self {
        match record.slot().and_then(|slot| Some((slot, outbox.id_at(slot)?.clone()))) {
            Some((slot, id)) => Self::new(slot, id, false),
            None => Self::new(NOWHERE, seq.into(), true),
        }
    }

    pub(super) fn new(slot: u64, id: MessageId, skipped: bool) -> Self {
        Self { slot, id, bytes: 0, skipped }
    }
}

impl Outbound {
    /// Creates the numbers of a new session; `logs` says whether they note the changes of their records.
    pub(super) fn new(logs: bool) -> Self {
        let (unacked, log) = (VecDeque::new(), Log::new(logs));
        Self { acked: 0, unacked, sent: 0, bytes: 0, gone_out: 0, unnumbered: 0, log }
    }

    /// Restores the numbers from their records: those up to `gone_out` may have gone out.
    pub(super) fn restored(acked: u64, unacked: VecDeque<UnackedMessage>, gone_out: u64, logs: bool) -> Self {
        let slots = unacked.iter().map(|unacked| unacked.slot).filter(|slot| *slot != NOWHERE);
        let unnumbered = slots.max().map_or(0, |slot| slot + 1);
        Self { acked, unacked, gone_out, unnumbered, ..Self::new(logs) }
    }

    /// Changes of the records since they were last announced.
    pub(super) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Writes the records that were touched, or `all` of them.
    pub(super) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        let write = |seq: u64| {
            let index = seq.checked_sub(self.acked + 1).and_then(|index| usize::try_from(index).ok());
            let unacked = index.and_then(|index| self.unacked.get(index));
            batch.set(Kind::Number.at(seq), unacked.map(UnackedMessage::record).as_ref());
        };
        if all {
            self.numbers().for_each(write);
        } else {
            self.log.numbers().for_each(write);
        }
    }

    /// First slot of the outbox whose messages have no sequence number.
    pub(super) fn unnumbered(&self) -> u64 {
        self.unnumbered
    }

    /// Last sequence number that ever went out.
    pub(crate) fn gone_out(&self) -> u64 {
        self.gone_out
    }

    /// Gives sequence numbers to the messages that have none, in order, and takes back those at the end that never went
    /// out and whose messages are settled. At most `limit` numbers are unacknowledged by that.
    pub(super) fn number(&mut self, outbox: &Outbox, limit: usize) {
        while self.highest() > self.gone_out {
            let settled = |unacked: &mut UnackedMessage| outbox.entry(unacked.slot).is_none();
            if !self.unacked.back_mut().is_some_and(settled) {
                break;
            }
            self.unacked.pop_back();
            self.log.touch(self.highest() + 1);
        }
        for (slot, id) in outbox.ids_from(self.unnumbered) {
            if self.unacked.len() >= limit || self.is_full() {
                return;
            }
            self.assign(slot, id.clone());
        }
    }

    /// Gives a message that takes its old place again a number before those that never went out and stand behind it.
    pub(super) fn number_again(&mut self, slot: u64, id: MessageId) {
        let first = usize::try_from(self.gone_out.saturating_sub(self.acked)).unwrap_or(usize::MAX);
        let behind = |unacked: &UnackedMessage| unacked.slot != NOWHERE && unacked.slot > slot;
        let found = self.unacked.iter().skip(first).position(behind).map(|steps| first + steps);
        let at = found.unwrap_or(self.unacked.len());
        self.unacked.insert(at, UnackedMessage::new(slot, id, false));
        for index in at..self.unacked.len() {
            self.log.touch(self.acked + index as u64 + 1);
        }
    }

    /// Sequence number up to which every message is acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    /// Sequence numbers that were given and are not acknowledged.
    fn numbers(&self) -> RangeInclusive<u64> {
        self.acked + 1..=self.highest()
    }

    /// Last sequence number that was given.
    fn highest(&self) -> u64 {
        self.acked.saturating_add(self.unacked.len() as u64)
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
        self.unnumbered = slot + 1;
        self.log.touch(self.highest());
    }

    /// Records that the message of `next_retransmission` went out, or was `skipped`.
    pub(super) fn on_sent(&mut self, bytes: usize, skipped: bool) {
        if let Some(unacked) = self.unacked.get_mut(self.sent) {
            unacked.bytes = bytes as u64;
            unacked.skipped |= skipped;
            self.bytes = self.bytes.saturating_add(unacked.bytes);
            self.sent += 1;
            let seq = self.acked + self.sent as u64;
            self.gone_out = self.gone_out.max(seq);
            if skipped {
                self.log.touch_quietly(seq);
            }
        }
    }

    /// Skips the numbers that did not go out on this connection and pass this test of number and slot.
    pub(super) fn skip_where(&mut self, mut test: impl FnMut(u64, u64) -> bool) {
        let first = self.acked + self.sent as u64 + 1;
        for (seq, unacked) in (first..).zip(self.unacked.iter_mut().skip(self.sent)) {
            if !unacked.skipped && test(seq, unacked.slot) {
                unacked.skipped = true;
                self.log.touch(seq);
            }
        }
    }

    /// Whether a sequence number of this slot did not go out on this connection and was never skipped.
    pub(super) fn awaits(&self, slot: u64) -> bool {
        self.unacked.iter().skip(self.sent).any(|unacked| unacked.slot == slot && !unacked.skipped)
    }

    /// Detaches a sequence number from the slot of its message, which gets another one.
    pub(super) fn forget_slot(&mut self, slot: u64) {
        for (seq, unacked) in self.numbers().zip(&mut self.unacked).filter(|(_, unacked)| unacked.slot == slot) {
            unacked.slot = NOWHERE;
            self.log.touch(seq);
        }
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
        self.start_over();
        self.acked = LAST;
    }

    /// Resets all sequence numbers for a new session.
    pub(super) fn start_over(&mut self) {
        self.numbers().for_each(|seq| self.log.touch(seq));
        let log = core::mem::replace(&mut self.log, Log::new(false));
        *self = Self { log, ..Self::new(false) };
    }

    /// Whether the sequence numbers of this session are used up.
    pub(crate) fn is_full(&self) -> bool {
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
        self.log.touch_quietly(self.acked);
        self.gone_out = self.gone_out.max(self.acked);
        if self.sent > 0 {
            self.sent -= 1;
            self.bytes = self.bytes.saturating_sub(unacked.bytes);
        }
        Some((self.acked, unacked))
    }
}
