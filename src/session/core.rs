//! Link and delivery at work on one input, and the road between them.

use crate::action::Purpose;
use crate::config::Deliver;
use crate::context::Context;
use crate::delivery::Delivery;
use crate::dialect::{AckCarrier, Content, Payload, Signal};
use crate::error::Malformed;
use crate::event::Event;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::link::{DisconnectReason, Link, LinkEvent};
use crate::state::Cause;
use crate::status::Status;

/// The two halves, and what passes between them.
pub(crate) struct SessionCore<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) delivery: &'a mut Delivery,
}

impl SessionCore<'_> {
    /// What is taken of an event is taken from where it lies.
    #[inline]
    pub(super) fn on_event(&mut self, cx: &mut Context<'_>, event: &mut Event) {
        let news = match *event {
            Event::Opened { connection } => self.link.on_opened(cx, connection),
            Event::FrameIn { connection, ref mut frame } => self.on_frame(cx, connection, frame),
            Event::Tick | Event::Offline => None,
            Event::SendFailed { connection, ref mut purpose } => self.on_send_failed(cx, connection, purpose.take()),
            Event::Errored { connection, cause, retry_after } => {
                self.link.on_errored(cx, connection, cause, retry_after)
            }
            Event::Closed { connection, code, ref mut reason } => {
                self.link.on_closed(cx, connection, code, core::mem::take(reason))
            }
            Event::Online => self.link.on_hint(cx),
            Event::Woke { asleep } => {
                self.delivery.on_slept(asleep);
                self.link.on_hint(cx)
            }
        };
        self.pass_on(cx, news);
    }

    /// A heartbeat, in turn or as a probe.
    fn send_heartbeat(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        cx.stats.heartbeats += 1;
        cx.send_heartbeat(connection, AckCarrier::Heartbeat);
    }

    /// What waited for a sign of life leaves once there is one.
    pub(super) fn resume(&mut self, cx: &mut Context<'_>) {
        if core::mem::replace(&mut cx.probing, self.link.is_probing()) && !cx.probing {
            self.delivery.flush(cx);
        }
    }

    /// What the link has to say to delivery.
    #[inline]
    pub(crate) fn pass_on(&mut self, cx: &mut Context<'_>, news: Option<LinkEvent>) {
        match news {
            None | Some(LinkEvent::Moved) => {}
            Some(news) => self.hear(cx, news),
        }
    }

    fn hear(&mut self, cx: &mut Context<'_>, news: LinkEvent) {
        match news {
            LinkEvent::Moved => {}
            LinkEvent::Heartbeat(connection) => self.send_heartbeat(cx, connection),
            LinkEvent::Opened(connection) => {
                let credential = self.link.credential_held().cloned();
                self.delivery.send_hello(cx, connection, credential);
            }
            LinkEvent::Ready { connection, heartbeat } => {
                if heartbeat {
                    self.send_heartbeat(cx, connection);
                }
                self.delivery.on_ready(cx, connection);
            }
            LinkEvent::Lost(cause) => self.delivery.on_lost(cx, cause),
            LinkEvent::Ended => self.delivery.on_ended(cx),
            LinkEvent::Refused => self.delivery.on_refused(cx),
        }
    }

    #[inline]
    fn on_frame(&mut self, cx: &mut Context<'_>, connection: ConnectionId, frame: &mut Frame) -> Option<LinkEvent> {
        if !self.link.listens_to(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        cx.stats.frames_in += 1;
        cx.stats.bytes_in += frame.len() as u64;
        self.link.on_bytes(cx);
        let (bytes, limit) = (frame.len() as u64, cx.config.limits.frame_bytes.get());
        if bytes > limit {
            return self.link.on_malformed(cx, connection, Malformed::TooLarge { bytes, limit });
        }
        let mut decoded = cx.dialect.decode(cx.side, frame, &cx.config.limits);
        let signal = match &mut decoded {
            Err(error) => return self.link.on_malformed(cx, connection, error.clone()),
            Ok(signal) => signal,
        };
        self.link.on_evidence();
        if !self.link.is_ready() && !cx.dialect.capabilities().early_delivery && !signal.is_about_login() {
            cx.stats.stale_events += 1;
            return None;
        }
        let (id, content) = match signal {
            Signal::Heartbeat => {
                cx.send_heartbeat(connection, AckCarrier::HeartbeatReply);
                return None;
            }
            Signal::HeartbeatReply => {
                self.link.on_reply(cx, connection);
                return None;
            }
            Signal::Message { id, body } => (id.take(), content(cx, *body, frame)),
            Signal::Notice { body } => (None, content(cx, *body, frame)),
            Signal::SequencedMessage { seq, id, body } => {
                let (seq, id, content) = (*seq, id.clone(), body.map(|body| content(cx, body, frame)));
                return self.on_sequenced_message(cx, seq, id, content, frame);
            }
            other => return self.on_signal(cx, connection, other, frame),
        };
        self.on_push(cx, connection, id.as_ref(), content, frame);
        None
    }

    /// Something for the application: the frame itself becomes the body, so it comes last.
    fn on_push(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        id: Option<&MessageId>,
        content: Content,
        frame: &mut Frame,
    ) {
        self.delivery.on_message(cx, connection, id, || content.into_body(frame));
        self.link.on_push(cx);
    }

    fn on_signal(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        signal: &Signal<'_>,
        frame: &Frame,
    ) -> Option<LinkEvent> {
        match signal {
            Signal::Ack { id, echo } => {
                let known = self.delivery.on_confirmed(cx, id, Status::Accepted) || self.delivery.owns(id);
                match echo {
                    Some(echo) if known => self.delivery.on_echo(cx, connection, &echo.id),
                    // Somebody else's message under a client's id: from another device of this account, say.
                    Some(echo) => {
                        let content = content(cx, echo.body, frame);
                        self.on_push(cx, connection, Some(&echo.id), content, &mut frame.clone());
                    }
                    None if !known => cx.stats.unknown_receipts += 1,
                    None => {}
                }
            }
            Signal::Hello(_) => {}
            Signal::Welcome(_) | Signal::CumulativeAck { .. } | Signal::Bye(_) => {
                return self.on_sequence_signal(cx, connection, signal);
            }
            Signal::Nack { id, code } => self.count(cx, id, Status::Rejected { code: *code }),
            Signal::Delivered { id } => self.count(cx, id, Status::Delivered),
            Signal::Read { id } => self.count(cx, id, Status::Read),
            other => return self.link.on_signal(cx, connection, other, |payload| payload.into_body(frame)),
        }
        None
    }

    fn count(&mut self, cx: &mut Context<'_>, id: &MessageId, status: Status) {
        if !self.delivery.on_confirmed(cx, id, status) {
            cx.stats.unknown_receipts += 1;
        }
    }

    fn on_send_failed(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        purpose: Option<Purpose>,
    ) -> Option<LinkEvent> {
        if !self.link.listens_to(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        match purpose {
            None | Some(Purpose::Heartbeat) => self.link.on_heartbeat_failed(cx, connection),
            Some(purpose) => self
                .delivery
                .on_send_failed(cx, connection, purpose)
                .then(|| self.link.lose(cx, Cause::SendFailed, DisconnectReason::default())),
        }
    }
}

/// What is delivered of a frame.
fn content(cx: &Context<'_>, body: Payload<'_>, frame: &Frame) -> Content {
    match cx.config.inbox.deliver {
        Deliver::Content => body.within(frame),
        Deliver::Frame => Content::Whole,
    }
}
