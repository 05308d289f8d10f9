//! Incoming messages: each is delivered once, and acknowledged every time it arrives.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::answers::{Answer, AnswerKind, NEXT_VERSION, STORED};
use super::{Delivery, Transfer};
use crate::action::{Action, Purpose};
use crate::context::Context;
use crate::dialect::Signal;
use crate::error::{AcknowledgeError, FetchedError, MarkReadError, Unencodable};
use crate::frame::Body;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::InboxDecision;
use crate::read_markers::ReadMarkers;
use crate::state::Cause;

impl Delivery {
    /// Handles an incoming message; `body` is called only if the message is delivered. Returns whether it was new.
    pub(crate) fn on_message(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        id: Option<&MessageId>,
        body: impl FnOnce() -> Body,
    ) -> bool {
        let Some(id) = id.filter(|_| cx.sends_acks()) else {
            cx.deliver(None, body());
            return true;
        };
        // A new message must not overtake a deferred one.
        if self.is_unanswerable(cx, id) || (self.deferring && self.inbox.known(id).is_none()) {
            self.defer(cx, id);
            return false;
        }
        let (decision, forgotten) = self.inbox.on_message(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        let new = matches!(decision, InboxDecision::DeliverAndAck | InboxDecision::Deliver);
        if new {
            cx.deliver(Some(id), body());
        }
        match decision {
            InboxDecision::DeliverAndAck | InboxDecision::AckAgain => self.ack(cx, connection, id),
            InboxDecision::NackAgain => self.nack(cx, connection, id),
            InboxDecision::Deliver | InboxDecision::Wait => {}
            InboxDecision::Defer => {
                self.defer(cx, id);
                return false;
            }
        }
        cx.stats.duplicates += u64::from(!new);
        new
    }

    /// Whether the answer to an arriving message could not be kept. A message that waits for the application needs
    /// none.
    fn is_unanswerable(&self, cx: &Context<'_>, id: &MessageId) -> bool {
        !self.answers_at_once(cx)
            && self.inbox.known(id) != Some(InboxDecision::Wait)
            && !self.answers.has_room(id, self.inbox.unanswered(), cx.config)
    }

    /// Leaves an arriving message with the peer, which sends it again on the next connection.
    fn defer(&mut self, cx: &mut Context<'_>, id: &MessageId) {
        self.deferring = true;
        cx.push(Action::Deferred { id: id.clone() });
    }

    /// Handles an own message that came back as a push: it is acknowledged and not delivered.
    pub(crate) fn on_echo(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        // Nobody sees an echo, so it overtakes nothing.
        if self.is_unanswerable(cx, id) {
            return self.defer(cx, id);
        }
        let (decision, forgotten) = self.inbox.on_own(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        match decision {
            // A server may use one id for two messages; an echo must not acknowledge the one that waits for a call.
            InboxDecision::Wait => {}
            InboxDecision::NackAgain => self.nack(cx, connection, id),
            _ => self.ack(cx, connection, id),
        }
    }

    /// Acknowledges a message that the application has stored.
    pub(crate) fn acknowledge(&mut self, cx: &mut Context<'_>, id: &MessageId) -> Result<(), AcknowledgeError> {
        self.answer(cx, id, None)
    }

    /// Refuses a message that the application will never take; only dialects with sequence numbers send the reason
    /// `code`.
    pub(crate) fn reject(&mut self, cx: &mut Context<'_>, id: &MessageId, code: u32) -> Result<(), AcknowledgeError> {
        self.answer(cx, id, Some(code))
    }

    fn answer(&mut self, cx: &mut Context<'_>, id: &MessageId, refused: Option<u32>) -> Result<(), AcknowledgeError> {
        let accepted = refused.is_none();
        if self.inbox.on_late_answer(id) {
            return Ok(());
        }
        cx.stats.forgotten += self.inbox.on_answer(id, accepted, &cx.config.inbox).ok_or(AcknowledgeError::Unknown)?;
        match (&mut self.transfer, self.ready) {
            (Transfer::Sequenced(sequence), _) => sequence.inbound.on_answer(id, refused),
            (Transfer::PerMessage, Some(connection)) if accepted => self.ack(cx, connection, id),
            (Transfer::PerMessage, Some(connection)) => self.nack(cx, connection, id),
            // Without a connection the answer is sent when the server pushes the message again.
            (Transfer::PerMessage, None) => {}
        }
        Ok(())
    }

    /// Remembers an id as that of a message that was delivered and acknowledged.
    pub(crate) fn remember(&mut self, cx: &mut Context<'_>, id: &MessageId) {
        cx.stats.forgotten += self.inbox.on_own(id, &cx.config.inbox).1;
    }

    /// Whether a message of this id was delivered and is remembered.
    pub(crate) fn was_delivered(&self, id: &MessageId) -> bool {
        self.inbox.rank(id).is_some()
    }

    /// Raises the read marker of a conversation to this message.
    pub(crate) fn mark_read(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &str,
        id: &MessageId,
    ) -> Result<(), MarkReadError> {
        let limit = cx.config.limits.id_bytes.get();
        if !id.is_writable(limit) {
            return Err(MarkReadError::BadId { limit });
        }
        if conversation.len() as u64 > limit {
            return Err(MarkReadError::Conversation { limit });
        }
        cx.encode(&Signal::read(id.clone())).map_err(|error| match error {
            Unencodable::BadLength { limit } => MarkReadError::BadId { limit },
            _ => MarkReadError::NoWord,
        })?;
        let rank = self.inbox.rank(id).ok_or(MarkReadError::Unknown)?;
        // A message that the inbox has forgotten is older than all messages that it remembers.
        let logs = self.write_ahead.is_some();
        let markers = self.read_markers.get_or_insert_with(|| Box::new(ReadMarkers::new(logs)));
        let rose =
            markers.on_read(conversation, id, |marker| self.inbox.rank(marker).is_none_or(|earlier| earlier < rank))?;
        if let (true, Some(connection)) = (rose, self.ready) {
            self.send_read(cx, connection, conversation, id);
        }
        Ok(())
    }

    /// Sends all read markers on a new connection: the peer confirms none, so some may not have arrived before.
    pub(super) fn send_read_markers(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        let newest = self
            .read_markers
            .iter()
            .flat_map(|markers| markers.newest())
            .map(|(conversation, id)| (Box::from(conversation), id.clone()));
        for (conversation, id) in newest.collect::<Vec<(Box<str>, _)>>() {
            self.send_read(cx, connection, &conversation, &id);
        }
    }

    /// Handles an incoming message with a sequence number; without a body the message was skipped by the peer. Returns
    /// whether the message was new.
    pub(crate) fn on_sequenced_message(
        &mut self,
        cx: &mut Context<'_>,
        seq: u64,
        id: MessageId,
        body: Option<impl FnOnce() -> Body>,
    ) -> Result<bool, Cause> {
        match &mut self.transfer {
            Transfer::Sequenced(sequence) => sequence.on_message(&mut self.inbox, cx, seq, id, body),
            Transfer::PerMessage => Ok(false),
        }
    }

    /// Handles a fetch by the host, which found the messages with these `ids` among the missing messages. Once no
    /// message is missing, the messages held back are delivered. Returns whether all of these found room.
    pub(crate) fn fetched(
        &mut self,
        cx: &mut Context<'_>,
        from: u64,
        to: Option<u64>,
        ids: &[MessageId],
    ) -> Result<bool, FetchedError> {
        match &mut self.transfer {
            Transfer::Sequenced(sequence) => sequence.on_fetched(&mut self.inbox, cx, (from, to), ids),
            Transfer::PerMessage => Err(FetchedError::Unasked),
        }
    }

    /// Sequence number that heartbeats acknowledge.
    pub(super) fn carried_ack(&self) -> Option<u64> {
        self.ready?;
        self.transfer.sequence().map(|sequence| sequence.inbound.carried_seq())
    }

    /// Acknowledges a message: at once, or with write-ahead after its delivery is stored.
    #[inline]
    fn ack(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        if self.answers_at_once(cx) {
            send_ack(cx, connection, id);
        } else {
            self.answers.keep(self.waiting_answer(connection, id, AnswerKind::Accepted));
        }
    }

    /// Refuses a message: at once, or with write-ahead after the refusal is stored.
    fn nack(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        if self.answers_at_once(cx) {
            send_nack(cx, connection, id);
        } else {
            self.answers.keep(self.waiting_answer(connection, id, AnswerKind::Refused));
        }
    }

    /// Whether an answer waits neither for storage nor for room.
    fn answers_at_once(&self, cx: &Context<'_>) -> bool {
        self.write_ahead.is_none() && self.answers.is_empty() && cx.backlog.has_room(0, cx.config)
    }

    fn waiting_answer(&self, connection: ConnectionId, id: &MessageId, kind: AnswerKind) -> Answer {
        let version = if self.write_ahead.is_some() { NEXT_VERSION } else { STORED };
        Answer { version, connection, id: id.clone(), kind }
    }

    /// Sends an answer that waited.
    pub(super) fn send_answer(&mut self, cx: &mut Context<'_>, answer: &Answer) {
        if answer.kind == AnswerKind::Read {
            self.read_markers.iter_mut().for_each(|markers| markers.on_sent(&answer.id));
        }
        answer.send(cx);
    }

    /// Sends a read marker: at once, or with write-ahead after the delivery of the message is stored, because for the
    /// peer a message that was read has arrived.
    fn send_read(&mut self, cx: &mut Context<'_>, connection: ConnectionId, conversation: &str, id: &MessageId) {
        let read = self.waiting_answer(connection, id, AnswerKind::Read);
        if self.answers_at_once(cx) {
            self.send_answer(cx, &read);
        } else {
            self.answers.keep_read(conversation, read);
        }
    }
}

pub(super) fn send_ack(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    cx.send_or_report(connection, &Signal::accepted(id.clone()), Purpose::Ack { id: id.clone() });
}

/// Refuses a message; a dialect without refusals acknowledges it instead, so that the server stops repeating it.
pub(super) fn send_nack(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    if !cx.send_signal(connection, &Signal::rejected(id.clone(), 0), Purpose::Nack { id: id.clone() }) {
        send_ack(cx, connection, id);
    }
}

pub(super) fn send_read(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    cx.send_or_report(connection, &Signal::read(id.clone()), Purpose::Receipt { id: id.clone() });
}
