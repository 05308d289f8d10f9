//! Store, then act: what waits until the host has stored the state that covers it, and that state itself.
//!
//! A version counts the changes to the durable state. At the end of every input that changed it `Persist` names the new
//! version; what was taken is told and sent, and what was delivered is acknowledged, once the host says `persisted`.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::incoming::{ack_now, nack_now, read_now};
use super::{Delivery, tell, tell_one};
use crate::action::Action;
use crate::config::Config;
use crate::cx::Cx;
use crate::durability::Durability;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::{FrozenId, Inbox};
use crate::marks::{Mark, Marks};
use crate::outbox::{FrozenEntry, Outbox};
use crate::settled::FrozenPast;
use crate::status::Status;
use crate::stream::{FrozenStream, Stream};
use crate::time::{Duration, Instant};

/// Versions, and what waits for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ledger {
    announced: u64,
    persisted: u64,
    /// Up to which place in line messages may leave, by version.
    seals: VecDeque<(u64, u64)>,
    answers: VecDeque<Answer>,
    /// Connections that became ready with messages waiting, counted; and the version from which on they may leave.
    departures: u64,
    gate: Option<u64>,
}

/// Versions that may be under way at once with each its own release; beyond, messages wait for a later one.
const SEALS: usize = 1_024;

impl Ledger {
    /// Messages up to this place in line are covered by this version.
    fn seal(&mut self, version: u64, end: u64) {
        let full = self.seals.len() >= SEALS;
        match self.seals.back_mut() {
            // Covered by an earlier version already.
            Some((_, covered)) if *covered >= end => {}
            Some(last) if full => *last = (version, end),
            _ => self.seals.push_back((version, end)),
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
    fn say(self, cx: &mut Cx<'_>, connection: ConnectionId, id: &MessageId) {
        match self {
            Self::Accepted => ack_now(cx, connection, id),
            Self::Refused => nack_now(cx, connection, id),
            Self::Read => read_now(cx, connection, id),
        }
    }
}

/// The durable state of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Frozen {
    nonce: u64,
    made: u64,
    queue: Vec<FrozenEntry>,
    settled: Vec<FrozenPast>,
    seen: Vec<FrozenId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read: Vec<Mark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<Box<FrozenStream>>,
}

impl Delivery {
    /// A message was taken: told at once, or when it is stored.
    pub(super) fn tell_taken(cx: &mut Cx<'_>, id: &MessageId) {
        if cx.config.durability == Durability::Off {
            tell_one(cx, id, Status::Queued);
        }
    }

    /// Acknowledges at once, or when it is stored that the message was seen.
    pub(super) fn ack(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, id: &MessageId) {
        self.answer_later(cx, connection, id, Word::Accepted);
    }

    /// Refuses at once, or when it is stored that the message was refused.
    pub(super) fn nack(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, id: &MessageId) {
        self.answer_later(cx, connection, id, Word::Refused);
    }

    /// Tells at once that a message was read, or when it is stored that the message was seen: to the peer a message that was
    /// read is one that arrived.
    pub(super) fn tell_read(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, id: &MessageId) {
        self.answer_later(cx, connection, id, Word::Read);
    }

    fn answer_later(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, id: &MessageId, word: Word) {
        match &mut self.ledger {
            None => word.say(cx, connection, id),
            Some(ledger) => {
                let same = |answer: &Answer| answer.id == *id && answer.connection == connection && answer.word == word;
                let known = ledger.answers.iter().any(same);
                // Over the bound an answer is left out rather than kept: the message comes again, and is answered then.
                if !known && ledger.answers.len() < cx.config.inbox.pending.as_count() {
                    ledger.answers.push_back(Answer { version: u64::MAX, connection, id: id.clone(), word });
                }
            }
        }
    }

    /// The end of an input: names the version that covers it. `attempts` are the link's own durable changes.
    #[inline]
    pub(crate) fn settle_version(&mut self, cx: &mut Cx<'_>, attempts: u64) {
        if self.ledger.is_some() || self.stream.is_some() {
            self.settle_named_version(cx, attempts);
        }
    }

    fn settle_named_version(&mut self, cx: &mut Cx<'_>, attempts: u64) {
        if self.ledger.is_some() {
            self.name_version(cx, attempts);
        } else if let Some(stream) = &mut self.stream {
            stream.inn.store_all();
        }
        self.tell_position(cx);
    }

    fn name_version(&mut self, cx: &mut Cx<'_>, attempts: u64) {
        let version = self.version(attempts);
        let Some(ledger) = &mut self.ledger else { return };
        if version > ledger.announced {
            ledger.announced = version;
            ledger.seal(version, self.outbox.end());
            if let Some(stream) = &mut self.stream {
                stream.inn.seal(version);
            }
            cx.push(Action::Persist { version });
        }
        let announced = ledger.announced;
        for answer in ledger.answers.iter_mut().rev().take_while(|answer| answer.version == u64::MAX) {
            answer.version = announced;
        }
        if ledger.gate == Some(u64::MAX) {
            ledger.gate = Some(announced);
        }
        self.release_stored(cx);
    }

    fn version(&self, attempts: u64) -> u64 {
        let departures = self.ledger.as_ref().map_or(0, |ledger| ledger.departures);
        let stream = self.stream.as_ref().map_or(0, |stream| stream.revision());
        let revisions = self.outbox.revision().saturating_add(self.inbox.revision()).saturating_add(stream);
        let revisions = revisions.saturating_add(self.marks.revision()).saturating_add(departures);
        revisions.saturating_add(attempts)
    }

    /// A connection is ready. What waits may leave on it once it is stored that it may: until then, a message that was never
    /// sent is known as that after a crash.
    pub(super) fn hold_until_stored(&mut self) {
        let Some(ledger) = &mut self.ledger else { return };
        ledger.gate = None;
        if !self.outbox.is_empty() || self.stream.is_some() {
            ledger.departures += 1;
            ledger.gate = Some(u64::MAX);
        }
    }

    /// Whether messages wait for it to be stored that they may leave.
    pub(super) fn is_gated(&self) -> bool {
        self.ledger.as_ref().is_some_and(|ledger| ledger.gate.is_some_and(|version| version > ledger.persisted))
    }

    /// The host has stored the state of this version.
    pub(crate) fn persisted(&mut self, cx: &mut Cx<'_>, version: u64) {
        if let Some(ledger) = &mut self.ledger {
            ledger.persisted = ledger.persisted.max(version.min(ledger.announced));
        }
        self.release_stored(cx);
        self.flush(cx);
    }

    fn release_stored(&mut self, cx: &mut Cx<'_>) {
        let ready = self.ready_line();
        let Some(ledger) = &mut self.ledger else { return };
        let persisted = ledger.persisted;
        if let Some(stream) = &mut self.stream {
            stream.inn.on_stored(persisted);
        }
        while let Some(&(_, end)) = ledger.seals.front().filter(|(version, _)| *version <= persisted) {
            ledger.seals.pop_front();
            let taken = self.outbox.seal(end);
            tell(cx, taken.into_iter().map(|id| (id, Status::Queued)));
        }
        while ledger.answers.front().is_some_and(|answer| answer.version <= persisted) {
            let Some(answer) = ledger.answers.pop_front() else { break };
            // On another connection the peer asks again, so an answer that comes too late is not owed.
            if ready == Some(answer.connection) {
                answer.word.say(cx, answer.connection, &answer.id);
            }
        }
    }

    /// Whether what is not sent yet may be a moment after this state is stored.
    fn may_leave(&self, config: &Config) -> bool {
        config.durability == Durability::WriteAhead && self.ready_line().is_some()
    }

    /// The durable state, as of `now`.
    pub(crate) fn freeze(&self, now: Instant, config: &Config) -> Frozen {
        Frozen {
            nonce: self.nonce,
            made: self.made,
            queue: self.outbox.freeze(now, self.may_leave(config)),
            settled: self.outbox.settled().freeze(),
            seen: self.inbox.freeze(),
            read: self.marks.freeze(),
            stream: self.stream.as_ref().map(|stream| Box::new(stream.freeze(|id| self.outbox.place(id)))),
        }
    }

    /// A delivery as a snapshot held it, after the process was away for so long.
    pub(crate) fn thaw(now: Instant, frozen: Frozen, away: Duration, config: &Config) -> Self {
        let mut delivery = Self::new(frozen.nonce, config, frozen.stream.is_some());
        delivery.made = frozen.made;
        delivery.outbox = Outbox::thaw(now, frozen.queue, frozen.settled, away, &config.outbox);
        delivery.inbox = Inbox::thaw(frozen.seen, &config.inbox);
        delivery.marks = Marks::thaw(frozen.read);
        delivery.stream = frozen.stream.map(|stream| Stream::thaw(*stream, |id| delivery.outbox.place(id)));
        if config.durability == Durability::WriteAhead {
            let end = delivery.outbox.end();
            delivery.outbox.seal(end);
        }
        delivery
    }

    /// After a restart: what may have been sent and must not be sent again gets its outcome.
    pub(crate) fn on_restored(&mut self, cx: &mut Cx<'_>, attempts: u64) {
        let version = self.version(attempts);
        if let Some(ledger) = &mut self.ledger {
            (ledger.announced, ledger.persisted) = (version, version);
        }
        let settled = self.outbox.on_restored(&cx.config.outbox);
        tell(cx, settled);
        if let Some((from, to)) = self.stream.as_ref().and_then(|stream| stream.gap.missing()) {
            cx.push(Action::Gap { from, to });
        }
    }

    /// The last version that was named; it covers everything up to the end of the last input.
    pub(crate) fn announced(&self) -> u64 {
        self.ledger.as_ref().map_or(0, |ledger| ledger.announced)
    }

    /// Whether the state of that version is stored, where that has to be.
    pub(crate) fn is_stored(&self, version: u64) -> bool {
        self.ledger.as_ref().is_none_or(|ledger| ledger.persisted >= version)
    }
}
