//! Store, then act: what waits until the host has stored the state that covers it, and that state itself.
//!
//! A version counts the changes to the durable state. At the end of every input that changed it `Persist` names the new
//! version; what was taken is told and sent, and what was delivered is acknowledged, once the host says `persisted`.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::incoming::{ack_now, nack_now, read_now};
use super::{Delivery, emit_status, emit_statuses};
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

impl WriteAhead {
    /// Messages up to this place in line are covered by this version.
    fn seal(&mut self, version: u64, end: u64) {
        let full = self.watermarks.len() >= WATERMARKS;
        match self.watermarks.back_mut() {
            // Covered by an earlier version already.
            Some((_, covered)) if *covered >= end => {}
            Some(last) if full => *last = (version, end),
            _ => self.watermarks.push_back((version, end)),
        }
    }
}

/// What the peer is told about a message of its own, once the version that covers that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answer {
    version: u64,
    connection: ConnectionId,
    id: MessageId,
    word: Word,
}

/// What can be said of a message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Word {
    Accepted,
    Refused,
    Read,
}

impl Word {
    fn send_signal(self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        match self {
            Self::Accepted => ack_now(cx, connection, id),
            Self::Refused => nack_now(cx, connection, id),
            Self::Read => read_now(cx, connection, id),
        }
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
            emit_status(cx, id, Status::Queued);
        }
    }

    /// Acknowledges at once, or when it is stored that the message was seen.
    pub(super) fn ack(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        self.answer_later(cx, connection, id, Word::Accepted);
    }

    /// Refuses at once, or when it is stored that the message was refused.
    pub(super) fn nack(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        self.answer_later(cx, connection, id, Word::Refused);
    }

    /// Tells at once that a message was read, or when it is stored that the message was seen: to the peer a message that was
    /// read is one that arrived.
    pub(super) fn send_read(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        self.answer_later(cx, connection, id, Word::Read);
    }

    fn answer_later(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId, word: Word) {
        match &mut self.write_ahead {
            None => word.send_signal(cx, connection, id),
            Some(write_ahead) => {
                let same = |answer: &Answer| answer.id == *id && answer.connection == connection && answer.word == word;
                let known = write_ahead.answers.iter().any(same);
                // Over the bound an answer is left out rather than kept: the message comes again, and is answered then.
                if !known && write_ahead.answers.len() < cx.config.inbox.pending.as_count() {
                    write_ahead.answers.push_back(Answer { version: u64::MAX, connection, id: id.clone(), word });
                }
            }
        }
    }

    /// The end of an input: names the version that covers it. `attempts` are the link's own durable changes.
    #[inline]
    pub(crate) fn settle_version(&mut self, cx: &mut Context<'_>, attempts: u64) {
        if self.write_ahead.is_some() || self.sequence.is_some() {
            self.settle_named_version(cx, attempts);
        }
    }

    fn settle_named_version(&mut self, cx: &mut Context<'_>, attempts: u64) {
        if self.write_ahead.is_some() {
            self.name_version(cx, attempts);
        } else if let Some(sequence) = &mut self.sequence {
            sequence.inbound.store_all();
        }
        self.send_cumulative_ack(cx);
    }

    fn name_version(&mut self, cx: &mut Context<'_>, attempts: u64) {
        let version = self.version(attempts);
        let Some(write_ahead) = &mut self.write_ahead else { return };
        if version > write_ahead.announced {
            write_ahead.announced = version;
            write_ahead.seal(version, self.outbox.end());
            if let Some(sequence) = &mut self.sequence {
                sequence.inbound.seal(version);
            }
            cx.push(Action::Persist { version });
        }
        let announced = write_ahead.announced;
        for answer in write_ahead.answers.iter_mut().rev().take_while(|answer| answer.version == u64::MAX) {
            answer.version = announced;
        }
        if write_ahead.hold_until == Some(u64::MAX) {
            write_ahead.hold_until = Some(announced);
        }
        self.release_stored(cx);
    }

    fn version(&self, attempts: u64) -> u64 {
        let ready_count = self.write_ahead.as_ref().map_or(0, |write_ahead| write_ahead.ready_count);
        let sequence = self.sequence.as_ref().map_or(0, |sequence| sequence.revision());
        let revisions = self.outbox.revision().saturating_add(self.inbox.revision()).saturating_add(sequence);
        let revisions = revisions.saturating_add(self.read_markers.revision()).saturating_add(ready_count);
        revisions.saturating_add(attempts)
    }

    /// A connection is ready. What waits may leave on it once it is stored that it may: until then, a message that was never
    /// sent is known as that after a crash.
    pub(super) fn hold_until_stored(&mut self) {
        let Some(write_ahead) = &mut self.write_ahead else { return };
        write_ahead.hold_until = None;
        if !self.outbox.is_empty() || self.sequence.is_some() {
            write_ahead.ready_count += 1;
            write_ahead.hold_until = Some(u64::MAX);
        }
    }

    /// Whether messages wait for it to be stored that they may leave.
    pub(super) fn is_held(&self) -> bool {
        self.write_ahead
            .as_ref()
            .is_some_and(|write_ahead| write_ahead.hold_until.is_some_and(|version| version > write_ahead.persisted))
    }

    /// The host has stored the state of this version.
    pub(crate) fn persisted(&mut self, cx: &mut Context<'_>, version: u64) {
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.persisted = write_ahead.persisted.max(version.min(write_ahead.announced));
        }
        self.release_stored(cx);
        self.flush(cx);
    }

    fn release_stored(&mut self, cx: &mut Context<'_>) {
        let ready = self.ready_connection();
        let Some(write_ahead) = &mut self.write_ahead else { return };
        let persisted = write_ahead.persisted;
        if let Some(sequence) = &mut self.sequence {
            sequence.inbound.on_stored(persisted);
        }
        while let Some(&(_, end)) = write_ahead.watermarks.front().filter(|(version, _)| *version <= persisted) {
            write_ahead.watermarks.pop_front();
            let taken = self.outbox.seal(end);
            emit_statuses(cx, taken.into_iter().map(|id| (id, Status::Queued)));
        }
        while write_ahead.answers.front().is_some_and(|answer| answer.version <= persisted) {
            let Some(answer) = write_ahead.answers.pop_front() else { break };
            // On another connection the peer asks again, so an answer that comes too late is not owed.
            if ready == Some(answer.connection) {
                answer.word.send_signal(cx, answer.connection, &answer.id);
            }
        }
    }

    /// Whether what is not sent yet may be a moment after this state is stored.
    fn may_leave(&self, config: &Config) -> bool {
        config.durability == Durability::WriteAhead && self.ready_connection().is_some()
    }

    /// The durable state, as of `now`.
    pub(crate) fn to_state(&self, now: Instant, config: &Config) -> DeliveryState {
        DeliveryState {
            nonce: self.nonce,
            made: self.made,
            queue: self.outbox.to_state(now, self.may_leave(config)),
            settled: self.outbox.settled().to_state(),
            seen: self.inbox.to_state(),
            read_markers: self.read_markers.to_state(),
            sequence: self.sequence.as_ref().map(|sequence| Box::new(sequence.to_state(|id| self.outbox.slot_of(id)))),
        }
    }

    /// A delivery as a snapshot held it, after the process was away for so long.
    pub(crate) fn from_state(now: Instant, state: DeliveryState, away: Duration, config: &Config) -> Self {
        let mut delivery = Self::new(state.nonce, config, state.sequence.is_some());
        delivery.made = state.made;
        delivery.outbox = Outbox::from_state(now, state.queue, state.settled, away, &config.outbox);
        delivery.inbox = Inbox::from_state(state.seen, &config.inbox);
        delivery.read_markers = ReadMarkers::from_state(state.read_markers);
        delivery.sequence =
            state.sequence.map(|sequence| Sequence::from_state(*sequence, |id| delivery.outbox.slot_of(id)));
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
        emit_statuses(cx, settled);
        if let Some((from, to)) = self.sequence.as_ref().and_then(|sequence| sequence.gap.missing()) {
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
