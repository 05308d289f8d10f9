//! A peer at work on one input.

use alloc::collections::VecDeque;
use alloc::string::String;

use super::PeerPolicy;
use super::register::Register;
use crate::action::{Action, Purpose};
use crate::cx::Cx;
use crate::delivery::{Delivery, Demand};
use crate::error::Malformed;
use crate::event::Event;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::link::own_close;
use crate::signal::{Bye, Ride, Signal};
use crate::state::{Cause, State};
use crate::status::Status;
use crate::time::{Duration, Instant};

/// The client's present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Line {
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
pub(super) struct Parts<'a> {
    pub(super) policy: &'a PeerPolicy,
    pub(super) delivery: &'a mut Delivery,
    pub(super) line: &'a mut Option<Line>,
    pub(super) receipts: &'a mut VecDeque<(MessageId, Status)>,
    pub(super) register: &'a mut Register,
}

impl Parts<'_> {
    /// A socket of the client's.
    pub(super) fn accept(&mut self, cx: &mut Cx<'_>, connection: ConnectionId) {
        if let Some(old) = self.line.take() {
            self.fence(cx, old);
        }
        self.register.since.get_or_insert(cx.now);
        if cx.dialect.profile().positions {
            let until = cx.config.authentication.timeout.map_or(Instant::NEVER, |timeout| cx.now + timeout);
            *self.line = Some(Line { connection, heard: cx.now, stage: Stage::Greeting { until } });
            cx.push(Action::State { state: State::Authenticating, cause: None, code: None, reason: None });
        } else {
            *self.line = Some(Line { connection, heard: cx.now, stage: Stage::Open });
            self.open(cx, connection);
        }
    }

    /// The client has another connection; this one must carry nothing more.
    fn fence(&mut self, cx: &mut Cx<'_>, old: Line) {
        let (connection, code) = (old.connection, REPLACED);
        let bye = Bye { code, reconnect: false, resume: true, after: Duration::ZERO };
        if cx.say(connection, &Signal::Bye(bye), Purpose::Bye) {
            cx.push(Action::Close { connection, code: Some(code), reason: String::from("replaced") });
        } else {
            cx.push(Action::Abort { connection });
        }
        self.on_lost(cx, Cause::Renewed);
    }

    /// Messages may flow.
    pub(super) fn open(&mut self, cx: &mut Cx<'_>, connection: ConnectionId) {
        cx.push(Action::State { state: State::Ready, cause: None, code: None, reason: None });
        for (id, status) in self.receipts.iter() {
            say_receipt(cx, connection, id, *status);
        }
        self.delivery.on_ready(cx, connection);
    }

    pub(super) fn on_event(&mut self, cx: &mut Cx<'_>, event: &mut Event) {
        let Some(connection) = event.connection() else { return };
        match self.line {
            Some(line) if line.connection == connection => line.heard = cx.now,
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

    fn on_frame(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, frame: &mut Frame) {
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
                    self.breach(cx, Cause::NotUnderstood);
                }
                return;
            }
        };
        let open = matches!(self.line, Some(Line { stage: Stage::Open, .. }));
        if open {
            self.register.on_heard();
        } else if !signal.is_about_login() {
            cx.stats.stale_events += 1;
            return;
        }
        let (id, content) = match signal {
            Signal::Message { id, body } => (id.take(), body.within(frame)),
            Signal::Notice { body } => (None, body.within(frame)),
            Signal::Numbered { position, id, body } => {
                let (position, id, content) = (*position, id.clone(), body.map(|body| body.within(frame)));
                let body = content.map(|content| || content.into_body(frame));
                if let Err(cause) = self.delivery.on_numbered(cx, position, id, body) {
                    self.breach(cx, cause);
                }
                return;
            }
            signal => return self.on_signal(cx, connection, signal),
        };
        self.delivery.on_message(cx, connection, id.as_ref(), || content.into_body(frame));
    }

    fn on_signal(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, signal: &Signal<'_>) {
        match signal {
            Signal::Beat => cx.say_beat(connection, Ride::BeatReply),
            Signal::Hello(hello) => self.on_hello(cx, hello),
            Signal::Ack { id, .. } => self.on_confirmed(cx, id, Status::Accepted),
            Signal::Nack { id, code } => self.on_confirmed(cx, id, Status::Rejected { code: *code }),
            Signal::Delivered { id } => self.on_confirmed(cx, id, Status::Delivered),
            Signal::Read { id } => self.on_confirmed(cx, id, Status::Read),
            Signal::AckUpTo { position, refused, rides } => {
                if *rides == Ride::Beat {
                    cx.say_beat(connection, Ride::BeatReply);
                }
                if let Err(cause) = self.delivery.on_ack_up_to(cx, *position, refused) {
                    self.breach(cx, cause);
                }
            }
            Signal::Bye(bye) if !bye.resume => self.delivery.forget_session(),
            Signal::Bye(_)
            | Signal::Message { .. }
            | Signal::Notice { .. }
            | Signal::Numbered { .. }
            | Signal::BeatReply
            | Signal::Challenge { .. }
            | Signal::Login { .. }
            | Signal::Welcome
            | Signal::Admitted(_)
            | Signal::Refused { .. }
            | Signal::Kick { .. }
            | Signal::Ignored => {}
        }
    }

    fn on_confirmed(&mut self, cx: &mut Cx<'_>, id: &MessageId, status: Status) {
        if !self.delivery.on_confirmed(cx, id, status) {
            cx.stats.unknown_receipts += 1;
        }
    }

    /// The client is at fault: its connection is closed with a code that says so.
    fn breach(&mut self, cx: &mut Cx<'_>, cause: Cause) {
        self.delivery.on_breach(cause);
        let (code, reason) = own_close(cause).unwrap_or((1002, ""));
        self.end(cx, cause, code, reason);
    }

    /// Closes the present connection.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>, cause: Cause, code: u16, reason: &str) {
        if let Some(line) = *self.line {
            cx.push(Action::Close { connection: line.connection, code: Some(code), reason: String::from(reason) });
            self.lose(cx, cause);
        }
    }

    pub(super) fn lose(&mut self, cx: &mut Cx<'_>, cause: Cause) {
        *self.line = None;
        cx.push(Action::State { state: State::Waiting, cause: Some(cause), code: None, reason: None });
        self.on_lost(cx, cause);
    }

    fn on_lost(&mut self, cx: &mut Cx<'_>, cause: Cause) {
        self.register.on_left(cx.now);
        self.delivery.on_lost(cx, cause);
    }

    pub(super) fn tick(&mut self, cx: &mut Cx<'_>) {
        if let Some(Line { connection, stage: Stage::Greeting { until }, .. }) = *self.line {
            if until.is_due(cx.now) {
                cx.push(Action::Abort { connection });
                self.lose(cx, Cause::AuthenticationTimeout);
            }
        }
        let silent = |line: &Line| self.policy.silence.is_some_and(|silence| cx.now.since(line.heard) >= silence);
        if let Some(line) = self.line.filter(silent) {
            cx.push(Action::Abort { connection: line.connection });
            self.lose(cx, Cause::Dead);
        }
        while self.delivery.is_due(cx) {
            let Some(demand) = self.delivery.on_due(cx) else { return };
            match demand {
                Demand::Recycle => self.delivery.push_again(cx, self.policy.copies),
                Demand::Renew => self.bye(cx, Bye { code: 1000, reconnect: true, resume: true, after: Duration::ZERO }),
                Demand::Nothing | Demand::Close => {}
            }
        }
    }

    /// The last word on the present connection, where the dialect has one, and its close.
    pub(super) fn bye(&mut self, cx: &mut Cx<'_>, bye: Bye) {
        if let Some(Line { connection, .. }) = *self.line {
            cx.say(connection, &Signal::Bye(bye), Purpose::Bye);
            if !bye.resume {
                self.delivery.forget_session();
            }
            self.end(cx, Cause::User, bye.code, "");
        }
    }
}

/// The code of a close for another connection of the same client.
const REPLACED: u16 = 4408;

pub(super) fn say_receipt(cx: &mut Cx<'_>, connection: ConnectionId, id: &MessageId, status: Status) {
    let signal = match status {
        Status::Read => Signal::Read { id: id.clone() },
        _ => Signal::Delivered { id: id.clone() },
    };
    cx.say(connection, &signal, Purpose::Receipt { id: id.clone() });
}
