//! The session: public methods, and the clamped clock.

mod calls;
mod core;
mod explain;
mod snapshot;

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::action::Action;
use crate::context::Context;
use crate::delivery::Delivery;
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
pub use explain::Explanation;
pub use snapshot::Snapshot;
pub(crate) use snapshot::checksum;

/// One logical conversation with a server, over any number of connections.
///
/// A session does no IO and has no clock. It is told what happens ([`handle`](Session::handle) and the calls), queues what it
/// wants done ([`poll_action`](Session::poll_action)), and says when it wants to be woken
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
///         // A host dials here; this one pretends that the socket is open 20 ms later.
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
/// assert_eq!(session.next_deadline().map(|deadline| deadline.at), Some(Instant::from_millis(25_020)));
/// # Ok::<(), redial::SendError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    pub(crate) preset: Arc<Preset>,
    clock: Instant,
    rng: Rng,
    pub(crate) link: Link,
    pub(crate) delivery: Delivery,
    actions: VecDeque<Action>,
    stats: Uncompared<Stats>,
}

/// The actions of one input to a session without messages: room for more is made when there are more.
const USUAL_ACTIONS: usize = 2;

impl Session {
    /// A session that is not open yet.
    ///
    /// The seed decides every jitter and the ids of the messages; take it from the operating system.
    pub fn new(preset: impl Into<Arc<Preset>>, seed: Seed) -> Self {
        let preset = preset.into();
        let mut rng = Rng::new(seed);
        let nonce = rng.next_u64();
        let delivery = Delivery::new(nonce, &preset.config, preset.dialect().capabilities().sequenced);
        Self {
            preset,
            clock: Instant::ORIGIN,
            rng,
            link: Link::new(),
            delivery,
            actions: VecDeque::with_capacity(USUAL_ACTIONS),
            stats: Uncompared::default(),
        }
    }

    /// Tells the session what happened. Cannot fail: what the peer did wrong comes back as an action.
    ///
    /// A `now` before an earlier one counts as that one.
    pub fn handle(&mut self, now: Instant, mut event: Event) {
        match &mut event {
            Event::Tick => self.on_tick(now),
            event => self.on_event(now, event),
        }
    }

    /// The next thing to do or to know; `None` when everything was taken.
    #[inline]
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Moves everything there is to do or to know to the end of `actions`, in order and in one piece: for hosts that share
    /// the session and want to hold its lock for a moment only.
    ///
    /// What was taken counts as handed over. Where a write fails or the connection is lost, messages behind it that are still
    /// the session's are taken back; a host that wants that polls one action at a time.
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

    /// The phase.
    pub fn state(&self) -> State {
        self.link.phase().state()
    }

    /// Where a message stands; `None` for one that is unknown or was forgotten.
    pub fn status(&self, id: &MessageId) -> Option<Status> {
        self.delivery.status(id)
    }

    /// Messages that are taken and not settled.
    pub fn unsettled(&self) -> usize {
        self.delivery.outbox().len()
    }

    /// What the session has counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The preset it runs under.
    pub fn preset(&self) -> &Preset {
        &self.preset
    }

    /// The latest `now` it was told.
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

    /// One input: the work itself, then everything whose time has come.
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
        };
        let mut core = SessionCore { link: &mut self.link, delivery: &mut self.delivery };
        let result = work(&mut core, &mut cx);
        core.end_probe(&mut cx);
        core.fire_timers(&mut cx);
        let attempts = core.link.attempts();
        core.delivery.settle_version(&mut cx, attempts);
        result
    }
}
