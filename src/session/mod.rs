//! Session: the public type, its input and output, and its clock, which never goes back.

mod calls;
mod core;
mod durable;
mod explain;

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::action::Action;
use crate::backlog::Backlog;
use crate::config::Bounds;
use crate::context::Context;
use crate::delivery::{Delivery, Mint};
use crate::dialect::{Preset, Side};
use crate::event::Event;
use crate::id::MessageId;
use crate::link::Link;
use crate::rng::{Rng, Seed};
use crate::state::State;
use crate::stats::Stats;
use crate::status::Status;
use crate::time::Instant;
use crate::uncompared::Uncompared;

pub(crate) use self::core::SessionCore;
use self::durable::LinkRecords;
pub use explain::Explanation;

/// Client side of one logical conversation with a server, over any number of connections.
///
/// A session does no IO and has no clock. The host passes in events ([`handle`](Session::handle)) and calls, takes out
/// actions ([`poll_action`](Session::poll_action)), and sends a `Tick` at the next deadline
/// ([`next_deadline`](Session::next_deadline)). The same preset, seed and inputs give the same actions, byte for byte.
///
/// ```
/// use redial::{Action, Event, Instant, Preset, Seed, Session};
///
/// let mut session = Session::new(Preset::plain(), Seed::from_bytes([7; 16]));
/// let mut now = Instant::ORIGIN;
/// session.open(now);
/// session.send(now, "hello")?;
///
/// let mut sent = 0;
/// while let Some(action) = session.poll_action() {
///     match action {
///         // A real host opens a socket here; this example pretends that it is open 20 ms later.
///         Action::Connect { connection, .. } => {
///             now = Instant::from_millis(20);
///             session.handle(now, Event::Opened { connection });
///         }
///         Action::Send { frame, .. } => {
///             assert_eq!(frame.as_text(), Some("hello"));
///             sent += 1;
///         }
///         _ => {}
///     }
/// }
/// assert_eq!(sent, 1);
/// assert_eq!(session.next_deadline().map(|deadline| deadline.at), Some(Instant::from_millis(10_020)));
/// # Ok::<(), redial::SendError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    pub(crate) preset: Arc<Preset>,
    clock: Instant,
    rng: Rng,
    pub(crate) link: Link,
    pub(crate) delivery: Delivery,
    pub(crate) backlog: Backlog,
    actions: VecDeque<Action>,
    stats: Uncompared<Stats>,
}

/// Initial capacity of the action queue: the actions of one input to a session without messages.
const USUAL_ACTIONS: usize = 2;

impl Session {
    /// Creates a session in `Idle`; [`open`](Session::open) connects it.
    ///
    /// The seed decides every jitter and the ids of the messages; take it from the operating system's random source.
    pub fn new(preset: impl Into<Arc<Preset>>, seed: Seed) -> Self {
        let preset = preset.into();
        let mut rng = Rng::new(seed);
        let mint = Mint::new(&mut rng);
        let delivery = Delivery::new(mint, &preset.config, preset.dialect().capabilities().sequenced);
        Self {
            preset,
            clock: Instant::ORIGIN,
            rng,
            link: Link::new(),
            delivery,
            backlog: Backlog::default(),
            actions: VecDeque::with_capacity(USUAL_ACTIONS),
            stats: Uncompared::default(),
        }
    }

    /// Handles one event of the host; faults of the peer come back as actions, so the call cannot fail.
    ///
    /// A `now` that is before an earlier `now` counts as the earlier one.
    pub fn handle(&mut self, now: Instant, mut event: Event) {
        match &mut event {
            Event::Tick => self.on_tick(now),
            event => self.on_event(now, event),
        }
    }

    /// Takes the next action out of the queue; `None` when the queue is empty.
    #[inline]
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Moves all queued actions to the end of `actions`, in order, for hosts that share the session and hold its lock
    /// only for a moment.
    ///
    /// An action that was taken counts as handed over. When a write fails or the connection is lost, the session
    /// takes back only messages that are still in its queue; a host that wants that polls one action at a time.
    ///
    /// ```
    /// use std::collections::VecDeque;
    /// use redial::{Action, Instant, Preset, Seed, Session, State};
    ///
    /// let mut session = Session::new(Preset::plain(), Seed::from_bytes([7; 16]));
    /// session.open(Instant::ORIGIN);
    /// let mut actions = VecDeque::new();
    /// session.take_actions(&mut actions);
    /// assert!(matches!(actions[0], Action::State { state: State::Connecting, .. }));
    /// assert!(matches!(actions[1], Action::Connect { .. }));
    /// assert_eq!(session.poll_action(), None);
    /// ```
    pub fn take_actions(&mut self, actions: &mut VecDeque<Action>) {
        actions.append(&mut self.actions);
    }

    /// Whether the host should read from the socket; the answer may change with every input.
    ///
    /// The session does not want to read while `inbox.pending` messages are delivered and not taken, as the host
    /// reports with [`Taken`](Event::Taken), or while that many answers wait for the socket or for storage. A host
    /// that does not read then lets TCP hold the server back. Silence proves nothing meanwhile: no link is given up for
    /// it, and a probe goes first when the session reads again. After `limits.read_pause` the connection is lost.
    ///
    /// ```
    /// use redial::{Event, Frame, Instant, Preset, Seed, Session};
    /// use redial::config::{Config, Limit};
    /// use redial::dialect::Plain;
    /// let mut config = Config::default();
    /// config.inbox.pending = Limit::new(1);
    /// let now = Instant::ORIGIN;
    /// let mut session = Session::new(Preset::new(Plain::default(), config)?, Seed::from(7_u64));
    /// session.open(now);
    /// let connection = redial::ConnectionId::new(1);
    /// session.handle(now, Event::Opened { connection });
    /// session.handle(now, Event::Taken { messages: 0 });
    /// session.handle(now, Event::FrameIn { connection, frame: Frame::text("one") });
    /// assert!(!session.wants_read());
    /// session.handle(now, Event::Taken { messages: 1 });
    /// assert!(session.wants_read());
    /// # Ok::<(), redial::error::ConfigError>(())
    /// ```
    pub fn wants_read(&self) -> bool {
        self.delivery.wants_read(&self.backlog, &self.preset.config)
    }

    /// Returns the promises of this session in numbers: those of its preset, with what the host has said of itself, and
    /// with the heartbeats that the server asked for on the present connection.
    pub fn bounds(&self) -> Bounds {
        let every = self.link.heartbeat_period().unwrap_or(self.preset.config.heartbeat.period());
        self.preset.bounds_on(self.backlog.host(), every)
    }

    /// Returns the state of the session.
    pub fn state(&self) -> State {
        self.link.phase().state()
    }

    /// Returns the status of a message; `None` for a message that is unknown or was forgotten.
    ///
    /// `Queued` says that the message was never sent in its round, so that [`cancel`](Session::cancel) may take it
    /// back; `Sent` that it was, whether it is in flight or waits for the next connection to be sent again.
    pub fn status(&self, id: &MessageId) -> Option<Status> {
        self.delivery.outbox().status(id, self.preset.dialect().capabilities().receipts)
    }

    /// Returns the number of messages in the outbox: taken and not settled.
    pub fn unsettled(&self) -> usize {
        self.delivery.outbox().len()
    }

    /// Returns the counters of the session.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the preset of the session.
    pub fn preset(&self) -> &Preset {
        &self.preset
    }

    /// Returns the latest `now` of all inputs.
    pub fn now(&self) -> Instant {
        self.clock
    }

    #[inline(never)]
    fn on_tick(&mut self, now: Instant) {
        self.input(now, |_, _| {});
    }

    #[inline(never)]
    fn on_event(&mut self, now: Instant, event: &mut Event) {
        self.input(now, |session, cx| session.on_event(cx, event));
    }

    /// Processes one input: `work` first, then every timer that is due.
    fn input<T>(&mut self, now: Instant, work: impl FnOnce(&mut SessionCore<'_>, &mut Context<'_>) -> T) -> T {
        self.stats.time_in.add(self.link.phase().state(), now.since(self.clock));
        self.clock = self.clock.max(now);
        let mut cx = Context {
            now: self.clock,
            config: &self.preset.config,
            dialect: self.preset.dialect(),
            side: Side::Client,
            rng: &mut self.rng,
            out: &mut self.actions,
            stats: &mut self.stats,
            backlog: &mut self.backlog,
        };
        let mut core = SessionCore { link: &mut self.link, delivery: &mut self.delivery };
        let result = work(&mut core, &mut cx);
        core.resume_reading(&mut cx);
        core.end_probe(&mut cx);
        core.fire_timers(&mut cx);
        if cx.backlog.message_left() {
            core.on_message_left(&mut cx);
        }
        let surroundings = LinkRecords { preset: &self.preset, link: &*core.link, now: cx.now };
        core.delivery.settle_version(&mut cx, &surroundings);
        core.settle_reading(&mut cx);
        result
    }
}
