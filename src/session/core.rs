//! Processing of one input: the session passes events to the link and to delivery, and from the link to delivery.

use crate::action::Purpose;
use crate::backlog::FrameKind;
use crate::context::Context;
use crate::delivery::Delivery;
use crate::dialect::{AckCarrier, LeaveSignal, LoginSignal, SequenceSignal, Signal, Span};
use crate::error::{FetchedError, Malformed};
use crate::event::Event;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::link::{DisconnectReason, Link, LinkEvent};
use crate::receive::{self, Receiver};
use crate::state::Cause;

/// Link and delivery of a session, borrowed for one input.
pub(crate) struct SessionCore<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) delivery: &'a mut Delivery,
}

impl SessionCore<'_> {
    /// Handles one event; a frame, reason or purpose is taken out of `event` in place, without a copy.
    #[inline]
    pub(super) fn on_event(&mut self, cx: &mut Context<'_>, event: &mut Event) {
        let link_event = match *event {
            Event::FrameIn { connection, ref mut frame } => return self.on_frame(cx, connection, frame),
            Event::Opened { connection } => self.link.on_opened(cx, connection),
            Event::Arriving { connection } => return self.on_arriving(cx, connection),
            Event::Written { connection, frames } => return self.on_written(cx, connection, frames),
            Event::Taken { messages } => {
                cx.backlog.on_taken(messages, cx.stats.delivered);
                None
            }
            Event::Tick => None,
            Event::Offline => self.link.on_offline(cx),
            Event::Host { profile } => {
                cx.backlog.set_host(profile);
                self.link.on_host(cx);
                None
            }
            Event::SendFailed { connection, ref mut purpose } => self.on_send_failed(cx, connection, purpose.take()),
            Event::Errored { connection, ref mut failure } => {
                self.link.on_errored(cx, connection, core::mem::take(&mut **failure))
            }
            Event::Closed { connection, code, ref mut reason } => {
                let suspect = self.delivery.outbox().has_suspect(&cx.config.outbox);
                self.link.on_closed(cx, connection, code, reason, suspect)
            }
            Event::Online => self.link.on_hint(cx),
            Event::Woke { asleep } => {
                self.delivery.on_slept(asleep);
                self.link.on_hint(cx)
            }
        };
        self.pass_on(cx, link_event);
    }

    #[inline]
    fn on_frame(&mut self, cx: &mut Context<'_>, connection: ConnectionId, frame: &mut Frame) {
        if !self.link.listens_to(connection) {
            cx.stats.stale_events += 1;
            return;
        }
        cx.backlog.on_frame();
        self.link.on_bytes(cx);
        receive::receive(self, cx, connection, frame);
    }

    /// Takes bytes of an unfinished frame as life, for as long as one frame may take.
    fn on_arriving(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        if !self.link.listens_to(connection) {
            cx.stats.stale_events += 1;
        } else if cx.backlog.on_arriving(cx.now, &cx.config.limits) {
            self.link.on_arriving(cx);
            self.delivery.on_arriving(cx);
        }
    }

    /// Handles the report that the first `frames` frames of this connection are out, and uses the room.
    fn on_written(&mut self, cx: &mut Context<'_>, connection: ConnectionId, frames: u64) {
        if self.link.phase().connection() != Some(connection) {
            cx.stats.stale_events += 1;
            return;
        }
        cx.backlog.on_written(cx.now);
        self.link.on_progress(cx);
        while let Some(kind) = cx.backlog.pop_written(cx.now, frames, cx.stats.frames_out) {
            match kind {
                FrameKind::Heartbeat => self.link.on_heartbeat_written(cx),
                kind => self.delivery.on_written(cx, kind),
            }
        }
        self.delivery.on_room(cx);
    }

    /// Starts to judge the silence after messages that left with this input.
    #[inline(never)]
    pub(super) fn on_message_left(&mut self, cx: &mut Context<'_>) {
        cx.backlog.take_message_left();
        self.link.on_asked(cx);
    }

    /// Starts to judge silence again before timers fire, where this input made the session read again.
    #[inline]
    pub(super) fn resume_reading(&mut self, cx: &mut Context<'_>) {
        if cx.backlog.has_reports() && self.delivery.wants_read(cx.backlog, cx.config) {
            self.settle_reading_slow(cx);
        }
    }

    /// Stops or starts to judge silence, as the session wants to read or not. Only the end of an input tells: answers
    /// that wait within it may be stored already.
    #[inline]
    pub(super) fn settle_reading(&mut self, cx: &mut Context<'_>) {
        if cx.backlog.has_reports() {
            self.settle_reading_and_timers(cx);
        }
    }

    #[inline(never)]
    fn settle_reading_and_timers(&mut self, cx: &mut Context<'_>) {
        self.settle_reading_slow(cx);
        // A pause that begins takes back a verdict that a late host waited for, and with it what was due behind it.
        self.fire_timers(cx);
    }

    /// Slow path of `settle_reading`, for a host that reports.
    #[inline(never)]
    fn settle_reading_slow(&mut self, cx: &mut Context<'_>) {
        let reads = self.delivery.wants_read(cx.backlog, cx.config);
        self.delivery.settle_reading(cx.now, reads);
        let event = self.link.set_reading(cx, reads);
        self.pass_on(cx, event);
    }

    fn on_send_failed(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        purpose: Option<Purpose>,
    ) -> Option<LinkEvent> {
        // The worst case that a host can mean by no purpose.
        let purpose = purpose.unwrap_or(Purpose::Heartbeat);
        let slot = match &purpose {
            Purpose::Message { id } => self.delivery.outbox().slot_of(id),
            _ => None,
        };
        if !self.link.listens_to(connection) {
            cx.stats.stale_events += 1;
            if let (Some(slot), true) = (slot, self.link.phase().connection() == Some(connection)) {
                // The session closes: no later report may tell the message as sent.
                cx.backlog.on_failed(&purpose, Some(slot));
                self.delivery.on_never_written(cx, slot);
            }
            return None;
        }
        cx.backlog.on_failed(&purpose, slot);
        match purpose {
            Purpose::Heartbeat => {
                // The timing stays as it is: a socket that takes nothing any more has to be noticed.
                self.link.on_heartbeat_written(cx);
                self.link.on_heartbeat_failed(cx, connection)
            }
            purpose => self
                .delivery
                .on_send_failed(cx, connection, purpose)
                .then(|| self.link.lose(cx, Cause::SendFailed, DisconnectReason::default())),
        }
    }

    /// Passes an event of the link on to delivery.
    #[inline]
    pub(crate) fn pass_on(&mut self, cx: &mut Context<'_>, event: Option<LinkEvent>) {
        match event {
            None | Some(LinkEvent::Moved) => {}
            Some(LinkEvent::Heartbeat(connection)) => self.send_heartbeat(cx, connection),
            Some(event) => self.on_link_event(cx, event),
        }
    }

    fn on_link_event(&mut self, cx: &mut Context<'_>, event: LinkEvent) {
        match event {
            LinkEvent::Moved => {}
            LinkEvent::Heartbeat(connection) => self.send_heartbeat(cx, connection),
            LinkEvent::Opened(connection) => {
                let credential = self.link.tell_credential();
                if !self.delivery.send_hello(cx, connection, credential) {
                    let event = self.link.lose(cx, Cause::SendFailed, DisconnectReason::default());
                    self.pass_on(cx, Some(event));
                }
            }
            LinkEvent::Ready { connection, heartbeat } => {
                if heartbeat {
                    self.send_heartbeat(cx, connection);
                }
                self.delivery.on_ready(cx, connection);
            }
            LinkEvent::Lost(cause) => self.delivery.on_lost(cx, cause),
            LinkEvent::Closing => self.delivery.on_closing(cx),
            LinkEvent::Closed => self.delivery.on_closed(cx),
            LinkEvent::Ended => self.delivery.on_ended(cx),
            LinkEvent::Refused => self.delivery.on_refused(cx),
        }
    }

    /// Sends a heartbeat, on schedule or as a probe.
    fn send_heartbeat(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        if !self.delivery.send_heartbeat(cx, connection, AckCarrier::Heartbeat) {
            return self.link.on_heartbeat_unsent(cx);
        }
        if cx.backlog.is_sealed() {
            return self.link.on_heartbeat_handed(cx);
        }
        self.on_heartbeat_sent(cx);
    }

    fn on_heartbeat_sent(&mut self, cx: &mut Context<'_>) {
        cx.stats.heartbeats += 1;
        if cx.backlog.has_reports() && cx.backlog.holds(FrameKind::Heartbeat) {
            self.link.on_heartbeat_handed(cx);
        }
    }

    /// Releases what waited for this version to be stored; the deadlines of a heartbeat that did start now.
    pub(super) fn persisted(&mut self, cx: &mut Context<'_>, version: u64) {
        if self.delivery.persisted(cx, version) {
            self.link.on_heartbeat_written(cx);
            self.on_heartbeat_sent(cx);
        }
    }

    /// Sends the messages that waited for the answer to a probe, once no probe is unanswered.
    pub(crate) fn end_probe(&mut self, cx: &mut Context<'_>) {
        if self.delivery.set_probing(self.link.is_probing()) {
            self.delivery.flush(cx);
        }
    }

    /// Closes a gap that the host has fetched. When the messages held back find no room, the connection is replaced,
    /// so that the server sends them again; nobody broke a rule, so that is no failure.
    pub(super) fn on_fetched(
        &mut self,
        cx: &mut Context<'_>,
        from: u64,
        to: Option<u64>,
        ids: &[MessageId],
    ) -> Result<(), FetchedError> {
        if !self.delivery.fetched(cx, from, to, ids)? {
            let event = self.link.lose(cx, Cause::Deferred, DisconnectReason::default());
            self.pass_on(cx, Some(event));
        }
        Ok(())
    }
}

impl Receiver for SessionCore<'_> {
    fn delivery(&mut self) -> &mut Delivery {
        self.delivery
    }

    fn is_ready(&self) -> bool {
        self.link.is_ready()
    }

    fn listens_to(&self, connection: ConnectionId) -> bool {
        self.link.listens_to(connection)
    }

    fn on_understood(&mut self, _: &Signal<Span>) {
        self.link.on_evidence();
    }

    fn on_malformed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, error: Malformed) {
        let event = self.link.on_malformed(cx, connection, error);
        self.pass_on(cx, event);
    }

    fn on_violation(&mut self, cx: &mut Context<'_>, cause: Cause) {
        self.delivery.on_protocol_violation(cx, cause);
        let event = self.link.lose(cx, cause, DisconnectReason::default());
        self.pass_on(cx, Some(event));
    }

    #[inline]
    fn on_heartbeat_reply(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        self.link.on_reply(cx, connection);
    }

    fn on_message_arrived(&mut self, cx: &mut Context<'_>) {
        self.link.on_push(cx);
    }

    fn on_login(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        login: LoginSignal<Span>,
        frame: &mut Frame,
    ) {
        let event = self.link.on_login(cx, connection, login, frame);
        self.pass_on(cx, event);
    }

    fn on_leave(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        leave: LeaveSignal<Span>,
        frame: &mut Frame,
    ) {
        let event = match leave {
            LeaveSignal::Kick { content } => {
                let body = content.into_body(frame);
                self.link.on_kick(cx, connection, body)
            }
            LeaveSignal::Bye(bye) => {
                if !bye.resume {
                    self.delivery.forget_session(cx);
                }
                self.link.on_bye(cx, connection, bye)
            }
        };
        self.pass_on(cx, Some(event));
    }

    fn on_greeting(&mut self, cx: &mut Context<'_>, connection: ConnectionId, greeting: SequenceSignal<Span>) {
        let SequenceSignal::Welcome(terms) = greeting else { return };
        if !self.link.awaits_welcome() {
            return;
        }
        match self.delivery.on_session_terms(cx, &terms) {
            Ok(()) => {
                let event = self.link.on_welcome(cx, connection, terms.heartbeat);
                self.pass_on(cx, event);
            }
            Err(cause) => self.on_violation(cx, cause),
        }
    }
}
