//! Messages on their way in: delivered once, acknowledged every time.

use alloc::vec::Vec;

use super::Delivery;
use crate::action::{Action, Message, Purpose};
use crate::context::Context;
use crate::dialect::Signal;
use crate::error::{AcknowledgeError, MarkReadError};
use crate::frame::Body;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::InboxDecision;

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
            deliver(cx, None, body());
            return true;
        };
        let (decision, forgotten) = self.inbox.on_message(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        match decision {
            InboxDecision::DeliverAndAck => {
                deliver(cx, Some(id), body());
                self.ack(cx, connection, id);
                return true;
            }
            InboxDecision::Deliver => {
                deliver(cx, Some(id), body());
                return true;
            }
            InboxDecision::AckAgain => self.ack(cx, connection, id),
            InboxDecision::NackAgain => self.nack(cx, connection, id),
            InboxDecision::Wait => {}
            InboxDecision::Defer => {
                cx.push(Action::Deferred { id: id.clone() });
                return false;
            }
        }
        cx.stats.duplicates += 1;
        false
    }

    /// An own message has come back as a push: acknowledged like any, shown to nobody.
    pub(crate) fn on_echo(&mut self, cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
        let (decision, forgotten) = self.inbox.on_own(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        match decision {
            // A server may use one id for two messages; the one that waits for the application is not acknowledged by that.
            InboxDecision::Wait => {}
            InboxDecision::NackAgain => self.nack(cx, connection, id),
            _ => self.ack(cx, connection, id),
        }
    }

    /// The application has stored a message.
    pub(crate) fn acknowledge(&mut self, cx: &mut Context<'_>, id: &MessageId) -> Result<(), AcknowledgeError> {
        self.answer(cx, id, None)
    }

    /// The application will never take a message, for a reason that only a dialect with positions can tell.
    pub(crate) fn reject(&mut self, cx: &mut Context<'_>, id: &MessageId, code: u32) -> Result<(), AcknowledgeError> {
        self.answer(cx, id, Some(code))
    }

    fn answer(&mut self, cx: &mut Context<'_>, id: &MessageId, refused: Option<u32>) -> Result<(), AcknowledgeError> {
        let accepted = refused.is_none();
        cx.stats.forgotten += self.inbox.on_answer(id, accepted, &cx.config.inbox).ok_or(AcknowledgeError::Unknown)?;
        if self.sequence.is_some() {
            self.on_sequenced_answer(id, refused);
            return Ok(());
        }
        // Without a connection the answer waits for the message to be pushed again.
        if let Some(connection) = self.ready_connection() {
            if accepted {
                self.ack(cx, connection, id);
            } else {
                self.nack(cx, connection, id);
            }
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
        cx.encode(&Signal::Read { id: id.clone() }).map_err(|_| MarkReadError::NoWord)?;
        let rank = self.inbox.rank(id).ok_or(MarkReadError::Unknown)?;
        let inbox = &self.inbox;
        // What the inbox has forgotten is older than all it remembers.
        let rose =
            self.read_markers.on_read(conversation, id, |mark| inbox.rank(mark).is_none_or(|earlier| earlier < rank));
        if let (true, Some(connection)) = (rose, self.ready_connection()) {
            self.send_read(cx, connection, id);
        }
        Ok(())
    }

    /// A new connection is told up to where messages are read: nobody confirms that, so nobody knows whether it arrived before.
    pub(super) fn send_read_markers(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        let ids: Vec<MessageId> = self.read_markers.ids().cloned().collect();
        for id in &ids {
            self.send_read(cx, connection, id);
        }
    }
}

#[inline]
pub(super) fn deliver(cx: &mut Context<'_>, id: Option<&MessageId>, body: Body) {
    cx.stats.delivered += 1;
    cx.push(Action::Deliver(Message { id: id.cloned(), body }));
}

pub(super) fn ack_now(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    if let Ok(frame) = cx.encode(&Signal::Ack { id: id.clone(), echo: None }) {
        cx.send(connection, frame, Purpose::Ack { id: id.clone() });
    }
}

pub(super) fn read_now(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    cx.send_signal(connection, &Signal::Read { id: id.clone() }, Purpose::Receipt { id: id.clone() });
}

/// Refuses a message; where the dialect has no word for it, it is acknowledged, so that it does not come for ever.
pub(super) fn nack_now(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId) {
    match cx.encode(&Signal::Nack { id: id.clone(), code: 0 }) {
        Ok(frame) => cx.send(connection, frame, Purpose::Nack { id: id.clone() }),
        Err(_) => ack_now(cx, connection, id),
    }
}
