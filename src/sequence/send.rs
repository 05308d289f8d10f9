//! Outgoing sequenced messages.
//!
//! 1. Messages that have a sequence number and no ack go out first, in order; messages without a number follow.
//! 2. A message that was settled meanwhile is skipped: its sequence number goes out without a body. With write-ahead
//!    the number is stored as skipped before: another process would take an ack of it for that of the message.
//! 3. A frame waits while the credit of the peer has no room for it; a single frame always goes out.
//! 4. A cumulative ack settles every message up to its sequence number, in order.

use super::Sequence;
use crate::action::{Action, Purpose};
use crate::config::Durability;
use crate::context::Context;
use crate::dialect::{Content, Refusal, Signal};
use crate::error::SendError;
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::outbox::Outbox;
use crate::status::Status;
use crate::time::Duration;

/// Message that was encoded before it was taken.
pub(crate) struct EncodedMessage<'a> {
    pub(crate) id: &'a MessageId,
    pub(crate) frame: Frame,
    /// Sequence number in the frame; `None` in dialects without sequence numbers.
    pub(crate) seq: Option<u64>,
}

impl Sequence {
    /// Encodes a new message with the next sequence number, and returns the frame and the sequence number.
    pub(crate) fn encode(&self, cx: &Context<'_>, id: &MessageId, body: &Body) -> Result<(Frame, u64), SendError> {
        let seq = self.out.next();
        let frame = cx.encode(&sequenced(seq, id, body))?;
        // A later sequence number makes the frame longer by some digits.
        let bytes = (frame.len() + 16) as u64;
        let limit = self.credit.map_or(u64::MAX, |credit| credit.frame);
        if bytes > limit { Err(SendError::TooLarge { bytes, limit }) } else { Ok((frame, seq)) }
    }

    /// Lets the new round of a message, which takes its old place in the outbox, go out under the number of the round
    /// before, or gives that number up if it went out on this connection. Where messages are `numbered` as they are
    /// taken, the new round then gets a number before those of messages behind it.
    pub(crate) fn on_place_retaken(&mut self, slot: u64, id: &MessageId, numbered: bool) {
        if self.out.awaits(slot) {
            return;
        }
        self.out.forget_slot(slot);
        if numbered && self.sid.is_some() && slot < self.out.unnumbered() && !self.out.is_full() {
            self.out.number_again(slot, id.clone());
        }
    }

    /// Sends the messages that may be sent now. Returns whether numbers are skipped that are not stored as such.
    pub(crate) fn flush(
        &mut self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        encoded: &mut Option<EncodedMessage<'_>>,
    ) -> bool {
        while self.retransmit_next(outbox, cx, connection).is_some() {}
        if self.out.next_retransmission().is_none() {
            while self.send_next(outbox, cx, connection, encoded).is_some() {}
        }
        let next = self.next_skip(outbox).filter(|_| cx.config.durability == Durability::WriteAhead);
        next.map(|next| self.skip_settled(outbox, cx, next)).is_some()
    }

    /// Next number, where it is one that goes out without its message, and was not skipped before.
    fn next_skip(&self, outbox: &Outbox) -> Option<u64> {
        let (seq, unacked) = self.out.next_retransmission()?;
        let gone = !unacked.skipped && outbox.entry(unacked.slot).is_none() && !outbox.holds_place(unacked.slot);
        gone.then_some(seq)
    }

    /// Skips the `next` number and, at once, all behind it whose messages are settled or would be when they went out.
    fn skip_settled(&mut self, outbox: &mut Outbox, cx: &mut Context<'_>, next: u64) {
        let (gone_out, window) = (self.out.gone_out(), self.dedup_window(cx));
        self.out.skip_where(|seq, slot| {
            let Some(entry) = outbox.entry(slot) else { return seq == next || outbox.id_at(slot).is_none() };
            let stale = seq > gone_out && outbox.is_stale(cx.now, entry, window);
            (stale || outbox.is_expired(cx.now, entry)) && give_up(outbox, cx, slot).is_some()
        });
    }

    /// Sends the next message that has a sequence number and did not go out on this connection. Returns `None` if there
    /// is no such message, or no room for it.
    fn retransmit_next(&mut self, outbox: &mut Outbox, cx: &mut Context<'_>, connection: ConnectionId) -> Option<()> {
        let ((seq, unacked), credit) = (self.out.next_retransmission()?, self.credit?);
        let (slot, skipped) = (unacked.slot, unacked.skipped);
        let Some(entry) = outbox.entry(slot).filter(|_| !skipped) else {
            let stores = cx.config.durability == Durability::WriteAhead;
            if !skipped && (stores || outbox.holds_place(slot)) {
                return None;
            }
            // The id of a skipped message means nothing to the peer, so the sequence number can stand for it.
            let skip = |id: MessageId| cx.encode(&Signal::sequenced(seq, id, None));
            let Ok(frame) = skip(unacked.id.clone()).or_else(|_| skip(seq.into())) else {
                cx.push(Action::Unsent { connection, purpose: Purpose::Skip { seq } });
                self.out.give_up();
                return None;
            };
            if !self.out.has_room(frame.len(), &credit) {
                return None;
            }
            self.out.on_sent(frame.len(), true);
            cx.send(connection, frame, Purpose::Skip { seq });
            return Some(());
        };
        // A number that never went out does not tell the peer of an earlier session's copy; only the id does.
        let stale = seq > self.out.gone_out() && outbox.is_stale(cx.now, entry, self.dedup_window(cx));
        if stale || outbox.is_expired(cx.now, entry) {
            return give_up(outbox, cx, slot);
        }
        outbox.next_to_send(&cx.config.outbox).filter(|_| !outbox.is_held(slot))?;
        let frame = cx.encode(&sequenced(seq, &entry.id, &entry.body)).ok();
        self.hand_over(outbox, cx, connection, slot, frame)
    }

    /// Sends the next message that has no sequence number, and gives it one. Returns `None` if there is no such
    /// message, or no room for it.
    fn send_next(
        &mut self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        encoded: &mut Option<EncodedMessage<'_>>,
    ) -> Option<()> {
        let (slot, entry) = outbox.next_to_send(&cx.config.outbox)?;
        self.credit.filter(|_| !self.out.is_full())?;
        // A copy of this message was sent in an earlier session, so the peer can tell the repeat by its id only.
        let stale = outbox.is_stale(cx.now, entry, self.dedup_window(cx));
        if stale || outbox.is_expired(cx.now, entry) {
            return give_up(outbox, cx, slot);
        }
        let seq = self.out.next();
        let frame = match encoded.take_if(|encoded| *encoded.id == entry.id && encoded.seq == Some(seq)) {
            Some(encoded) => Some(encoded.frame),
            None => cx.encode(&sequenced(seq, &entry.id, &entry.body)).ok(),
        };
        self.hand_over(outbox, cx, connection, slot, frame)
    }

    /// Time for which the peer recognises a repeated message id.
    fn dedup_window(&self, cx: &Context<'_>) -> Option<Duration> {
        self.dedup.map(|span| span + Duration::from_millis(1)).or(cx.config.outbox.dedup_window)
    }

    /// Sends a message with the next sequence number to go out, if the message was encoded and the peer takes it.
    fn hand_over(
        &mut self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        slot: u64,
        frame: Option<Frame>,
    ) -> Option<()> {
        let credit = self.credit?;
        // The peer may take shorter frames than it did when the message was taken.
        let Some(frame) = frame.filter(|frame| frame.len() as u64 <= credit.frame) else {
            return give_up(outbox, cx, slot);
        };
        if !self.out.has_room(frame.len(), &credit)
            || !cx.backlog.has_room(frame.len(), cx.config)
            || !outbox.rate_allows(cx.now, &cx.config.outbox)
        {
            return None;
        }
        let entry = outbox.entry(slot)?;
        if self.out.next_retransmission().is_none() {
            self.out.assign(slot, entry.id.clone());
        }
        self.out.on_sent(frame.len(), false);
        cx.stats.resent += u64::from(entry.was_sent());
        cx.send_message(connection, frame, entry.id.clone(), slot);
        cx.emit_status(&entry.id, Status::Sent);
        outbox.on_sent(cx.now, slot, cx.backlog.reports_written(), &cx.config.outbox);
        Some(())
    }

    /// Settles every message up to sequence number `seq`. Returns whether there was such a message.
    pub(crate) fn settle(&mut self, outbox: &mut Outbox, cx: &mut Context<'_>, seq: u64, refused: &[Refusal]) -> bool {
        let mut any = false;
        // The refusals are sorted, so that many refusals among many messages are found quickly.
        let mut refused = refused.to_vec();
        refused.sort_unstable_by_key(|refusal| refusal.seq);
        while let Some((at, unacked)) = self.out.pop_acked(seq) {
            any = true;
            let refusal = refused.binary_search_by_key(&at, |refusal| refusal.seq).ok();
            let status = match refusal.and_then(|found| refused.get(found)) {
                Some(refusal) => Status::Rejected { code: refusal.code },
                None => Status::Accepted,
            };
            // A new round of the message has another sequence number, so this ack does not confirm it.
            if !unacked.skipped && outbox.slot_of(&unacked.id).is_none_or(|slot| slot == unacked.slot) {
                let confirmed = outbox.on_confirmed(cx.now, &unacked.id, status, &cx.config.outbox);
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
