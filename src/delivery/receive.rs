//! Messages on their way in: delivered once, acknowledged every time.

use alloc::vec::Vec;

use super::write_ahead::Word;
use super::{Delivery, Transfer};
use crate::action::{Action, Purpose};
use crate::context::Context;
use crate::dialect::Signal;
use crate::error::{AcknowledgeError, FetchedError, MarkReadError};
use crate::frame::Body;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::InboxDecision;
use crate::state::Cause;

impl Delivery {
    /// A message has arrived. `body` is made only where the message is delivered. Says whether it was new.
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
                cx.push(Action::Deferred { id: id.clone() });
                return false;
            }
        }
        cx.stats.duplicates += u64::from(!new);
        new
    }

    /// An own message has come back as a push: acknowledged like any, shown to nobody.
    pub(crate) fn on_echo(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        let (decision, forgotten) = self.inbox.on_own(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        match decision {
            // A server may use one id for two messages; that must not acknowledge the one that waits for a call.
            InboxDecision::Wait => {}
            InboxDecision::NackAgain => self.nack(cx, connection, id),
            _ => self.ack(cx, connection, id),
        }
    }

    /// The application has stored a message.
    pub(crate) fn acknowledge(&mut self, cx: &mut Context<'_>, id: &MessageId) -> Result<(), AcknowledgeError> {
        self.answer(cx, id, None)
    }

    /// The application will never take a message, for a reason that only a dialect that counts messages can tell.
    pub(crate) fn reject(&mut self, cx: &mut Context<'_>, id: &MessageId, code: u32) -> Result<(), AcknowledgeError> {
        self.answer(cx, id, Some(code))
    }

    fn answer(&mut self, cx: &mut Context<'_>, id: &MessageId, refused: Option<u32>) -> Result<(), AcknowledgeError> {
        let accepted = refused.is_none();
        cx.stats.forgotten += self.inbox.on_answer(id, accepted, &cx.config.inbox).ok_or(AcknowledgeError::Unknown)?;
        match (&mut self.transfer, self.ready) {
            (Transfer::Sequenced(sequence), _) => sequence.inbound.on_answer(id, refused),
            (Transfer::PerMessage, Some(connection)) if accepted => self.ack(cx, connection, id),
            (Transfer::PerMessage, Some(connection)) => self.nack(cx, connection, id),
            // Without a connection the answer waits for the message to be pushed again.
            (Transfer::PerMessage, None) => {}
        }
        Ok(())
    }

    /// The user has read a conversation up to this message.
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
        cx.encode(&Signal::read(id.clone())).map_err(|_| MarkReadError::NoWord)?;
        let rank = self.inbox.rank(id).ok_or(MarkReadError::Unknown)?;
        // What the inbox has forgotten is older than all it remembers.
        let rose = self
            .read_markers
            .on_read(conversation, id, |mark| self.inbox.rank(mark).is_none_or(|earlier| earlier < rank));
        if let (true, Some(connection)) = (rose, self.ready) {
            self.send_read(cx, connection, id);
        }
        Ok(())
    }

    /// Tells a new connection up to where messages are read: nobody confirms that, so it may not have arrived before.
    pub(super) fn send_read_markers(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        for id in self.read_markers.ids().cloned().collect::<Vec<_>>() {
            self.send_read(cx, connection, &id);
        }
    }

    /// A message has arrived under a sequence number; one with no body was given up. Says whether it was new.
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

    /// The host has fetched what was missing, the messages of these ids among it: what was held back is delivered. Says
    /// whether all of that found room.
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

    /// The sequence number that heartbeats acknowledge.
    pub(super) fn carried_ack(&self) -> Option<u64> {
        self.ready?;
        self.transfer.sequence().map(|sequence| sequence.inbound.stored_seq())
    }

    /// Acknowledges a message: at once, or when it is stored that the message was seen.
    fn ack(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        match &mut self.write_ahead {
            None => send_ack(cx, connection, id),
            Some(write_ahead) => write_ahead.answer(cx.config, connection, id, Word::Accepted),
        }
    }

    /// Refuses a message: at once, or when it is stored that the message was refused.
    fn nack(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        match &mut self.write_ahead {
            None => send_nack(cx, connection, id),
            Some(write_ahead) => write_ahead.answer(cx.config, connection, id, Word::Refused),
        }
    }

    /// Tells that a message was read: at once, or when it is stored that the message was seen. To the peer a message
    /// that was read is one that arrived.
    fn send_read(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        match &mut self.write_ahead {
            None => send_read(cx, connection, id),
            Some(write_ahead) => write_ahead.answer(cx.config, connection, id, Word::Read),
        }
    }
}

pub(super) fn send_ack(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    cx.send_signal(connection, &Signal::accepted(id.clone()), Purpose::Ack { id: id.clone() });
}

/// Refuses a message; where the dialect has no word for it, it is acknowledged, so that it does not come for ever.
pub(super) fn send_nack(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    if !cx.send_signal(connection, &Signal::rejected(id.clone(), 0), Purpose::Nack { id: id.clone() }) {
        send_ack(cx, connection, id);
    }
}

pub(super) fn send_read(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    cx.send_signal(connection, &Signal::read(id.clone()), Purpose::Receipt { id: id.clone() });
}
