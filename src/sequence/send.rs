//! Sequenced messages on their way out.
//!
//! 1. A message that has a sequence number and no ack goes out again first, in order; new messages follow.
//! 2. A message that was settled meanwhile is skipped: its number goes out with no body.
//! 3. A frame waits while the other end's credit has no room for it; a frame that is alone always goes.
//! 4. A cumulative ack settles every message up to its number, in order.

use super::Sequence;
use crate::action::Purpose;
use crate::context::Context;
use crate::dialect::{Content, Refusal, Signal};
use crate::error::SendError;
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::outbox::Outbox;
use crate::status::Status;
use crate::time::Duration;

/// A message that was encoded when it was taken.
pub(crate) struct EncodedMessage<'a> {
    pub(crate) id: &'a MessageId,
    pub(crate) frame: Frame,
    /// The sequence number in the frame, where messages are counted.
    pub(crate) seq: Option<u64>,
}

impl Sequence {
    /// Encodes a new message under the number that it would get now; gives both.
    pub(crate) fn encode(&self, cx: &Context<'_>, id: &MessageId, body: &Body) -> Result<(Frame, u64), SendError> {
        let seq = self.out.next();
        let frame = cx.encode(&sequenced(seq, id, body))?;
        // A later number makes the frame longer by some digits.
        let bytes = (frame.len() + 16) as u64;
        let limit = self.credit.map_or(u64::MAX, |credit| credit.frame);
        if bytes > limit { Err(SendError::TooLarge { bytes, limit }) } else { Ok((frame, seq)) }
    }

    /// Hands over what may leave now.
    pub(crate) fn flush(
        &mut self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        encoded: &mut Option<EncodedMessage<'_>>,
    ) {
        while self.send_again(outbox, cx, connection).is_some() {}
        if self.out.next_again().is_none() {
            while self.send_next(outbox, cx, connection, encoded).is_some() {}
        }
    }

    /// Sends the next message that has a number and did not go out on this connection; `None` without one, or room.
    fn send_again(&mut self, outbox: &mut Outbox, cx: &mut Context<'_>, connection: ConnectionId) -> Option<()> {
        let ((seq, unacked), credit) = (self.out.next_again()?, self.credit?);
        let (slot, skipped) = (unacked.slot, unacked.skipped);
        let Some(entry) = outbox.entry(slot).filter(|_| !skipped) else {
            let frame = cx.encode(&Signal::sequenced(seq, unacked.id.clone(), None)).ok();
            let frame = frame.filter(|frame| self.out.has_room(frame.len(), &credit))?;
            self.out.on_sent(frame.len(), true);
            cx.send(connection, frame, Purpose::Skip { seq });
            return Some(());
        };
        if outbox.is_expired(cx.now, entry) {
            return give_up(outbox, cx, slot);
        }
        outbox.next_to_send(&cx.config.outbox)?;
        let frame = cx.encode(&sequenced(seq, &entry.id, &entry.body)).ok();
        self.hand_over(outbox, cx, connection, slot, frame)
    }

    /// Sends the next message that has no number yet, and gives it one; `None` without one, or room.
    fn send_next(
        &mut self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        encoded: &mut Option<EncodedMessage<'_>>,
    ) -> Option<()> {
        let (slot, entry) = outbox.next_to_send(&cx.config.outbox)?;
        self.credit.filter(|_| !self.out.is_full())?;
        // The session that it was sent in is over, so only its id tells it from a new message.
        let recognised = self.dedup.map(|span| span + Duration::from_millis(1));
        let dedup = recognised.or(cx.config.outbox.dedup_window);
        if outbox.is_expired(cx.now, entry) || outbox.is_stale(cx.now, entry, dedup) {
            return give_up(outbox, cx, slot);
        }
        let seq = self.out.next();
        let frame = match encoded.take_if(|encoded| *encoded.id == entry.id && encoded.seq == Some(seq)) {
            Some(encoded) => Some(encoded.frame),
            None => cx.encode(&sequenced(seq, &entry.id, &entry.body)).ok(),
        };
        self.hand_over(outbox, cx, connection, slot, frame)
    }

    /// Hands a message over under the next number to go out, if it was encoded and the other end takes it.
    fn hand_over(
        &mut self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        slot: u64,
        frame: Option<Frame>,
    ) -> Option<()> {
        let (entry, credit) = (outbox.entry(slot)?, self.credit?);
        // The other end may take less than was known when the message was taken.
        let Some(frame) = frame.filter(|frame| frame.len() as u64 <= credit.frame) else {
            return give_up(outbox, cx, slot);
        };
        if !self.out.has_room(frame.len(), &credit) {
            return None;
        }
        if self.out.next_again().is_none() {
            self.out.number(slot, entry.id.clone());
        }
        self.out.on_sent(frame.len(), false);
        cx.stats.resent += u64::from(entry.was_sent());
        cx.send(connection, frame, Purpose::Message { id: entry.id.clone() });
        cx.emit_status(&entry.id, Status::Sent);
        outbox.on_sent(cx.now, slot);
        Some(())
    }

    /// Gives every message up to a number its outcome; says whether there was one.
    pub(crate) fn settle(&mut self, outbox: &mut Outbox, cx: &mut Context<'_>, seq: u64, refused: &[Refusal]) -> bool {
        let mut any = false;
        // Sorted, so that many refusals among many messages are found quickly.
        let mut refused = refused.to_vec();
        refused.sort_unstable_by_key(|refusal| refusal.seq);
        while let Some((at, unacked)) = self.out.pop_acked(seq) {
            any = true;
            let refusal = refused.binary_search_by_key(&at, |refusal| refusal.seq).ok();
            let status = match refusal.and_then(|found| refused.get(found)) {
                Some(refusal) => Status::Rejected { code: refusal.code },
                None => Status::Accepted,
            };
            // A new round of the message has a number of its own.
            if !unacked.skipped && outbox.slot_of(&unacked.id).is_none_or(|slot| slot == unacked.slot) {
                let confirmed = outbox.on_confirmed(&unacked.id, status, &cx.config.outbox);
                cx.emit_confirmed(&unacked.id, status, confirmed);
            }
        }
        any
    }
}

fn sequenced<'a>(seq: u64, id: &MessageId, body: &'a Body) -> Signal<Content<'a>> {
    Signal::sequenced(seq, id.clone(), Some(Content::of(body)))
}

/// Settles a message as failed instead of sending it.
fn give_up(outbox: &mut Outbox, cx: &mut Context<'_>, slot: u64) -> Option<()> {
    let (id, status) = outbox.fail(slot, &cx.config.outbox)?;
    cx.emit_status(&id, status);
    Some(())
}
