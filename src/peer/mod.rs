//! The accepting side of a session, for servers and for tests: the same delivery parts, without a link of its own.

mod record;
mod snapshot;
mod work;

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::action::Action;
use crate::config::{Deliver, PeerPolicy, Resend, WhileDown};
use crate::context::Context;
use crate::deadline::{Deadline, Timer};
use crate::delivery::Delivery;
use crate::dialect::{Bye, Preset, Side, Signal};
use crate::error::{AcknowledgeError, SendError};
use crate::event::Event;
use crate::id::{ConnectionId, MessageId};
use crate::outgoing::Outgoing;
use crate::rng::{Rng, Seed};
use crate::state::Cause;
use crate::stats::Stats;
use crate::status::Status;
use crate::time::Instant;
use crate::uncompared::Uncompared;

use record::ClientRecord;
pub use snapshot::PeerSnapshot;
use work::{PeerConnection, PeerCore, Stage, send_receipt};

/// The accepting side of one client's session, over any number of that client's connections.
///
/// It recognises repeated messages by their id, acknowledges each copy, keeps what an absent client has to get, pushes it
/// again until it is acknowledged, and answers heartbeats. It speaks any [`Dialect`](crate::dialect::Dialect), from the other side.
///
/// Under [`Preset::native`] it also keeps the session itself: it names it, gives its tokens, decides whether it goes on on the next
/// connection, and can say [`bye`](Peer::bye). With [`snapshot`](Peer::snapshot) and [`restore`](Peer::restore) it survives its process.
///
/// `preset.config` counts for its outbox, inbox and limits; messages always wait for the client's next connection.
///
/// ```
/// use redial::{Action, Event, Frame, Instant, Peer, Preset, Seed};
/// use redial::config::PeerPolicy;
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
    current: Option<PeerConnection>,
    last_connection: u64,
    /// The receipts told on this connection and before it. Nothing confirms a receipt, so a new connection gets them again.
    receipts: VecDeque<(MessageId, Status)>,
    record: ClientRecord,
    actions: VecDeque<Action>,
    stats: Uncompared<Stats>,
}

/// The code of a close for a client that is refused.
const REFUSED: u16 = 4403;

/// A preset as an accepting side needs it.
fn adapted(mut preset: Preset, policy: &PeerPolicy) -> Preset {
    let positions = preset.dialect().capabilities().sequenced;
    let config = &mut preset.config;
    config.outbox.resend = Resend::NextConnection;
    config.outbox.while_down = WhileDown::Queue;
    config.outbox.receipt_timeout = policy.push_again.filter(|_| !positions);
    config.outbox.quarantine = policy.quarantine;
    config.inbox.deliver = Deliver::Content;
    config.durability = policy.durability;
    preset
}

impl Peer {
    /// A peer whose client was never there. The seed decides the ids of its pushes.
    pub fn new(preset: Preset, policy: PeerPolicy, seed: Seed) -> Self {
        let preset = adapted(preset, &policy);
        let mut rng = Rng::new(seed);
        let nonce = rng.next_u64();
        let delivery = Delivery::new(nonce, &preset.config, preset.dialect().capabilities().sequenced);
        Self {
            preset: Arc::new(preset),
            policy,
            clock: Instant::ORIGIN,
            rng,
            delivery,
            current: None,
            last_connection: 0,
            receipts: VecDeque::new(),
            record: ClientRecord::default(),
            actions: VecDeque::new(),
            stats: Uncompared::default(),
        }
    }

    /// The client has a new socket, named by the returned id. An older one is fenced off: `Close` or `Abort` ends it.
    ///
    /// Who it is the host has found out before: by the handshake, or, where the credential comes in the first frame, by reading
    /// that frame with the dialect ([`Signal::Hello`] holds it) ahead of handing it to the right peer.
    pub fn accept(&mut self, now: Instant) -> ConnectionId {
        self.last_connection = self.last_connection.saturating_add(1);
        let connection = ConnectionId::new(self.last_connection);
        self.input(now, |peer, cx| peer.accept(cx, connection));
        connection
    }

    /// Tells the peer what happened on a socket; `Opened` and the hints mean nothing here.
    pub fn handle(&mut self, now: Instant, mut event: Event) {
        self.input(now, |peer, cx| peer.on_event(cx, &mut event));
    }

    /// Takes a message for the client, present or absent; `Accepted` when the client has acknowledged it.
    pub fn push(&mut self, now: Instant, message: impl Into<Outgoing>) -> Result<MessageId, SendError> {
        let mut message = message.into();
        self.input(now, |peer, cx| peer.delivery.send(cx, &mut message))
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
            if let Some(current) = peer.current.filter(|current| current.stage == Stage::Open) {
                send_receipt(cx, current.connection, &id, status);
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

    /// Says that a delivered message will never be taken, and why as a number.
    pub fn reject(&mut self, now: Instant, id: &MessageId, code: u32) -> Result<(), AcknowledgeError> {
        self.input(now, |peer, cx| peer.delivery.reject(cx, id, code))
    }

    /// Says that the state of this version is stored, where [`PeerPolicy::durability`] waits for that.
    pub fn persisted(&mut self, now: Instant, version: u64) {
        self.input(now, |peer, cx| peer.delivery.persisted(cx, version));
    }

    /// Ends the present connection with a last word on what to do next, where the dialect has one.
    pub fn bye(&mut self, now: Instant, bye: Bye) {
        self.input(now, |peer, cx| peer.bye(cx, bye));
    }

    /// Refuses the client that is connecting: it stops, and keeps its messages.
    pub fn refuse(&mut self, now: Instant, code: u32) {
        self.input(now, |peer, cx| {
            if let Some(current) = *peer.current {
                cx.send_signal(current.connection, &Signal::login_refused(code), crate::action::Purpose::Auth);
                peer.end(cx, Cause::Unauthorized, REFUSED, "refused");
            }
        });
    }

    /// The next thing to do or to know.
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When the peer wants a `Tick`, and for which timer.
    pub fn next_deadline(&self) -> Option<Deadline> {
        let greeting = match self.current {
            Some(PeerConnection { stage: Stage::Greeting { until }, .. }) => {
                Deadline { at: until, timer: Timer::Authentication }
            }
            _ => Deadline::NEVER,
        };
        let silence = match (self.current, self.policy.silence) {
            (Some(current), Some(silence)) => Deadline { at: current.heard + silence, timer: Timer::Death },
            _ => Deadline::NEVER,
        };
        let delivery = match self.delivery.deadline(&self.preset.config.outbox) {
            Deadline { at, timer: Timer::Receipt } => Deadline { at, timer: Timer::Push },
            deadline => deadline,
        };
        greeting.earlier(silence).earlier(delivery).real()
    }

    /// The client's present connection.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.current.map(|current| current.connection)
    }

    /// Pushes that are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.delivery.outbox().len()
    }

    /// What the peer has counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn input<T>(&mut self, now: Instant, work: impl FnOnce(&mut PeerCore<'_>, &mut Context<'_>) -> T) -> T {
        self.clock = self.clock.max(now);
        let mut cx = Context {
            now: self.clock,
            config: &self.preset.config,
            dialect: self.preset.dialect(),
            side: Side::Server,
            rng: &mut self.rng,
            out: &mut self.actions,
            stats: &mut self.stats,
        };
        let mut parts = PeerCore {
            policy: &self.policy,
            delivery: &mut self.delivery,
            current: &mut self.current,
            receipts: &mut self.receipts,
            record: &mut self.record,
        };
        let result = work(&mut parts, &mut cx);
        parts.tick(&mut cx);
        // Connections are numbered, and numbers never repeat, so each is a change worth storing.
        let attempts = self.last_connection;
        parts.delivery.settle_version(&mut cx, attempts);
        parts.answer(&mut cx);
        parts.delivery.settle_version(&mut cx, attempts);
        result
    }
}
