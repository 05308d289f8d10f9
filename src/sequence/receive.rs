//! Incoming sequenced messages.
//!
//! 1. Messages are delivered in the order of their sequence numbers, each once.
//! 2. A sequence number that leaves others out is refused: its connection ends, and the peer goes on from the ack.
//! 3. While the host fetches lost messages, messages that arrive are held back, and delivered afterwards.
//! 4. At most one cumulative ack an input gives the sequence number up to which every message is accepted.

use super::inbound::Arrival;
use super::{Held, HeldContent, Sequence, taken_at_once};
use alloc::collections::BTreeSet;

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
                let content = body.map_or(HeldContent::Skipped, |body| HeldContent::Body(body().fit()));
                let held = Held { id, content };
                if self.gap.hold(held, &taken_at_once(cx.config)) { Ok(false) } else { Err(Cause::Gap) }
            }
            Arrival::Next => {
                if let Some(body) = body {
                    return self.take_next(inbox, cx, &id, body);
                }
                self.inbound.on_accepted();
                Ok(false)
            }
        }
    }

    /// Takes the message with the next sequence number. Returns whether the message was new.
    fn take_next(
        &mut self,
        inbox: &mut Inbox,
        cx: &mut Context<'_>,
        id: &MessageId,
        body: impl FnOnce() -> Body,
    ) -> Result<bool, Cause> {
        // One message id under many sequence numbers takes room in the inbox once, but here every time.
        if self.inbound.is_full(taken_at_once(cx.config).messages) {
            return Err(Cause::Gap);
        }
        let (decision, forgotten) = inbox.on_message(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        self.answer_next(decision, id)?;
        // A message whose id the inbox knows arrived before, in another session.
        let new = matches!(decision, InboxDecision::DeliverAndAck | InboxDecision::Deliver);
        if new {
            cx.deliver(Some(id), body());
        } else {
            cx.stats.duplicates += 1;
        }
        Ok(new)
    }

    /// Takes the message with the next sequence number, which the host has fetched.
    fn pass_fetched(&mut self, inbox: &mut Inbox, cx: &mut Context<'_>, id: &MessageId) -> Result<bool, Cause> {
        let (decision, forgotten) = inbox.on_own(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        cx.stats.duplicates += 1;
        self.answer_next(decision, id).map(|()| false)
    }

    /// Gives the next sequence number the answer that the decision on its message leads to.
    fn answer_next(&mut self, decision: InboxDecision, id: &MessageId) -> Result<(), Cause> {
        match decision {
            InboxDecision::DeliverAndAck | InboxDecision::AckAgain => self.inbound.on_accepted(),
            InboxDecision::Deliver | InboxDecision::Wait => self.inbound.on_waiting(id.clone()),
            InboxDecision::NackAgain => self.inbound.on_refused(0),
            // The peer was given credit for fewer messages, and still has this message.
            InboxDecision::Defer => return Err(Cause::Gap),
        }
        Ok(())
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
        let limit = cx.config.limits.id_bytes.get();
        if ids.iter().any(|id| !id.is_writable(limit)) {
            return Err(FetchedError::BadId { limit });
        }
        if !self.gap.on_fetched(from, to) {
            return Err(FetchedError::Unasked);
        }
        // The window may be smaller than this list, so what is held back is compared first, and remembered last.
        let held_back = self.gap.drop_fetched(&ids.iter().collect::<BTreeSet<_>>());
        for id in ids.iter().filter(|id| !held_back.contains(*id)).chain(&held_back) {
            cx.stats.forgotten += inbox.on_own(id, &cx.config.inbox).1;
        }
        while let Some(Held { id, content }) = self.gap.pop() {
            let taken = match content {
                HeldContent::Body(body) => self.take_next(inbox, cx, &id, || body),
                HeldContent::Skipped => {
                    self.inbound.on_accepted();
                    Ok(false)
                }
                HeldContent::Fetched => self.pass_fetched(inbox, cx, &id),
            };
            // Messages of the earlier session that the application has not answered yet take room as well.
            if taken.is_err() {
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
