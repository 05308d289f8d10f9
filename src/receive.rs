//! Incoming frames of a session or a peer: each frame is counted, decoded, and dispatched by its signal.
//!
//! 1. A frame over the limit is dropped unread.
//! 2. A signal that arrives before the login is done and is not about the login is ignored, unless the dialect delivers
//!    early.
//! 3. Whoever wrote the dialect: an id over its limit, a number that no snapshot can hold or JSON that nests too deep
//!    is malformed.
//! 4. Where a frame holds several records, each is decoded like a frame; none is once the connection is over.
//! 5. A frame becomes a body only when it is delivered: until then its content is a range within the frame.
//!
//! | signal | goes to |
//! |---|---|
//! | `Heartbeat` | a heartbeat is answered here; a heartbeat reply goes to the link |
//! | `Login`, `Leave` | the link of a session; a peer leaves logins to its host |
//! | `Message`, `Notice` | `delivery::receive` |
//! | `Receipt` | `delivery::send`, which settles the message in the outbox |
//! | `Sequence` | `sequence`, by way of `delivery`; hello and welcome go to `sequence::resume` |

use crate::config::Deliver;
use crate::context::Context;
use crate::delivery::Delivery;
use crate::dialect::{
    AckCarrier, Echo, HeartbeatSignal, LeaveSignal, LoginSignal, ReceiptSignal, Record, SequenceSignal, Signal, Span,
};
use crate::error::Malformed;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::records::Records;
use crate::state::Cause;
use crate::status::Status;

/// Receiver of a frame: the parts in which a session and a peer differ.
pub(crate) trait Receiver {
    fn delivery(&mut self) -> &mut Delivery;

    /// Whether the present connection is ready to carry messages.
    fn is_ready(&self) -> bool;

    /// Whether frames of this connection are handled.
    fn listens_to(&self, connection: ConnectionId) -> bool;

    /// Notes a frame that could be understood.
    fn on_understood(&mut self, _signal: &Signal<Span>) {}

    /// Handles a frame that could not be understood.
    fn on_malformed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, error: Malformed);

    /// Closes the connection after a protocol violation of the other end, with a code that names it.
    fn on_violation(&mut self, cx: &mut Context<'_>, cause: Cause);

    /// Handles a heartbeat reply.
    fn on_heartbeat_reply(&mut self, _cx: &mut Context<'_>, _connection: ConnectionId) {}

    /// Notes the arrival of a message for the application.
    fn on_message_arrived(&mut self, _cx: &mut Context<'_>) {}

    /// Handles a login signal.
    fn on_login(
        &mut self,
        _cx: &mut Context<'_>,
        _connection: ConnectionId,
        _login: LoginSignal<Span>,
        _frame: &mut Frame,
    ) {
    }

    /// Handles a kick or a bye.
    fn on_leave(&mut self, cx: &mut Context<'_>, connection: ConnectionId, leave: LeaveSignal<Span>, frame: &mut Frame);

    /// Handles a hello or a welcome, which begin a connection in dialects with sequence numbers.
    fn on_greeting(&mut self, cx: &mut Context<'_>, connection: ConnectionId, greeting: SequenceSignal<Span>);
}

/// Decodes a frame of the present connection and dispatches its signal, or those of its records.
#[inline]
pub(crate) fn receive(side: &mut impl Receiver, cx: &mut Context<'_>, connection: ConnectionId, frame: &mut Frame) {
    count(cx, frame);
    match end_of_record(cx, frame) {
        Some(Record::Whole) => receive_record(side, cx, connection, frame),
        ends => receive_records(side, cx, connection, frame, ends),
    }
}

/// Returns where the first record of a frame ends; `None` where it began in an earlier frame.
#[inline]
fn end_of_record(cx: &Context<'_>, frame: &Frame) -> Option<Record> {
    match frame {
        Frame::Text(_) | Frame::Binary(_) => match frame.as_bytes() {
            _ if cx.backlog.has_unfinished() => None,
            [] => Some(Record::Whole),
            bytes => Some(cx.dialect.record(cx.side, bytes, 0)),
        },
        Frame::Ping(_) | Frame::Pong(_) => Some(Record::Whole),
    }
}

/// Decodes and dispatches the records of a frame.
#[cold]
fn receive_records(
    side: &mut impl Receiver,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    frame: &mut Frame,
    ends: Option<Record>,
) {
    let frame = core::mem::replace(frame, Frame::text(""));
    let (mut records, continued) = Records::of(cx.backlog.take_unfinished(), frame, ends);
    if let Err(error) = continued {
        side.on_malformed(cx, connection, error);
    }
    while side.listens_to(connection) {
        let Some(mut record) = records.next(cx.dialect, cx.side) else {
            if records.is_unfinished() {
                match records.rest(&cx.config.limits) {
                    Ok(rest) => rest.into_iter().for_each(|record| cx.backlog.keep_unfinished(record)),
                    Err(error) => side.on_malformed(cx, connection, error),
                }
            }
            return;
        };
        receive_record(side, cx, connection, &mut record);
    }
    cx.stats.stale_events += u64::from(records.is_unfinished());
}

/// Decodes a record of the present connection and dispatches its signal.
#[inline]
fn receive_record(side: &mut impl Receiver, cx: &mut Context<'_>, connection: ConnectionId, frame: &mut Frame) {
    let signal = match decode(cx, frame) {
        Ok(signal) => signal,
        Err(error) => return side.on_malformed(cx, connection, error),
    };
    side.on_understood(&signal);
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

/// Counts and decodes a frame that is one record.
pub(crate) fn read(cx: &mut Context<'_>, frame: &Frame) -> Result<Signal<Span>, Malformed> {
    count(cx, frame);
    decode(cx, frame)
}

#[inline]
fn count(cx: &mut Context<'_>, frame: &Frame) {
    cx.stats.frames_in += 1;
    cx.stats.bytes_in += frame.len() as u64;
}

#[inline]
fn decode(cx: &Context<'_>, frame: &Frame) -> Result<Signal<Span>, Malformed> {
    let (bytes, limit) = (frame.len() as u64, cx.config.limits.frame_bytes.get());
    if bytes > limit {
        return Err(Malformed::TooLarge { bytes, limit });
    }
    let signal = cx.dialect.decode(cx.side, frame, &cx.config.limits);
    if let Ok(signal) = &signal {
        signal.check(frame, &cx.config.limits)?;
    }
    signal
}

/// Hands a message or a notice to delivery, which makes the frame itself the body if it delivers.
#[inline]
fn deliver(
    side: &mut impl Receiver,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    id: Option<&MessageId>,
    content: Span,
    frame: &mut Frame,
) {
    let content = deliverable(cx, content);
    side.delivery().on_message(cx, connection, id, || content.into_body(frame));
    side.on_message_arrived(cx);
}

/// Returns the part of a frame that is delivered: its content or the whole frame.
fn deliverable(cx: &Context<'_>, content: Span) -> Span {
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

/// Settles an accepted message, and handles the echo where the acknowledgement is the message pushed back.
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
        // The echo belongs to another client, for example to another device of this account.
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
            let content = content.map(|content| deliverable(cx, content));
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
