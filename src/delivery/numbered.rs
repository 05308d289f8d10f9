//! Messages on their way out where they have positions: what has one goes out again first, in order, then what is new.

use super::{Delivery, tell, tell_one};
use crate::action::Purpose;
use crate::cx::Cx;
use crate::error::SendError;
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::signal::{Payload, Refusal, Signal};
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
pub(super) struct Written<'a> {
    pub(super) id: &'a MessageId,
    pub(super) frame: Frame,
    pub(super) position: Option<u64>,
}

impl Delivery {
    /// Writes a message for its being taken: under the position it would get now, where there are positions.
    pub(super) fn write(&self, cx: &Cx<'_>, id: &MessageId, body: &Body) -> Result<(Frame, Option<u64>), SendError> {
        let Some(stream) = &self.stream else {
            let signal = Signal::Message { id: Some(id.clone()), body: Payload::of(body) };
            return Ok((cx.encode(&signal)?, None));
        };
        let position = stream.out.next();
        let frame = cx.encode(&numbered(position, id, body))?;
        // Under a later position it is longer by some digits.
        let bytes = (frame.len() + 16) as u64;
        let limit = stream.credit.map_or(u64::MAX, |credit| credit.frame);
        if bytes > limit { Err(SendError::TooLarge { bytes, limit }) } else { Ok((frame, Some(position))) }
    }

    /// Hands over what may leave now.
    pub(super) fn flush_numbered(
        &mut self,
        cx: &mut Cx<'_>,
        connection: ConnectionId,
        mut written: Option<Written<'_>>,
    ) {
        while let Step::Done = self.send_again(cx, connection) {}
        if self.stream.as_ref().is_some_and(|stream| stream.out.next_again().is_none()) {
            while let Step::Done = self.send_next(cx, connection, &mut written) {}
        }
    }

    /// The next message that has a position and was not sent on this connection; what is settled meanwhile is skipped.
    fn send_again(&mut self, cx: &mut Cx<'_>, connection: ConnectionId) -> Step {
        let Some(stream) = &mut self.stream else { return Step::Full };
        let (Some((position, slot)), Some(credit)) = (stream.out.next_again(), stream.credit) else {
            return Step::Full;
        };
        let (id, place, skipped) = (slot.id.clone(), slot.place, slot.skipped);
        let Some(entry) = self.outbox.entry(place).filter(|_| !skipped) else {
            let Ok(frame) = cx.encode(&Signal::Numbered { position, id, body: None }) else { return Step::Full };
            if !stream.out.has_room(frame.len(), &credit) {
                return Step::Full;
            }
            stream.out.on_sent_again(frame.len(), true);
            cx.send(connection, frame, Purpose::Skip { position });
            return Step::Done;
        };
        if self.outbox.is_expired(cx.now, entry) {
            tell(cx, self.outbox.fail(place, &cx.config.outbox));
            return Step::Done;
        }
        if self.outbox.next_to_send(&cx.config.outbox).is_none() {
            return Step::Full;
        }
        let frame = match cx.encode(&numbered(position, &id, &entry.body)) {
            Ok(frame) if frame.len() as u64 <= credit.frame => frame,
            _ => {
                tell(cx, self.outbox.fail(place, &cx.config.outbox));
                return Step::Done;
            }
        };
        if !stream.out.has_room(frame.len(), &credit) {
            return Step::Full;
        }
        cx.stats.resent += u64::from(entry.was_sent());
        stream.out.on_sent_again(frame.len(), false);
        self.hand_over(cx, connection, place, &id, frame);
        Step::Done
    }

    /// The next message that has no position yet.
    fn send_next(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, written: &mut Option<Written<'_>>) -> Step {
        let Some(stream) = &mut self.stream else { return Step::Full };
        let Some((place, entry)) = self.outbox.next_to_send(&cx.config.outbox) else { return Step::Full };
        let (Some(credit), false) = (stream.credit, stream.out.is_full()) else { return Step::Full };
        // It was sent in a session that is over, so only its id tells it from a new one.
        let recognised = stream.dedup.map(|span| span + Duration::from_millis(1));
        let dedup = recognised.or(cx.config.outbox.dedup_window);
        if self.outbox.is_expired(cx.now, entry) || self.outbox.is_stale(cx.now, entry, dedup) {
            tell(cx, self.outbox.fail(place, &cx.config.outbox));
            return Step::Done;
        }
        let position = stream.out.next();
        let at_hand = written.take_if(|written| *written.id == entry.id && written.position == Some(position));
        let frame = match at_hand {
            Some(written) => Ok(written.frame),
            None => cx.encode(&numbered(position, &entry.id, &entry.body)),
        };
        let Some(frame) = frame.ok().filter(|frame| frame.len() as u64 <= credit.frame) else {
            // The other end takes less than was known when the message was taken.
            tell(cx, self.outbox.fail(place, &cx.config.outbox));
            return Step::Done;
        };
        if !stream.out.has_room(frame.len(), &credit) {
            return Step::Full;
        }
        let id = entry.id.clone();
        cx.stats.resent += u64::from(entry.was_sent());
        stream.out.on_sent(place, id.clone(), frame.len());
        self.hand_over(cx, connection, place, &id, frame);
        Step::Done
    }

    fn hand_over(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, place: u64, id: &MessageId, frame: Frame) {
        cx.send(connection, frame, Purpose::Message { id: id.clone() });
        tell_one(cx, id, Status::Sent);
        self.outbox.on_sent(cx.now, place);
    }

    /// The other end has everything up to a position, on the present connection.
    pub(crate) fn on_ack_up_to(&mut self, cx: &mut Cx<'_>, position: u64, refused: &[Refusal]) -> Result<(), Cause> {
        match &self.stream {
            Some(stream) if stream.out.covers(position) => {}
            _ => return Err(Cause::AckAboveSent),
        }
        if self.settle_up_to(cx, position, refused) {
            self.flush(cx);
        }
        Ok(())
    }

    /// Everything up to a position gets its outcome; says whether anything did.
    pub(super) fn settle_up_to(&mut self, cx: &mut Cx<'_>, position: u64, refused: &[Refusal]) -> bool {
        let mut any = false;
        // Sorted, so that many refusals among many messages are found quickly.
        let mut refused = refused.to_vec();
        refused.sort_unstable_by_key(|refusal| refusal.position);
        while let Some((at, slot)) = self.stream.as_mut().and_then(|stream| stream.out.pop_acked(position)) {
            any = true;
            let refusal = refused.binary_search_by_key(&at, |refusal| refusal.position).ok();
            let status = match refusal.and_then(|found| refused.get(found)) {
                Some(refusal) => Status::Rejected { code: refusal.code },
                None => Status::Accepted,
            };
            // A new round of the message has a position of its own.
            if !slot.skipped && self.outbox.place(&slot.id).is_none_or(|place| place == slot.place) {
                self.confirm(cx, &slot.id, status);
            }
        }
        any
    }

    /// Whether the session's numbers are used up and nothing stands against another one.
    pub(super) fn is_spent(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.out.is_spent())
    }
}

fn numbered<'a>(position: u64, id: &MessageId, body: &'a Body) -> Signal<'a> {
    Signal::Numbered { position, id: id.clone(), body: Some(Payload::of(body)) }
}
