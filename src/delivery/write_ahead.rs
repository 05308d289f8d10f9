//! Store, then act: what waits until the host has stored the state that covers it, and that state itself.
//!
//! 1. A version counts the changes to the durable state; `Persist` names it at the end of every input that changed it.
//! 2. A message that was taken is told as queued, and sent, once a version that covers it is stored.
//! 3. A message that was delivered is answered once a version that covers its delivery is stored.
//! 4. Nothing leaves on a new connection before it is stored that it may: what was never sent is known as that after a
//!    crash.
//! 5. Without write-ahead nothing of this takes part: messages, statuses and answers leave at once.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::receive::{send_ack, send_nack, send_read};
use super::{Delivery, Transfer};
use crate::action::Action;
use crate::config::{Config, Durability};
use crate::context::Context;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::{Inbox, SeenIdState};
use crate::outbox::settled::SettledEntryState;
use crate::outbox::{Outbox, OutboxEntryState};
use crate::read_markers::{ReadMarker, ReadMarkers};
use crate::sequence::{Sequence, SequenceState};
use crate::status::Status;
use crate::time::{Duration, Instant};

/// Versions, and what waits for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct WriteAhead {
    announced: u64,
    persisted: u64,
    /// Up to which place in line messages may leave, by version.
    watermarks: VecDeque<(u64, u64)>,
    answers: VecDeque<Answer>,
    /// Connections that became ready with messages waiting, counted; and the version from which on they may leave.
    ready_count: u64,
    hold_until: Option<u64>,
}

/// Versions that may be under way at once with each its own release; beyond, messages wait for a later one.
const WATERMARKS: usize = 1_024;

/// The version of what the next version to be named covers.
const NEXT: u64 = u64::MAX;

/// An answer to a message that arrived, which waits for its version to be stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answer {
    version: u64,
    connection: ConnectionId,
    id: MessageId,
    word: Word,
}

/// What a waiting answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Word {
    Accepted,
    Refused,
    Read,
}

impl WriteAhead {
    /// Keeps an answer until the next version is stored.
    pub(super) fn answer(&mut self, config: &Config, connection: ConnectionId, id: &MessageId, word: Word) {
        let same = |answer: &Answer| answer.id == *id && answer.connection == connection && answer.word == word;
        // Over the bound an answer is left out rather than kept: the message comes again, and is answered then.
        if !self.answers.iter().any(same) && self.answers.len() < config.inbox.pending.as_count() {
            self.answers.push_back(Answer { version: NEXT, connection, id: id.clone(), word });
        }
    }

    /// A new version is named; it covers messages up to this place in line.
    fn on_announced(&mut self, version: u64, end: u64) {
        self.announced = version;
        let full = self.watermarks.len() >= WATERMARKS;
        match self.watermarks.back_mut() {
            // Covered by an earlier version already.
            Some((_, covered)) if *covered >= end => {}
            Some(last) if full => *last = (version, end),
            _ => self.watermarks.push_back((version, end)),
        }
    }

    /// The last version that was named covers what this input has left waiting.
    fn cover(&mut self) {
        for answer in self.answers.iter_mut().rev().take_while(|answer| answer.version == NEXT) {
            answer.version = self.announced;
        }
        if self.hold_until == Some(NEXT) {
            self.hold_until = Some(self.announced);
        }
    }

    /// A connection is ready; what `waits` may leave once it is stored that it may.
    fn on_ready(&mut self, waits: bool) {
        self.hold_until = waits.then_some(NEXT);
        self.ready_count += u64::from(waits);
    }

    fn is_held(&self) -> bool {
        self.hold_until.is_some_and(|version| version > self.persisted)
    }

    fn pop_watermark(&mut self) -> Option<u64> {
        self.watermarks.front().filter(|(version, _)| *version <= self.persisted)?;
        self.watermarks.pop_front().map(|(_, end)| end)
    }

    fn pop_answer(&mut self) -> Option<Answer> {
        self.answers.front().filter(|answer| answer.version <= self.persisted)?;
        self.answers.pop_front()
    }
}

/// The durable state of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct DeliveryState {
    nonce: u64,
    made: u64,
    queue: Vec<OutboxEntryState>,
    settled: Vec<SettledEntryState>,
    seen: Vec<SeenIdState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read_markers: Vec<ReadMarker>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<Box<SequenceState>>,
}

impl Delivery {
    /// A message was taken: told at once, or when it is stored.
    pub(super) fn emit_queued(cx: &mut Context<'_>, id: &MessageId) {
        if cx.config.durability == Durability::Off {
            cx.emit_status(id, Status::Queued);
        }
    }

    /// The end of an input: names the version that covers it, and acknowledges what may be. `attempts` are the link's
    /// own durable changes.
    #[inline]
    pub(crate) fn settle_version(&mut self, cx: &mut Context<'_>, attempts: u64) {
        if self.write_ahead.is_some() || !matches!(self.transfer, Transfer::PerMessage) {
            self.settle_version_slow(cx, attempts);
        }
    }

    fn settle_version_slow(&mut self, cx: &mut Context<'_>, attempts: u64) {
        match (&self.write_ahead, &mut self.transfer) {
            (Some(_), _) => self.name_version(cx, attempts),
            (None, Transfer::Sequenced(sequence)) => sequence.inbound.store_all(),
            (None, Transfer::PerMessage) => {}
        }
        let ready = self.ready.filter(|_| !self.is_held());
        if let (Transfer::Sequenced(sequence), Some(connection)) = (&mut self.transfer, ready) {
            sequence.send_cumulative_ack(cx, connection);
        }
    }

    fn name_version(&mut self, cx: &mut Context<'_>, attempts: u64) {
        let version = self.version(attempts);
        let Some(write_ahead) = &mut self.write_ahead else { return };
        if version > write_ahead.announced {
            write_ahead.on_announced(version, self.outbox.end());
            if let Transfer::Sequenced(sequence) = &mut self.transfer {
                sequence.inbound.seal(version);
            }
            cx.push(Action::Persist { version });
        }
        write_ahead.cover();
        self.release_stored(cx);
    }

    fn version(&self, attempts: u64) -> u64 {
        let transfer = self.transfer.sequence().map_or(0, Sequence::revision);
        let ready_count = self.write_ahead.as_ref().map_or(0, |write_ahead| write_ahead.ready_count);
        let (outbox, inbox, marks) = (self.outbox.revision(), self.inbox.revision(), self.read_markers.revision());
        [outbox, inbox, marks, transfer, ready_count].into_iter().fold(attempts, u64::saturating_add)
    }

    /// A connection is ready: what waits may leave on it once that is stored.
    pub(super) fn hold_until_stored(&mut self) {
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.on_ready(!self.outbox.is_empty() || matches!(self.transfer, Transfer::Sequenced(_)));
        }
    }

    /// Whether messages wait for it to be stored that they may leave.
    pub(super) fn is_held(&self) -> bool {
        self.write_ahead.as_ref().is_some_and(|write_ahead| write_ahead.is_held())
    }

    /// The host has stored the state of this version.
    pub(crate) fn persisted(&mut self, cx: &mut Context<'_>, version: u64) {
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.persisted = write_ahead.persisted.max(version.min(write_ahead.announced));
        }
        self.release_stored(cx);
        self.flush(cx);
    }

    /// Lets go of what waited for the version that is stored.
    fn release_stored(&mut self, cx: &mut Context<'_>) {
        let Some(write_ahead) = &mut self.write_ahead else { return };
        if let Transfer::Sequenced(sequence) = &mut self.transfer {
            sequence.inbound.on_stored(write_ahead.persisted);
        }
        while let Some(end) = write_ahead.pop_watermark() {
            let taken = self.outbox.seal(end);
            cx.emit_statuses(taken.into_iter().map(|id| (id, Status::Queued)));
        }
        while let Some(Answer { connection, id, word, .. }) = write_ahead.pop_answer() {
            match word {
                // On another connection the peer asks again, so an answer that comes too late is not owed.
                _ if self.ready != Some(connection) => {}
                Word::Accepted => send_ack(cx, connection, &id),
                Word::Refused => send_nack(cx, connection, &id),
                Word::Read => send_read(cx, connection, &id),
            }
        }
    }

    /// Whether what is not sent yet may be a moment after this state is stored.
    fn may_leave(&self, config: &Config) -> bool {
        config.durability == Durability::WriteAhead && self.ready.is_some()
    }

    /// The durable state, as of `now`.
    pub(crate) fn to_state(&self, now: Instant, config: &Config) -> DeliveryState {
        let sequence = self.transfer.sequence().map(|sequence| sequence.to_state(|id| self.outbox.slot_of(id)));
        DeliveryState {
            nonce: self.nonce,
            made: self.made,
            queue: self.outbox.to_state(now, self.may_leave(config)),
            settled: self.outbox.settled().to_state(),
            seen: self.inbox.to_state(),
            read_markers: self.read_markers.to_state(),
            sequence: sequence.map(Box::new),
        }
    }

    /// A delivery as a snapshot held it, after the process was away for so long.
    pub(crate) fn from_state(now: Instant, state: DeliveryState, away: Duration, config: &Config) -> Self {
        let mut delivery = Self::new(state.nonce, config, false);
        delivery.made = state.made;
        delivery.outbox = Outbox::from_state(now, state.queue, state.settled, away, &config.outbox);
        delivery.inbox = Inbox::from_state(state.seen, &config.inbox);
        delivery.read_markers = ReadMarkers::from_state(state.read_markers);
        if let Some(sequence) = state.sequence {
            delivery.transfer = Transfer::Sequenced(Sequence::from_state(*sequence, |id| delivery.outbox.slot_of(id)));
        }
        if config.durability == Durability::WriteAhead {
            let end = delivery.outbox.end();
            delivery.outbox.seal(end);
        }
        delivery
    }

    /// After a restart: what may have been sent and must not be sent again gets its outcome.
    pub(crate) fn on_restored(&mut self, cx: &mut Context<'_>, attempts: u64) {
        let version = self.version(attempts);
        if let Some(write_ahead) = &mut self.write_ahead {
            (write_ahead.announced, write_ahead.persisted) = (version, version);
        }
        let settled = self.outbox.on_restored(&cx.config.outbox);
        cx.emit_statuses(settled);
        if let Some((from, to)) = self.sequence().and_then(|sequence| sequence.missing()) {
            cx.push(Action::Gap { from, to });
        }
    }

    /// The last version that was named; it covers everything up to the end of the last input.
    pub(crate) fn announced(&self) -> u64 {
        self.write_ahead.as_ref().map_or(0, |write_ahead| write_ahead.announced)
    }

    /// Whether the state of that version is stored, where that has to be.
    pub(crate) fn is_stored(&self, version: u64) -> bool {
        self.write_ahead.as_ref().is_none_or(|write_ahead| write_ahead.persisted >= version)
    }
}
