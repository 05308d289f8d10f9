//! The accepting side of a session, for servers and for tests: the same delivery parts, without a link of its own.

use core::num::NonZeroU32;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::cx::Cx;
use crate::delivery::{Delivery, Demand};
use crate::dialect::Preset;
use crate::durability::Durability;
use crate::error::{AcknowledgeError, Malformed, SendError};
use crate::event::Event;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::Deliver;
use crate::outbox::{Resend, WhileDown};
use crate::outgoing::Outgoing;
use crate::rng::{Rng, Seed};
use crate::signal::{Side, Signal};
use crate::state::{Cause, State};
use crate::stats::Stats;
use crate::status::Status;
use crate::time::{Duration, Instant};
use crate::timer::{Deadline, Timer};

/// How an accepting side behaves beyond its preset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerPolicy {
    /// How long a push may stay unacknowledged before it is pushed again. Default 10 s; `None` only on a new connection.
    #[serde(rename = "push_again_ms")]
    pub push_again: Option<Duration>,
    /// Copies of one push at most, the first included. Default `None`, until it is acknowledged.
    pub copies: Option<NonZeroU32>,
    /// How long a client may be silent. Default 90 s, three default heartbeats and some; `None` for ever.
    #[serde(rename = "silence_ms")]
    pub silence: Option<Duration>,
}

impl Default for PeerPolicy {
    fn default() -> Self {
        Self { push_again: Some(Duration::from_secs(10)), copies: None, silence: Some(Duration::from_secs(90)) }
    }
}

/// The accepting side of one client's session, over any number of that client's connections.
///
/// It recognises repeated messages by their id, acknowledges each copy, keeps what an absent client has to get, pushes it
/// again until it is acknowledged, and answers heartbeats. It speaks any [`Dialect`](crate::Dialect), from the other side.
///
/// `preset.config` counts for its outbox, inbox and limits; messages always wait for the client's next connection.
///
/// ```
/// use redial::{Action, Event, Frame, Instant, Peer, PeerPolicy, Preset, Seed};
///
/// let now = Instant::ORIGIN;
/// let mut peer = Peer::new(Preset::uni_app(), PeerPolicy::default(), Seed::from(1_u64));
/// let connection = peer.accept(now);
/// let frame = Frame::text(r#"{"key":"message","data":{"clientMessageId":"c1","content":"hello"}}"#);
/// peer.handle(now, Event::FrameIn { connection, frame });
///
/// let actions: Vec<Action> = core::iter::from_fn(|| peer.poll_action()).collect();
/// assert!(actions.iter().any(|action| matches!(action, Action::Deliver(message) if message.body.as_text() == Some("hello"))));
/// assert!(actions.iter().any(|action| matches!(action, Action::Send { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    preset: Arc<Preset>,
    policy: PeerPolicy,
    clock: Instant,
    rng: Rng,
    delivery: Delivery,
    line: Option<Line>,
    last_connection: u64,
    /// The receipts told on this connection and before it. Nothing confirms a receipt, so a new connection gets them again.
    receipts: VecDeque<(MessageId, Status)>,
    actions: VecDeque<Action>,
    stats: Stats,
}

/// The client's present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Line {
    connection: ConnectionId,
    heard: Instant,
}

impl Peer {
    /// A peer whose client was never there. The seed decides the ids of its pushes.
    pub fn new(preset: Preset, policy: PeerPolicy, seed: Seed) -> Self {
        let mut preset = preset;
        let config = &mut preset.config;
        config.outbox.resend = Resend::NextConnection;
        config.outbox.while_down = WhileDown::Queue;
        config.outbox.receipt_timeout = policy.push_again;
        config.outbox.quarantine = None;
        config.inbox.deliver = Deliver::Content;
        // Nobody tells a peer that something is stored, so it must not wait for that.
        config.durability = Durability::Off;
        let mut rng = Rng::new(seed);
        let nonce = rng.next_u64();
        let delivery = Delivery::new(nonce, &preset.config);
        Self {
            preset: Arc::new(preset),
            policy,
            clock: Instant::ORIGIN,
            rng,
            delivery,
            line: None,
            last_connection: 0,
            receipts: VecDeque::new(),
            actions: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// The client has a new socket, named by the returned id. An older one is fenced off: `Abort` drops it.
    pub fn accept(&mut self, now: Instant) -> ConnectionId {
        self.last_connection = self.last_connection.saturating_add(1);
        let connection = ConnectionId::new(self.last_connection);
        self.input(now, |peer, cx| {
            if let Some(old) = peer.line.take() {
                cx.push(Action::Abort { connection: old.connection });
                peer.delivery.on_lost(cx, Cause::Renewed);
            }
            *peer.line = Some(Line { connection, heard: cx.now });
            cx.push(Action::State { state: State::Ready, cause: None, code: None, reason: None });
            for (id, status) in peer.receipts.iter() {
                say_receipt(cx, connection, id, *status);
            }
            peer.delivery.on_ready(cx, connection);
        });
        connection
    }

    /// Tells the peer what happened on a socket; `Opened` and the hints mean nothing here.
    pub fn handle(&mut self, now: Instant, event: Event) {
        self.input(now, |peer, cx| peer.on_event(cx, event));
    }

    /// Takes a message for the client, present or absent; `Accepted` when the client has acknowledged it.
    pub fn push(&mut self, now: Instant, message: impl Into<Outgoing>) -> Result<MessageId, SendError> {
        let message = message.into();
        self.input(now, |peer, cx| peer.delivery.send(cx, message))
    }

    /// Tells the client that a message of its own reached the receiver's device.
    pub fn delivered(&mut self, now: Instant, id: MessageId) {
        self.receipt(now, id, Status::Delivered);
    }

    /// Tells the client that a message of its own was read.
    pub fn read(&mut self, now: Instant, id: MessageId) {
        self.receipt(now, id, Status::Read);
    }

    fn receipt(&mut self, now: Instant, id: MessageId, status: Status) {
        self.input(now, |peer, cx| {
            if let Some(line) = peer.line {
                say_receipt(cx, line.connection, &id, status);
            }
            peer.receipts.push_back((id, status));
            if peer.receipts.len() > cx.config.outbox.remembered.as_count() {
                peer.receipts.pop_front();
            }
        });
    }

    /// Says that a delivered message is stored, where `inbox.acknowledge` waits for that.
    pub fn acknowledge(&mut self, now: Instant, id: &MessageId) -> Result<(), AcknowledgeError> {
        self.input(now, |peer, cx| peer.delivery.acknowledge(cx, id))
    }

    /// The next thing to do or to know.
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When the peer wants a `Tick`, and for which timer.
    pub fn next_deadline(&self) -> Option<Deadline> {
        let silence = match (self.line, self.policy.silence) {
            (Some(line), Some(silence)) => Some(Deadline { at: line.heard + silence, timer: Timer::Death }),
            _ => None,
        };
        let delivery = self.delivery.deadline(&self.preset.config.outbox).map(|deadline| match deadline.timer {
            Timer::Receipt => Deadline { timer: Timer::Push, ..deadline },
            _ => deadline,
        });
        Deadline::earlier(silence, delivery)
    }

    /// The client's present connection.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.line.map(|line| line.connection)
    }

    /// Pushes that are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.delivery.outbox().len()
    }

    /// What the peer has counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn input<T>(&mut self, now: Instant, work: impl FnOnce(&mut Parts<'_>, &mut Cx<'_>) -> T) -> T {
        self.clock = self.clock.max(now);
        let mut cx = Cx {
            now: self.clock,
            config: &self.preset.config,
            dialect: self.preset.dialect(),
            side: Side::Server,
            rng: &mut self.rng,
            out: &mut self.actions,
            stats: &mut self.stats,
            in_doubt: false,
        };
        let mut parts = Parts {
            policy: &self.policy,
            delivery: &mut self.delivery,
            line: &mut self.line,
            receipts: &mut self.receipts,
        };
        let result = work(&mut parts, &mut cx);
        parts.tick(&mut cx);
        parts.delivery.settle_version(&mut cx, 0);
        result
    }
}

/// A peer at work on one input.
struct Parts<'a> {
    policy: &'a PeerPolicy,
    delivery: &'a mut Delivery,
    line: &'a mut Option<Line>,
    receipts: &'a mut VecDeque<(MessageId, Status)>,
}

impl Parts<'_> {
    fn on_event(&mut self, cx: &mut Cx<'_>, event: Event) {
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

    fn on_frame(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, frame: Frame) {
        cx.stats.frames_in += 1;
        cx.stats.bytes_in += frame.len() as u64;
        let (bytes, limit) = (frame.len() as u64, cx.config.limits.frame_bytes.get());
        let decoded = if bytes > limit {
            Err(Malformed::TooLarge { bytes, limit })
        } else {
            cx.dialect.decode(cx.side, &frame, &cx.config.limits)
        };
        let (id, content) = match decoded {
            Ok(Signal::Message { id, body }) => (id, body.within(&frame)),
            Ok(Signal::Notice { body }) => (None, body.within(&frame)),
            Ok(signal) => return self.on_signal(cx, connection, signal),
            Err(error) => {
                cx.stats.malformed += 1;
                cx.push(Action::Malformed { connection, error });
                return;
            }
        };
        self.delivery.on_message(cx, connection, id, || content.into_body(frame));
    }

    fn on_signal(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, signal: Signal<'_>) {
        match signal {
            Signal::Beat => {
                cx.say(connection, &Signal::BeatReply, crate::action::Purpose::HeartbeatReply);
            }
            Signal::Ack { id, .. } => self.on_confirmed(cx, &id, Status::Accepted),
            Signal::Nack { id, code } => self.on_confirmed(cx, &id, Status::Rejected { code }),
            Signal::Delivered { id } => self.on_confirmed(cx, &id, Status::Delivered),
            Signal::Read { id } => self.on_confirmed(cx, &id, Status::Read),
            Signal::Message { .. }
            | Signal::Notice { .. }
            | Signal::BeatReply
            | Signal::Challenge { .. }
            | Signal::Login { .. }
            | Signal::Welcome
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

    fn lose(&mut self, cx: &mut Cx<'_>, cause: Cause) {
        *self.line = None;
        cx.push(Action::State { state: State::Waiting, cause: Some(cause), code: None, reason: None });
        self.delivery.on_lost(cx, cause);
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        let silent = |line: &Line| self.policy.silence.is_some_and(|silence| cx.now.since(line.heard) >= silence);
        if let Some(line) = self.line.filter(silent) {
            cx.push(Action::Abort { connection: line.connection });
            self.lose(cx, Cause::Dead);
        }
        while let Some(demand) = self.delivery.on_tick(cx) {
            if demand == Demand::Recycle {
                self.delivery.push_again(cx, self.policy.copies);
            }
        }
    }
}

fn say_receipt(cx: &mut Cx<'_>, connection: ConnectionId, id: &MessageId, status: Status) {
    let signal = match status {
        Status::Read => Signal::Read { id: id.clone() },
        _ => Signal::Delivered { id: id.clone() },
    };
    cx.say(connection, &signal, crate::action::Purpose::Receipt { id: id.clone() });
}
