//! Accepting side of a session, for servers and for tests. A peer shares the delivery parts with a session and has no
//! link.

mod durable;
mod receipts;
mod record;
mod work;

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::action::Action;
use crate::backlog::Backlog;
use crate::config::{Bounds, Deliver, Durability, OnFailure, PeerPolicy, Resend, SendFailure, WhileDown};
use crate::context::Context;
use crate::deadline::{Deadline, Timer};
use crate::delivery::{Delivery, Mint};
use crate::dialect::{Bye, Preset, Side};
use crate::error::{AcknowledgeError, CloseError, ReceiptError, SendError};
use crate::event::Event;
use crate::id::{ConnectionId, MessageId};
use crate::link::check_close;
use crate::outgoing::Outgoing;
use crate::rng::{Rng, Seed};
use crate::stats::Stats;
use crate::status::Status;
use crate::time::{Duration, Instant};
use crate::uncompared::Uncompared;

use receipts::Receipts;
use record::ClientRecord;
use work::{PeerConnection, PeerCore};

/// Accepting side of one client's session, over any number of that client's connections.
///
/// A peer recognises repeated messages by their id, acknowledges each copy, keeps messages for an absent client,
/// pushes each message again until it is acknowledged, and answers heartbeats. It speaks any
/// [`Dialect`](crate::dialect::Dialect), from the server's side.
///
/// Under [`Preset::native`] a peer also keeps the session itself: it names the session, issues its tokens, decides
/// whether it resumes on the next connection, and can send a [`bye`](Peer::bye). With [`snapshot`](Peer::snapshot)
/// and [`restore`](Peer::restore) a peer survives its process.
///
/// Outbox, inbox and limits follow the preset's configuration, as [`PeerPolicy`] says; messages always wait for the
/// client's next connection.
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
/// let hello = Some("hello");
/// assert!(actions.iter().any(|action| matches!(action, Action::Deliver(message) if message.body.as_text() == hello)));
/// assert!(actions.iter().any(|action| matches!(action, Action::Send { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    preset: Arc<Preset>,
    policy: PeerPolicy,
    clock: Instant,
    rng: Rng,
    delivery: Delivery,
    backlog: Backlog,
    current: Option<PeerConnection>,
    /// Connection whose hello is awaited while the present one is open.
    newcomer: Option<PeerConnection>,
    last_connection: u64,
    /// Receipts for this client, sent or not yet. Nothing confirms a receipt, so every new connection gets all again.
    receipts: Receipts,
    record: ClientRecord,
    actions: VecDeque<Action>,
    stats: Uncompared<Stats>,
}

/// Adapts a preset to the accepting side; what that means for each setting stands at [`PeerPolicy`].
fn adapted(mut preset: Preset, policy: &PeerPolicy) -> Preset {
    let repeats = !preset.dialect().capabilities().no_repeats;
    let config = &mut preset.config;
    config.outbox.resend = Resend::NextConnection;
    config.outbox.while_down = WhileDown::Queue;
    config.outbox.receipt_timeout = policy.push_again.filter(|_| repeats);
    config.outbox.send_failure = SendFailure::EndLink;
    config.outbox.quarantine = policy.quarantine;
    // No call of a peer lets a line go on that a failure holds.
    config.outbox.on_failure = OnFailure::Continue;
    // These speak of the server that takes a client's messages, and of those messages.
    (config.outbox.dedup_window, config.outbox.rate, config.outbox.time_to_live) = (None, None, None);
    config.inbox.deliver = Deliver::Content;
    // What a server keeps of its pushes says nothing of what a client repeats.
    config.inbox.server_keeps = None;
    config.durability = policy.durability;
    preset
}

impl Peer {
    /// Creates a peer whose client has not connected yet.
    ///
    /// The seed decides the ids of its pushes; take it from the operating system's random source.
    pub fn new(preset: Preset, policy: PeerPolicy, seed: Seed) -> Self {
        let policy = policy.clamped();
        let preset = adapted(preset, &policy);
        let mut rng = Rng::new(seed);
        let mint = Mint::new(&mut rng);
        let delivery = Delivery::new(mint, &preset.config, preset.dialect().capabilities().sequenced);
        let logs = preset.config.durability == Durability::WriteAhead;
        Self {
            preset: Arc::new(preset),
            policy,
            clock: Instant::ORIGIN,
            rng,
            delivery,
            backlog: Backlog::default(),
            current: None,
            newcomer: None,
            last_connection: 0,
            receipts: Receipts::new(logs),
            record: ClientRecord::default(),
            actions: VecDeque::new(),
            stats: Uncompared::default(),
        }
    }

    /// Accepts a new socket of the client, and returns its connection id.
    ///
    /// The host has to identify the client first: by the handshake, or, where the credential comes in the first frame,
    /// by decoding that frame with the dialect ([`SequenceSignal::Hello`](crate::dialect::SequenceSignal::Hello) holds
    /// the credential) before it hands the frame to the right peer.
    ///
    /// A peer has one connection, and a device has one peer: two devices on one peer cannot both stay. An older
    /// connection is ended with a code that stops a live client, 4408 after a bye or 4508 where the dialect has none.
    /// In a dialect with sequence numbers that happens when the hello of the new connection has come; a client whose
    /// session is older than that of the open connection is refused instead, with the code 409.
    pub fn accept(&mut self, now: Instant) -> ConnectionId {
        self.last_connection = self.last_connection.saturating_add(1);
        let connection = ConnectionId::new(self.last_connection);
        self.input(now, |peer, cx| peer.accept(cx, connection));
        connection
    }

    /// Handles one event of the client's socket. `Opened` and the hints (`Online`, `Offline`, `Woke`) have no effect.
    ///
    /// A host that reports what its sockets take says [`Written`](Event::Written) with zero frames before it accepts
    /// the first connection, under the next id; ids count from 1.
    pub fn handle(&mut self, now: Instant, mut event: Event) {
        self.input(now, |peer, cx| peer.on_event(cx, &mut event));
    }

    /// Takes a message for the client, present or absent, and returns its id.
    ///
    /// The message settles as `Accepted` when the client has acknowledged it. [`SendError`] says which limit or state
    /// refused the message.
    pub fn push(&mut self, now: Instant, message: impl Into<Outgoing>) -> Result<MessageId, SendError> {
        let mut message = message.into();
        self.input(now, |peer, cx| peer.delivery.send(cx, &mut message))
    }

    /// Remembers the id of a message of the client that the application has from an earlier process.
    ///
    /// A repeat of the message is acknowledged and not delivered again, and receipts may be sent for it. An id above
    /// `limits.id_bytes`, under which no message can come, is not kept and counts in [`Stats::refused`].
    pub fn remember(&mut self, now: Instant, id: &MessageId) {
        self.input(now, |peer, cx| {
            if id.is_writable(cx.config.limits.id_bytes.get()) {
                peer.delivery.remember(cx, id);
            } else {
                cx.stats.refused += 1;
            }
        });
    }

    /// Sends the client a receipt: its message has reached the receiver's device.
    ///
    /// The last receipts, as many as `outbox.remembered` says, are sent again on every new connection. Under
    /// write-ahead a receipt goes out once everything up to this call is stored, the delivery of the message included:
    /// to the client a receipt is as good as an acknowledgement. Acknowledge first where `inbox.acknowledge` waits for
    /// that call. [`ReceiptError`] says why none was taken.
    pub fn delivered(&mut self, now: Instant, id: MessageId) -> Result<(), ReceiptError> {
        self.input(now, |peer, cx| peer.receipt(cx, id, Status::Delivered))
    }

    /// Sends the client a receipt, as [`delivered`](Peer::delivered) does: its message was read.
    pub fn read(&mut self, now: Instant, id: MessageId) -> Result<(), ReceiptError> {
        self.input(now, |peer, cx| peer.receipt(cx, id, Status::Read))
    }

    /// Acknowledges a delivered message that the application has stored, where `inbox.acknowledge` waits for that call.
    ///
    /// A message that does not wait for it is refused with [`AcknowledgeError::Unknown`].
    pub fn acknowledge(&mut self, now: Instant, id: &MessageId) -> Result<(), AcknowledgeError> {
        self.input(now, |peer, cx| peer.delivery.acknowledge(cx, id))
    }

    /// Rejects a delivered message that the application will never take; `code` is the reason as a number.
    ///
    /// A message that does not wait for an answer is refused with [`AcknowledgeError::Unknown`].
    pub fn reject(&mut self, now: Instant, id: &MessageId, code: u32) -> Result<(), AcknowledgeError> {
        self.input(now, |peer, cx| peer.delivery.reject(cx, id, code))
    }

    /// Reports that the state of this version is stored, where [`PeerPolicy::durability`] waits for that.
    ///
    /// Versions above the last `Persist` are clamped to it.
    pub fn persisted(&mut self, now: Instant, version: u64) {
        self.input(now, |peer, cx| _ = peer.delivery.persisted(cx, version));
    }

    /// Closes the client's connections, after a bye that says how to reconnect, where the dialect has a bye.
    ///
    /// The code is 1000 or 3000 to 4999 (RFC 6455 §7.4); another is refused with [`CloseError`], and nothing is closed.
    pub fn bye(&mut self, now: Instant, bye: Bye) -> Result<(), CloseError> {
        check_close(Some(bye.code), "")?;
        self.input(now, |peer, cx| {
            peer.bye(cx, bye);
            // The one whose hello was awaited has taken the place of the present one.
            peer.bye(cx, bye);
        });
        Ok(())
    }

    /// Refuses the login on this connection, or the credential that [`Action::Credential`] told of, and closes the
    /// connection: with 4403 after the dialect's word for it, else with 4503. A client stops for both, unless its
    /// configuration retries every close; one that understood the word keeps its messages.
    ///
    /// A connection that is over is passed over.
    pub fn refuse(&mut self, now: Instant, connection: ConnectionId, code: u32) {
        self.input(now, |peer, cx| peer.refuse(cx, connection, code));
    }

    /// Takes the next action out of the queue; `None` when the queue is empty.
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Returns when the peer needs a `Tick`, and for which timer; `None` when it waits for events alone.
    pub fn next_deadline(&self) -> Option<Deadline> {
        let newcomer = self.newcomer.map_or(Deadline::NEVER, |newcomer| newcomer.deadline(None));
        let current = self.current.map_or(Deadline::NEVER, |current| current.deadline(self.policy.silence));
        let delivery = match self.delivery.deadline(&self.preset.config.outbox) {
            Deadline { at, timer: Timer::Receipt } => Deadline { at, timer: Timer::Push },
            deadline => deadline,
        };
        let stall = self.backlog.deadline(&self.preset.config.limits);
        newcomer.earlier(current).earlier(delivery).earlier(stall).real()
    }

    /// Whether the host should read from the client's socket; see [`Session::wants_read`](crate::Session::wants_read).
    pub fn wants_read(&self) -> bool {
        self.delivery.wants_read(&self.backlog, &self.preset.config)
    }

    /// Returns the client's present connection; `None` while the client is absent.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.current.map(|current| current.connection)
    }

    /// Returns the number of pushes that are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.delivery.outbox().len()
    }

    /// Returns the promises of this peer in numbers: those of its preset, with what its [`PeerPolicy`] says.
    ///
    /// A client that is gone is noticed after the silence of the policy, with messages on their way or without. Every
    /// figure of connects is zero, because a peer makes none.
    ///
    /// ```
    /// use redial::config::PeerPolicy;
    /// use redial::{Duration, Peer, Preset, Seed};
    /// let peer = Peer::new(Preset::plain(), PeerPolicy::default(), Seed::from(1_u64));
    /// assert_eq!(peer.bounds().notice_dead_link, Some(Duration::from_secs(90)));
    /// assert_eq!(peer.bounds().connects_in_a_day, 0);
    /// ```
    pub fn bounds(&self) -> Bounds {
        let silence = self.policy.silence.filter(|silence| *silence < Duration::MAX);
        let promised = self.preset.bounds();
        Bounds {
            notice_dead_link: silence,
            notice_dead_link_under_traffic: silence,
            connects_in_120_s: 0,
            connects_in_120_s_if_stable: 0,
            connects_in_120_s_at_most: 0,
            connects_in_a_day: 0,
            // Receipts are remembered beside the messages.
            memory_bytes: promised.memory_bytes.saturating_add(self.preset.config.remembered_bytes()),
            ..promised
        }
    }

    /// Returns the counters of the peer.
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
            backlog: &mut self.backlog,
        };
        let mut core = PeerCore {
            policy: &self.policy,
            delivery: &mut self.delivery,
            current: &mut self.current,
            newcomer: &mut self.newcomer,
            last_connection: self.last_connection,
            receipts: &mut self.receipts,
            record: &mut self.record,
        };
        let result = work(&mut core, &mut cx);
        core.tick(&mut cx);
        cx.backlog.take_message_left();
        core.settle_version(&mut cx, self.preset.name());
        core.answer(&mut cx);
        core.settle_version(&mut cx, self.preset.name());
        core.send_receipts(&mut cx);
        let reads = core.delivery.wants_read(cx.backlog, cx.config);
        core.delivery.settle_reading(cx.now, reads);
        result
    }
}
