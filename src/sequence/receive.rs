//! Sequenced messages on their way in.
//!
//! 1. Messages are delivered in the order of their numbers, each once.
//! 2. A number that leaves others out is refused: its connection ends, and the other end goes on from the ack.
//! 3. While lost messages are being fetched, those that come meanwhile are held back, and delivered afterwards.
//! 4. One cumulative ack an input says up to which number everything is accepted.

use super::inbound::Arrival;
use super::{Held, Sequence, taken_at_once};
use crate::action::Purpose;
use crate::context::Context;
use crate::dialect::{AckCarrier, Signal};
use crate::error::FetchedError;
use crate::frame::Body;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::{Inbox, InboxDecision};
use crate::state::Cause;

impl Sequence {
    /// A message has arrived under a number; one with no body was given up. Says whether it was new.
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
                let held = Held { id, body: body.map(|body| body()) };
                if self.gap.hold(held, &taken_at_once(cx.config)) { Ok(false) } else { Err(Cause::Gap) }
            }
            Arrival::Next => self.take_next(inbox, cx, &id, body),
        }
    }

    /// Takes the message of the next number; says whether it was new.
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
            // One id under many numbers takes no room in the inbox, but here it would.
            return Err(Cause::Gap);
        }
        let (decision, forgotten) = inbox.on_message(id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        match decision {
            InboxDecision::DeliverAndAck | InboxDecision::AckAgain => self.inbound.on_accepted(),
            InboxDecision::Deliver | InboxDecision::Wait => self.inbound.on_waiting(id.clone()),
            InboxDecision::NackAgain => self.inbound.on_refused(0),
            // The other end was told that there is less room, and it still has the message.
            InboxDecision::Defer => return Err(Cause::Gap),
        }
        // An id that is known here came in another session.
        let new = matches!(decision, InboxDecision::DeliverAndAck | InboxDecision::Deliver);
        if new {
            cx.deliver(Some(id), body());
        } else {
            cx.stats.duplicates += 1;
        }
        Ok(new)
    }

    /// The host has fetched what was missing, the messages of these ids among it: what was held back is delivered. Says
    /// whether all of that found room.
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
            // Messages of the session before, which the application has not answered yet, take room as well.
            if self.take_next(inbox, cx, &held.id, body).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Acknowledges up to the number that everything is accepted to, if the other end does not know it yet.
    pub(crate) fn send_cumulative_ack(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        self.inbound.forget_refusals(taken_at_once(cx.config).messages);
        let Some((seq, refused)) = self.inbound.news() else { return };
        let signal = Signal::cumulative_ack(seq, refused, AckCarrier::Alone);
        cx.send_signal(connection, &signal, Purpose::CumulativeAck { seq });
    }
}
