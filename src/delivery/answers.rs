//! Answers to incoming messages that wait: until the delivery is stored, or until the socket has room.
//!
//! 1. Acknowledgements and refusals go out in the order in which they were due; read markers follow those that are due.
//! 2. An answer belongs to its connection: on the next one the peer repeats the message, and it is answered then.
//! 3. An answer that waits is kept until it is sent. At `inbox.pending` answers reading stops. For what is read already
//!    there is room of the size of the dedup window, or of twice `inbox.pending`, messages that wait for the
//!    application included; beyond it an arriving message is deferred.
//! 4. Of the read markers of one conversation at most two wait: the first, which no later one can put off, and the
//!    newest.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::receive::{send_ack, send_nack, send_read};
use crate::config::Config;
use crate::context::Context;
use crate::id::{ConnectionId, MessageId};
use crate::outbox::slot_map::{HasId, SlotMap};

/// Version of an answer that waits for the version which covers the present input.
pub(super) const NEXT_VERSION: u64 = u64::MAX;

/// Version of an answer that does not wait for storage.
pub(super) const STORED: u64 = 0;

/// Answers that wait, in order; boxed, since few sessions ever have one that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Answers(Option<Box<Waiting>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    /// Acknowledgements and refusals, one of each message.
    answers: SlotMap<Answer>,
    /// First slot whose answers have no version yet.
    uncovered: u64,
    /// Read markers with their conversations.
    reads: VecDeque<(Box<str>, Answer)>,
}

/// Answer to an incoming message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Answer {
    /// Version that has to be stored before.
    pub(super) version: u64,
    pub(super) connection: ConnectionId,
    pub(super) id: MessageId,
    pub(super) kind: AnswerKind,
}

/// Kind of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AnswerKind {
    Accepted,
    Refused,
    Read,
}

impl HasId for Answer {
    fn id(&self) -> &MessageId {
        &self.id
    }
}

impl Answers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|waiting| waiting.answers.len() == 0 && waiting.reads.is_empty())
    }

    /// Whether so many answers wait that no more frames should be read.
    #[inline]
    pub(super) fn are_many(&self, config: &Config) -> bool {
        self.len() >= config.inbox.pending.as_count()
    }

    /// Whether no acknowledgement and no refusal waits.
    pub(super) fn are_sent(&self) -> bool {
        self.0.as_ref().is_none_or(|waiting| waiting.answers.len() == 0)
    }

    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |waiting| waiting.answers.len())
    }

    /// Whether an answer to this message can be kept beside those that `unanswered` messages will have.
    pub(super) fn has_room(&self, id: &MessageId, unanswered: usize, config: &Config) -> bool {
        let bound = config.inbox.pending.as_count().saturating_mul(2).max(config.inbox.window.as_count());
        self.len() + unanswered < bound || self.0.as_ref().is_some_and(|waiting| waiting.answers.slot_of(id).is_some())
    }

    fn waiting(&mut self) -> &mut Waiting {
        let empty = || Box::new(Waiting { answers: SlotMap::default(), uncovered: 0, reads: VecDeque::new() });
        self.0.get_or_insert_with(empty)
    }

    /// Keeps an acknowledgement or a refusal, unless it waits already.
    pub(super) fn keep(&mut self, answer: Answer) {
        let answers = &mut self.waiting().answers;
        match answers.find(&answer.id) {
            Some((_, kept)) if kept.kind == answer.kind => return,
            Some((slot, _)) => drop(answers.remove(slot)),
            None => {}
        }
        answers.push(answer);
    }

    /// Keeps a read marker in place of the newest one of its conversation, where another one waits before that.
    pub(super) fn keep_read(&mut self, conversation: &str, read: Answer) {
        let reads = &mut self.waiting().reads;
        let mut same = (0..).zip(reads.iter()).filter(|(_, (of, _))| **of == *conversation).skip(1);
        if let Some((newest, _)) = same.next() {
            reads.remove(newest);
        }
        reads.push_back((conversation.into(), read));
    }

    /// Whether an answer waits for the version that covers the present input.
    pub(super) fn wait_for_next(&self) -> bool {
        let Some(waiting) = &self.0 else { return false };
        let last = waiting.answers.end().checked_sub(1).and_then(|slot| waiting.answers.get(slot));
        let next = |answer: &Answer| answer.version == NEXT_VERSION;
        last.is_some_and(next) || waiting.reads.back().is_some_and(|(_, read)| next(read))
    }

    /// Assigns a version to the answers that the present input left waiting.
    pub(super) fn cover(&mut self, version: u64) {
        let Some(waiting) = &mut self.0 else { return };
        for slot in core::mem::replace(&mut waiting.uncovered, waiting.answers.end())..waiting.answers.end() {
            if let Some(answer) = waiting.answers.get_mut(slot) {
                answer.version = answer.version.min(version);
            }
        }
        for (_, read) in &mut waiting.reads {
            read.version = read.version.min(version);
        }
    }

    /// Takes the first answer whose version is stored.
    pub(super) fn pop(&mut self, persisted: u64) -> Option<Answer> {
        let waiting = self.0.as_mut()?;
        if waiting.answers.first().is_some_and(|(_, answer)| answer.version <= persisted) {
            return waiting.answers.pop_first().map(|(_, answer)| answer);
        }
        waiting.reads.front().filter(|(_, read)| read.version <= persisted)?;
        waiting.reads.pop_front().map(|(_, read)| read)
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }
}

impl Answer {
    pub(super) fn send(&self, cx: &mut Context<'_>) {
        match self.kind {
            AnswerKind::Accepted => send_ack(cx, self.connection, &self.id),
            AnswerKind::Refused => send_nack(cx, self.connection, &self.id),
            AnswerKind::Read => send_read(cx, self.connection, &self.id),
        }
    }
}
