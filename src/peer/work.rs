//! A peer at work on one input.

use alloc::collections::VecDeque;
use alloc::string::String;

use super::PeerPolicy;
use super::record::ClientRecord;
use crate::action::{Action, Purpose};
use crate::context::Context;
use crate::delivery::{Delivery, DeliveryRequest};
use crate::dialect::{AckCarrier, Bye, Signal};
use crate::error::Malformed;
use crate::event::Event;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::link::close_code_for;
use crate::state::{Cause, State};
use crate::status::Status;
use crate::time::{Duration, Instant};

/// The client's present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeerConnection {
    pub(super) connection: ConnectionId,
    pub(super) heard: Instant,
    pub(super) stage: Stage,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// The client's first word is awaited.
    Greeting { until: Instant },
    /// It was heard, and is answered once the state of this version is stored.
    Answering { version: u64 },
    /// Messages flow.
    Open,
}

/// The parts of a peer.
pub(super) struct PeerCore<'a> {
    pub(super) policy: &'a PeerPolicy,
    pub(super) delivery: &'a mut Delivery,
    pub(super) current: &'a mut Option<PeerConnection>,
    pub(super) receipts: &'a mut VecDeque<(MessageId, Status)>,
    pub(super) record: &'a mut ClientRecord,
}

impl PeerCore<'_> {
    /// A socket of the client's.
    pub(super) fn accept(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        if let Some(old) = self.current.take() {
            self.fence(cx, old);
        }
        self.record.since.get_or_insert(cx.now);
        if cx.dialect.capabilities().sequenced {
            let until = cx.config.authentication.timeout.map_or(Instant::NEVER, |timeout| cx.now + timeout);
            *self.current = Some(PeerConnection { connection, heard: cx.now, stage: Stage::Greeting { until } });
            cx.push(Action::State { state: State::Authenticating, cause: None, code: None, reason: None });
        } else {
            *self.current = Some(PeerConnection { connection, heard: cx.now, stage: Stage::Open });
            self.open(cx, connection);
        }
    }

    /// The client has another connection; this one must carry nothing more.
    fn fence(&mut self, cx: &mut Context<'_>, old: PeerConnection) {
        let (connection, code) = (old.connection, REPLACED);
        let bye = Bye { code, reconnect: false, resume: true, after: Duration::ZERO };
        if cx.send_signal(connection, &Signal::Bye(bye), Purpose::Bye) {
            cx.push(Action::Close { connection, code: Some(code), reason: String::from("replaced") });
        } else {
            cx.push(Action::Abort { connection });
        }
        self.on_lost(cx, Cause::Renewed);
    }

    /// Messages may flow.
    pub(super) fn open(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        cx.push(Action::State { state: State::Ready, cause: None, code: None, reason: None });
        for (id, status) in self.receipts.iter() {
            send_receipt(cx, connection, id, *status);
        }
        self.delivery.on_ready(cx, connection);
    }

    pub(super) fn on_event(&mut self, cx: &mut Context<'_>, event: &mut Event) {
        let Some(connection) = event.connection() else { return };
        match self.current {
            Some(current) if current.connection == connection => current.heard = cx.now,
            _ => {
                cx.stats.stale_events += 1;
                return;
            }
        }
        match event {
            Event::FrameIn { frame, .. } => self.on_frame(cx, connection, frame),
            Event::SendFailed { .. } | Event::Errored { .. } => self.lose(cx, Cause::Errored),
            Event::Closed { .. } => self.lose(cx, Cause::Closed),
            Event::Opened { .. } | Event::Tick | Event::Online | Event::Offline | Event::Woke { .. } => {}
        }
    }

    fn on_frame(&mut self, cx: &mut Context<'_>, connection: ConnectionId, frame: &mut Frame) {
        cx.stats.frames_in += 1;
        cx.stats.bytes_in += frame.len() as u64;
        let (bytes, limit) = (frame.len() as u64, cx.config.limits.frame_bytes.get());
        let mut decoded = if bytes > limit {
            Err(Malformed::TooLarge { bytes, limit })
        } else {
            cx.dialect.decode(cx.side, frame, &cx.config.limits)
        };
        let signal = match &mut decoded {
            Ok(signal) => signal,
            Err(error) => {
                cx.stats.malformed += 1;
                let must = *error == Malformed::Unsupported;
                cx.push(Action::Malformed { connection, error: error.clone() });
                if must {
                    self.protocol_violation(cx, Cause::NotUnderstood);
                }
                return;
            }
        };
        let open = matches!(self.current, Some(PeerConnection { stage: Stage::Open, .. }));
        if open {
            self.record.on_heard();
        } else if !signal.is_about_login() {
            cx.stats.stale_events += 1;
            return;
        }
        let (id, content) = match signal {
            Signal::Message { id, body } => (id.take(), body.within(frame)),
            Signal::Notice { body } => (None, body.within(frame)),
            Signal::SequencedMessage { seq, id, body } => {
                let (seq, id, content) = (*seq, id.clone(), body.map(|body| body.within(frame)));
                let body = content.map(|content| || content.into_body(frame));
                if let Err(cause) = self.delivery.on_sequenced_message(cx, seq, id, body) {
                    self.protocol_violation(cx, cause);
                }
                return;
            }
            signal => return self.on_signal(cx, connection, signal),
        };
        self.delivery.on_message(cx, connection, id.as_ref(), || content.into_body(frame));
    }

    fn on_signal(&mut self, cx: &mut Context<'_>, connection: ConnectionId, signal: &Signal<'_>) {
        match signal {
            Signal::Heartbeat => cx.send_heartbeat(connection, AckCarrier::HeartbeatReply),
            Signal::Hello(hello) => self.on_hello(cx, hello),
            Signal::Ack { id, .. } => self.on_confirmed(cx, id, Status::Accepted),
            Signal::Nack { id, code } => self.on_confirmed(cx, id, Status::Rejected { code: *code }),
            Signal::Delivered { id } => self.on_confirmed(cx, id, Status::Delivered),
            Signal::Read { id } => self.on_confirmed(cx, id, Status::Read),
            Signal::CumulativeAck { seq, refused, carrier } => {
                if *carrier == AckCarrier::Heartbeat {
                    cx.send_heartbeat(connection, AckCarrier::HeartbeatReply);
                }
                if let Err(cause) = self.delivery.on_cumulative_ack(cx, *seq, refused) {
                    self.protocol_violation(cx, cause);
                }
            }
            Signal::Bye(bye) if !bye.resume => self.delivery.forget_session(),
            Signal::Bye(_)
            | Signal::Message { .. }
            | Signal::Notice { .. }
            | Signal::SequencedMessage { .. }
            | Signal::HeartbeatReply
            | Signal::Challenge { .. }
            | Signal::Login { .. }
            | Signal::LoginAccepted
            | Signal::Welcome(_)
            | Signal::Refused { .. }
            | Signal::Kick { .. }
            | Signal::Ignored => {}
        }
    }

    fn on_confirmed(&mut self, cx: &mut Context<'_>, id: &MessageId, status: Status) {
        if !self.delivery.on_confirmed(cx, id, status) {
            cx.stats.unknown_receipts += 1;
        }
    }

    /// The client is at fault: its connection is closed with a code that says so.
    fn protocol_violation(&mut self, cx: &mut Context<'_>, cause: Cause) {
        self.delivery.on_protocol_violation(cause);
        let (code, reason) = close_code_for(cause).unwrap_or((1002, ""));
        self.end(cx, cause, code, reason);
    }

    /// Closes the present connection.
    pub(super) fn end(&mut self, cx: &mut Context<'_>, cause: Cause, code: u16, reason: &str) {
        if let Some(current) = *self.current {
            cx.push(Action::Close { connection: current.connection, code: Some(code), reason: String::from(reason) });
            self.lose(cx, cause);
        }
    }

    pub(super) fn lose(&mut self, cx: &mut Context<'_>, cause: Cause) {
        *self.current = None;
        cx.push(Action::State { state: State::Waiting, cause: Some(cause), code: None, reason: None });
        self.on_lost(cx, cause);
    }

    fn on_lost(&mut self, cx: &mut Context<'_>, cause: Cause) {
        self.record.on_left(cx.now);
        self.delivery.on_lost(cx, cause);
    }

    pub(super) fn tick(&mut self, cx: &mut Context<'_>) {
        if let Some(PeerConnection { connection, stage: Stage::Greeting { until }, .. }) = *self.current {
            if until.is_due(cx.now) {
                cx.push(Action::Abort { connection });
                self.lose(cx, Cause::AuthenticationTimeout);
            }
        }
        let silent = |current: &PeerConnection| {
            self.policy.silence.is_some_and(|silence| cx.now.since(current.heard) >= silence)
        };
        if let Some(current) = self.current.filter(silent) {
            cx.push(Action::Abort { connection: current.connection });
            self.lose(cx, Cause::Dead);
        }
        while self.delivery.is_due(cx) {
            let Some(demand) = self.delivery.on_due(cx) else { return };
            match demand {
                DeliveryRequest::Recycle => self.delivery.push_again(cx, self.policy.copies),
                DeliveryRequest::Renew => {
                    self.bye(cx, Bye { code: 1000, reconnect: true, resume: true, after: Duration::ZERO });
                }
                DeliveryRequest::Nothing | DeliveryRequest::Close => {}
            }
        }
    }

    /// The last word on the present connection, where the dialect has one, and its close.
    pub(super) fn bye(&mut self, cx: &mut Context<'_>, bye: Bye) {
        if let Some(PeerConnection { connection, .. }) = *self.current {
            cx.send_signal(connection, &Signal::Bye(bye), Purpose::Bye);
            if !bye.resume {
                self.delivery.forget_session();
            }
            self.end(cx, Cause::User, bye.code, "");
        }
    }
}

/// The code of a close for another connection of the same client.
const REPLACED: u16 = 4408;

pub(super) fn send_receipt(cx: &mut Context<'_>, connection: ConnectionId, id: &MessageId, status: Status) {
    let signal = match status {
        Status::Read => Signal::Read { id: id.clone() },
        _ => Signal::Delivered { id: id.clone() },
    };
    cx.send_signal(connection, &signal, Purpose::Receipt { id: id.clone() });
}
