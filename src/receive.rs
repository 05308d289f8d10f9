//! The path of a frame, on both sides: it is counted, read, and handed to the room that its signal concerns.
//!
//! 1. A frame over the limit is dropped unread.
//! 2. What arrives before the login is done and is not about it is passed over, unless the dialect delivers early.
//! 3. A frame becomes a body only where it is delivered: until then a content is a range within it.
//!
//! | signal | goes to |
//! |---|---|
//! | `Heartbeat` | a question is answered here; an answer goes to the link |
//! | `Login`, `Leave` | the link of a session; a peer leaves logins to its host |
//! | `Message`, `Notice` | `delivery::receive` |
//! | `Receipt` | `delivery::send`, whose outbox it settles |
//! | `Sequence` | `sequence`, by way of `delivery`; a greeting goes to `sequence::resume` |

use crate::config::Deliver;
use crate::context::Context;
use crate::delivery::Delivery;
use crate::dialect::{
    AckCarrier, Echo, HeartbeatSignal, LeaveSignal, LoginSignal, ReceiptSignal, SequenceSignal, Signal, Span,
};
use crate::error::Malformed;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::state::Cause;
use crate::status::Status;

/// The side that a frame has reached: what a session and a peer do differently.
pub(crate) trait Receiver {
    fn delivery(&mut self) -> &mut Delivery;

    /// Whether the login of the present connection is done.
    fn is_ready(&self) -> bool;

    /// A frame was understood.
    fn on_understood(&mut self) {}

    /// A frame could not be understood.
    fn on_malformed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, error: Malformed);

    /// The other end broke a rule of the protocol: its connection is closed with a code that says so.
    fn on_violation(&mut self, cx: &mut Context<'_>, cause: Cause);

    /// A heartbeat was answered.
    fn on_heartbeat_reply(&mut self, _cx: &mut Context<'_>, _connection: ConnectionId) {}

    /// A message for the application has arrived.
    fn on_message_arrived(&mut self, _cx: &mut Context<'_>) {}

    fn on_login(
        &mut self,
        _cx: &mut Context<'_>,
        _connection: ConnectionId,
        _login: LoginSignal<Span>,
        _frame: &mut Frame,
    ) {
    }

    fn on_leave(&mut self, cx: &mut Context<'_>, connection: ConnectionId, leave: LeaveSignal<Span>, frame: &mut Frame);

    /// The first word of a session whose messages are counted, or the answer to it.
    fn on_greeting(&mut self, cx: &mut Context<'_>, connection: ConnectionId, greeting: SequenceSignal<Span>);
}

/// A frame of the present connection has arrived.
#[inline]
pub(crate) fn receive(side: &mut impl Receiver, cx: &mut Context<'_>, connection: ConnectionId, frame: &mut Frame) {
    cx.stats.frames_in += 1;
    cx.stats.bytes_in += frame.len() as u64;
    let signal = match read(cx, frame) {
        Ok(signal) => signal,
        Err(error) => return side.on_malformed(cx, connection, error),
    };
    side.on_understood();
    if !side.is_ready() && !cx.dialect.capabilities().early_delivery && !signal.is_about_login() {
        cx.stats.stale_events += 1;
        return;
    }
    match signal {
        Signal::Heartbeat(HeartbeatSignal::Ask) => {
            side.delivery().send_heartbeat(cx, connection, AckCarrier::HeartbeatReply);
        }
        Signal::Heartbeat(HeartbeatSignal::Reply) => side.on_heartbeat_reply(cx, connection),
        Signal::Message(message) => deliver(side, cx, connection, message.id.as_ref(), message.content, frame),
        Signal::Notice(content) => deliver(side, cx, connection, None, content, frame),
        Signal::Receipt(receipt) => on_receipt(side, cx, connection, receipt, frame),
        Signal::Sequence(sequence) => on_sequence(side, cx, connection, sequence, frame),
        Signal::Login(login) => side.on_login(cx, connection, login, frame),
        Signal::Leave(leave) => side.on_leave(cx, connection, leave, frame),
        Signal::Ignored => {}
    }
}

fn read(cx: &Context<'_>, frame: &Frame) -> Result<Signal<Span>, Malformed> {
    let (bytes, limit) = (frame.len() as u64, cx.config.limits.frame_bytes.get());
    if bytes > limit {
        return Err(Malformed::TooLarge { bytes, limit });
    }
    cx.dialect.decode(cx.side, frame, &cx.config.limits)
}

/// Something for the application; the frame itself becomes the body.
#[inline]
fn deliver(
    side: &mut impl Receiver,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    id: Option<&MessageId>,
    content: Span,
    frame: &mut Frame,
) {
    let content = delivered(cx, content);
    side.delivery().on_message(cx, connection, id, || content.into_body(frame));
    side.on_message_arrived(cx);
}

/// What is delivered of a frame.
fn delivered(cx: &Context<'_>, content: Span) -> Span {
    match cx.config.inbox.deliver {
        Deliver::Content => content,
        Deliver::Frame => Span::WHOLE,
    }
}

fn on_receipt(
    side: &mut impl Receiver,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    receipt: ReceiptSignal<Span>,
    frame: &mut Frame,
) {
    let (id, status) = match receipt {
        ReceiptSignal::Accepted { id, echo } => return on_accepted(side, cx, connection, &id, echo, frame),
        ReceiptSignal::Rejected { id, code } => (id, Status::Rejected { code }),
        ReceiptSignal::Delivered { id } => (id, Status::Delivered),
        ReceiptSignal::Read { id } => (id, Status::Read),
    };
    if !side.delivery().on_confirmed(cx, &id, status) {
        cx.stats.unknown_receipts += 1;
    }
}

/// The other end has a message of ours, and may have pushed it back as it said so.
fn on_accepted(
    side: &mut impl Receiver,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    id: &MessageId,
    echo: Option<Echo<Span>>,
    frame: &mut Frame,
) {
    let delivery = side.delivery();
    let known = delivery.on_confirmed(cx, id, Status::Accepted) || delivery.owns(id);
    match echo {
        Some(echo) if known => delivery.on_echo(cx, connection, &echo.id),
        // Somebody else's message under a client's id: from another device of this account, say.
        Some(echo) => deliver(side, cx, connection, Some(&echo.id), echo.content, frame),
        None if !known => cx.stats.unknown_receipts += 1,
        None => {}
    }
}

fn on_sequence(
    side: &mut impl Receiver,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    sequence: SequenceSignal<Span>,
    frame: &mut Frame,
) {
    let violation = match sequence {
        SequenceSignal::Message { seq, id, content } => {
            let content = content.map(|content| delivered(cx, content));
            let body = content.map(|content| move || content.into_body(frame));
            match side.delivery().on_sequenced_message(cx, seq, id, body) {
                Ok(true) => return side.on_message_arrived(cx),
                Ok(false) => return,
                Err(cause) => cause,
            }
        }
        SequenceSignal::Ack { seq, refused, carrier } => {
            match carrier {
                AckCarrier::Alone => {}
                AckCarrier::Heartbeat => {
                    side.delivery().send_heartbeat(cx, connection, AckCarrier::HeartbeatReply);
                }
                AckCarrier::HeartbeatReply => side.on_heartbeat_reply(cx, connection),
            }
            match side.delivery().on_cumulative_ack(cx, seq, &refused) {
                Ok(()) => return,
                Err(cause) => cause,
            }
        }
        greeting @ (SequenceSignal::Hello(_) | SequenceSignal::Welcome(_)) => {
            return side.on_greeting(cx, connection, greeting);
        }
    };
    side.on_violation(cx, violation);
}
