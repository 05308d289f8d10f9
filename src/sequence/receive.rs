//! Incoming sequenced messages.
//!
//! 1. Messages are delivered in the order of their sequence numbers, each once.
//! 2. A sequence number that leaves others out is refused: its connection ends, and the peer goes on from the ack.
//! 3. While the host fetches lost messages, messages that arrive are held back, and delivered afterwards.
//! 4. At most one cumulative ack an input gives the sequence number up to which every message is accepted.

use super::inbound::Arrival;
use super::{Held, Sequence, taken_at_once};
use crate::action::Purpose;
use crate::backlog::FrameKind;
use crate::context::Context;
use crate::dialect::{AckCarrier, Signal};
use crate::error::FetchedError;
use crate::frame::Body;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::{Inbox, InboxDecision};
use crate::state::Cause;

impl Sequence {
    /// Handles an incoming message; without a body the peer skipped it. Returns whether the message was new.
    pub(crate) fn on_message(
        &mut self,
        inbox: &mut Inbox,
        cx: &mut Context<'_>,
        seq: u64,
        id: MessageId,
        body: Option<impl FnOnce() -> Body>,
    ) -> Result<bool, Cause> {
        match self.inbound.arrival(seq, self.gap.len()) {
            Arrival::Again | Arrival::Pending => {
                cx.stats.duplicates += 1;
                Ok(false)
            }
            Arrival::Gap => Err(Cause::Gap),
            Arrival::Next if self.gap.missing().is_some() => {
                let held = Held { id, body: body.map(|body| body().fit()) };
                if self.gap.hold(held, &taken_at_once(cx.config)) { Ok(false) } else { Err(Cause::Gap) }
            }
            Arrival::Next => self.take_next(inbox, cx, &id, body),
        }
    }

    /// Takes the message with the next sequence number. Returns whether the message was new.
    fn take_next(
        &mut self,
        inbox: &mut Inbox,
        cx: &mut Context<'_>,
        id: &MessageId,
        body: Option<impl FnOnce() -> Body>,
    ) -> Result<bool, Cause> {
        let Some(body) = body else {
            self.inbound.on_accepted();
            return Ok(false);
        };
        if self.inbound.waiting() >= taken_at_once(cx.config).messages {
            // One message id under many sequence numbers takes room in the inbox once, but here every time.
            return Err(Cause::Gap);
        }
        let (decision, forgotten) = inbox.on_message(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        match decision {
            InboxDecision::DeliverAndAck | InboxDecision::AckAgain => self.inbound.on_accepted(),
            InboxDecision::Deliver | InboxDecision::Wait => self.inbound.on_waiting(id.clone()),
            InboxDecision::NackAgain => self.inbound.on_refused(0),
            // The peer was given credit for fewer messages, and still has this message.
            InboxDecision::Defer => return Err(Cause::Gap),
        }
        // A message whose id the inbox knows arrived before, in another session.
        let new = matches!(decision, InboxDecision::DeliverAndAck | InboxDecision::Deliver);
        if new {
            cx.deliver(Some(id), body());
        } else {
            cx.stats.duplicates += 1;
        }
        Ok(new)
    }

    /// Handles a fetch by the host, which found the messages with these `ids` among the missing messages. Once no
    /// message is missing, the messages held back are delivered. Returns whether all of these found room.
    pub(crate) fn on_fetched(
        &mut self,
        inbox: &mut Inbox,
        cx: &mut Context<'_>,
        (from, to): (u64, Option<u64>),
        ids: &[MessageId],
    ) -> Result<bool, FetchedError> {
        if !self.gap.on_fetched(from, to) {
            return Err(FetchedError::Unasked);
        }
        for id in ids {
            cx.stats.forgotten += inbox.on_own(id, &cx.config.inbox).1;
        }
        while let Some(held) = self.gap.pop() {
            let body = held.body.map(|body| || body);
            // Messages of the earlier session that the application has not answered yet take room as well.
            if self.take_next(inbox, cx, &held.id, body).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends the cumulative ack that is due, if any. It waits while an earlier one is unwritten, because the next one
    /// says more, and while the socket has no room.
    pub(crate) fn send_cumulative_ack(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        if cx.backlog.holds(FrameKind::CumulativeAck) || !cx.backlog.has_room(0, cx.config) {
            return;
        }
        self.inbound.forget_refusals(taken_at_once(cx.config).messages);
        let Some((seq, refused)) = self.inbound.take_ack() else { return };
        let signal = Signal::cumulative_ack(seq, refused, AckCarrier::Alone);
        cx.send_or_report(connection, &signal, Purpose::CumulativeAck { seq });
    }
}
