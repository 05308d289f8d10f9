//! Messages on their way in where they have positions: in order, each once, acknowledged by one number.

use super::Delivery;
use super::incoming::deliver;
use crate::action::Purpose;
use crate::config::Config;
use crate::context::Context;
use crate::dialect::{AckCarrier, Credit, Signal};
use crate::error::FetchedError;
use crate::frame::Body;
use crate::id::MessageId;
use crate::inbox::InboxDecision;
use crate::sequence::{Arrival, Held};
use crate::state::Cause;

impl Delivery {
    /// A message has arrived under a position; without a body it was given up. Says whether it was new.
    pub(crate) fn on_sequenced_message(
        &mut self,
        cx: &mut Context<'_>,
        seq: u64,
        id: MessageId,
        body: Option<impl FnOnce() -> Body>,
    ) -> Result<bool, Cause> {
        let Some(sequence) = &mut self.sequence else { return Ok(false) };
        match sequence.inbound.arrival(seq, sequence.gap.len()) {
            Arrival::Again | Arrival::Pending => {
                cx.stats.duplicates += 1;
                Ok(false)
            }
            Arrival::Gap => Err(Cause::Gap),
            Arrival::Next if sequence.gap.missing().is_some() => {
                let credit = taken_at_once(cx.config);
                let held = Held { id, body: body.map(|body| body()) };
                if sequence.gap.hold(held, credit.messages, credit.bytes) { Ok(false) } else { Err(Cause::Gap) }
            }
            Arrival::Next => self.take_next(cx, id, body),
        }
    }

    fn take_next(
        &mut self,
        cx: &mut Context<'_>,
        id: MessageId,
        body: Option<impl FnOnce() -> Body>,
    ) -> Result<bool, Cause> {
        let Some(sequence) = &mut self.sequence else { return Ok(false) };
        let Some(body) = body else {
            sequence.inbound.on_accepted();
            return Ok(false);
        };
        if sequence.inbound.waiting() >= taken_at_once(cx.config).messages {
            // One id under many positions takes no room in the inbox, but here it would.
            return Err(Cause::Gap);
        }
        let (decision, forgotten) = self.inbox.on_message(&id, &cx.config.inbox);
        cx.stats.forgotten += forgotten;
        match decision {
            InboxDecision::DeliverAndAck => sequence.inbound.on_accepted(),
            InboxDecision::Deliver => sequence.inbound.on_waiting(id.clone()),
            // More than it was told that there is room for: not taken, so the other end still has it.
            InboxDecision::Defer => return Err(Cause::Gap),
            // Known by its id from another session.
            InboxDecision::AckAgain | InboxDecision::NackAgain | InboxDecision::Wait => {
                cx.stats.duplicates += 1;
                match decision {
                    InboxDecision::AckAgain => sequence.inbound.on_accepted(),
                    InboxDecision::NackAgain => sequence.inbound.on_refused(0),
                    _ => sequence.inbound.on_waiting(id),
                }
                return Ok(false);
            }
        }
        deliver(cx, Some(&id), body());
        Ok(true)
    }

    /// The host has fetched what was missing, among it the messages of these ids: what was held back is handed over. Says whether
    /// all of it found room.
    pub(crate) fn fetched(
        &mut self,
        cx: &mut Context<'_>,
        from: u64,
        to: Option<u64>,
        ids: &[MessageId],
    ) -> Result<bool, FetchedError> {
        if !self.sequence.as_mut().is_some_and(|sequence| sequence.gap.on_fetched(from, to)) {
            return Err(FetchedError::Unasked);
        }
        for id in ids {
            cx.stats.forgotten += self.inbox.on_own(id, &cx.config.inbox).1;
        }
        while let Some(held) = self.sequence.as_mut().and_then(|sequence| sequence.gap.pop()) {
            let body = held.body.map(|body| || body);
            // Messages of the session before, which the application has not answered yet, take room as well.
            if self.take_next(cx, held.id, body).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says what is new about the position up to which everything is accepted, once an input.
    pub(super) fn send_cumulative_ack(&mut self, cx: &mut Context<'_>) {
        if self.sequence.is_none() || self.is_held() {
            return;
        }
        let Some(connection) = self.ready_connection() else { return };
        let Some((seq, refused)) = self.sequence.as_mut().and_then(|sequence| {
            sequence.inbound.forget_refusals(taken_at_once(cx.config).messages);
            sequence.inbound.news()
        }) else {
            return;
        };
        let signal = Signal::CumulativeAck { seq, refused, carrier: AckCarrier::Alone };
        cx.send_signal(connection, &signal, Purpose::CumulativeAck { seq });
    }

    /// The position that heartbeats carry.
    pub(crate) fn carried_ack(&self) -> Option<u64> {
        let sequence = self.sequence.as_ref()?;
        self.ready_connection()?;
        Some(sequence.inbound.stored_seq())
    }

    /// The application has answered for a message that has a position.
    pub(super) fn on_sequenced_answer(&mut self, id: &MessageId, refused: Option<u32>) {
        if let Some(sequence) = &mut self.sequence {
            sequence.inbound.on_answer(id, refused);
        }
    }

    /// The connection is given up for what came on it.
    pub(crate) fn on_protocol_violation(&mut self, cause: Cause) {
        // Another session begins, for this one's numbers mean two things.
        if cause == Cause::AckAboveSent {
            self.forget_session();
        }
    }

    /// The next connection begins another session.
    pub(crate) fn forget_session(&mut self) {
        if let Some(sequence) = &mut self.sequence {
            sequence.forget();
        }
    }
}

/// What this end sends before it hears an acknowledgement: what the other end takes, within its own window.
pub(crate) fn sent_at_once(credit: Credit, config: &Config) -> Credit {
    Credit { messages: credit.messages.min(config.outbox.in_flight.get()), ..credit }
}

/// What this end takes before it has acknowledged.
pub(crate) fn taken_at_once(config: &Config) -> Credit {
    let frame = config.limits.frame_bytes.get();
    Credit { messages: config.inbox.pending.get(), bytes: frame, frame }
}
