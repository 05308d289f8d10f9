//! Answers to incoming messages that wait: until the delivery is stored, or until the socket has room.
//!
//! 1. Answers go out in the order in which they were due.
//! 2. An answer belongs to its connection: on the next one the peer repeats the message, and it is answered then.
//! 3. The number of waiting answers is bounded. Where the host reports what its socket takes, reading stops first, and
//!    what was read already has as much room again; beyond the bound an answer is dropped, as if its connection had
//!    been lost.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::receive::{send_ack, send_nack, send_read};
use crate::config::Config;
use crate::context::Context;
use crate::id::{ConnectionId, MessageId};

/// Version of an answer that waits for the version which covers the present input.
pub(super) const NEXT_VERSION: u64 = u64::MAX;

/// Version of an answer that does not wait for storage.
pub(super) const STORED: u64 = 0;

/// Answers that wait, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Answers {
    /// `None` until the first answer waits.
    waiting: Option<Box<Queue>>,
}

/// Answers in order; boxed, since few sessions ever have one that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Queue(VecDeque<Answer>);

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

impl Answers {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether so many answers wait that no more frames should be read.
    #[inline]
    pub(super) fn are_many(&self, config: &Config) -> bool {
        self.len() >= config.inbox.pending.as_count()
    }

    fn len(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.0.len())
    }

    /// Keeps an answer, unless it waits already.
    pub(super) fn keep(&mut self, answer: Answer, cx: &Context<'_>) {
        let same = |other: &Answer| {
            other.id == answer.id && other.connection == answer.connection && other.kind == answer.kind
        };
        let times = if cx.backlog.reports_written() { 2 } else { 1 };
        let bound = cx.config.inbox.pending.as_count().saturating_mul(times);
        let waiting = &mut self.waiting.get_or_insert_default().0;
        if !waiting.iter().any(same) && waiting.len() < bound {
            waiting.push_back(answer);
        }
    }

    /// Assigns a version to the answers that the present input left waiting.
    pub(super) fn cover(&mut self, version: u64) {
        let waiting = self.waiting.iter_mut().flat_map(|waiting| waiting.0.iter_mut().rev());
        for answer in waiting.take_while(|answer| answer.version == NEXT_VERSION) {
            answer.version = version;
        }
    }

    /// Takes the first answer, if its version is stored.
    pub(super) fn pop(&mut self, persisted: u64) -> Option<Answer> {
        let waiting = &mut self.waiting.as_mut()?.0;
        waiting.front().filter(|answer| answer.version <= persisted)?;
        waiting.pop_front()
    }

    pub(super) fn clear(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.0.clear();
        }
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
