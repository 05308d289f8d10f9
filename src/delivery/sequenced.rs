//! Messages on their way out where they have positions: what has one goes out again first, in order, then what is new.

use super::{Delivery, emit_status, emit_statuses};
use crate::action::Purpose;
use crate::context::Context;
use crate::dialect::{Payload, Refusal, Signal};
use crate::error::SendError;
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::state::Cause;
use crate::status::Status;
use crate::time::Duration;

/// What became of one try to hand something over.
enum Step {
    Done,
    /// The window, or the session's numbers, have no room.
    Full,
}

/// A message that was written when it was taken, and the position it was written for.
pub(super) struct EncodedMessage<'a> {
    pub(super) id: &'a MessageId,
    pub(super) frame: Frame,
    pub(super) seq: Option<u64>,
}

impl Delivery {
    /// Writes a message for its being taken: under the position it would get now, where there are positions.
    pub(super) fn write(
        &self,
        cx: &Context<'_>,
        id: &MessageId,
        body: &Body,
    ) -> Result<(Frame, Option<u64>), SendError> {
        let Some(sequence) = &self.sequence else {
            let signal = Signal::Message { id: Some(id.clone()), body: Payload::of(body) };
            return Ok((cx.encode(&signal)?, None));
        };
        let seq = sequence.out.next();
        let frame = cx.encode(&sequenced(seq, id, body))?;
        // Under a later position it is longer by some digits.
        let bytes = (frame.len() + 16) as u64;
        let limit = sequence.credit.map_or(u64::MAX, |credit| credit.frame);
        if bytes > limit { Err(SendError::TooLarge { bytes, limit }) } else { Ok((frame, Some(seq))) }
    }

    /// Hands over what may leave now.
    pub(super) fn flush_sequence(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        mut encoded: Option<EncodedMessage<'_>>,
    ) {
        while let Step::Done = self.send_again(cx, connection) {}
        if self.sequence.as_ref().is_some_and(|sequence| sequence.out.next_again().is_none()) {
            while let Step::Done = self.send_next(cx, connection, &mut encoded) {}
        }
    }

    /// The next message that has a position and was not sent on this connection; what is settled meanwhile is skipped.
    fn send_again(&mut self, cx: &mut Context<'_>, connection: ConnectionId) -> Step {
        let Some(sequence) = &mut self.sequence else { return Step::Full };
        let (Some((seq, unacked)), Some(credit)) = (sequence.out.next_again(), sequence.credit) else {
            return Step::Full;
        };
        let (id, slot, skipped) = (unacked.id.clone(), unacked.slot, unacked.skipped);
        let Some(entry) = self.outbox.entry(slot).filter(|_| !skipped) else {
            let Ok(frame) = cx.encode(&Signal::SequencedMessage { seq, id, body: None }) else { return Step::Full };
            if !sequence.out.has_room(frame.len(), &credit) {
                return Step::Full;
            }
            sequence.out.on_sent_again(frame.len(), true);
            cx.send(connection, frame, Purpose::Skip { seq });
            return Step::Done;
        };
        if self.outbox.is_expired(cx.now, entry) {
            emit_statuses(cx, self.outbox.fail(slot, &cx.config.outbox));
            return Step::Done;
        }
        if self.outbox.next_to_send(&cx.config.outbox).is_none() {
            return Step::Full;
        }
        let frame = match cx.encode(&sequenced(seq, &id, &entry.body)) {
            Ok(frame) if frame.len() as u64 <= credit.frame => frame,
            _ => {
                emit_statuses(cx, self.outbox.fail(slot, &cx.config.outbox));
                return Step::Done;
            }
        };
        if !sequence.out.has_room(frame.len(), &credit) {
            return Step::Full;
        }
        cx.stats.resent += u64::from(entry.was_sent());
        sequence.out.on_sent_again(frame.len(), false);
        self.hand_over(cx, connection, slot, &id, frame);
        Step::Done
    }

    /// The next message that has no position yet.
    fn send_next(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        encoded: &mut Option<EncodedMessage<'_>>,
    ) -> Step {
        let Some(sequence) = &mut self.sequence else { return Step::Full };
        let Some((slot, entry)) = self.outbox.next_to_send(&cx.config.outbox) else { return Step::Full };
        let (Some(credit), false) = (sequence.credit, sequence.out.is_full()) else { return Step::Full };
        // It was sent in a session that is over, so only its id tells it from a new one.
        let recognised = sequence.dedup.map(|span| span + Duration::from_millis(1));
        let dedup = recognised.or(cx.config.outbox.dedup_window);
        if self.outbox.is_expired(cx.now, entry) || self.outbox.is_stale(cx.now, entry, dedup) {
            emit_statuses(cx, self.outbox.fail(slot, &cx.config.outbox));
            return Step::Done;
        }
        let seq = sequence.out.next();
        let at_hand = encoded.take_if(|encoded| *encoded.id == entry.id && encoded.seq == Some(seq));
        let frame = match at_hand {
            Some(encoded) => Ok(encoded.frame),
            None => cx.encode(&sequenced(seq, &entry.id, &entry.body)),
        };
        let Some(frame) = frame.ok().filter(|frame| frame.len() as u64 <= credit.frame) else {
            // The other end takes less than was known when the message was taken.
            emit_statuses(cx, self.outbox.fail(slot, &cx.config.outbox));
            return Step::Done;
        };
        if !sequence.out.has_room(frame.len(), &credit) {
            return Step::Full;
        }
        let id = entry.id.clone();
        cx.stats.resent += u64::from(entry.was_sent());
        sequence.out.on_sent(slot, id.clone(), frame.len());
        self.hand_over(cx, connection, slot, &id, frame);
        Step::Done
    }

    fn hand_over(&mut self, cx: &mut Context<'_>, connection: ConnectionId, slot: u64, id: &MessageId, frame: Frame) {
        cx.send(connection, frame, Purpose::Message { id: id.clone() });
        emit_status(cx, id, Status::Sent);
        self.outbox.on_sent(cx.now, slot);
    }

    /// The other end has everything up to a position, on the present connection.
    pub(crate) fn on_cumulative_ack(
        &mut self,
        cx: &mut Context<'_>,
        seq: u64,
        refused: &[Refusal],
    ) -> Result<(), Cause> {
        match &self.sequence {
            Some(sequence) if sequence.out.covers(seq) => {}
            _ => return Err(Cause::AckAboveSent),
        }
        if self.settle_up_to(cx, seq, refused) {
            self.flush(cx);
        }
        Ok(())
    }

    /// Everything up to a position gets its outcome; says whether anything did.
    pub(super) fn settle_up_to(&mut self, cx: &mut Context<'_>, seq: u64, refused: &[Refusal]) -> bool {
        let mut any = false;
        // Sorted, so that many refusals among many messages are found quickly.
        let mut refused = refused.to_vec();
        refused.sort_unstable_by_key(|refusal| refusal.seq);
        while let Some((at, unacked)) = self.sequence.as_mut().and_then(|sequence| sequence.out.pop_acked(seq)) {
            any = true;
            let refusal = refused.binary_search_by_key(&at, |refusal| refusal.seq).ok();
            let status = match refusal.and_then(|found| refused.get(found)) {
                Some(refusal) => Status::Rejected { code: refusal.code },
                None => Status::Accepted,
            };
            // A new round of the message has a position of its own.
            if !unacked.skipped && self.outbox.slot_of(&unacked.id).is_none_or(|slot| slot == unacked.slot) {
                self.confirm(cx, &unacked.id, status);
            }
        }
        any
    }

    /// Whether the session's numbers are used up and nothing stands against another one.
    pub(super) fn is_spent(&self) -> bool {
        self.sequence.as_ref().is_some_and(|sequence| sequence.out.is_spent())
    }
}

fn sequenced<'a>(seq: u64, id: &MessageId, body: &'a Body) -> Signal<'a> {
    Signal::SequencedMessage { seq, id: id.clone(), body: Some(Payload::of(body)) }
}
