//! Processing of one input to a peer: connections, frames and timers.

use alloc::collections::VecDeque;
use alloc::string::String;

use super::PeerPolicy;
use super::record::ClientRecord;
use crate::action::{Action, Purpose};
use crate::context::Context;
use crate::delivery::{Delivery, DeliveryRequest};
use crate::dialect::{Bye, LeaveSignal, SequenceSignal, Signal, Span};
use crate::error::Malformed;
use crate::event::Event;
use crate::failure::Reason;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::link::close_code_for;
use crate::receive::{self, Receiver};
use crate::state::{Cause, State};
use crate::status::Status;
use crate::time::Instant;

/// Present connection of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeerConnection {
    pub(super) connection: ConnectionId,
    pub(super) heard: Instant,
    pub(super) stage: Stage,
}

/// Stage of a connection, from accept to ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// The hello is awaited.
    Greeting { until: Instant },
    /// The hello has arrived; the welcome is sent once the state of this version is stored.
    Answering { version: u64 },
    /// The connection carries messages.
    Open,
}

/// Parts of a peer, borrowed for one input.
pub(super) struct PeerCore<'a> {
    pub(super) policy: &'a PeerPolicy,
    pub(super) delivery: &'a mut Delivery,
    pub(super) current: &'a mut Option<PeerConnection>,
    pub(super) receipts: &'a mut VecDeque<(MessageId, Status)>,
    pub(super) record: &'a mut ClientRecord,
}

impl PeerCore<'_> {
    /// Accepts a connection, and fences the one before.
    pub(super) fn accept(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        if let Some(old) = self.current.take() {
            self.fence(cx, old);
        }
        cx.backlog.on_dial(cx.stats.frames_out);
        self.record.since.get_or_insert(cx.now);
        if cx.dialect.capabilities().sequenced {
            let until = cx.config.authentication.timeout.map_or(Instant::NEVER, |timeout| cx.now + timeout);
            *self.current = Some(PeerConnection { connection, heard: cx.now, stage: Stage::Greeting { until } });
            cx.push(Action::State { state: State::Authenticating, cause: None, reason: Reason::default() });
        } else {
            *self.current = Some(PeerConnection { connection, heard: cx.now, stage: Stage::Open });
            self.open(cx, connection);
        }
    }

    /// Ends a connection that a newer one of the same client replaces.
    fn fence(&mut self, cx: &mut Context<'_>, old: PeerConnection) {
        let (connection, code) = (old.connection, REPLACED);
        let bye = Bye { reconnect: false, ..Bye::new(code) };
        if cx.send_signal(connection, &Signal::bye(bye), Purpose::Bye) {
            cx.push(Action::Close { connection, code: Some(code), reason: String::from("replaced") });
        } else {
            cx.push(Action::Abort { connection });
        }
        self.on_lost(cx, Cause::Renewed);
    }

    /// Reports `Ready`, sends all receipts again, and lets messages leave.
    pub(super) fn open(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        cx.push(Action::State { state: State::Ready, cause: None, reason: Reason::default() });
        for (id, status) in self.receipts.iter() {
            send_receipt(cx, connection, id, *status);
        }
        self.delivery.on_ready(cx, connection);
    }

    pub(super) fn on_event(&mut self, cx: &mut Context<'_>, event: &mut Event) {
        if let Event::Taken { messages } = *event {
            cx.backlog.on_taken(messages, cx.stats.delivered);
        }
        if let Event::Host { profile } = *event {
            cx.backlog.set_host(profile);
        }
        let Some(connection) = event.connection() else { return };
        let Some(current) = self.current.as_mut().filter(|current| current.connection == connection) else {
            cx.stats.stale_events += 1;
            return;
        };
        match event {
            Event::FrameIn { frame, .. } => {
                current.heard = cx.now;
                cx.backlog.on_frame();
                receive::receive(self, cx, connection, frame);
            }
            Event::Arriving { .. } => {
                if cx.backlog.on_arriving(cx.now, &cx.config.limits) {
                    current.heard = cx.now;
                    self.delivery.on_arriving(cx);
                }
            }
            Event::Written { frames, .. } => self.on_written(cx, *frames),
            Event::SendFailed { .. } => self.lose(cx, Cause::Errored, Reason::default()),
            Event::Errored { failure, .. } => {
                failure.clean();
                self.lose(cx, Cause::Errored, Reason::from(core::mem::take(&mut **failure)));
            }
            Event::Closed { code, reason, .. } => {
                self.lose(cx, Cause::Closed, Reason::new(code.map(u32::from), reason));
            }
            Event::Opened { .. }
            | Event::Taken { .. }
            | Event::Tick
            | Event::Host { .. }
            | Event::Online
            | Event::Offline
            | Event::Woke { .. } => {}
        }
    }

    /// Handles the report that the first `frames` frames of this connection are out, and uses the room.
    fn on_written(&mut self, cx: &mut Context<'_>, frames: u64) {
        cx.backlog.on_written(cx.now);
        while let Some(kind) = cx.backlog.pop_written(cx.now, frames, cx.stats.frames_out) {
            self.delivery.on_written(cx, kind);
        }
        self.delivery.on_room(cx);
    }

    /// Closes the present connection.
    pub(super) fn end(&mut self, cx: &mut Context<'_>, cause: Cause, code: u16, reason: &str) {
        if let Some(current) = *self.current {
            cx.push(Action::Close { connection: current.connection, code: Some(code), reason: String::from(reason) });
            self.lose(cx, cause, Reason::default());
        }
    }

    pub(super) fn lose(&mut self, cx: &mut Context<'_>, cause: Cause, reason: Reason) {
        *self.current = None;
        cx.push(Action::State { state: State::Waiting, cause: Some(cause), reason });
        self.on_lost(cx, cause);
    }

    fn on_lost(&mut self, cx: &mut Context<'_>, cause: Cause) {
        cx.backlog.on_lost();
        self.record.on_left(cx.now);
        self.delivery.on_lost(cx, cause);
    }

    pub(super) fn tick(&mut self, cx: &mut Context<'_>) {
        if let Some(PeerConnection { connection, stage: Stage::Greeting { until }, .. }) = *self.current {
            if until.is_due(cx.now) {
                cx.push(Action::Abort { connection });
                self.lose(cx, Cause::AuthenticationTimeout, Reason::default());
            }
        }
        if cx.backlog.deadline(&cx.config.limits).is_due(cx.now) {
            cx.backlog.on_lost();
            if let Some(PeerConnection { connection, .. }) = *self.current {
                cx.push(Action::Abort { connection });
                self.lose(cx, Cause::WriteStalled, Reason::default());
            }
        }
        let reads = self.delivery.wants_read(cx.backlog, cx.config);
        if reads {
            self.delivery.settle_reading(cx.now, true);
        } else {
            // A peer that does not read cannot hear its client.
            if let Some(current) = self.current.as_mut() {
                current.heard = cx.now;
            }
        }
        let silent = |current: &PeerConnection| {
            self.policy.silence.is_some_and(|silence| cx.now.since(current.heard) >= silence)
        };
        if let Some(current) = self.current.filter(silent) {
            cx.push(Action::Abort { connection: current.connection });
            self.lose(cx, Cause::Dead, Reason::default());
        }
        while self.delivery.is_due(cx) {
            let Some(request) = self.delivery.on_due(cx) else { return };
            match request {
                DeliveryRequest::ResendOverdue => self.delivery.push_again(cx, self.policy.copies),
                DeliveryRequest::AskAgain => {
                    if let Some(PeerConnection { connection, .. }) = *self.current {
                        cx.push(Action::Abort { connection });
                        self.lose(cx, Cause::Deferred, Reason::default());
                    }
                }
                DeliveryRequest::BeginSession => {
                    self.bye(cx, Bye::new(1000));
                }
                DeliveryRequest::Nothing | DeliveryRequest::Close => {}
            }
        }
    }

    /// Closes the present connection, after a bye where the dialect has one.
    pub(super) fn bye(&mut self, cx: &mut Context<'_>, bye: Bye) {
        if let Some(PeerConnection { connection, .. }) = *self.current {
            cx.send_signal(connection, &Signal::bye(bye), Purpose::Bye);
            if !bye.resume {
                self.delivery.forget_session();
            }
            self.end(cx, Cause::User, bye.code, "");
        }
    }
}

impl Receiver for PeerCore<'_> {
    fn delivery(&mut self) -> &mut Delivery {
        self.delivery
    }

    fn is_ready(&self) -> bool {
        matches!(self.current, Some(PeerConnection { stage: Stage::Open, .. }))
    }

    fn on_understood(&mut self) {
        if self.is_ready() {
            self.record.on_heard();
        }
    }

    fn on_malformed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, error: Malformed) {
        cx.stats.malformed += 1;
        let unsupported = error == Malformed::Unsupported;
        cx.push(Action::Malformed { connection, error });
        if unsupported {
            self.on_violation(cx, Cause::NotUnderstood);
        }
    }

    fn on_violation(&mut self, cx: &mut Context<'_>, cause: Cause) {
        self.delivery.on_protocol_violation(cause);
        let (code, reason) = close_code_for(cause).unwrap_or((1002, ""));
        self.end(cx, cause, code, reason);
    }

    fn on_leave(&mut self, _: &mut Context<'_>, _: ConnectionId, leave: LeaveSignal<Span>, _: &mut Frame) {
        if matches!(leave, LeaveSignal::Bye(bye) if !bye.resume) {
            self.delivery.forget_session();
        }
    }

    fn on_greeting(&mut self, cx: &mut Context<'_>, _: ConnectionId, greeting: SequenceSignal<Span>) {
        if let SequenceSignal::Hello(hello) = greeting {
            self.on_hello(cx, &hello);
        }
    }
}

/// Close code for a connection that a newer one of the same client replaces.
const REPLACED: u16 = 4408;

pub(super) fn send_receipt(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId, status: Status) {
    let signal = match status {
        Status::Read => Signal::read(id.clone()),
        _ => Signal::delivered(id.clone()),
    };
    cx.send_signal(connection, &signal, Purpose::Receipt { id: id.clone() });
}
